//! The section `preprocess` of the params file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How rows are held out and features are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreprocessParams {
    /// Share of the wafers that nothing is fitted on, from 0 to less than 1. Default 0.2.
    pub holdout_ratio: f64,
    /// Neighbours that an imputed value is the mean of, at least 1. Default 3.
    pub n_neighbors: usize,
    /// Training rows kept as donors of missing values, at least 1; of more a seeded sample is drawn. Default 10,000.
    pub max_donors: usize,
    /// Whether to scale every feature to mean 0 and standard deviation 1. Default true.
    pub scale: bool,
}

/// Checked params.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidPreprocessParams(PreprocessParams);

/// A param is out of its range.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ParamsError {
    /// Not a share that leaves training rows.
    #[error("`holdout_ratio` is {0}, expected 0 or more and less than 1")]
    HoldoutRatio(f64),
    /// No neighbours.
    #[error("`n_neighbors` is 0, expected at least 1")]
    NNeighbors,
    /// No donors.
    #[error("`max_donors` is 0, expected at least 1")]
    MaxDonors,
}

impl Default for PreprocessParams {
    fn default() -> Self {
        Self { holdout_ratio: 0.2, n_neighbors: 3, max_donors: 10_000, scale: true }
    }
}

impl PreprocessParams {
    /// Checks every param.
    ///
    /// # Errors
    /// For the first one out of its range.
    pub fn check(self) -> Result<ValidPreprocessParams, ParamsError> {
        if !(0.0..1.0).contains(&self.holdout_ratio) {
            Err(ParamsError::HoldoutRatio(self.holdout_ratio))
        } else if self.n_neighbors == 0 {
            Err(ParamsError::NNeighbors)
        } else if self.max_donors == 0 {
            Err(ParamsError::MaxDonors)
        } else {
            Ok(ValidPreprocessParams(self))
        }
    }
}

impl ValidPreprocessParams {
    /// The params, each within its range.
    pub fn get(&self) -> &PreprocessParams {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(PreprocessParams::default().check().is_ok());
        assert!(PreprocessParams { holdout_ratio: 0.0, ..PreprocessParams::default() }.check().is_ok());
    }

    #[test]
    fn the_holdout_must_leave_training_rows() {
        for holdout_ratio in [-0.1, 1.0, f64::NAN] {
            let params = PreprocessParams { holdout_ratio, ..PreprocessParams::default() };
            assert!(matches!(params.check(), Err(ParamsError::HoldoutRatio(_))));
        }
    }

    #[test]
    fn there_must_be_neighbours() {
        let params = PreprocessParams { n_neighbors: 0, ..PreprocessParams::default() };
        assert_eq!(params.check(), Err(ParamsError::NNeighbors));
    }

    #[test]
    fn there_must_be_donors() {
        let params = PreprocessParams { max_donors: 0, ..PreprocessParams::default() };
        assert_eq!(params.check(), Err(ParamsError::MaxDonors));
    }
}
