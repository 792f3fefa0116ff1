//! Our own engine: the columns are binned once, then trees grow side by side.

use rayon::prelude::*;

use super::bins::Bins;
use super::grow::{Grower, bootstrap};
use super::judge::Judge;
use super::params::{ClassWeight, ForestParams};
use super::tally::{COUNT_LIMIT, Counts, Tally, Weights};
use super::tree::Tree;
use super::{Forest, ForestEngine, Prepared, check_labels, check_table};
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
    fn prepare<'a>(
        &self,
        samples: &Samples<'a>,
        rows: Option<&'a [usize]>,
    ) -> Result<Box<dyn Prepared + 'a>, LearnError> {
        check_table(samples, rows)?;
        Ok(Box::new(Bins::new(samples, rows)))
    }
}

impl Prepared for Bins {
    fn fit(&self, labels: &[bool], weights: Option<&[f64]>, params: &ForestParams) -> Result<Forest, LearnError> {
        check_labels(self.n_samples(), labels, weights, params)?;
        let judge = Judge::new(params.criterion, class_weights(labels, params.class_weight));
        let trees = match weights {
            None if self.n_samples() < COUNT_LIMIT => grow_all::<Counts>(self, &judge, labels, |_| 1.0, params),
            None => grow_all::<Weights>(self, &judge, labels, |_| 1.0, params),
            Some(weights) => grow_all::<Weights>(self, &judge, labels, |row| weights[row], params),
        };
        Ok(Forest { n_features: self.n_features(), trees })
    }
}

fn grow_all<T: Tally>(
    bins: &Bins,
    judge: &Judge,
    labels: &[bool],
    weight: impl Fn(usize) -> f64 + Sync,
    params: &ForestParams,
) -> Vec<Tree> {
    (0..params.n_estimators)
        .into_par_iter()
        .map_init(
            || (Grower::<T>::new(bins, judge, params), Vec::new()),
            |(grower, counts), tree| {
                let seed = substream(params.seed, tree as u64);
                bootstrap(labels.len(), seed, BOOTSTRAP, counts);
                draw(grower, labels, &weight, counts);
                grower.grow(substream(seed, COLUMNS))
            },
        )
        .collect()
}

/// Hands over the rows of a bootstrap sample that weigh something. Should none of them, all such rows are taken.
fn draw<T: Tally>(grower: &mut Grower<'_, T>, labels: &[bool], weight: impl Fn(usize) -> f64, counts: &[u32]) {
    let items = &mut grower.items;
    let mut take = |count_of: &dyn Fn(usize) -> u32| {
        items.rows.clear();
        items.tallies.clear();
        for (row, label) in labels.iter().enumerate() {
            let (count, weight) = (count_of(row), weight(row));
            if count > 0 && weight > 0.0 {
                items.rows.push(row as u32);
                items.tallies.push(T::of(*label, count, weight));
            }
        }
        !items.rows.is_empty()
    };
    if !take(&|row| counts[row]) {
        take(&|_| 1);
    }
}

/// The weights of the negative and the positive class.
fn class_weights(labels: &[bool], class_weight: ClassWeight) -> [f64; 2] {
    let weight = |class: bool| {
        let members = labels.iter().filter(|label| **label == class).count();
        if members > 0 { labels.len() as f64 / (2.0 * members as f64) } else { 1.0 }
    };
    match class_weight {
        ClassWeight::None => [1.0, 1.0],
        ClassWeight::Balanced => [weight(false), weight(true)],
    }
}
