//! Grids of hyper-parameters, and which of their points one fit serves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BoostingParams;
use crate::selection::grid;

/// The hyper-parameters to try: every combination of the lists. A list that is left out holds XGBoost's default alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BoostingGrid {
    /// Shrinkages. Default 0.3.
    pub learning_rate: Vec<f64>,
    /// Levels of a tree. Default 6.
    pub max_depth: Vec<u32>,
    /// Numbers of rounds. Default 100.
    pub n_estimators: Vec<u32>,
    /// Least sums of Hessians in a leaf. Default 1.
    pub min_child_weight: Vec<f64>,
    /// Least loss reductions of a split. Default 0.
    pub gamma: Vec<f64>,
    /// Shares of rows drawn for every tree. Default 1.
    pub subsample: Vec<f64>,
    /// Shares of features drawn for every tree. Default 1.
    pub colsample_bytree: Vec<f64>,
    /// L2 penalties. Default 1.
    pub reg_lambda: Vec<f64>,
    /// L1 penalties. Default 0.
    pub reg_alpha: Vec<f64>,
    /// Factors on the weight of faulty rows. Default 1.
    pub scale_pos_weight: Vec<f64>,
    /// Most bins per feature. Default 256.
    pub max_bin: Vec<u32>,
}

/// Points that share the work of fitting: those that differ in rounds and depth alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BoostingGroup {
    /// Positions of the members in the list of points, rising.
    pub(super) members: Vec<usize>,
}

impl Default for BoostingGrid {
    fn default() -> Self {
        let one = BoostingParams::default();
        Self {
            learning_rate: vec![one.learning_rate],
            max_depth: vec![one.max_depth],
            n_estimators: vec![one.n_estimators],
            min_child_weight: vec![one.min_child_weight],
            gamma: vec![one.gamma],
            subsample: vec![one.subsample],
            colsample_bytree: vec![one.colsample_bytree],
            reg_lambda: vec![one.reg_lambda],
            reg_alpha: vec![one.reg_alpha],
            scale_pos_weight: vec![one.scale_pos_weight],
            max_bin: vec![one.max_bin],
        }
    }
}

impl BoostingGrid {
    /// All combinations, in the order of the lists, the last list turning fastest. None when a list is empty.
    pub fn candidates(&self) -> Vec<BoostingParams> {
        grid(&[
            self.learning_rate.len(),
            self.max_depth.len(),
            self.n_estimators.len(),
            self.min_child_weight.len(),
            self.gamma.len(),
            self.subsample.len(),
            self.colsample_bytree.len(),
            self.reg_lambda.len(),
            self.reg_alpha.len(),
            self.scale_pos_weight.len(),
            self.max_bin.len(),
        ])
        .iter()
        .map(|point| BoostingParams {
            learning_rate: self.learning_rate[point[0]],
            max_depth: self.max_depth[point[1]],
            n_estimators: self.n_estimators[point[2]],
            min_child_weight: self.min_child_weight[point[3]],
            gamma: self.gamma[point[4]],
            subsample: self.subsample[point[5]],
            colsample_bytree: self.colsample_bytree[point[6]],
            reg_lambda: self.reg_lambda[point[7]],
            reg_alpha: self.reg_alpha[point[8]],
            scale_pos_weight: self.scale_pos_weight[point[9]],
            max_bin: self.max_bin[point[10]],
        })
        .collect()
    }
}

/// Groups points that differ in their numbers of rounds and limits of depth alone, in the order of their first members. The first
/// rounds of a longer training are the shorter one, and a limit that no tree reaches changes nothing.
pub(super) fn group(candidates: &[BoostingParams]) -> Vec<BoostingGroup> {
    let mut groups: Vec<BoostingGroup> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        let alike = |group: &&mut BoostingGroup| {
            let (n_estimators, max_depth) = (candidate.n_estimators, candidate.max_depth);
            let first = group.members.first().map(|&first| candidates[first].clone());
            first.is_some_and(|first| BoostingParams { max_depth, n_estimators, ..first } == *candidate)
        };
        if let Some(group) = groups.iter_mut().find(alike) {
            group.members.push(i);
        } else {
            groups.push(BoostingGroup { members: vec![i] });
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_points_are_four_groups() {
        let original = BoostingGrid {
            learning_rate: vec![0.5, 0.1, 0.01, 0.001],
            max_depth: vec![3, 5, 10, 20],
            n_estimators: vec![10, 50, 100, 200],
            ..BoostingGrid::default()
        };
        let candidates = original.candidates();
        assert_eq!(candidates.len(), 64);
        let groups = group(&candidates);
        assert_eq!(groups.len(), 4);
        assert_eq!(groups[1].members, (16..32).collect::<Vec<_>>());
    }

    #[test]
    fn points_that_differ_in_more_than_rounds_and_depth_stand_apart() {
        let mixed = BoostingGrid { max_depth: vec![2, 3], gamma: vec![0.0, 1.0], ..BoostingGrid::default() };
        let groups = group(&mixed.candidates());
        assert_eq!(groups.iter().map(|group| group.members.as_slice()).collect::<Vec<_>>(), [[0, 2], [1, 3]]);
    }

    #[test]
    fn the_default_is_one_point_and_an_empty_list_none() {
        assert_eq!(BoostingGrid::default().candidates(), [BoostingParams::default()]);
        assert!(BoostingGrid { gamma: Vec::new(), ..BoostingGrid::default() }.candidates().is_empty());
    }
}
