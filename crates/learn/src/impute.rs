//! Filling missing values from the nearest training rows: scikit-learn's `KNNImputer` with uniform weights and the
//! nan-Euclidean distance.
//!
//! The distance of two rows is taken over the columns that both have, scaled up to all columns: the mean squared
//! difference decides who is near. A missing value becomes the mean of that column over the `n_neighbors` nearest donors
//! that have it (all of them where fewer do). A row that shares no column with any such donor gets the column's mean
//! over the training rows. Columns without a value in training are dropped.
//!
//! Neighbours are sought in two passes. A quick one in f32, by matrix products over blocks of rows, gives every distance
//! and a bound on its rounding error; those that could be among the nearest are then measured exactly, in f64 and always
//! in the same order. So the result does not depend on the blocks, the threads or the other rows of the batch. Donors at
//! equal distance are taken in the order of the training rows.

use rand::seq::index;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::{OwnedSamples, Samples};
use crate::error::LearnError;
use crate::random::generator;

mod donors;
mod neighbours;
mod quick;

use donors::Donors;
use neighbours::fill_block;

/// Rows that one task fills; the matrix products work on blocks of this many rows.
const BLOCK_ROWS: usize = 64;

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnnImputerParams {
    /// Neighbours that a value is the mean of, at least 1. scikit-learn's default is 5, the original system's 3.
    pub n_neighbors: usize,
    /// Training rows kept as donors, at least 1. Up to that many the imputer is exact; of more a sample is drawn.
    pub max_donors: usize,
    /// Seed of that sample.
    pub seed: u64,
}

/// The part of a fitted imputer that is not a table. The donors are one: see [`KnnImputer::donors`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnnImputerState {
    /// Neighbours that a value is the mean of.
    pub n_neighbors: usize,
    /// Columns of the table it was fitted on.
    pub n_features_in: usize,
    /// Columns kept, rising: those with a value in some training row.
    pub kept: Vec<usize>,
    /// Mean of every kept column over all training rows that have it.
    pub means: Vec<f64>,
    /// Training rows it was fitted on; the donors are as many, or a sample of them.
    pub n_samples_seen: usize,
}

/// A fitted imputer.
#[derive(Debug, Clone)]
pub struct KnnImputer {
    state: KnnImputerState,
    donors: OwnedSamples,
    index: Donors,
}

impl KnnImputer {
    /// Keeps the training rows (or a seeded sample of `max_donors` of them, in their order) as donors.
    ///
    /// # Errors
    /// When there are no rows, a value is infinite, or a param is 0.
    pub fn fit(samples: &Samples<'_>, params: &KnnImputerParams) -> Result<Self, LearnError> {
        Self::fit_rows(samples, &(0..samples.n_samples).collect::<Vec<_>>(), params)
    }

    /// As [`KnnImputer::fit`], on the named rows alone.
    ///
    /// # Errors
    /// As [`KnnImputer::fit`], and when a row does not exist.
    pub fn fit_rows(samples: &Samples<'_>, rows: &[usize], params: &KnnImputerParams) -> Result<Self, LearnError> {
        for (param, found) in [("n_neighbors", params.n_neighbors), ("max_donors", params.max_donors)] {
            if found == 0 {
                return Err(LearnError::Param { param, found: found.to_string(), expected: "at least 1" });
            }
        }
        if rows.is_empty() {
            return Err(LearnError::Empty { what: "the table to fit the imputer on" });
        }
        samples.expect_rows(rows)?;
        for &row in rows {
            check_finite(samples.row(row), row * samples.n_features)?;
        }
        let (kept, means) = observed_columns(samples, rows);
        let state = KnnImputerState {
            n_neighbors: params.n_neighbors,
            n_features_in: samples.n_features,
            kept,
            means,
            n_samples_seen: rows.len(),
        };
        let mut places: Vec<usize> = if rows.len() > params.max_donors {
            index::sample(&mut generator(params.seed, 0), rows.len(), params.max_donors).into_vec()
        } else {
            (0..rows.len()).collect()
        };
        places.sort_unstable();
        let donors: Vec<usize> = places.into_iter().map(|place| rows[place]).collect();
        Self::from_state(state, samples.select(&donors)?)
    }

