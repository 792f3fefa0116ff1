//! Our own engine: the columns are binned once, then trees grow side by side.

use rayon::prelude::*;

use super::bins::Bins;
use super::draws::Draws;
use super::grow::Grower;
use super::judge::Judge;
use super::params::ForestParams;
use super::tally::{COUNT_LIMIT, Counts, Tally, Wide};
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
        let judge = Judge::new(params.criterion);
        let draws = Draws::new(labels, weights, params.class_weight);
        let trees = if self.n_samples() < COUNT_LIMIT {
            grow_all::<Counts>(self, &judge, labels, &draws, params)
        } else {
            grow_all::<Wide>(self, &judge, labels, &draws, params)
        };
        Ok(Forest { n_features: self.n_features(), trees })
    }
}

fn grow_all<T: Tally>(bins: &Bins, judge: &Judge, labels: &[bool], draws: &Draws, params: &ForestParams) -> Vec<Tree> {
    (0..params.n_estimators)
        .into_par_iter()
        .map_init(
            || (Grower::<T>::new(bins, judge, params), Vec::new()),
            |(grower, counts), tree| {
                let seed = substream(params.seed, tree as u64);
                draws.draw(seed, BOOTSTRAP, counts);
                hand_over(grower, labels, counts);
                grower.grow(substream(seed, COLUMNS))
            },
        )
        .collect()
}

/// Hands over the rows of a bootstrap sample.
fn hand_over<T: Tally>(grower: &mut Grower<'_, T>, labels: &[bool], counts: &[u32]) {
    let items = &mut grower.items;
    items.rows.clear();
    items.tallies.clear();
    for (row, (&label, &count)) in labels.iter().zip(counts).enumerate() {
        if count > 0 {
            items.rows.push(row as u32);
            items.tallies.push(T::of(label, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::{ClassWeight, Criterion, MaxFeatures};
    use super::*;

    #[test]
    fn rows_are_counted_alike_in_narrow_and_in_wide_words() {
        let values: Vec<f32> = (0..3_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) % 997) as f32).collect();
        let labels: Vec<bool> = values.chunks(3).map(|row| row[0] > 800.0 || row[1] < 50.0).collect();
        let samples = Samples::new(&values, 1_000, 3).unwrap();
        let bins = Bins::new(&samples, None);
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            let params = ForestParams {
                n_estimators: 3,
                criterion,
                max_features: MaxFeatures::Sqrt,
                max_depth: None,
                min_samples_leaf: 1,
                class_weight: ClassWeight::Balanced,
                seed: 5,
            };
            let judge = Judge::new(criterion);
            let draws = Draws::new(&labels, None, params.class_weight);
            let forest = |trees| Forest { n_features: 3, trees };
            let narrow = forest(grow_all::<Counts>(&bins, &judge, &labels, &draws, &params));
            let wide = forest(grow_all::<Wide>(&bins, &judge, &labels, &draws, &params));
            assert!(narrow.n_nodes() > 30);
            assert_eq!(narrow, wide);
        }
    }

    #[test]
    fn a_forest_of_a_large_table_does_not_show_that_rows_were_gathered() {
        let (n_samples, n_features) = (20_000, 60);
        let values: Vec<f32> =
            (0..n_samples * n_features).map(|i| (i as u32).wrapping_mul(2_654_435_761) as f32).collect();
        let is_faulty = |row: &[f32]| row[0] + row[1] > row[2] + row[3] + 2e9;
        let labels: Vec<bool> = values.chunks(n_features).map(is_faulty).collect();
        let samples = Samples::new(&values, n_samples, n_features).unwrap();
        let params = ForestParams {
            n_estimators: 4,
            criterion: Criterion::Gini,
            max_features: MaxFeatures::Sqrt,
            max_depth: None,
            min_samples_leaf: 1,
            class_weight: ClassWeight::None,
            seed: 5,
        };
        let grow = |bins: Bins| bins.fit(&labels, None, &params).unwrap();
        let gathered = Bins::new(&samples, None);
        assert!(gathered.codes.is_sparse(1_000));
        let mut plain = Bins::new(&samples, None);
        plain.codes = plain.codes.never_sparse();
        assert!(!plain.codes.is_sparse(1_000));
        assert_eq!(grow(gathered), grow(plain));
    }
}
