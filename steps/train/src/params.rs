//! The section `train` of the params file.

use faultline_contract::documents::evaluation::CostMatrix;
use faultline_contract::documents::train::Family;
use faultline_learn::LearnError;
use faultline_learn::boosting::{BoostingGrid, BoostingParams};
use faultline_learn::bootstrap::{BootstrapParams, ValidBootstrapParams};
use faultline_learn::forest::{ClassWeight, Criterion, Engine, ForestGrid, ForestParams, MaxFeatures};
use faultline_learn::logistic::LogisticParams;
use faultline_learn::metrics::check_costs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to try, and how it is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainParams {
    /// Folds of the cross-validation, at least 2. Default 4.
    pub n_folds: usize,
    /// Share of the training rows, the latest, that a model fitted on the earlier ones is tried on beside the cross-validation;
    /// 0 to less than 1, 0 for none. Default 0.3.
    pub forward_ratio: f64,
    /// Whether probabilities are calibrated, by what does best out of fold. Default true.
    pub calibrate: bool,
    /// What wrong decisions cost; the threshold is where they cost least out of fold. Default 1 for a false alarm, 10 for a fault
    /// that is missed.
    pub costs: CostMatrix,
    /// The intervals of the figures. Default 2,000 resamples, level 0.95.
    pub bootstrap: BootstrapParams,
    /// The grid of the forests; `null` for none.
    pub forest: Option<ForestSection>,
    /// The grid of the boosted trees; `null` for none.
    pub boosting: Option<BoostingGrid>,
    /// The grid of the logistic regression; `null` for none.
    pub logistic: Option<LogisticGrid>,
}

/// The forests to try: every combination of the lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForestSection {
    /// Which program grows the trees. Default `histogram`.
    pub engine: Engine,
    /// Numbers of trees. Default 100.
    pub n_estimators: Vec<usize>,
    /// What a split lessens. Default `gini`.
    pub criterion: Vec<Criterion>,
    /// Columns looked at for a split. Default `sqrt`.
    pub max_features: Vec<MaxFeatures>,
    /// Depth limits; `null` is none. Default none.
    pub max_depth: Vec<Option<usize>>,
    /// Least numbers of training rows in a leaf. Default 1.
    pub min_samples_leaf: Vec<usize>,
    /// Weights of the classes. Default `none`.
    pub class_weight: Vec<ClassWeight>,
}

/// The logistic regressions to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticGrid {
    /// L2 penalties on scaled features. Default 1.
    pub alpha: Vec<f64>,
}

/// Checked params of one family.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidTrainParams {
    /// The family.
    pub family: Family,
    /// Folds of the cross-validation.
    pub n_folds: usize,
    /// Share of the training rows that is late.
    pub forward_ratio: f64,
    /// Whether probabilities are calibrated.
    pub calibrate: bool,
    /// What wrong decisions cost.
    pub costs: CostMatrix,
    /// The intervals of the figures.
    pub bootstrap: ValidBootstrapParams,
    /// The points of the grid; none when no model of the family is asked for.
    pub grid: Option<ValidGrid>,
}

/// The points of a family's grid, each within its ranges.
#[derive(Clone, Debug, PartialEq)]
pub enum ValidGrid {
    /// Forests.
    Forest {
        /// Which program grows the trees.
        engine: Engine,
        /// The points.
        candidates: Vec<ForestParams>,
    },
    /// Boosted trees.
    Boosting(Vec<BoostingParams>),
    /// Logistic regressions.
    Logistic(Vec<LogisticParams>),
}

impl Default for TrainParams {
    fn default() -> Self {
        Self {
            n_folds: 4,
            forward_ratio: 0.3,
            calibrate: true,
            costs: CostMatrix::DEFAULT,
            bootstrap: BootstrapParams::default(),
            forest: Some(ForestSection::default()),
            boosting: Some(BoostingGrid::default()),
            logistic: Some(LogisticGrid::default()),
        }
    }
}

impl Default for LogisticGrid {
    fn default() -> Self {
        Self { alpha: vec![1.0] }
    }
}

impl Default for ForestSection {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            n_estimators: vec![100],
            criterion: vec![Criterion::default()],
            max_features: vec![MaxFeatures::default()],
            max_depth: vec![None],
            min_samples_leaf: vec![1],
            class_weight: vec![ClassWeight::default()],
        }
    }
}

impl TrainParams {
    /// Checks what one family needs. `seed` becomes the forests' own.
    ///
    /// # Errors
    /// For the first param out of its range, or an empty list.
    pub fn check(self, family: Family, seed: u64) -> Result<ValidTrainParams, LearnError> {
        if self.n_folds < 2 {
            return Err(LearnError::Param {
                param: "n_folds",
                found: self.n_folds.to_string(),
                expected: "at least 2",
            });
        }
        if !(0.0..1.0).contains(&self.forward_ratio) {
            return Err(LearnError::Param {
                param: "forward_ratio",
                found: self.forward_ratio.to_string(),
                expected: "0 or more and less than 1",
            });
        }
        check_costs(&self.costs)?;
        let grid = match family {
            Family::Forest => self.forest.map(|section| forests(section, seed)).transpose()?,
            Family::Boosting => self.boosting.map(|grid| boosted(&grid)).transpose()?,
            Family::Logistic => self.logistic.map(|grid| logistic(&grid)).transpose()?,
        };
        Ok(ValidTrainParams {
            family,
            n_folds: self.n_folds,
            forward_ratio: self.forward_ratio,
            calibrate: self.calibrate,
            costs: self.costs,
            bootstrap: self.bootstrap.check()?,
            grid,
        })
    }
}

