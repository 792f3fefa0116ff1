//! Standard scaling: every column to mean 0 and standard deviation 1 over the training rows.

use serde::{Deserialize, Serialize};

use crate::classifier::{OwnedSamples, Samples};
use crate::error::LearnError;
use crate::variance::varying_columns;

/// Means and standard deviations of the columns, fitted on training rows. Serialises as two plain lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Lists")]
pub struct StandardScaler {
    means: Vec<f64>,
    scales: Vec<f64>,
}

/// A scaler that is yet to be checked.
#[derive(Deserialize)]
struct Lists {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl TryFrom<Lists> for StandardScaler {
    type Error = LearnError;

    fn try_from(Lists { means, scales }: Lists) -> Result<Self, LearnError> {
        let (found, expected) = (scales.len(), means.len());
        if found != expected {
            return Err(LearnError::Length { what: "the scaler's deviations", found, expected });
        }
        let are_scales = scales.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        if !are_scales || means.iter().any(|mean| !mean.is_finite()) {
            let message = "a mean or a deviation is no number to scale by".to_owned();
            return Err(LearnError::Malformed { what: "the scaler", message });
        }
        Ok(Self { means, scales })
    }
}

impl StandardScaler {
    /// Learns mean and population standard deviation of every column; a constant column is left undivided.
    ///
    /// # Errors
    /// When there are no rows.
    pub fn fit(samples: &Samples<'_>) -> Result<Self, LearnError> {
        Self::fit_rows(samples, &(0..samples.n_samples).collect::<Vec<_>>())
    }

    /// As [`StandardScaler::fit`], over the named rows alone.
    ///
    /// # Errors
    /// When no row is named or one does not exist.
    pub fn fit_rows(samples: &Samples<'_>, rows: &[usize]) -> Result<Self, LearnError> {
        if rows.is_empty() {
            return Err(LearnError::Empty { what: "the table to scale" });
        }
        samples.expect_rows(rows)?;
        let rows_of = || rows.iter().map(|&row| samples.row(row));
        let count = rows.len() as f64;
        let mut means = vec![0.0; samples.n_features];
        for row in rows_of() {
            for (sum, &value) in means.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for mean in &mut means {
            *mean /= count;
        }
        let mut scales = vec![0.0; samples.n_features];
        for row in rows_of() {
            for ((sum, &value), mean) in scales.iter_mut().zip(row).zip(&means) {
                *sum += (f64::from(value) - mean).powi(2);
            }
        }
        for (scale, varies) in scales.iter_mut().zip(varying_columns(samples, rows)) {
            *scale = if varies { (*scale / count).sqrt() } else { 1.0 };
        }
        Ok(Self { means, scales })
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
        columns.map(|((&value, mean), scale)| f64::from(scaled(value, *mean, *scale)))
    }

    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.means.len()
    }

    /// Scales every row; rows do not see each other. What single precision cannot hold becomes the greatest number that it holds.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn transform(&self, samples: &Samples<'_>) -> Result<OwnedSamples, LearnError> {
        self.transform_owned(samples.owned())
    }

    /// As [`StandardScaler::transform`], without another table.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn transform_owned(&self, mut samples: OwnedSamples) -> Result<OwnedSamples, LearnError> {
        samples.as_samples().expect_features(self.n_features())?;
        for row in samples.features_mut().chunks_exact_mut(self.n_features().max(1)) {
            for ((value, mean), scale) in row.iter_mut().zip(&self.means).zip(&self.scales) {
                *value = scaled(*value, *mean, *scale);
            }
        }
        Ok(samples)
    }
}

fn scaled(value: f32, mean: f64, scale: f64) -> f32 {
    const GREATEST: f64 = f32::MAX as f64;
    ((f64::from(value) - mean) / scale).clamp(-GREATEST, GREATEST) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_far_from_all_others_is_scaled_to_a_number() {
        let scaler = StandardScaler { means: vec![1.0, -1.0], scales: vec![0.25, 1e-3] };
        let far = OwnedSamples::new(vec![f32::MAX, f32::MIN, 1.5, -1.0], 2, 2).unwrap();
        assert_eq!(scaler.scaled(far.as_samples().row(0)).collect::<Vec<_>>(), [f32::MAX, f32::MIN].map(f64::from));
        let scaled = scaler.transform_owned(far).unwrap();
        assert_eq!(scaled.as_samples().features, [f32::MAX, f32::MIN, 2.0, 0.0]);
    }

    #[test]
    fn columns_come_out_with_mean_zero_and_deviation_one() {
        let values = [1.0, 0.1, 9.0, 9.0, 3.0, 0.1, 5.0, 0.1];
        let samples = OwnedSamples::new(values.to_vec(), 4, 2).unwrap();
        // the second row is not looked at
        let scaler = StandardScaler::fit_rows(&samples.as_samples(), &[0, 2, 3]).unwrap();
        let scaled = scaler.transform_owned(samples).unwrap();
        let scaled = scaled.as_samples();
        let expected = 1.5_f32.sqrt();
        assert!((scaled.row(0)[0] + expected).abs() < 1e-6);
        assert!((scaled.row(3)[0] - expected).abs() < 1e-6);
        assert!((scaled.row(1)[0] - 3.0 * expected).abs() < 1e-6);
        assert!([0, 2, 3].into_iter().all(|row| scaled.row(row)[1].abs() < 1e-6));
    }

    #[test]
    fn the_state_survives_serialisation() {
        let samples = Samples::new(&[0.1, 0.7, 0.3], 3, 1).unwrap();
        let scaler = StandardScaler::fit_rows(&samples, &[0, 1, 2]).unwrap();
        let text = serde_json::to_string(&scaler).unwrap();
        assert_eq!(serde_json::from_str::<StandardScaler>(&text).unwrap(), scaler);
    }

    #[test]
    fn a_state_that_no_fit_leaves_is_refused() {
        let read = |means, scales| {
            let text = format!(r#"{{"means": {means}, "scales": {scales}}}"#);
            serde_json::from_str::<StandardScaler>(&text).map_err(|error| error.to_string())
        };
        assert!(read("[0, 0]", "[1, 2]").is_ok());
        let error = read("[0, 0, 0]", "[1, 1]").unwrap_err();
        assert!(error.contains("the scaler's deviations"), "{error}");
        for scales in ["[1, 0]", "[1, -1]"] {
            let error = read("[0, 0]", scales).unwrap_err();
            assert!(error.contains("no number to scale by"), "{error}");
        }
    }

    #[test]
    fn nothing_and_other_columns_are_refused() {
        let samples = Samples::new(&[1.0, 2.0], 2, 1).unwrap();
        assert!(StandardScaler::fit_rows(&samples, &[]).is_err());
        assert!(StandardScaler::fit_rows(&samples, &[2]).is_err());
        let scaler = StandardScaler::fit_rows(&samples, &[0, 1]).unwrap();
        assert!(scaler.transform_owned(OwnedSamples::new(vec![1.0, 2.0], 1, 2).unwrap()).is_err());
    }
}
