//! What `cluster` hands on beside the assignments: `clusters.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::preprocess::RowCounts;

/// Rows of each class without which nothing can be learned: one to fit on while the other is scored.
pub const LEAST_CLASS_ROWS: u64 = 2;

/// `clusters.json`: the clusters, how their number was chosen, and which model serves which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clusters {
    /// Number of clusters.
    pub k: usize,
    /// The knee of the elbow curve; absent when it has none.
    pub knee: Option<usize>,
    /// Why `k` is what it is.
    pub chosen_by: ChosenBy,
    /// The inertia for each number of clusters tried.
    pub elbow: Vec<ElbowPoint>,
    /// The features that the centroids are given in, in their order.
    pub feature_names: Vec<String>,
    /// One centroid per cluster; a row belongs to the nearest by Euclidean distance, the first of equals.
    pub centroids: Vec<Vec<f64>>,
    /// The clusters, by number. Cluster 0 has the most training rows.
    pub clusters: Vec<ClusterCounts>,
    /// The models to train: numbers of clusters, and `pooled`, the model of all rows, where it is asked for or needed.
    pub models: Vec<String>,
    /// The model that serves each cluster, by number.
    pub model_of_cluster: BTreeMap<usize, String>,
}

/// Why there are as many clusters as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// The knee of the elbow curve.
    Knee,
    /// The curve has no knee, which says that the rows do not fall into clusters: there is one.
    NoKnee,
    /// Too few training rows for a curve: there is one.
    TooFewRows,
    /// The params ask for that number.
    Params,
}

/// One point of the elbow curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ElbowPoint {
    /// Number of clusters.
    pub k: usize,
    /// Sum over the training rows of the squared distance to the nearest centroid.
    pub inertia: f64,
}

/// The rows of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterCounts {
    /// Its number.
    pub cluster: usize,
    /// Its training rows.
    pub train: RowCounts,
    /// Its held-out rows.
    pub holdout: RowCounts,
    /// Whether it has enough training rows of both classes for a model of its own.
    pub trainable: bool,
}
