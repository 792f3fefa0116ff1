//! The section `promote` of the params file.

use faultline_contract::documents::promote::Gate;
use faultline_learn::LearnError;
use faultline_learn::bootstrap::{BootstrapParams, ValidBootstrapParams};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a challenger must show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteParams {
    /// By how much its average precision must exceed the champion's on the same rows, 0 to 1: the lower end of the interval of the
    /// difference must be greater. Default 0.
    pub min_average_precision_gain: f64,
    /// The least ROC AUC on those rows, 0 to 1, for a first champion too. Default none.
    pub min_roc_auc: Option<f64>,
    /// The intervals of the figures and of the difference. Default 2,000 resamples, level 0.95: equal models are promoted in
    /// at most one of 40 comparisons.
    pub bootstrap: BootstrapParams,
}

/// Checked params.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidPromoteParams {
    pub(crate) gate: Gate,
    pub(crate) bootstrap: ValidBootstrapParams,
}

impl PromoteParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// For the first param out of its range.
    pub fn check(self) -> Result<ValidPromoteParams, LearnError> {
        let Self { min_average_precision_gain, min_roc_auc, bootstrap } = self;
        ratio("min_average_precision_gain", min_average_precision_gain)?;
        if let Some(found) = min_roc_auc {
            ratio("min_roc_auc", found)?;
        }
        let gate = Gate {
            min_average_precision_gain,
            min_roc_auc,
            level: bootstrap.level,
            n_resamples: u64::from(bootstrap.n_resamples),
        };
        Ok(ValidPromoteParams { gate, bootstrap: bootstrap.check()? })
    }
}

fn ratio(param: &'static str, found: f64) -> Result<(), LearnError> {
    if (0.0..=1.0).contains(&found) {
        return Ok(());
    }
    Err(LearnError::Param { param, found: found.to_string(), expected: "0 to 1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default() {
        let params: PromoteParams = serde_json::from_str("{}").unwrap();
        let gate = params.check().unwrap().gate;
        assert_eq!((gate.min_average_precision_gain, gate.min_roc_auc, gate.n_resamples), (0.0, None, 2_000));
    }

    #[test]
    fn ratios_are_refused_out_of_their_range() {
        let gain = PromoteParams { min_average_precision_gain: -0.1, ..PromoteParams::default() };
        assert_eq!(gain.check().unwrap_err().to_string(), "min_average_precision_gain is -0.1, expected 0 to 1");
        let auc = PromoteParams { min_roc_auc: Some(f64::NAN), ..PromoteParams::default() };
        assert!(auc.check().is_err());
    }
}
