//! The ways to put a version together from what was trained, and what each says of rows that its models were not fitted on.

use std::collections::HashMap;
use std::path::Path;

use faultline_bundle::Model;
use faultline_contract::documents::evaluation::{Assessment, CostMatrix};
use faultline_contract::documents::preprocess::HOLDOUT;
use faultline_contract::documents::promote::{ClusterMetrics, Composition};
use faultline_contract::documents::train::{Evaluation, Family, POOLED, Trained, part_of};
use faultline_learn::Samples;
use faultline_learn::bootstrap::{ValidBootstrapParams, assess};
use faultline_learn::calibration::Calibrate as _;
use faultline_table::{Columns, FeatureFile, Keys, Values};

use crate::PromoteError;
use crate::choose::Choices;

/// Out-of-fold predictions of training rows, in the folder of each model.
pub(crate) const OUT_OF_FOLD: &str = "oof.parquet";
/// Predictions of the late training rows by what was fitted on the early ones, likewise.
pub(crate) const FORWARD: &str = "forward.parquet";

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Served {
    pub(crate) model: String,
    pub(crate) family: Family,
}

/// One way to put a version together: the model of every cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) serves: Vec<Served>,
}

/// What a version says of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    /// The calibrated probability (0..1) of `faulty`.
    pub(crate) probability: f64,
    /// Whether that reaches the threshold of the row's model.
    pub(crate) is_faulty: bool,
}

/// Labelled rows and what a version says of them, in the order of the assignments.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub(crate) keys: Keys,
    pub(crate) labels: Vec<bool>,
    pub(crate) clusters: Vec<usize>,
    pub(crate) said: Vec<Said>,
}

/// What figures are computed by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure<'a> {
    pub(crate) costs: CostMatrix,
    pub(crate) bootstrap: &'a ValidBootstrapParams,
    pub(crate) seed: u64,
}

/// The cluster of every row, and where the row stands.
pub(crate) struct Places<'a> {
    keys: Keys,
    clusters: &'a [i64],
    by_row: HashMap<(std::sync::Arc<str>, u64), usize>,
}

impl Served {
    /// `<model>-<family>`.
    pub(crate) fn part(&self) -> String {
        part_of(&self.model, self.family).map_or_else(|invalid| invalid.to_string(), |part| part.to_string())
    }

    /// What was trained.
    pub(crate) fn trained<'a>(&self, evaluations: &'a [Evaluation]) -> Option<&'a Trained> {
        let is_it = |known: &&Evaluation| known.model == self.model && known.family == self.family;
        evaluations.iter().find(is_it)?.trained.as_ref()
    }
}

impl Plan {
    /// The models without repetition, in the order of the clusters.
    pub(crate) fn models(&self) -> Vec<&Served> {
        let mut models: Vec<&Served> = Vec::new();
        for served in &self.serves {
            if !models.contains(&served) {
                models.push(served);
            }
        }
        models
    }
}

/// All plans: the best model of each cluster, and every family's model of all rows for all clusters. Plans that come to the
/// same are listed once.
pub(crate) fn plans(choices: &Choices, evaluations: &[Evaluation]) -> Vec<Plan> {
    let family_of = |model: &String| choices.choices.iter().find(|choice| choice.model == *model)?.chosen;
    let own = choices.model_of_cluster.iter();
    let own = own.filter_map(|model| Some(Served { model: model.clone(), family: family_of(model)? })).collect();
    let mut plans = Vec::new();
    // The model of a lone cluster is one of all rows.
    let of_all = match choices.model_of_cluster.as_slice() {
        [lone] => lone.as_str(),
        _ => POOLED,
    };
    for family in Family::ALL {
        let served = Served { model: of_all.to_owned(), family };
        if served.trained(evaluations).is_some() {
            plans.push(Plan {
                name: format!("{POOLED}-{family}"),
                serves: vec![served; choices.model_of_cluster.len()],
            });
        }
    }
    let own = Plan { name: "per-cluster".to_owned(), serves: own };
    if plans.iter().all(|plan| plan.serves != own.serves) {
        plans.push(own);
    }
    plans
}

impl<'a> Places<'a> {
    pub(crate) fn of(assignments: &'a Columns) -> Result<Self, PromoteError> {
        let keys = assignments.keys()?;
        let by_row =
            (0..keys.len()).map(|place| ((keys.source_files[place].clone(), keys.rows[place]), place)).collect();
        Ok(Self { clusters: assignments.i64("cluster")?, by_row, keys })
    }

    fn cluster(&self, place: usize, n_clusters: usize) -> Result<usize, PromoteError> {
        let known = usize::try_from(self.clusters[place]).ok().filter(|cluster| *cluster < n_clusters);
        known.ok_or_else(|| PromoteError::Unassigned {
            file: self.keys.source_files[place].to_string(),
            row: self.keys.rows[place],
        })
    }

