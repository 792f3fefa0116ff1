//! Random forests (Breiman, 2001) with class probabilities, behind one interface over engines.
//!
//! Whatever the engine, a fitted [`Forest`] is a plain table of nodes, so that a model opens with nothing but arrays: from
//! node 0 of each tree a row goes left when its value of `feature` is at most `threshold`, right otherwise, until a node
//! has no feature; the row's probability is the mean over the trees of the `probability` found there.
//!
//! | engine | splits | probabilities | weights |
//! |---|---|---|---|
//! | [`Engine::Histogram`], ours | up to 256 bins per column, down to single rows at its ends, exact up to 256 distinct values | share of the leaf | samples and classes |
//! | [`Engine::Smartcore`] | exact | share of the trees' votes | none |
//!
//! Weights say how often a row is drawn for a tree, where every draw counts as one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Samples};
use crate::error::LearnError;

mod bins;
mod codes;
mod contributions;
mod counting;
mod draws;
mod grow;
mod histogram;
mod judge;
mod nodes;
mod params;
mod smartcore_engine;
mod sweep;
mod tally;
mod tree;

pub use nodes::{Node, Split};
pub use params::{ClassWeight, Criterion, Engine, ForestGrid, ForestGroup, ForestParams, MaxFeatures, group};

use tree::{ABREAST, Tree};

/// Rows that one task predicts.
const BLOCK_ROWS: usize = 256;

/// Something that grows forests.
pub trait ForestEngine {
    /// Makes rows ready to grow any number of forests on: those named, in that order, or all of `samples`.
    ///
    /// # Errors
    /// When there are no rows or columns, a row does not exist, or one of its values is not finite.
    fn prepare<'a>(
        &self,
        samples: &Samples<'a>,
        rows: Option<&'a [usize]>,
    ) -> Result<Box<dyn Prepared + 'a>, LearnError>;

    /// Grows a forest on all rows of `samples`; see [`Prepared::fit`].
    ///
    /// # Errors
    /// As for [`ForestEngine::prepare`] and [`Prepared::fit`].
    fn fit(
        &self,
        samples: &Samples<'_>,
        labels: &[bool],
        weights: Option<&[f64]>,
        params: &ForestParams,
    ) -> Result<Forest, LearnError> {
        self.prepare(samples, None)?.fit(labels, weights, params)
    }
}

/// Rows that forests grow on.
pub trait Prepared: Send + Sync {
    /// Grows a forest on the rows, whose labels are `true` for the positive class (faulty).
    ///
    /// `weights` are one non-negative weight per row, on top of the class weights; none means 1 each.
    ///
    /// # Errors
    /// When the lengths differ, a weight is negative, all weights are 0, a param is out of range, or the engine does not know
    /// what is asked for.
    fn fit(&self, labels: &[bool], weights: Option<&[f64]>, params: &ForestParams) -> Result<Forest, LearnError>;
}

/// A fitted forest: trees of nodes. Takes 32 bytes per node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "nodes::Columns", into = "nodes::Columns")]
pub struct Forest {
    n_features: usize,
    trees: Vec<Tree>,
}

impl Forest {
    /// Puts a forest together from its table of nodes, in the order of trees and nodes.
    ///
    /// # Errors
    /// When the table is not one of a forest: trees or nodes out of order, children that do not come after their parent,
    /// features that do not exist, probabilities outside of 0 to 1.
    pub fn from_nodes(n_features: usize, nodes: impl IntoIterator<Item = Node>) -> Result<Self, LearnError> {
        Ok(Self { n_features, trees: nodes::trees(n_features, nodes)? })
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
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        let trees = self.trees.iter().enumerate();
        trees.flat_map(|(number, tree)| (0..tree.len()).map(move |node| tree.node(number as u32, node)))
    }

    /// Number of nodes of all trees.
    pub fn n_nodes(&self) -> usize {
        self.trees.iter().map(Tree::len).sum()
    }

    /// Number of columns it was fitted on.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of trees.
    pub fn n_estimators(&self) -> usize {
        self.trees.len()
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
        self.predict(samples, None, n_estimators, max_depth)
    }

    /// As [`Forest::predict_proba_at`], of the rows named alone, in that order.
    ///
    /// # Errors
    /// As for [`Forest::predict_proba_at`], and when a row does not exist.
    pub fn predict_rows_at(
        &self,
        samples: &Samples<'_>,
        rows: &[usize],
        n_estimators: usize,
        max_depth: Option<usize>,
    ) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, Some(rows), n_estimators, max_depth)
    }

    fn predict(
        &self,
        samples: &Samples<'_>,
        rows: Option<&[usize]>,
        n_estimators: usize,
        max_depth: Option<usize>,
    ) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features)?;
        samples.expect_rows(rows.unwrap_or_default())?;
        if n_estimators == 0 || n_estimators > self.n_estimators() {
            return Err(LearnError::Param {
                param: "n_estimators",
                found: n_estimators.to_string(),
                expected: "at least 1, and no more than the trees there are",
            });
        }
        let max_depth = max_depth.unwrap_or(usize::MAX);
        let mut probabilities = vec![0.0; rows.map_or(samples.n_samples, <[usize]>::len)];
        probabilities.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, probabilities)| {
            let row = |i: usize| samples.row(rows.map_or(i, |rows| rows[i]));
            let first = block * BLOCK_ROWS;
            let block: Vec<&[f32]> = (first..first + probabilities.len()).map(row).collect();
            // tree by tree, so that a tree's nodes stay in the cache
            for tree in &self.trees[..n_estimators] {
                for (rows, sums) in block.chunks(ABREAST).zip(probabilities.chunks_mut(ABREAST)) {
                    for (sum, probability) in sums.iter_mut().zip(tree.probabilities(rows, max_depth)) {
                        *sum += probability;
                    }
                }
            }
            for sum in probabilities {
                *sum /= n_estimators as f64;
            }
        });
        Ok(probabilities)
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

/// Refuses rows that no engine can take.
fn check_table(samples: &Samples<'_>, rows: Option<&[usize]>) -> Result<(), LearnError> {
    let n_rows = rows.map_or(samples.n_samples, <[usize]>::len);
    if n_rows == 0 || samples.n_features == 0 {
        return Err(LearnError::Empty { what: "the table to grow a forest on" });
    }
    samples.expect_finite_rows(rows)
}

/// Refuses labels, weights and params that no engine can take.
fn check_labels(
    n_samples: usize,
    labels: &[bool],
    weights: Option<&[f64]>,
    params: &ForestParams,
) -> Result<(), LearnError> {
    params.check()?;
    let lengths =
        [("the list of labels", labels.len()), ("the list of weights", weights.map_or(n_samples, <[f64]>::len))];
    for (what, found) in lengths {
        if found != n_samples {
            return Err(LearnError::Length { what, found, expected: n_samples });
        }
    }
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
