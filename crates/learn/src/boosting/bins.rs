//! A fold's rows, binned once for all grid points that are tried on it.

use faultline_xgboost::{Booster, DMatrix, Output};

use super::{BoostingParams, ValidBoostingParams, binned, refused};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::selection::Fold;

/// Most rows to fit on, a power of two: with many rows to a bin histograms win.
pub(super) const MAX_ROWS: usize = 4_096;

/// Most bins of a column: the number after the last one stands for missing values.
const MAX_BINS: usize = u16::MAX as usize - 1;

/// Columns are scanned this many at a time.
pub(super) const LANES: usize = 4;

/// Rows to fit on, sorted by every column, and rows to score, as bins.
///
/// Columns in which all rows share a bin are left out: nothing can be split by them.
pub(super) struct Bins {
    /// Rows to fit on.
    pub(super) n_train: usize,
    /// Rows to score.
    pub(super) n_test: usize,
    /// For every column the rows to fit on, in the order of their bins, and those bins.
    ranked_rows: Vec<u16>,
    ranked_codes: Vec<u16>,
    /// For every column `n_test` bins.
    test: Vec<u16>,
    /// The log-odds that every row starts with.
    pub(super) base_margin: f32,
}

impl Bins {
    /// Bins the rows of a fold as the library does for `params` (of which only the bins and the weight of faulty rows matter). None for tables
    /// that are not handled here: too many rows or bins, or missing values among the rows to fit on.
    ///
    /// # Errors
    /// As in [`probe`].
    pub(super) fn new(
        samples: &Samples<'_>,
        fold: &Fold,
        targets: &[u8],
        params: &BoostingParams,
    ) -> Result<Option<Self>, LearnError> {
        if fold.train.len() > MAX_ROWS {
            return Ok(None);
        }
        // Missing values of rows to score go right at every split, as in a table without any: beyond the last bin.
        let Some((edges, base_margin)) = probe(samples, fold, targets, params, MAX_BINS)? else { return Ok(None) };
        let mut bins = Self {
            n_train: fold.train.len(),
            n_test: fold.test.len(),
            ranked_rows: Vec::new(),
            ranked_codes: Vec::new(),
            test: Vec::new(),
            base_margin,
        };
        let mut column = Vec::with_capacity(bins.n_train);
        for (feature, edges) in edges.iter().enumerate() {
            let below = |value: f32| edges.partition_point(|&edge| edge <= value);
            let value = |row: usize| samples.features[row * samples.n_features + feature];
            let last = edges.len().saturating_sub(1);
            column.clear();
            let places = fold.train.iter().enumerate();
            column.extend(places.map(|(place, &row)| (below(value(row)).min(last) << 16 | place) as u32));
            column.sort_unstable();
            if column.first().map(|entry| entry >> 16) == column.last().map(|entry| entry >> 16) {
                continue;
            }
            bins.ranked_rows.extend(column.iter().map(|&entry| entry as u16));
            bins.ranked_codes.extend(column.iter().map(|&entry| (entry >> 16) as u16));
            bins.test.extend(fold.test.iter().map(|&row| {
                let value = value(row);
                if value.is_nan() { u16::MAX } else { below(value) as u16 }
            }));
        }
        Ok(Some(bins))
    }

    /// The rows to fit on in the order of a column's bins.
    pub(super) fn rows(&self, place: usize) -> &[u16] {
        &self.ranked_rows[place * self.n_train..(place + 1) * self.n_train]
    }

    /// The bins of [`Self::rows`].
    pub(super) fn bins(&self, place: usize) -> &[u16] {
        &self.ranked_codes[place * self.n_train..(place + 1) * self.n_train]
    }

    /// The bins of a column's rows to score.
    pub(super) fn test_column(&self, place: usize) -> &[u16] {
        &self.test[place * self.n_test..(place + 1) * self.n_test]
    }

    /// Number of columns that are not left out.
    pub(super) fn n_columns(&self) -> usize {
        self.ranked_rows.len() / self.n_train.max(1)
    }
}

/// The upper edges of every column's bins, and the log-odds that every row starts with.
pub(super) type Probed = (Vec<Vec<f32>>, f32);

/// The edges of the bins and the log-odds to start with, by a round of the library that moves nothing. None where a value is missing among the
/// rows to fit on, or a column has more than `max_bins` bins or edges that do not rise.
///
/// # Errors
/// When the library fails, or the fold names a row to score that is not there.
pub(super) fn probe(
    samples: &Samples<'_>,
    fold: &Fold,
    targets: &[u8],
    params: &BoostingParams,
    max_bins: usize,
) -> Result<Option<Probed>, LearnError> {
    samples.expect_rows(&fold.test)?;
    let is_finite = |&row: &usize| samples.row(row).iter().all(|value| value.is_finite());
    if !fold.train.iter().all(is_finite) {
        return Ok(None);
    }
    let data = binned(samples, Some(&fold.train), targets, None, params.max_bin)?;
    let still = ValidBoostingParams(BoostingParams { learning_rate: 0.0, max_depth: 1, ..params.clone() });
    let booster = Booster::train(&still.to_library(0), &data, 1).map_err(|error| refused(&error))?;
    let edges = data.bin_edges().map_err(|error| refused(&error))?;
    let rises = |edges: &[f32]| edges.windows(2).all(|pair| pair[0] < pair[1]);
    if edges.iter().any(|edges| edges.len() > max_bins || !rises(edges)) {
        return Ok(None);
    }
    let first = fold.train.first().map_or(&[][..], |&row| samples.row(row));
    let row = DMatrix::from_dense(first, 1, samples.n_features).map_err(|error| refused(&error))?;
    let margin = booster.predict(&row, Output::Margin, None).map_err(|error| refused(&error))?;
    Ok(Some((edges, margin.first().copied().unwrap_or(f32::NAN))))
}
