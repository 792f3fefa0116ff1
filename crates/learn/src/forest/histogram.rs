//! Our own engine: the columns are binned once, then trees grow side by side.

use rayon::prelude::*;

use super::bins::Bins;
use super::grow::{Grower, Item, bootstrap};
use super::nodes::Node;
use super::params::{ClassWeight, ForestParams};
use super::{Forest, ForestEngine, check};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::random::substream;

/// Random streams of a tree.
const BOOTSTRAP: u64 = 0;
const COLUMNS: u64 = 1;

/// Random forests on histograms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Histogram;

impl ForestEngine for Histogram {
    fn fit(
        &self,
        samples: &Samples<'_>,
        labels: &[bool],
        weights: Option<&[f64]>,
        params: &ForestParams,
    ) -> Result<Forest, LearnError> {
        check(samples, labels, weights, params)?;
        let weights = row_weights(labels, weights, params.class_weight);
        let bins = Bins::new(samples);
        let trees: Vec<Vec<Node>> = (0..params.n_estimators)
            .into_par_iter()
            .map_init(
                || Grower::new(&bins, params),
                |grower, tree| {
                    let seed = substream(params.seed, tree as u64);
                    let mut items = draw(labels, &weights, seed);
                    grower.grow(tree as u32, substream(seed, COLUMNS), &mut items)
                },
            )
            .collect();
        Forest::from_nodes(samples.n_features, trees.concat())
    }
}

/// Every row's weight: its own times that of its class.
fn row_weights(labels: &[bool], weights: Option<&[f64]>, class_weight: ClassWeight) -> Vec<f64> {
    let own = |i: usize| weights.map_or(1.0, |weights| weights[i]);
    let mut classes = [1.0, 1.0];
    if class_weight == ClassWeight::Balanced {
        for (class, weight) in [false, true].into_iter().zip(&mut classes) {
            let members = labels.iter().filter(|&&label| label == class).count();
            if members > 0 {
                *weight = labels.len() as f64 / (2.0 * members as f64);
            }
        }
    }
    labels.iter().enumerate().map(|(i, &label)| own(i) * classes[usize::from(label)]).collect()
}

/// The rows of a bootstrap sample that weigh something. Should none of them, all rows are taken.
fn draw(labels: &[bool], weights: &[f64], seed: u64) -> Vec<Item> {
    let items = |count_of: &dyn Fn(usize) -> u32| -> Vec<Item> {
        (0..labels.len())
            .map(|i| Item { row: i as u32, positive: labels[i], weight: weights[i] * f64::from(count_of(i)) })
            .filter(|item| item.weight > 0.0)
            .collect()
    };
    let counts = bootstrap(labels.len(), seed, BOOTSTRAP);
    let drawn = items(&|i| counts[i]);
    if drawn.is_empty() { items(&|_| 1) } else { drawn }
}
