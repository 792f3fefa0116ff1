//! Random forests (Breiman, 2001) with class probabilities, behind one interface over engines.
//!
//! Whatever the engine, a fitted [`Forest`] is a plain table of nodes, so that a model opens with nothing but arrays: from
//! node 0 of each tree a row goes left when its value of `feature` is at most `threshold`, right otherwise, until a node
//! has no feature; the row's probability is the mean over the trees of the `probability` found there.
//!
//! | engine | splits | probabilities | weights |
//! |---|---|---|---|
//! | [`Engine::Histogram`], ours | up to 256 bins per column, exact up to 256 distinct values | share of the leaf | samples and classes |
//! | [`Engine::Smartcore`] | exact | share of the trees' votes | none |

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Samples};
use crate::error::LearnError;

mod bins;
mod contributions;
mod grow;
mod histogram;
mod nodes;
mod params;
mod smartcore_engine;

pub use nodes::{Node, Split};
pub use params::{ClassWeight, Criterion, Engine, ForestGrid, ForestGroup, ForestParams, MaxFeatures, group};

/// Rows that one task predicts.
const BLOCK_ROWS: usize = 256;

/// Something that grows forests.
pub trait ForestEngine {
    /// Grows a forest on the rows of `samples`, whose labels are `true` for the positive class (faulty).
    ///
    /// `weights` are one non-negative weight per row, on top of the class weights; none means 1 each.
    ///
    /// # Errors
    /// When the lengths differ, there are no rows, a value is not finite, a weight is negative, all weights are 0, a param
    /// is out of range, or the engine does not know what is asked for.
    fn fit(
        &self,
        samples: &Samples<'_>,
        labels: &[bool],
        weights: Option<&[f64]>,
        params: &ForestParams,
    ) -> Result<Forest, LearnError>;
}

/// A fitted forest: trees of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "nodes::Columns", into = "nodes::Columns")]
pub struct Forest {
    n_features: usize,
    nodes: Vec<Node>,
    /// Where each tree begins in `nodes`, and the end of the last.
    starts: Vec<usize>,
}

impl Forest {
    /// Puts a forest together from its table of nodes, in the order of trees and nodes.
    ///
    /// # Errors
    /// When the table is not one of a forest: trees or nodes out of order, children that do not come after their parent,
    /// features that do not exist, probabilities outside of 0 to 1.
    pub fn from_nodes(n_features: usize, nodes: Vec<Node>) -> Result<Self, LearnError> {
        let starts = nodes::check(n_features, &nodes)?;
        Ok(Self { n_features, nodes, starts })
    }

    /// Reads what [`Classifier::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are not those of a forest.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        serde_json::from_slice(bytes)
            .map_err(|error| LearnError::Malformed { what: "the forest", message: error.to_string() })
    }

    /// The table of nodes, by tree and node.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of columns it was fitted on.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of trees.
    pub fn n_estimators(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The probabilities that the forest's first `n_estimators` trees give when cut off at `max_depth` (no limit when
    /// none). With [`Engine::Histogram`] these are the probabilities of the forest fitted with those two params.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one or there are fewer trees.
    pub fn predict_proba_at(
        &self,
        samples: &Samples<'_>,
        n_estimators: usize,
        max_depth: Option<usize>,
    ) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features)?;
        if n_estimators == 0 || n_estimators > self.n_estimators() {
            return Err(LearnError::Param {
                param: "n_estimators",
                found: n_estimators.to_string(),
                expected: "at least 1, and no more than the trees there are",
            });
        }
        let max_depth = max_depth.unwrap_or(usize::MAX);
        let mut probabilities = vec![0.0; samples.n_samples];
        probabilities.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, probabilities)| {
            // tree by tree, so that a tree's nodes stay in the cache
            for &start in &self.starts[..n_estimators] {
                for (i, sum) in probabilities.iter_mut().enumerate() {
                    let row = samples.row(block * BLOCK_ROWS + i);
                    *sum += self.leaf(start, row, max_depth).probability;
                }
            }
            for sum in probabilities {
                *sum /= n_estimators as f64;
            }
        });
        Ok(probabilities)
    }

    /// Where a row ends up in the tree that begins at `start`.
    fn leaf(&self, start: usize, row: &[f32], max_depth: usize) -> &Node {
        let mut node = &self.nodes[start];
        let mut depth = 0;
        while let Some(split) = node.split
            && depth < max_depth
        {
            let left = row[split.feature as usize] <= split.threshold;
            let child = if left { split.left } else { split.right };
            node = &self.nodes[start + child as usize];
            depth += 1;
        }
        node
    }
}

impl Classifier for Forest {
    fn predict_proba(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        self.predict_proba_at(samples, self.n_estimators(), None)
    }

    /// JSON: `n_features` and one list per column of the node table.
    fn to_bytes(&self) -> Result<Vec<u8>, LearnError> {
        serde_json::to_vec(self)
            .map_err(|error| LearnError::Method { method: "writing the forest", message: error.to_string() })
    }
}

/// The engine of that name.
pub fn engine(engine: Engine) -> &'static dyn ForestEngine {
    match engine {
        Engine::Histogram => &histogram::Histogram,
        Engine::Smartcore => &smartcore_engine::Smartcore,
    }
}

/// Refuses what no engine can take.
fn check(
    samples: &Samples<'_>,
    labels: &[bool],
    weights: Option<&[f64]>,
    params: &ForestParams,
) -> Result<(), LearnError> {
    params.check()?;
    if samples.n_samples == 0 || samples.n_features == 0 {
        return Err(LearnError::Empty { what: "the table to grow a forest on" });
    }
    let lengths = [
        ("the list of labels", labels.len()),
        ("the list of weights", weights.map_or(samples.n_samples, <[f64]>::len)),
    ];
    for (what, found) in lengths {
        if found != samples.n_samples {
            return Err(LearnError::Length { what, found, expected: samples.n_samples });
        }
    }
    samples.expect_finite()?;
    let weights = weights.unwrap_or_default();
    if let Some(position) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
        return Err(LearnError::BadValue {
            what: "the weight",
            position,
            found: weights[position],
            expected: "a finite number, 0 or more",
        });
    }
    if !weights.is_empty() && weights.iter().all(|weight| *weight <= 0.0) {
        return Err(LearnError::Empty { what: "the sum of the weights" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
