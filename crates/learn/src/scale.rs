//! Standard scaling: every column to mean 0 and standard deviation 1 over the training rows.

use serde::{Deserialize, Serialize};

use crate::classifier::{OwnedSamples, Samples};
use crate::error::LearnError;
use crate::variance::varying_columns;

/// Means and standard deviations of the columns, fitted on training rows. Serialises as two plain lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandardScaler {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl StandardScaler {
    /// Learns mean and population standard deviation of every column; a constant column is left undivided.
    ///
    /// # Errors
    /// When there are no rows.
    pub fn fit(samples: &Samples<'_>) -> Result<Self, LearnError> {
        if samples.n_samples == 0 {
            return Err(LearnError::Empty { what: "the table to scale" });
        }
        Ok(Self::fit_rows(samples.n_features, samples.n_samples, |row| samples.row(row)))
    }

    /// Learns from rows wherever they lie; there must be one.
    pub(crate) fn fit_rows<'a>(n_features: usize, n_rows: usize, row: impl Fn(usize) -> &'a [f32]) -> Self {
        let count = n_rows as f64;
        let mut means = vec![0.0; n_features];
        for i in 0..n_rows {
            for (sum, &value) in means.iter_mut().zip(row(i)) {
                *sum += f64::from(value);
            }
        }
        for mean in &mut means {
            *mean /= count;
        }
        let mut scales = vec![0.0; n_features];
        for i in 0..n_rows {
            for ((sum, &value), mean) in scales.iter_mut().zip(row(i)).zip(&means) {
                *sum += (f64::from(value) - mean).powi(2);
            }
        }
        for (scale, varies) in scales.iter_mut().zip(varying_columns(n_features, (0..n_rows).map(row))) {
            *scale = if varies { (*scale / count).sqrt() } else { 1.0 };
        }
        Self { means, scales }
    }

    /// The means of the columns.
    pub(crate) fn means(&self) -> &[f64] {
        &self.means
    }

    /// The standard deviations of the columns, 1 for a constant one.
    pub(crate) fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// The values of one row as [`StandardScaler::transform`] scales them, in single precision.
    pub(crate) fn scaled<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        let columns = row.iter().zip(&self.means).zip(&self.scales);
        columns.map(|((&value, mean), scale)| f64::from(((f64::from(value) - mean) / scale) as f32))
    }

    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.means.len()
    }

    /// Scales every row; rows do not see each other.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn transform(&self, samples: &Samples<'_>) -> Result<OwnedSamples, LearnError> {
        samples.expect_features(self.n_features())?;
        let mut scaled = Vec::with_capacity(samples.features.len());
        for row in samples.rows() {
            scaled.extend(
                row.iter()
                    .zip(&self.means)
                    .zip(&self.scales)
                    .map(|((&value, mean), scale)| ((f64::from(value) - mean) / scale) as f32),
            );
        }
        OwnedSamples::new(scaled, samples.n_samples, samples.n_features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_out_with_mean_zero_and_deviation_one() {
        let samples = Samples::new(&[1.0, 0.1, 3.0, 0.1, 5.0, 0.1], 3, 2).unwrap();
        let scaled = StandardScaler::fit(&samples).unwrap().transform(&samples).unwrap();
        let scaled = scaled.as_samples();
        let expected = 1.5_f32.sqrt();
        assert!((scaled.row(0)[0] + expected).abs() < 1e-6);
        assert!((scaled.row(2)[0] - expected).abs() < 1e-6);
        assert!(scaled.rows().all(|row| row[1].abs() < 1e-6));
    }

    #[test]
    fn the_state_survives_serialisation() {
        let samples = Samples::new(&[0.1, 0.7, 0.3], 3, 1).unwrap();
        let scaler = StandardScaler::fit(&samples).unwrap();
        let text = serde_json::to_string(&scaler).unwrap();
        assert_eq!(serde_json::from_str::<StandardScaler>(&text).unwrap(), scaler);
    }

    #[test]
    fn nothing_and_other_columns_are_refused() {
        assert!(StandardScaler::fit(&Samples::new(&[], 0, 2).unwrap()).is_err());
        let scaler = StandardScaler::fit(&Samples::new(&[1.0, 2.0], 2, 1).unwrap()).unwrap();
        assert!(scaler.transform(&Samples::new(&[1.0, 2.0], 1, 2).unwrap()).is_err());
    }
}
