//! One model, whatever its family, and its file.

use std::fs;
use std::path::Path;

use faultline_contract::documents::train::Family;
use faultline_learn::boosting::BoostedTrees;
use faultline_learn::forest::{Forest, Node, Split};
use faultline_learn::logistic::LogisticRegression;
use faultline_learn::{Classifier, LearnError, Samples};
use faultline_table::{Columns, PartWriter, Parts, ROWS_PER_PART, Values};

use crate::error::BundleError;
use crate::explanation::ContributionScale;

/// A fitted model of any family.
pub enum Model {
    /// A random forest; a Parquet table of nodes.
    Forest(Forest),
    /// Gradient boosted trees; XGBoost's UBJSON.
    Boosting(BoostedTrees),
    /// A logistic regression; JSON.
    Logistic(LogisticRegression),
}

impl Model {
    /// The family.
    pub fn family(&self) -> Family {
        match self {
            Self::Forest(_) => Family::Forest,
            Self::Boosting(_) => Family::Boosting,
            Self::Logistic(_) => Family::Logistic,
        }
    }

    /// Writes the model's file. The same model gives the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        match self {
            Self::Forest(forest) => write_nodes(forest, path),
            Self::Boosting(trees) => write(path, &trees.to_bytes()?),
            Self::Logistic(model) => write(path, &model.to_bytes()?),
        }
    }

    /// Opens a model's file. `n_features` is the number of columns it was fitted on.
    ///
    /// # Errors
    /// When the file cannot be read, or is no model of that family with that many features.
    pub fn read(family: Family, path: &Path, n_features: usize) -> Result<Self, BundleError> {
        match family {
            Family::Forest => Ok(Self::Forest(read_forest(n_features, path)?)),
            Family::Boosting => {
                let trees = BoostedTrees::from_bytes(&read(path)?)?;
                expect_features(n_features, trees.n_features())?;
                Ok(Self::Boosting(trees))
            }
            Family::Logistic => {
                let model = LogisticRegression::from_bytes(&read(path)?)?;
                expect_features(n_features, model.n_features())?;
                Ok(Self::Logistic(model))
            }
        }
    }

    /// The probability of `faulty` for every row; a row gets the same alone as in any batch.
    ///
    /// # Errors
    /// When the number of columns is not the one of the training rows.
    pub fn predict_proba(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        match self {
            Self::Forest(forest) => forest.predict_proba(samples),
            Self::Boosting(trees) => trees.predict_proba(samples),
            Self::Logistic(model) => model.predict_proba(samples),
        }
    }

    /// As [`Model::predict_proba`], of the rows named alone, in that order. The rows are not copied.
    ///
    /// # Errors
    /// As there, and when a row does not exist.
    pub fn predict_rows(&self, samples: &Samples<'_>, rows: &[usize]) -> Result<Vec<f64>, LearnError> {
        match self {
            Self::Forest(forest) => forest.predict_rows_at(samples, rows, forest.n_estimators(), None),
            Self::Boosting(trees) => trees.predict_rows(samples, rows),
            Self::Logistic(model) => model.predict_rows(samples, rows),
        }
    }

    /// How much each feature moves each row (TreeSHAP, path-dependent), in the scale of [`Model::contribution_scale`]:
    /// `n_samples` rows of `n_features + 1` values, row-major; the last of a row is the bias, and a row adds up to what the
    /// model itself says of it, before any calibration.
    ///
    /// # Errors
    /// When the number of columns is not the one of the training rows.
    pub fn contributions(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        match self {
            Self::Forest(forest) => forest.contributions(samples),
            Self::Boosting(trees) => trees.contributions(samples),
            Self::Logistic(model) => model.contributions(samples),
        }
    }

    /// What the contributions of this family add up to.
    pub fn contribution_scale(&self) -> ContributionScale {
        match self {
            Self::Forest(_) => ContributionScale::Probability,
            Self::Boosting(_) | Self::Logistic(_) => ContributionScale::LogOdds,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BundleError> {
    fs::read(path).map_err(|source| BundleError::File { action: "read", path: path.to_owned(), source })
}

fn write(path: &Path, content: &[u8]) -> Result<(), BundleError> {
    fs::write(path, content).map_err(|source| BundleError::File { action: "write", path: path.to_owned(), source })
}

/// Refuses a model of another width than the table it is to score.
fn expect_features(n_features: usize, of_model: usize) -> Result<(), LearnError> {
    Samples { features: &[], n_samples: 0, n_features }.expect_features(of_model)
}

/// Writes the table of nodes; it is never in memory whole.
fn write_nodes(forest: &Forest, path: &Path) -> Result<(), BundleError> {
    let mut writer = PartWriter::create(path, &nodes_table(&[])?)?;
    let mut nodes = forest.nodes().peekable();
    while nodes.peek().is_some() {
        writer.write(&nodes_table(&nodes.by_ref().take(ROWS_PER_PART).collect::<Vec<_>>())?)?;
    }
    Ok(writer.finish()?)
}

fn nodes_table(nodes: &[Node]) -> Result<Columns, BundleError> {
    let whole = |number: fn(&Node) -> i64| Values::I64(nodes.iter().map(number).collect());
    Ok(Columns::new(nodes.len())
        .with("tree", whole(|node| i64::from(node.tree)))?
        .with("node", whole(|node| i64::from(node.node)))?
        .with("feature", whole(|node| i64::from(node.to_columns().0)))?
        .with("threshold", Values::F32(nodes.iter().map(|node| node.to_columns().1).collect()))?
        .with("left", whole(|node| i64::from(node.to_columns().2)))?
        .with("right", whole(|node| i64::from(node.to_columns().3)))?
        .with("probability", Values::F64(nodes.iter().map(|node| node.probability).collect()))?
        .with("cover", Values::F64(nodes.iter().map(|node| node.cover).collect()))?)
}

/// The forest of a file of nodes; the table is never in memory whole.
fn read_forest(n_features: usize, path: &Path) -> Result<Forest, BundleError> {
    let mut refused = None;
    let nodes = Parts::open(path)?
        .flat_map(|part| match part.map_err(BundleError::from).and_then(|part| nodes_of(&part)) {
            Ok(nodes) => nodes.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
        .map_while(|node| node.map_err(|error| refused = Some(error)).ok());
    let forest = Forest::from_nodes(n_features, nodes);
    match refused {
        Some(error) => Err(error),
        None => Ok(forest?),
    }
}

fn nodes_of(table: &Columns) -> Result<Vec<Node>, BundleError> {
    let (tree, node) = (table.i64("tree")?, table.i64("node")?);
    let (feature, left, right) = (table.i64("feature")?, table.i64("left")?, table.i64("right")?);
    let (threshold, probability, cover) = (table.f32("threshold")?, table.f64("probability")?, table.f64("cover")?);
    let node = |i: usize| -> Result<Node, BundleError> {
        Ok(Node {
            tree: number("tree", tree[i])?,
            node: number("node", node[i])?,
            split: Split::from_columns(
                number("feature", feature[i])?,
                threshold[i],
                number("left", left[i])?,
                number("right", right[i])?,
            )?,
            probability: probability[i],
            cover: cover[i],
        })
    };
    (0..table.row_count()).map(node).collect()
}

fn number<T: TryFrom<i64>>(column: &'static str, value: i64) -> Result<T, BundleError> {
    T::try_from(value).map_err(|_| BundleError::Node { column, value })
}

#[cfg(test)]
mod tests {
    use faultline_learn::boosting::{BoostingParams, fit_boosting};
    use faultline_learn::forest::{ClassWeight, Criterion, Engine, ForestParams, MaxFeatures, engine};
    use faultline_learn::logistic::{LogisticParams, fit_logistic};

    use super::*;

    fn rows() -> (Vec<f32>, Vec<u8>) {
        let targets: Vec<u8> = (0..60).map(|i| u8::from(i % 3 == 0)).collect();
        let features = (0..60).flat_map(|i| [(i % 3) as f32, i as f32]).collect();
        (features, targets)
    }

    fn models() -> [Model; 3] {
        let (features, targets) = rows();
        let samples = Samples::new(&features, 60, 2).unwrap();
        let labels: Vec<bool> = targets.iter().map(|&target| target == 1).collect();
        let params = ForestParams {
            n_estimators: 5,
            criterion: Criterion::Gini,
            max_features: MaxFeatures::Sqrt,
            max_depth: Some(3),
            min_samples_leaf: 1,
            class_weight: ClassWeight::None,
            seed: 7,
        };
        let forest = engine(Engine::Histogram).fit(&samples, &labels, None, &params).unwrap();
        let params = BoostingParams { n_estimators: 5, ..BoostingParams::default() }.check().unwrap();
        let logistic = fit_logistic(&samples, &labels, &LogisticParams::default().check().unwrap()).unwrap();
        [
            Model::Forest(forest),
            Model::Boosting(fit_boosting(&samples, &targets, None, &params, 7).unwrap()),
            Model::Logistic(logistic),
        ]
    }

    #[test]
    fn a_file_brings_the_model_back() {
        let folder = tempfile::tempdir().unwrap();
        let (features, _) = rows();
        let samples = Samples::new(&features, 60, 2).unwrap();
        for model in models() {
            let path = folder.path().join(model.family().file());
            model.write(&path).unwrap();
            let opened = Model::read(model.family(), &path, 2).unwrap();
            assert_eq!(opened.predict_proba(&samples).unwrap(), model.predict_proba(&samples).unwrap());
            let again = folder.path().join("again");
            opened.write(&again).unwrap();
            assert_eq!(fs::read(&again).unwrap(), fs::read(&path).unwrap());
        }
    }

    #[test]
    fn a_file_of_another_family_or_width_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [forest, boosting, logistic] = models();
        let (trees, model) = (folder.path().join("trees"), folder.path().join("model"));
        forest.write(&trees).unwrap();
        boosting.write(&model).unwrap();
        let regression = folder.path().join("regression");
        logistic.write(&regression).unwrap();
        assert!(Model::read(Family::Logistic, &regression, 3).is_err());
        assert!(Model::read(Family::Logistic, &model, 2).is_err());
        assert!(Model::read(Family::Boosting, &trees, 2).is_err());
        assert!(Model::read(Family::Forest, &model, 2).is_err());
        assert!(Model::read(Family::Boosting, &model, 3).is_err());
        assert!(Model::read(Family::Forest, &trees, 0).is_err());
        assert!(matches!(
            Model::read(Family::Boosting, &folder.path().join("none"), 2),
            Err(BundleError::File { action: "read", .. })
        ));
    }
}