    fn place(&self, file: &std::sync::Arc<str>, row: u64) -> Result<usize, PromoteError> {
        let unassigned = || PromoteError::Unassigned { file: file.to_string(), row };
        self.by_row.get(&(file.clone(), row)).copied().ok_or_else(unassigned)
    }

    fn scored(&self, mut rows: Vec<(usize, usize, bool, Said)>) -> Scored {
        rows.sort_by_key(|(place, ..)| *place);
        let places: Vec<usize> = rows.iter().map(|(place, ..)| *place).collect();
        Scored {
            keys: self.keys.select(&places),
            labels: rows.iter().map(|(_, _, label, _)| *label).collect(),
            clusters: rows.iter().map(|(_, cluster, ..)| *cluster).collect(),
            said: rows.iter().map(|(.., said)| *said).collect(),
        }
    }
}

/// What the plan says according to the predictions that its models' tables hold; `table` finds the file of one. None when a model
/// has no such table.
pub(crate) fn by_tables<'p>(
    plan: &Plan,
    evaluations: &[Evaluation],
    places: &Places<'_>,
    table: impl Fn(&Served) -> Option<&'p Path>,
) -> Result<Option<Scored>, PromoteError> {
    let mut rows = Vec::new();
    for served in plan.models() {
        let (Some(path), Some(trained)) = (table(served), served.trained(evaluations)) else { return Ok(None) };
        let table = Columns::read(path)?;
        let (keys, targets, probabilities) = (table.keys()?, table.optional_u8("target")?, table.f64("probability")?);
        for row in 0..table.row_count() {
            let place = places.place(&keys.source_files[row], keys.rows[row])?;
            let cluster = places.cluster(place, plan.serves.len())?;
            // A model of all rows has predictions for the clusters of others too.
            if plan.serves[cluster] == *served {
                rows.push((place, cluster, targets[row] == Some(1), said(probabilities[row], trained)));
            }
        }
    }
    Ok(Some(places.scored(rows)))
}

/// What the plan says of the labelled rows held out: each is scored by the model of its cluster. This is the only place where
/// the holdout is looked at before the verdict.
pub(crate) fn on_holdout<'p>(
    plan: &Plan,
    evaluations: &[Evaluation],
    places: &Places<'_>,
    file: &FeatureFile,
    model_file: impl Fn(&Served, &Trained) -> Result<&'p Path, PromoteError>,
) -> Result<Scored, PromoteError> {
    let features = file.others();
    let (keys, targets, split) = (features.keys()?, features.optional_u8("_target")?, features.text("_split")?);
    let mut held_out = Vec::new();
    for row in (0..features.row_count()).filter(|&row| split[row] == HOLDOUT) {
        if let Some(target) = targets[row] {
            let place = places.place(&keys.source_files[row], keys.rows[row])?;
            held_out.push((row, place, places.cluster(place, plan.serves.len())?, target == 1));
        }
    }
    // Of the features nothing but these rows is read.
    let read: Vec<usize> = held_out.iter().map(|(row, ..)| *row).collect();
    let (matrix, n_features) = (file.matrix(&read)?, file.feature_names().len());
    let samples = Samples { features: &matrix, n_samples: read.len(), n_features };
    let mut rows = Vec::new();
    for served in plan.models() {
        let Some(trained) = served.trained(evaluations) else { continue };
        let own: Vec<_> =
            held_out.iter().enumerate().filter(|(_, (_, _, cluster, _))| plan.serves[*cluster] == *served).collect();
        if own.is_empty() {
            continue;
        }
        let failed = |source| PromoteError::Candidate { part: served.part(), source };
        let model = Model::read(served.family, model_file(served, trained)?, n_features).map_err(failed)?;
        let picked: Vec<usize> = own.iter().map(|(place, _)| *place).collect();
        let raw = model.predict_rows(&samples, &picked)?;
        let probabilities = trained.calibration.apply(&raw);
        rows.extend(own.into_iter().zip(probabilities).map(|((_, (_, place, cluster, label)), probability)| {
            (*place, *cluster, *label, said(probability, trained))
        }));
    }
    Ok(places.scored(rows))
}

fn said(probability: f64, trained: &Trained) -> Said {
    Said { probability, is_faulty: probability >= trained.threshold }
}

