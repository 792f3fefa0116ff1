//! A fold's rows with one byte a value, column by column: for tables of many rows, and for rows and columns that are drawn.

use super::BoostingParams;
use super::bins::{probe, strictly_rising};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::selection::Fold;

/// Most bins of a column.
const MAX_BINS: usize = 256;

/// Rows that are taken over at a time, so that both sides stay in the nearest cache.
const BLOCK_ROWS: usize = 64;

/// Rows to fit on and rows to score, as bins.
pub(super) struct Table {
    pub(super) n_train: usize,
    pub(super) n_test: usize,
    train: Vec<u8>,
    test: Vec<u8>,
    n_bins: Vec<usize>,
    /// The log-odds that every row starts with.
    pub(super) base_margin: f32,
}

impl Table {
    /// Bins the rows of a fold as the library does for `params` (of which only the bins and the weight of faulty rows matter). None for tables
    /// that are not handled here: too many bins, or missing values among the rows to fit on.
    ///
    /// # Errors
    /// When the library fails, or the fold names a row that is not there.
    pub(super) fn new(
        samples: &Samples<'_>,
        fold: &Fold,
        targets: &[u8],
        params: &BoostingParams,
    ) -> Result<Option<Self>, LearnError> {
        samples.expect_rows(&fold.test)?;
        let (edges, base_margin) = probe(samples, &fold.train, targets, params)?;
        if edges.iter().any(|edges| edges.len() > MAX_BINS || !strictly_rising(edges)) {
            return Ok(None);
        }
        let is_finite = |&row: &usize| samples.row(row).iter().all(|value| value.is_finite());
        if !fold.train.iter().all(is_finite) {
            return Ok(None);
        }
        Ok(Some(Self {
            n_train: fold.train.len(),
            n_test: fold.test.len(),
            train: codes(samples, &fold.train, &edges),
            test: codes(samples, &fold.test, &edges),
            n_bins: edges.iter().map(|edges| edges.len().max(1)).collect(),
            base_margin,
        }))
    }

    /// Number of columns.
    pub(super) fn n_features(&self) -> usize {
        self.n_bins.len()
    }

    /// Number of bins of a column.
    pub(super) fn n_bins(&self, column: usize) -> usize {
        self.n_bins[column]
    }

    /// The bins of a column's rows to fit on.
    pub(super) fn column(&self, column: usize) -> &[u8] {
        &self.train[column * self.n_train..(column + 1) * self.n_train]
    }

    /// The bins of a column's rows to score.
    pub(super) fn test_column(&self, column: usize) -> &[u8] {
        &self.test[column * self.n_test..(column + 1) * self.n_test]
    }
}

/// The bin of every value, column by column. Missing values of rows to score go right at every split, as in a table without any: no split is
/// at the last bin.
fn codes(samples: &Samples<'_>, rows: &[usize], edges: &[Vec<f32>]) -> Vec<u8> {
    let mut codes = vec![0; rows.len() * edges.len()];
    for (block, rows_of_block) in rows.chunks(BLOCK_ROWS).enumerate() {
        for (column, edges) in edges.iter().enumerate() {
            let codes = &mut codes[column * rows.len() + block * BLOCK_ROWS..];
            for (code, &row) in codes.iter_mut().zip(rows_of_block) {
                let value = samples.features[row * samples.n_features + column];
                *code = if value.is_nan() { u8::MAX } else { below(edges, value).min(edges.len() - 1) as u8 };
            }
        }
    }
    codes
}

/// How many of the rising edges are at most `value`. No step hangs on what the one before it found but where it looks, so that the
/// processor need not guess.
fn below(edges: &[f32], value: f32) -> usize {
    let (mut start, mut left) = (0, edges.len());
    while left > 1 {
        let half = left / 2;
        start += half * usize::from(edges[start + half - 1] <= value);
        left -= half;
    }
    start + usize::from(edges.get(start).is_some_and(|edge| *edge <= value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_at_most_a_value_are_counted() {
        for n in 0..20_u8 {
            let edges: Vec<f32> = (0..n).map(f32::from).collect();
            for twice in -2..45_i8 {
                let value = f32::from(twice) / 2.0;
                assert_eq!(below(&edges, value), edges.partition_point(|edge| *edge <= value), "{n} {value}");
            }
        }
    }
}
