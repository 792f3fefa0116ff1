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
        Self::fit_rows(samples, &(0..samples.n_samples).collect::<Vec<_>>())
    }

    /// As [`VarianceFilter::fit`], on the named rows alone.
    ///
    /// # Errors
    /// When no row is named, one does not exist, or a value of one is NaN.
    pub fn fit_rows(samples: &Samples<'_>, rows: &[usize]) -> Result<Self, LearnError> {
        if rows.is_empty() {
            return Err(LearnError::Empty { what: "the table to drop constant columns of" });
        }
        samples.expect_rows(rows)?;
        for &row in rows {
            if let Some(column) = samples.row(row).iter().position(|value| value.is_nan()) {
                return Err(LearnError::BadValue {
                    what: "the value",
                    position: row * samples.n_features + column,
                    found: f64::NAN,
                    expected: "a number (impute first)",
                });
            }
        }
        let varies = varying_columns(samples, rows);
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
        self.transform_owned(samples.owned())
    }

    /// As [`VarianceFilter::transform`], without another table.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one, or the state names a column that does not exist.
    pub fn transform_owned(&self, samples: OwnedSamples) -> Result<OwnedSamples, LearnError> {
        let n_samples = samples.as_samples().n_samples;
        samples.as_samples().expect_features(self.n_features_in)?;
        let rising = self.kept.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || self.kept.last().is_some_and(|&column| column >= self.n_features_in) {
            return Err(LearnError::Malformed {
                what: "the variance filter",
                message: format!("the columns kept do not rise within {}", self.n_features_in),
            });
        }
        let mut values = samples.into_features();
        // columns rise, so no value is written over before it was read
        for row in 0..n_samples {
            for (to, &column) in self.kept.iter().enumerate() {
                values[row * self.kept.len() + to] = values[row * self.n_features_in + column];
            }
        }
        values.truncate(n_samples * self.kept.len());
        OwnedSamples::new(values, n_samples, self.kept.len())
    }
}

/// Says of every column whether it holds two different numbers in the named rows, at least one.
#[expect(clippy::float_cmp, reason = "the question is whether the very same number stands in all rows")]
pub(crate) fn varying_columns(samples: &Samples<'_>, rows: &[usize]) -> Vec<bool> {
    let first = samples.row(rows[0]);
    let mut varies = vec![false; samples.n_features];
    for row in rows.iter().map(|&row| samples.row(row)) {
        for ((varies, value), first) in varies.iter_mut().zip(row).zip(first) {
            *varies |= value != first;
        }
    }
    varies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(filter: &VarianceFilter, values: &[f32], n_samples: usize) -> Result<Vec<f32>, LearnError> {
        let samples = OwnedSamples::new(values.to_vec(), n_samples, values.len() / n_samples)?;
        filter.transform_owned(samples).map(OwnedSamples::into_features)
    }

    #[test]
    fn constant_columns_go() {
        let values = [0.1, 1.0, 0.1, 2.0, 0.1, 1.0];
        let samples = Samples::new(&values, 3, 2).unwrap();
        let filter = VarianceFilter::fit_rows(&samples, &[0, 1, 2]).unwrap();
        assert_eq!(filter.kept(), [1]);
        assert_eq!(transform(&filter, &values, 3).unwrap(), [1.0, 2.0, 1.0]);
    }

    #[test]
    fn other_rows_are_not_looked_at() {
        let values = [1.0, 7.0, 8.0, f32::NAN, 2.0, 7.0];
        let samples = Samples::new(&values, 3, 2).unwrap();
        let filter = VarianceFilter::fit_rows(&samples, &[0, 2]).unwrap();
        assert_eq!(filter.kept(), [0]);
        assert_eq!(transform(&filter, &values, 3).unwrap(), [1.0, 8.0, 2.0]);
    }

    #[test]
    fn missing_values_and_no_rows_are_refused() {
        assert!(VarianceFilter::fit_rows(&Samples::new(&[f32::NAN], 1, 1).unwrap(), &[0]).is_err());
        assert!(VarianceFilter::fit_rows(&Samples::new(&[1.0], 1, 1).unwrap(), &[]).is_err());
        assert!(VarianceFilter::fit_rows(&Samples::new(&[1.0], 1, 1).unwrap(), &[1]).is_err());
    }

    #[test]
    fn a_state_that_names_no_column_is_refused() {
        for kept in ["[1]", "[0, 0]"] {
            let text = format!(r#"{{"n_features_in": 1, "kept": {kept}}}"#);
            let filter: VarianceFilter = serde_json::from_str(&text).unwrap();
            assert!(matches!(transform(&filter, &[1.0], 1), Err(LearnError::Malformed { .. })));
        }
    }
}