    /// Puts a fitted imputer together again from its state and its donors.
    ///
    /// # Errors
    /// When state and donors do not belong together or hold what no fit writes.
    pub fn from_state(state: KnnImputerState, donors: OwnedSamples) -> Result<Self, LearnError> {
        let malformed = |message: &str| LearnError::Malformed { what: "the imputer", message: message.to_owned() };
        if state.n_neighbors == 0 {
            return Err(malformed("no neighbours"));
        }
        if state.means.len() != state.kept.len() {
            return Err(malformed("as many means as kept columns are needed"));
        }
        let rising = state.kept.windows(2).all(|pair| pair[0] < pair[1]);
        let exist = state.kept.last().is_none_or(|&i| i < state.n_features_in);
        if !rising || !exist {
            return Err(malformed("the kept columns do not rise or do not exist"));
        }
        donors.as_samples().expect_features(state.n_features_in)?;
        check_finite(donors.as_samples().features, 0)?;
        let kept_values = select_columns(&donors.as_samples(), &state.kept);
        let index = Donors::new(kept_values, &state.means);
        Ok(Self { state, donors, index })
    }

    /// The part of the fit that is not a table.
    pub fn state(&self) -> &KnnImputerState {
        &self.state
    }

    /// The donor rows, as they were given: all columns, missing values NaN.
    pub fn donors(&self) -> Samples<'_> {
        self.donors.as_samples()
    }

    /// Fills the missing values of every row and drops the columns that training did not have. A row is filled the same
    /// alone as in any batch.
    ///
    /// Costs rows with missing values x donors x columns; memory is 12 bytes per donor value, and 4 bytes x donors x 64
    /// per thread.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one or a value is infinite.
    pub fn transform(&self, samples: &Samples<'_>) -> Result<OwnedSamples, LearnError> {
        samples.expect_features(self.state.n_features_in)?;
        check_finite(samples.features, 0)?;
        let n_features = self.state.kept.len();
        let mut filled = select_columns(samples, &self.state.kept);
        if n_features > 0 {
            let mut incomplete: Vec<&mut [f32]> =
                filled.chunks_exact_mut(n_features).filter(|row| row.iter().any(|value| value.is_nan())).collect();
            incomplete
                .par_chunks_mut(BLOCK_ROWS)
                .for_each(|block| fill_block(&self.index, self.state.n_neighbors, block));
        }
        OwnedSamples::new(filled, samples.n_samples, n_features)
    }
}

/// The columns with a value, and their means in f64.
fn observed_columns(samples: &Samples<'_>, rows: &[usize]) -> (Vec<usize>, Vec<f64>) {
    let mut sums = vec![(0.0_f64, 0_u64); samples.n_features];
    for row in rows.iter().map(|&row| samples.row(row)) {
        for ((sum, count), &value) in sums.iter_mut().zip(row) {
            if !value.is_nan() {
                *sum += f64::from(value);
                *count += 1;
            }
        }
    }
    sums.iter()
        .enumerate()
        .filter(|(_, (_, count))| *count > 0)
        .map(|(column, (sum, count))| (column, sum / *count as f64))
        .unzip()
}

fn select_columns(samples: &Samples<'_>, columns: &[usize]) -> Vec<f32> {
    let mut chosen = Vec::with_capacity(samples.n_samples * columns.len());
    for row in samples.rows() {
        chosen.extend(columns.iter().map(|&i| row[i]));
    }
    chosen
}

/// Refuses infinite values; the first stands at `start` of its table.
fn check_finite(values: &[f32], start: usize) -> Result<(), LearnError> {
    match values.iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(position) => Err(LearnError::BadValue {
            what: "the value",
            position: start + position,
            found: f64::from(values[position]),
            expected: "a finite number, or NaN for missing",
        }),
    }
}

#[cfg(test)]
mod tests;