impl Scored {
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Some of the rows, in the order given.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            keys: self.keys.select(rows),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
            clusters: rows.iter().map(|row| self.clusters[*row]).collect(),
            said: rows.iter().map(|row| self.said[*row]).collect(),
        }
    }

    pub(crate) fn probabilities(&self) -> Vec<f64> {
        self.said.iter().map(|said| said.probability).collect()
    }

    /// The figures with their intervals; none without rows.
    pub(crate) fn assess(&self, measure: Measure<'_>) -> Result<Option<Assessment>, PromoteError> {
        if self.labels.is_empty() {
            return Ok(None);
        }
        // Each row was decided at the threshold of its own model.
        let decisions: Vec<bool> = self.said.iter().map(|said| said.is_faulty).collect();
        let Measure { costs, bootstrap, seed } = measure;
        Ok(Some(assess(&self.labels, &self.probabilities(), &decisions, &costs, bootstrap, seed)?))
    }

    /// The same cluster by cluster, without clusters that have no row.
    pub(crate) fn by_cluster(&self, measure: Measure<'_>) -> Result<Vec<ClusterMetrics>, PromoteError> {
        let mut clusters = Vec::new();
        for cluster in 0..self.clusters.iter().max().map_or(0, |last| last + 1) {
            let rows: Vec<usize> = (0..self.len()).filter(|&row| self.clusters[row] == cluster).collect();
            let assessment = self.select(&rows).assess(measure)?;
            clusters.extend(assessment.map(|assessment| ClusterMetrics { cluster, assessment }));
        }
        Ok(clusters)
    }

    /// The rows as a table: keys, `target`, `cluster`, `probability`, `is_faulty`.
    pub(crate) fn table(&self) -> Result<Columns, PromoteError> {
        let targets = self.labels.iter().map(|label| Some(u8::from(*label))).collect();
        Ok(Columns::new(self.len())
            .with_keys(&self.keys)?
            .with("target", Values::OptionalU8(targets))?
            .with("cluster", Values::I64(self.clusters.iter().map(|cluster| *cluster as i64).collect()))?
            .with("probability", Values::F64(self.probabilities()))?
            .with("is_faulty", Values::Bool(self.said.iter().map(|said| said.is_faulty).collect()))?)
    }
}

/// Judges a plan by its predictions.
pub(crate) fn composition(
    plan: &Plan,
    out_of_fold: &Scored,
    forward: Option<&Scored>,
    measure: Measure<'_>,
) -> Result<Option<Composition>, PromoteError> {
    let Some(assessment) = out_of_fold.assess(measure)? else { return Ok(None) };
    Ok(Some(Composition {
        name: plan.name.clone(),
        model_of_cluster: plan.serves.iter().map(Served::part).collect(),
        out_of_fold: assessment,
        clusters: out_of_fold.by_cluster(measure)?,
        forward: forward.map(|scored| scored.assess(measure)).transpose()?.flatten(),
    }))
}

#[cfg(test)]
mod tests {
    use faultline_contract::Digest;
    use faultline_contract::documents::promote::Choice;
    use faultline_learn::bootstrap::BootstrapParams;

    use super::*;

    fn served(model: &str, family: Family) -> Served {
        Served { model: model.to_owned(), family }
    }

    fn choices(models: &[(&str, Family)]) -> Choices {
        let choice = |(model, family): &(&str, Family)| Choice {
            model: (*model).to_owned(),
            clusters: Vec::new(),
            chosen: Some(*family),
            contenders: Vec::new(),
        };
        Choices {
            choices: models.iter().map(choice).collect(),
            model_of_cluster: models.iter().map(|(model, _)| (*model).to_owned()).collect(),
        }
    }

    #[test]
    fn a_model_is_named_once() {
        let plan = Plan {
            name: "per-cluster".to_owned(),
            serves: vec![
                served("0", Family::Forest),
                served("pooled", Family::Forest),
                served("pooled", Family::Forest),
            ],
        };
        assert_eq!(plan.models(), [&served("0", Family::Forest), &served("pooled", Family::Forest)]);
        assert_eq!(plan.models()[1].part(), "pooled-forest");
    }

    #[test]
    fn without_a_model_of_all_rows_there_is_one_plan() {
        let plans = plans(&choices(&[("0", Family::Forest), ("1", Family::Boosting)]), &[]);
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].name, "per-cluster");
        assert_eq!(plans[0].serves, [served("0", Family::Forest), served("1", Family::Boosting)]);
    }

    #[test]
    fn clusters_are_judged_by_themselves() {
        let said = |probability| Said { probability, is_faulty: probability >= 0.5 };
        let scored = Scored {
            keys: Keys {
                ids: ["a", "b", "c"].map(str::to_owned).to_vec(),
                source_files: vec!["f.csv".into(); 3],
                source_sha256s: vec![Digest::of(b"f"); 3],
                rows: vec![1, 2, 3],
            },
            labels: vec![true, false, true],
            clusters: vec![0, 2, 2],
            said: vec![said(0.9), said(0.1), said(0.2)],
        };
        let bootstrap = BootstrapParams::default().check().unwrap();
        let measure = Measure { costs: CostMatrix::DEFAULT, bootstrap: &bootstrap, seed: 7 };
        let clusters = scored.by_cluster(measure).unwrap();
        let counted: Vec<_> = clusters.iter().map(|own| (own.cluster, own.assessment.metrics.rows)).collect();
        assert_eq!(counted, [(0, 1), (2, 2)]);
        assert_eq!(clusters[1].assessment.metrics.confusion.false_negatives, 1);
    }
}
