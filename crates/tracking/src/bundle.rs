//! The index of a model bundle.

use std::collections::BTreeMap;

use faultline_contract::{Digest, StepKey};
use serde::{Deserialize, Serialize};

/// The format that this version writes. Readers accept any; unknown fields are ignored.
pub const FORMAT_VERSION: u32 = 1;

/// What a bundle predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes, with the probability of the second.
    Binary,
}

/// `bundle.json`: what a version consists of. It is written last, and a version without it does not exist.
/// Equal work gives equal bytes: it holds no time, run id or URI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleIndex {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What is predicted.
    pub task: Task,
    /// The names of the raw features, in the order in which the preprocessor takes them.
    pub features: Vec<String>,
    /// The names of the two classes, negative first: `good`, `faulty`.
    pub labels: [String; 2],
    /// The model that scores each cluster, by cluster number.
    pub model_of_cluster: Vec<String>,
    /// The models by name.
    pub models: BTreeMap<String, BundleModel>,
    /// The seed of the training run.
    pub seed: u64,
    /// The step keys of what made the bundle, by step or `step/part`.
    pub makers: BTreeMap<String, StepKey>,
    /// Every file of the bundle but this index, sorted by path.
    pub files: Vec<BundleFile>,
}

/// One model of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleModel {
    /// The family: `forest` or `boosting`.
    pub family: String,
    /// The model's file, relative to the bundle.
    pub file: String,
    /// The least probability (0..1) at which a record is called faulty.
    pub threshold: f64,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFile {
    /// Where it is, relative to the bundle.
    pub path: String,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}