fn forests(section: ForestSection, seed: u64) -> Result<ValidGrid, LearnError> {
    let ForestSection { engine, n_estimators, criterion, max_features, max_depth, min_samples_leaf, class_weight } =
        section;
    let grid = ForestGrid { n_estimators, criterion, max_features, max_depth, min_samples_leaf, class_weight };
    let candidates = grid.candidates(seed);
    candidates.iter().try_for_each(|candidate| engine.check(candidate))?;
    if candidates.is_empty() { Err(empty("forest")) } else { Ok(ValidGrid::Forest { engine, candidates }) }
}

fn boosted(grid: &BoostingGrid) -> Result<ValidGrid, LearnError> {
    let candidates = grid.candidates();
    for candidate in &candidates {
        candidate.clone().check()?;
    }
    if candidates.is_empty() { Err(empty("boosting")) } else { Ok(ValidGrid::Boosting(candidates)) }
}

fn logistic(grid: &LogisticGrid) -> Result<ValidGrid, LearnError> {
    let candidates: Vec<LogisticParams> = grid.alpha.iter().map(|&alpha| LogisticParams { alpha }).collect();
    candidates.iter().try_for_each(|candidate| candidate.clone().check().map(drop))?;
    if candidates.is_empty() { Err(empty("logistic")) } else { Ok(ValidGrid::Logistic(candidates)) }
}

fn empty(family: &'static str) -> LearnError {
    LearnError::Param { param: family, found: "an empty list".to_owned(), expected: "at least one value in each list" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(file: &str) -> TrainParams {
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        serde_json::from_value(file["train"].clone()).unwrap()
    }

    fn points(params: &TrainParams, family: Family) -> usize {
        match params.clone().check(family, 7).unwrap().grid {
            Some(ValidGrid::Forest { candidates, .. }) => candidates.len(),
            Some(ValidGrid::Boosting(candidates)) => candidates.len(),
            Some(ValidGrid::Logistic(candidates)) => candidates.len(),
            None => 0,
        }
    }

    #[test]
    fn the_original_grids_are_48_and_64_points_in_4_folds() {
        let original = section(include_str!("../../../params/original.json"));
        assert_eq!((points(&original, Family::Forest), points(&original, Family::Boosting)), (48, 64));
        assert_eq!((points(&original, Family::Logistic), original.n_folds), (0, 4));
    }

    #[test]
    fn the_demo_is_small() {
        let demo = section(include_str!("../../../params/demo.json"));
        assert!(points(&demo, Family::Forest) + points(&demo, Family::Boosting) <= 12);
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(serde_json::from_str::<TrainParams>("{}").unwrap(), TrainParams::default());
        assert_eq!(points(&TrainParams::default(), Family::Forest), 1);
    }

    #[test]
    fn one_fold_is_refused() {
        let params = TrainParams { n_folds: 1, ..TrainParams::default() };
        let error = params.check(Family::Forest, 7).unwrap_err();
        assert_eq!(error.to_string(), "n_folds is 1, expected at least 2");
    }

    #[test]
    fn costs_and_the_cut_in_time_are_checked() {
        let costs =
            TrainParams { costs: CostMatrix { false_positive: -1.0, false_negative: 1.0 }, ..TrainParams::default() };
        assert!(costs.check(Family::Forest, 7).unwrap_err().to_string().starts_with("false_positive is -1"));
        let forward = TrainParams { forward_ratio: 1.0, ..TrainParams::default() };
        assert!(forward.check(Family::Forest, 7).unwrap_err().to_string().starts_with("forward_ratio is 1"));
    }

    #[test]
    fn an_empty_list_is_refused_by_its_family_alone() {
        let forest = ForestSection { criterion: Vec::new(), ..ForestSection::default() };
        let params = TrainParams { forest: Some(forest), ..TrainParams::default() };
        let error = params.clone().check(Family::Forest, 7).unwrap_err();
        assert_eq!(error.to_string(), "forest is an empty list, expected at least one value in each list");
        assert!(params.check(Family::Boosting, 7).is_ok());
        let boosting = BoostingGrid { gamma: Vec::new(), ..BoostingGrid::default() };
        assert!(TrainParams { boosting: Some(boosting), ..TrainParams::default() }.check(Family::Boosting, 7).is_err());
    }

    #[test]
    fn a_value_out_of_its_range_is_refused() {
        let boosting = BoostingGrid { learning_rate: vec![0.1, 2.0], ..BoostingGrid::default() };
        let params = TrainParams { boosting: Some(boosting), ..TrainParams::default() };
        let error = params.check(Family::Boosting, 7).unwrap_err();
        assert_eq!(error.to_string(), "learning_rate is 2, expected above 0 and at most 1");
        let forest = ForestSection { n_estimators: vec![0], ..ForestSection::default() };
        assert!(TrainParams { forest: Some(forest), ..TrainParams::default() }.check(Family::Forest, 7).is_err());
    }

    #[test]
    fn smartcore_is_asked_for_no_weights() {
        let forest = |class_weight| {
            let forest = ForestSection { engine: Engine::Smartcore, class_weight, ..ForestSection::default() };
            TrainParams { forest: Some(forest), ..TrainParams::default() }.check(Family::Forest, 7)
        };
        assert!(forest(vec![ClassWeight::None]).is_ok());
        let error = forest(vec![ClassWeight::None, ClassWeight::Balanced]).unwrap_err().to_string();
        assert!(error.starts_with("class_weight is `balanced`, expected `none`"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<TrainParams>(r#"{"boosting": {"eta": [0.1]}}"#).is_err());
    }
}
