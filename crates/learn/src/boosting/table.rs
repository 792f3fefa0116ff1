//! A fold's rows with one byte a value, column by column: for tables of many rows, and for rows and columns that are drawn.

use super::BoostingParams;
use super::bins::probe;
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::selection::Fold;

/// Most bins of a column.
const MAX_BINS: usize = 256;

/// Rows that are taken over at a time, so that they stay in a near cache.
const BLOCK_ROWS: usize = 256;

/// Values that are looked up side by side: the processor works on the next while one waits for its edge.
const ABREAST: usize = 16;

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
    /// As in [`probe`].
    pub(super) fn new(
        samples: &Samples<'_>,
        fold: &Fold,
        targets: &[u8],
        params: &BoostingParams,
    ) -> Result<Option<Self>, LearnError> {
        let Some((edges, base_margin)) = probe(samples, fold, targets, params, MAX_BINS)? else { return Ok(None) };
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
    let mut values = [0.0; BLOCK_ROWS];
    for (block, rows_of_block) in rows.chunks(BLOCK_ROWS).enumerate() {
        for (column, edges) in edges.iter().enumerate() {
            for (value, &row) in values.iter_mut().zip(rows_of_block) {
                *value = samples.features[row * samples.n_features + column];
            }
            let values = &values[..rows_of_block.len()];
            let codes = &mut codes[column * rows.len() + block * BLOCK_ROWS..][..values.len()];
            look_up(edges, values, codes);
        }
    }
    codes
}

/// The bin of each of the values, by the upper edges of the bins.
fn look_up(edges: &[f32], values: &[f32], codes: &mut [u8]) {
    // Edges that are not there are above all values.
    let mut padded = [f32::INFINITY; MAX_BINS];
    padded[..edges.len()].copy_from_slice(edges);
    for (values, codes) in values.chunks(ABREAST).zip(codes.chunks_mut(ABREAST)) {
        // How many edges are at most the value: all halve the edges that are left alike, wherever these are.
        let mut below = [0_usize; ABREAST];
        let mut left = edges.len();
        while left > 1 {
            let half = left / 2;
            for (below, value) in below.iter_mut().zip(values) {
                *below += half * usize::from(padded[(*below + half - 1) % MAX_BINS] <= *value);
            }
            left -= half;
        }
        for ((code, below), value) in codes.iter_mut().zip(below).zip(values) {
            let below = below + usize::from(padded[below % MAX_BINS] <= *value);
            *code = if value.is_nan() { u8::MAX } else { below.min(edges.len().saturating_sub(1)) as u8 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bin_is_the_number_of_edges_at_most_the_value() {
        for n in [0_u8, 1, 2, 3, 17, 64, 255] {
            let edges: Vec<f32> = (0..n).map(f32::from).collect();
            let values: Vec<f32> = (-2..530_i16).map(|twice| f32::from(twice) / 2.0).collect();
            let mut codes = vec![0; values.len()];
            look_up(&edges, &values, &mut codes);
            for (value, code) in values.iter().zip(codes) {
                let below = edges.partition_point(|edge| edge <= value);
                assert_eq!(usize::from(code), below.min(edges.len().saturating_sub(1)), "{n} {value}");
            }
        }
        let mut code = [0];
        look_up(&[1.0, 2.0], &[f32::NAN], &mut code);
        assert_eq!(code, [u8::MAX]);
    }
}
