//! The section `cluster` of the params file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How clusters are found, and when one gets a model of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterParams {
    /// Number of clusters, at least 1; `null` leaves it to the knee of the elbow curve. Default `null`.
    pub k: Option<usize>,
    /// Greatest number of clusters on the elbow curve, at least 1. Default 10.
    pub k_max: usize,
    /// Starts of every fit, at least 1; the one with the least inertia is kept. Default 10.
    pub n_runs: usize,
    /// Training rows that a cluster needs for a model of its own. Default 20.
    pub min_rows: u64,
    /// Training rows of each class that a cluster needs for a model of its own, in any case 2. Default 4, one per fold.
    pub min_class_rows: u64,
    /// Whether a model of all rows is trained beside those of the clusters; where a cluster cannot have one of its own it is
    /// trained in any case. Default true.
    pub pooled: bool,
}

/// Checked params.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidClusterParams(ClusterParams);

/// A param is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{param}` is 0, expected at least 1")]
pub struct ParamsError {
    /// Its name.
    pub param: &'static str,
}

impl Default for ClusterParams {
    fn default() -> Self {
        Self { k: None, k_max: 10, n_runs: 10, min_rows: 20, min_class_rows: 4, pooled: true }
    }
}

impl ClusterParams {
    /// Checks every param.
    ///
    /// # Errors
    /// For the first one out of its range.
    pub fn check(self) -> Result<ValidClusterParams, ParamsError> {
        let numbers = [("k", self.k.unwrap_or(1)), ("k_max", self.k_max), ("n_runs", self.n_runs)];
        match numbers.iter().find(|(_, number)| *number == 0) {
            Some((param, _)) => Err(ParamsError { param }),
            None => Ok(ValidClusterParams(self)),
        }
    }
}

impl ValidClusterParams {
    /// The params, each within its range.
    pub fn get(&self) -> &ClusterParams {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(ClusterParams::default().check().is_ok());
    }

    #[test]
    fn zeros_are_refused_by_name() {
        let zero = |change: fn(&mut ClusterParams)| {
            let mut params = ClusterParams::default();
            change(&mut params);
            params.check().unwrap_err().param
        };
        assert_eq!(zero(|params| params.k = Some(0)), "k");
        assert_eq!(zero(|params| params.k_max = 0), "k_max");
        assert_eq!(zero(|params| params.n_runs = 0), "n_runs");
    }
}
