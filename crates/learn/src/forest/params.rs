//! Hyper-parameters of forests, grids of them, and which of them one fit serves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::LearnError;
use crate::selection::grid;

/// Which program grows the trees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Our own, on histograms.
    #[default]
    Histogram,
    /// The crate smartcore.
    Smartcore,
}

/// What a split lessens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Gini impurity.
    #[default]
    Gini,
    /// Shannon entropy.
    Entropy,
}

/// Columns looked at for a split; more when all of those are constant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaxFeatures {
    /// Square root of their number, rounded down, at least 1.
    #[default]
    Sqrt,
    /// Binary logarithm of their number, rounded down, at least 1.
    Log2,
}

/// Weights of the classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// Every row weighs the same.
    #[default]
    None,
    /// Both classes weigh the same: a row weighs `n_samples / (2 * n_samples_of_its_class)`.
    Balanced,
}

/// Trees of a forest, at most.
const MOST_TREES: usize = 100_000;

/// One forest to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees, 1 to 100,000.
    pub n_estimators: usize,
    /// What a split lessens.
    pub criterion: Criterion,
    /// Columns looked at for a split.
    pub max_features: MaxFeatures,
    /// Splits from the root to a leaf at most, at least 1; no limit when none.
    pub max_depth: Option<usize>,
    /// Training rows that a leaf has at least, at least 1; a row that the bootstrap drew more than once counts once.
    pub min_samples_leaf: usize,
    /// Weights of the classes.
    pub class_weight: ClassWeight,
    /// Seed of all trees.
    pub seed: u64,
}

/// The hyper-parameters to try: every combination of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestGrid {
    /// Numbers of trees.
    pub n_estimators: Vec<usize>,
    /// Criteria.
    pub criterion: Vec<Criterion>,
    /// Numbers of columns looked at.
    pub max_features: Vec<MaxFeatures>,
    /// Depth limits.
    pub max_depth: Vec<Option<usize>>,
    /// Least numbers of training rows in a leaf.
    pub min_samples_leaf: Vec<usize>,
    /// Weights of the classes.
    pub class_weight: Vec<ClassWeight>,
}

/// Candidates that one fit serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForestGroup {
    /// What to fit: the most trees and the greatest depth of the members.
    pub fit: ForestParams,
    /// Positions of the members in the list of candidates, rising.
    pub members: Vec<usize>,
}

impl Engine {
    /// Checks hyper-parameters, and that this engine can do what they ask for.
    ///
    /// # Errors
    /// As [`ForestParams::check`], and for class weights that the engine does not know.
    pub fn check(self, params: &ForestParams) -> Result<(), LearnError> {
        params.check()?;
        match (self, params.class_weight) {
            (Self::Smartcore, ClassWeight::Balanced) => Err(without_weights("`balanced`")),
            _ => Ok(()),
        }
    }
}

/// What smartcore says to weights of any kind.
pub(super) fn without_weights(found: &str) -> LearnError {
    LearnError::Param {
        param: "class_weight",
        found: found.to_owned(),
        expected: "`none`: the engine smartcore knows no weights (use the engine histogram)",
    }
}

impl MaxFeatures {
    /// The number of columns for a table of `n_features`.
    pub fn count(self, n_features: usize) -> usize {
        match self {
            Self::Sqrt => n_features.isqrt(),
            Self::Log2 => n_features.checked_ilog2().unwrap_or(0) as usize,
        }
        .max(1)
    }
}

