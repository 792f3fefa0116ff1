//! What `promote` hands on: `bundle.json`, the index of a model version, and `verdict.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::train::{Family, HyperParams, Metrics};
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
    /// The least probability (0..1) at which a row is called faulty.
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
    /// The new version on the rows that neither version was fitted on; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Metrics>,
    /// The champion on the same rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Metrics>,
    /// The gate it was judged by.
    pub gate: Gate,
}

/// The choice for one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// The cluster's number, or `pooled`.
    pub model: String,
    /// The clusters that it serves in the bundle; none when the pooled model stands in.
    pub clusters: Vec<u64>,
    /// The chosen family: the greatest out-of-fold average precision, the first of equals; absent when none was trained.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// By how much its average precision must exceed the champion's on the same rows.
    pub min_average_precision_gain: f64,
    /// The least ROC AUC on those rows, for a first champion too; absent: none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_roc_auc: Option<f64>,
}
