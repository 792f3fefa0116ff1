//! What `train` hands on: `candidates.json` and `evaluation.json`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluation::{Assessment, Calibration, CalibrationScore, CostMatrix};
use crate::{InvalidId, Part};

/// The name of the model that is trained on the rows of all clusters.
pub const POOLED: &str = "pooled";

/// The part of the step that trains one model of one family: `<model>-<family>`.
///
/// # Errors
/// When `model` has letters that no part may have.
pub fn part_of(model: &str, family: Family) -> Result<Part, InvalidId> {
    format!("{model}-{family}").parse()
}

/// A kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A random forest; its file is `forest.parquet`.
    Forest,
    /// Gradient boosted trees by XGBoost; its file is `model.ubj`.
    Boosting,
    /// Logistic regression, the simple baseline; its file is `logistic.json`.
    Logistic,
}

/// Hyper-parameters by name, as the family spells them.
pub type HyperParams = BTreeMap<String, serde_json::Value>;

/// `candidates.json`: every point of the grid with its out-of-fold scores, in the order of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidates {
    /// The cluster's number, or [`POOLED`].
    pub model: String,
    /// The family.
    pub family: Family,
    /// The points; none when there was nothing to learn from.
    pub candidates: Vec<Candidate>,
}

/// One point of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Its hyper-parameters.
    pub params: HyperParams,
    /// Average precision over all out-of-fold probabilities; the greatest wins, the first of equals.
    pub average_precision: f64,
    /// Area under the ROC curve over all out-of-fold probabilities.
    pub roc_auc: f64,
}

/// `evaluation.json`: the best point and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// The cluster's number, or [`POOLED`].
    pub model: String,
    /// The family.
    pub family: Family,
    /// Training rows.
    pub rows_train: u64,
    /// Faulty ones among them.
    pub rows_train_faulty: u64,
    /// What was trained; absent when the training rows cannot be learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<Trained>,
    /// Why nothing was trained; absent when something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trained {
    /// The output that holds the model.
    pub file: String,
    /// The best hyper-parameters.
    pub params: HyperParams,
    /// Number of folds of the cross-validation.
    pub n_folds: u64,
    /// The out-of-fold predictions fold by fold, without folds that have no rows; none in documents of older versions.
    #[serde(default)]
    pub folds: Vec<FoldFigures>,
    /// How its probabilities are calibrated; fitted on the out-of-fold predictions.
    pub calibration: Calibration,
    /// What was compared to choose the calibration, each judged on rows that it was not fitted on.
    pub calibrations: Vec<CalibrationScore>,
    /// The costs that the threshold goes by.
    pub costs: CostMatrix,
    /// The least calibrated probability at which a row is called faulty: where the decisions on the out-of-fold predictions cost
    /// least. Above 1 no row is.
    pub threshold: f64,
    /// Figures of the out-of-fold predictions of the best point, over all training rows.
    pub out_of_fold: Assessment,
    /// The same point fitted on the early training rows and tried on the late ones; absent when not asked for, or when either
    /// part lacks a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// The features that move the model's predictions at all, greatest share first.
    pub importances: Vec<Importance>,
}

/// Figures of the rows of one fold, predicted by models that were not fitted on them. With few faulty rows a fold they scatter widely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoldFigures {
    /// Its number, as in `oof.parquet`.
    pub fold: u64,
    /// Rows.
    pub rows: u64,
    /// Faulty ones among them.
    pub rows_faulty: u64,
    /// Average precision; absent when no row is faulty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Area under the ROC curve; absent when one class does not occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: f64,
}

/// A forward split in time: what the past knows of the future.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forward {
    /// Training rows before the cut, that the model was fitted on.
    pub rows_early: u64,
    /// Figures on the training rows at and after the cut.
    pub late: Assessment,
}

/// How much a feature counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Mean absolute contribution (TreeSHAP) over the training rows, as a share (0..1) of the sum over all features.
    pub share: f64,
}

impl Family {
    /// All, in the order of the matrix.
    pub const ALL: [Self; 3] = [Self::Forest, Self::Boosting, Self::Logistic];

    /// The name in params, parts and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forest => "forest",
            Self::Boosting => "boosting",
            Self::Logistic => "logistic",
        }
    }

    /// The name of the output that holds a model of this family.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Forest => "forest.parquet",
            Self::Boosting => "model.ubj",
            Self::Logistic => "logistic.json",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_spelled_one_way() {
        for family in Family::ALL {
            assert_eq!(serde_json::to_value(family).unwrap(), family.as_str());
        }
    }
}
