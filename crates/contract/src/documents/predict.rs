//! What `predict` hands on beside its tables: `summary.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The decision on a row below its model's threshold.
pub const GOOD: &str = "good";
/// The decision on a row at or above its model's threshold.
pub const FAULTY: &str = "faulty";

/// `summary.json`: what was predicted, by cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The registered model.
    pub model: String,
    /// Its version that predicted.
    pub model_version: u64,
    /// Rows.
    pub rows: u64,
    /// Rows called faulty.
    pub rows_faulty: u64,
    /// The clusters by number, those without a row included.
    pub clusters: Vec<ClusterSummary>,
}

/// What was predicted for one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterSummary {
    /// Its number.
    pub cluster: usize,
    /// The name of the model that serves it.
    pub model: String,
    /// Rows.
    pub rows: u64,
    /// Rows called faulty.
    pub rows_faulty: u64,
}
