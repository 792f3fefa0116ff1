//! Dropping columns that say nothing: those with one value in all training rows.

use serde::{Deserialize, Serialize};

use crate::classifier::{OwnedSamples, Samples};
use crate::error::LearnError;

/// The columns kept, by index into the table it was fitted on, rising.
///
/// A column is dropped when its smallest and largest value are the same number; a standard deviation compared with zero
/// would keep constant columns whose mean does not round to their value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VarianceFilter {
    n_features_in: usize,
    kept: Vec<usize>,
}

impl VarianceFilter {
    /// Finds the columns with at least two values.
    ///
    /// # Errors
    /// When there are no rows or a value is NaN.
    pub fn fit(samples: &Samples<'_>) -> Result<Self, LearnError> {
        if samples.n_samples == 0 {
            return Err(LearnError::Empty { what: "the table to drop constant columns of" });
        }
        if let Some(position) = samples.features.iter().position(|value| value.is_nan()) {
            return Err(LearnError::BadValue {
                what: "the value",
                position,
                found: f64::NAN,
                expected: "a number (impute first)",
            });
        }
        let varies = varying_columns(samples.n_features, samples.rows());
        Ok(Self { n_features_in: samples.n_features, kept: (0..samples.n_features).filter(|&i| varies[i]).collect() })
    }

    /// Indices of the columns kept, rising.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// Number of columns it was fitted on.
    pub fn n_features_in(&self) -> usize {
        self.n_features_in
    }

    /// Keeps the chosen columns of every row.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one, or the state names a column that does not exist.
    pub fn transform(&self, samples: &Samples<'_>) -> Result<OwnedSamples, LearnError> {
        samples.expect_features(self.n_features_in)?;
        if let Some(&column) = self.kept.iter().find(|&&i| i >= self.n_features_in) {
            return Err(LearnError::Malformed {
                what: "the variance filter",
                message: format!("column {column} of {}", self.n_features_in),
            });
        }
        let mut chosen = Vec::with_capacity(samples.n_samples * self.kept.len());
        for row in samples.rows() {
            chosen.extend(self.kept.iter().map(|&i| row[i]));
        }
        OwnedSamples::new(chosen, samples.n_samples, self.kept.len())
    }
}

/// Says of every column whether it holds two different numbers.
#[expect(clippy::float_cmp, reason = "the question is whether the very same number stands in all rows")]
pub(crate) fn varying_columns<'a>(n_features: usize, rows: impl Iterator<Item = &'a [f32]>) -> Vec<bool> {
    let mut rows = rows.peekable();
    let first = rows.peek().copied().unwrap_or_default();
    let mut varies = vec![false; n_features];
    for row in rows {
        for ((varies, value), first) in varies.iter_mut().zip(row).zip(first) {
            *varies |= value != first;
        }
    }
    varies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_columns_go() {
        let values = [0.1, 1.0, 0.1, 2.0, 0.1, 1.0];
        let samples = Samples::new(&values, 3, 2).unwrap();
        let filter = VarianceFilter::fit(&samples).unwrap();
        assert_eq!(filter.kept(), [1]);
        assert_eq!(filter.transform(&samples).unwrap().as_samples().features, [1.0, 2.0, 1.0]);
    }

    #[test]
    fn missing_values_and_no_rows_are_refused() {
        assert!(VarianceFilter::fit(&Samples::new(&[f32::NAN], 1, 1).unwrap()).is_err());
        assert!(VarianceFilter::fit(&Samples::new(&[], 0, 1).unwrap()).is_err());
    }

    #[test]
    fn a_state_that_names_no_column_is_refused() {
        let filter: VarianceFilter = serde_json::from_str(r#"{"n_features_in": 1, "kept": [1]}"#).unwrap();
        assert!(matches!(filter.transform(&Samples::new(&[1.0], 1, 1).unwrap()), Err(LearnError::Malformed { .. })));
    }
}
