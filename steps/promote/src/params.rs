//! The section `promote` of the params file.

use faultline_contract::documents::promote::Gate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a challenger must show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteParams {
    /// By how much its average precision must exceed the champion's on the same rows, 0 to 1. Default 0.
    pub min_average_precision_gain: f64,
    /// The least ROC AUC on those rows, 0 to 1, for a first champion too. Default none.
    pub min_roc_auc: Option<f64>,
}

/// Checked params.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidPromoteParams {
    pub(crate) gate: Gate,
}

/// A param is out of its range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{param} is {found}, expected 0 to 1")]
pub struct InvalidParam {
    param: &'static str,
    found: f64,
}

impl PromoteParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// For the first param out of its range.
    pub fn check(self) -> Result<ValidPromoteParams, InvalidParam> {
        let Self { min_average_precision_gain, min_roc_auc } = self;
        ratio("min_average_precision_gain", min_average_precision_gain)?;
        if let Some(found) = min_roc_auc {
            ratio("min_roc_auc", found)?;
        }
        Ok(ValidPromoteParams { gate: Gate { min_average_precision_gain, min_roc_auc } })
    }
}

fn ratio(param: &'static str, found: f64) -> Result<(), InvalidParam> {
    if (0.0..=1.0).contains(&found) { Ok(()) } else { Err(InvalidParam { param, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default() {
        let params: PromoteParams = serde_json::from_str("{}").unwrap();
        assert_eq!(params.check().unwrap().gate, Gate::default());
    }

    #[test]
    fn ratios_are_refused_out_of_their_range() {
        let gain = PromoteParams { min_average_precision_gain: -0.1, ..PromoteParams::default() };
        assert_eq!(gain.check().unwrap_err().to_string(), "min_average_precision_gain is -0.1, expected 0 to 1");
        let auc = PromoteParams { min_roc_auc: Some(f64::NAN), ..PromoteParams::default() };
        assert!(auc.check().is_err());
    }
}