impl ForestParams {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// When there are to be no trees, more than 100,000, or trees without splits.
    pub fn check(&self) -> Result<(), LearnError> {
        let numbers = [
            ("n_estimators", self.n_estimators),
            ("max_depth", self.max_depth.unwrap_or(1)),
            ("min_samples_leaf", self.min_samples_leaf),
        ];
        if let Some((param, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(LearnError::Param { param, found: "0".to_owned(), expected: "at least 1" });
        }
        if self.n_estimators > MOST_TREES {
            let (param, found) = ("n_estimators", self.n_estimators.to_string());
            return Err(LearnError::Param { param, found, expected: "1 to 100000" });
        }
        Ok(())
    }
}

impl ForestGrid {
    /// All combinations, in the order of the lists, the last list turning fastest.
    pub fn candidates(&self, seed: u64) -> Vec<ForestParams> {
        grid(&[
            self.n_estimators.len(),
            self.criterion.len(),
            self.max_features.len(),
            self.max_depth.len(),
            self.min_samples_leaf.len(),
            self.class_weight.len(),
        ])
        .iter()
        .map(|point| ForestParams {
            n_estimators: self.n_estimators[point[0]],
            criterion: self.criterion[point[1]],
            max_features: self.max_features[point[2]],
            max_depth: self.max_depth[point[3]],
            min_samples_leaf: self.min_samples_leaf[point[4]],
            class_weight: self.class_weight[point[5]],
            seed,
        })
        .collect()
    }
}

/// Groups candidates that one fit serves, in the order of their first members.
///
/// Our own engine's larger forest contains the smaller ones and its deeper trees the shallower ones
/// (see [`super::Forest::predict_proba_at`]); smartcore's candidates stand alone.
pub fn group(engine: Engine, candidates: &[ForestParams]) -> Vec<ForestGroup> {
    let mut groups: Vec<ForestGroup> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        let alike = |group: &&mut ForestGroup| {
            let same =
                ForestParams { n_estimators: candidate.n_estimators, max_depth: candidate.max_depth, ..group.fit };
            engine == Engine::Histogram && same == *candidate
        };
        if let Some(group) = groups.iter_mut().find(alike) {
            group.fit.n_estimators = group.fit.n_estimators.max(candidate.n_estimators);
            group.fit.max_depth = group.fit.max_depth.zip(candidate.max_depth).map(|(a, b)| a.max(b));
            group.members.push(i);
        } else {
            groups.push(ForestGroup { fit: *candidate, members: vec![i] });
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original_grid() -> ForestGrid {
        ForestGrid {
            n_estimators: vec![10, 50, 100, 130],
            criterion: vec![Criterion::Gini, Criterion::Entropy],
            max_features: vec![MaxFeatures::Sqrt, MaxFeatures::Log2],
            max_depth: vec![Some(2), Some(3), Some(4)],
            min_samples_leaf: vec![1],
            class_weight: vec![ClassWeight::None],
        }
    }

    #[test]
    fn forty_eight_candidates_are_four_fits() {
        let candidates = original_grid().candidates(1);
        assert_eq!(candidates.len(), 48);
        let groups = group(Engine::Histogram, &candidates);
        assert_eq!(groups.len(), 4);
        for group in &groups {
            assert_eq!((group.fit.n_estimators, group.fit.max_depth), (130, Some(4)));
            assert_eq!(group.members.len(), 12);
        }
        assert_eq!(super::group(Engine::Smartcore, &candidates).len(), 48);
    }

    #[test]
    fn no_limit_is_the_greatest_depth() {
        let grid = ForestGrid { max_depth: vec![Some(3), None, Some(9)], ..original_grid() };
        let groups = group(Engine::Histogram, &grid.candidates(1));
        assert!(groups.iter().all(|group| group.fit.max_depth.is_none()));
    }

    #[test]
    fn columns_per_split_round_down_to_one_at_least() {
        assert_eq!(MaxFeatures::Sqrt.count(474), 21);
        assert_eq!(MaxFeatures::Log2.count(474), 8);
        assert_eq!(MaxFeatures::Log2.count(1), 1);
    }

    #[test]
    fn zeros_and_forests_without_end_are_refused() {
        let good = original_grid().candidates(1)[0];
        assert!(good.check().is_ok());
        assert!(ForestParams { n_estimators: MOST_TREES, ..good }.check().is_ok());
        let no_leaf = ForestParams { min_samples_leaf: 0, ..good };
        let trees = |n_estimators| ForestParams { n_estimators, ..good };
        for bad in [trees(0), trees(MOST_TREES + 1), ForestParams { max_depth: Some(0), ..good }, no_leaf] {
            assert!(bad.check().is_err());
        }
    }
}
