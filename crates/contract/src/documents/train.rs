//! What `train` hands on: `candidates.json` and `evaluation.json`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The least probability at which a row is called faulty: where the out-of-fold predictions have the greatest MCC.
    pub threshold: f64,
    /// Figures of the out-of-fold predictions of the best point, over all training rows.
    pub out_of_fold: Metrics,
    /// Figures on the holdout; absent when no row of the model is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Metrics>,
    /// The share of each feature that the model uses at all, greatest first; they add up to 1.
    pub importances: Vec<Importance>,
}

/// Figures of merit, all from probabilities; the decisions are those at the model's threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
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
    /// Matthews' correlation coefficient of the decisions.
    pub mcc: f64,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Share of right decisions.
    pub accuracy: f64,
    /// Mean squared difference of probability and outcome.
    pub brier_score: f64,
    /// Mean negative log likelihood, in nats.
    pub log_loss: f64,
    /// Faulty rows called faulty.
    pub true_positives: u64,
    /// Good rows called faulty.
    pub false_positives: u64,
    /// Good rows called good.
    pub true_negatives: u64,
    /// Faulty rows called good.
    pub false_negatives: u64,
}

/// How much a feature counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Its share (0..1).
    pub share: f64,
}

impl Family {
    /// Both, in the order of the matrix.
    pub const ALL: [Self; 2] = [Self::Forest, Self::Boosting];

    /// The name in params, parts and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forest => "forest",
            Self::Boosting => "boosting",
        }
    }

    /// The name of the output that holds a model of this family.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Forest => "forest.parquet",
            Self::Boosting => "model.ubj",
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
