//! What `promote` hands on: `bundle.json`, the index of a model version, and `verdict.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluation::{Assessment, Calibration, Comparison, Metrics};
use super::train::{Family, HyperParams};
use crate::{Digest, StepKey};

/// The bundle format that this version writes. Readers accept any; unknown fields are ignored.
pub const BUNDLE_FORMAT_VERSION: u32 = 1;

/// What a bundle predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes, with the probability of the second.
    Binary,
}

/// `bundle.json`: what a version consists of. It is written last, and a version without it does not exist.
/// Equal work gives equal bytes: it holds no time, run id or URI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BundleIndex {
    /// See [`BUNDLE_FORMAT_VERSION`].
    pub format_version: u32,
    /// What is predicted.
    pub task: Task,
    /// The data set, from the schema.
    pub dataset: String,
    /// The names of the raw features, in the order in which the preprocessor takes them.
    pub features: Vec<String>,
    /// The names of the two classes: `good`, then `faulty`.
    pub labels: [String; 2],
    /// The name of the model that scores each cluster, by cluster number.
    pub model_of_cluster: Vec<String>,
    /// The models by name.
    pub models: BTreeMap<String, BundleModel>,
    /// The seed of the training run.
    pub seed: u64,
    /// The share of wafers (0..1) that nothing was fitted on; with the seed and the data set it tells for every id whether it
    /// is one of them.
    pub holdout_ratio: f64,
    /// The step keys of what made the bundle, by step or `step/part`.
    pub makers: BTreeMap<String, StepKey>,
    /// Every file of the bundle but this index, sorted by path.
    pub files: Vec<BundleFile>,
}

/// One model of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BundleModel {
    /// The family, which also tells the format of the file.
    pub family: Family,
    /// The model's file, relative to the bundle: `models/<name>/<file>`.
    pub file: String,
    /// How its probability is calibrated.
    #[serde(default)]
    pub calibration: Calibration,
    /// The least calibrated probability at which a row is called faulty; above 1 no row is.
    pub threshold: f64,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BundleFile {
    /// Where it is, relative to the bundle.
    pub path: String,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Whether a version becomes champion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is champion from here on.
    Promote,
    /// It stays a version that can be looked at.
    Hold,
}

/// `verdict.json`: what was chosen, how it did, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The decision.
    pub verdict: Decision,
    /// Whether there was no champion to compare with.
    pub is_first: bool,
    /// Why, in words.
    pub reason: String,
    /// What a reader has to bear in mind, in words.
    pub warnings: Vec<String>,
    /// The registered model.
    pub model: String,
    /// The version that this run made.
    pub version: u64,
    /// The champion it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion_version: Option<u64>,
    /// What was chosen for every model, and from what.
    pub choices: Vec<Choice>,
    /// The ways to put a version together, judged on the same out-of-fold rows; the first is the one chosen.
    pub compositions: Vec<Composition>,
    /// The new version on the rows that neither version was fitted on; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Assessment>,
    /// The champion on the same rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Assessment>,
    /// By how much the new version differs from the champion there; absent without both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Comparison>,
    /// The new version on the same rows, cluster by cluster, without clusters that have none of them.
    pub clusters: Vec<ClusterMetrics>,
    /// Features that tell faulty wafers so well, in one part of the time at least, that they may know the answer.
    pub suspects: Vec<Suspect>,
    /// The gate it was judged by.
    pub gate: Gate,
}

/// One way to put a version together from what was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Composition {
    /// Its name: `per-cluster`, or `pooled-<family>`.
    pub name: String,
    /// The model of every cluster, as `<model>-<family>`, by cluster number.
    pub model_of_cluster: Vec<String>,
    /// On the out-of-fold predictions of all training rows.
    pub out_of_fold: Assessment,
    /// The same cluster by cluster, without clusters that have no training row.
    pub clusters: Vec<ClusterMetrics>,
    /// On the late training rows, fitted on the early ones; absent when a model has no such predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Assessment>,
}

/// Figures on the rows of one cluster. With few faulty rows they describe these rows and say little of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterMetrics {
    /// Its number.
    pub cluster: usize,
    /// The figures.
    pub assessment: Assessment,
}

/// A feature that may know the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// The feature.
    pub feature: String,
    /// The training rows that it was looked at on: `all`, `early` or `late`.
    pub rows: String,
    /// The area under the ROC curve when the feature alone ranks the wafers, taken the way round that is above 0.5.
    pub roc_auc: f64,
}

/// The choice for one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// The cluster's number, or `pooled`.
    pub model: String,
    /// The clusters that it serves in the version.
    pub clusters: Vec<u64>,
    /// The family: the greatest out-of-fold average precision, the first of equals; absent when none was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Family>,
    /// What there was to choose from.
    pub contenders: Vec<Contender>,
}

/// The best point of one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contender {
    /// The family.
    pub family: Family,
    /// Its hyper-parameters; empty when nothing was trained.
    pub params: HyperParams,
    /// Figures of its out-of-fold predictions; absent when nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_fold: Option<Metrics>,
    /// Why nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a challenger must show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// By how much its average precision must exceed the champion's: the lower end of the interval must be greater.
    pub min_average_precision_gain: f64,
    /// The least ROC AUC on the rows that neither has seen, for a first champion too; absent: none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_roc_auc: Option<f64>,
    /// The share of resamples (0..1) that lie within an interval.
    pub level: f64,
    /// Number of resamples of the bootstrap.
    pub n_resamples: u64,
}
