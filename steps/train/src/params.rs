//! The section `train` of the params file.

use faultline_contract::documents::train::Family;
use faultline_learn::LearnError;
use faultline_learn::boosting::{BoostingGrid, BoostingParams};
use faultline_learn::forest::{ClassWeight, Criterion, Engine, ForestGrid, ForestParams, MaxFeatures};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainParams {
    /// Folds of the cross-validation, at least 2. Default 4.
    pub n_folds: usize,
    /// The grid of the forests.
    pub forest: ForestSection,
    /// The grid of the boosted trees.
    pub boosting: BoostingGrid,
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
    /// Weights of the classes. Default `none`.
    pub class_weight: Vec<ClassWeight>,
}

/// Checked params of one family.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidTrainParams {
    /// Folds of the cross-validation.
    pub n_folds: usize,
    /// The points of the grid.
    pub grid: ValidGrid,
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
}

impl Default for TrainParams {
    fn default() -> Self {
        Self { n_folds: 4, forest: ForestSection::default(), boosting: BoostingGrid::default() }
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
        let grid = match family {
            Family::Forest => forests(self.forest, seed)?,
            Family::Boosting => boosted(&self.boosting)?,
        };
        Ok(ValidTrainParams { n_folds: self.n_folds, grid })
    }
}

fn forests(section: ForestSection, seed: u64) -> Result<ValidGrid, LearnError> {
    let ForestSection { engine, n_estimators, criterion, max_features, max_depth, class_weight } = section;
    let grid = ForestGrid { n_estimators, criterion, max_features, max_depth, class_weight };
    let candidates = grid.candidates(seed);
    candidates.iter().try_for_each(ForestParams::check)?;
    if candidates.is_empty() { Err(empty("forest")) } else { Ok(ValidGrid::Forest { engine, candidates }) }
}

fn boosted(grid: &BoostingGrid) -> Result<ValidGrid, LearnError> {
    let candidates = grid.candidates();
    for candidate in &candidates {
        candidate.clone().check()?;
    }
    if candidates.is_empty() { Err(empty("boosting")) } else { Ok(ValidGrid::Boosting(candidates)) }
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
            ValidGrid::Forest { candidates, .. } => candidates.len(),
            ValidGrid::Boosting(candidates) => candidates.len(),
        }
    }

    #[test]
    fn the_original_grids_are_48_and_64_points_in_4_folds() {
        let original = section(include_str!("../../../params/original.json"));
        assert_eq!((points(&original, Family::Forest), points(&original, Family::Boosting)), (48, 64));
        assert_eq!(original.n_folds, 4);
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
    fn an_empty_list_is_refused_by_its_family_alone() {
        let forest = ForestSection { criterion: Vec::new(), ..ForestSection::default() };
        let params = TrainParams { forest, ..TrainParams::default() };
        let error = params.clone().check(Family::Forest, 7).unwrap_err();
        assert_eq!(error.to_string(), "forest is an empty list, expected at least one value in each list");
        assert!(params.check(Family::Boosting, 7).is_ok());
        let boosting = BoostingGrid { gamma: Vec::new(), ..BoostingGrid::default() };
        assert!(TrainParams { boosting, ..TrainParams::default() }.check(Family::Boosting, 7).is_err());
    }

    #[test]
    fn a_value_out_of_its_range_is_refused() {
        let boosting = BoostingGrid { learning_rate: vec![0.1, 2.0], ..BoostingGrid::default() };
        let params = TrainParams { boosting, ..TrainParams::default() };
        let error = params.check(Family::Boosting, 7).unwrap_err();
        assert_eq!(error.to_string(), "learning_rate is 2, expected above 0 and at most 1");
        let forest = ForestSection { n_estimators: vec![0], ..ForestSection::default() };
        assert!(TrainParams { forest, ..TrainParams::default() }.check(Family::Forest, 7).is_err());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<TrainParams>(r#"{"boosting": {"eta": [0.1]}}"#).is_err());
    }
}
