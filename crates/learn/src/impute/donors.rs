//! The donor rows, laid out for the two passes over them.

use crate::products::Panels;

/// Donor rows of the kept columns.
///
/// For the quick pass the columns are centred on their means and scaled together by one power of two, so that squares
/// stay in the range of f32; neither changes which distance is the smaller one.
#[derive(Debug, Clone)]
pub(super) struct Donors {
    /// As given, missing values NaN; row-major.
    values: Vec<f32>,
    /// Centres of the columns.
    pub(super) means: Vec<f64>,
    /// The common scale of the quick pass.
    pub(super) scale: f64,
    /// Centred and scaled values, 0 where missing.
    pub(super) centred: Panels,
    /// Sum of the squares of every donor's centred values.
    pub(super) squares: Vec<f32>,
    /// The columns that a donor misses, donor after donor.
    missing: Vec<u32>,
    /// Where those of every donor begin, and the end of the last.
    starts: Vec<usize>,
}

impl Donors {
    /// Lays out `values`, row-major with as many columns as `means`.
    pub(super) fn new(values: Vec<f32>, means: &[f64]) -> Self {
        let n_features = means.len();
        let n_donors = values.len().checked_div(n_features).unwrap_or_default();
        let scale = common_scale(&values, means);
        let mut panels = Panels::zeros(n_donors, n_features);
        let (mut squares, mut missing, mut starts) = (Vec::with_capacity(n_donors), Vec::new(), vec![0]);
        for (row, donor) in values.chunks_exact(n_features.max(1)).enumerate() {
            let mut square = 0.0;
            for (column, value) in centred(donor, means, scale).enumerate() {
                if let Some(value) = value {
                    panels.set(row, column, value);
                    square += f64::from(value).powi(2);
                } else {
                    missing.push(column as u32);
                }
            }
            squares.push(square as f32);
            starts.push(missing.len());
        }
        Self { values, means: means.to_vec(), scale, centred: panels, squares, missing, starts }
    }

    /// Number of donors.
    pub(super) fn len(&self) -> usize {
        self.squares.len()
    }

    /// Number of columns.
    pub(super) fn n_features(&self) -> usize {
        self.means.len()
    }

    /// The values of one donor.
    pub(super) fn row(&self, donor: usize) -> &[f32] {
        let n_features = self.n_features();
        &self.values[donor * n_features..][..n_features]
    }

    /// The columns that one donor misses.
    pub(super) fn missing(&self, donor: usize) -> &[u32] {
        &self.missing[self.starts[donor]..self.starts[donor + 1]]
    }
}

/// Centred and scaled values of a row, `None` where missing.
pub(super) fn centred<'a>(row: &'a [f32], means: &'a [f64], scale: f64) -> impl Iterator<Item = Option<f32>> + 'a {
    row.iter()
        .zip(means)
        .map(move |(&value, mean)| (!value.is_nan()).then(|| ((f64::from(value) - mean) * scale) as f32))
}

/// A power of two that brings the largest centred value to at most 1.
fn common_scale(values: &[f32], means: &[f64]) -> f64 {
    let largest = values
        .chunks_exact(means.len().max(1))
        .flat_map(|row| row.iter().zip(means))
        .map(|(&value, mean)| (f64::from(value) - mean).abs())
        .fold(0.0, f64::max);
    if largest > 0.0 { (-largest.log2().ceil()).exp2() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_weigh_nothing_and_are_listed() {
        let donors = Donors::new(vec![1.0, f32::NAN, 3.0, 4.0], &[2.0, 4.0]);
        assert_eq!((donors.len(), donors.n_features()), (2, 2));
        assert_eq!(donors.squares, [1.0, 1.0]);
        assert_eq!(donors.missing(0), [1]);
        assert!(donors.missing(1).is_empty());
    }

    #[test]
    fn the_scale_is_a_power_of_two_that_tames_large_values() {
        let donors = Donors::new(vec![1e30, -1e30], &[0.0]);
        assert!(donors.squares.iter().all(|square| *square <= 1.0));
        assert!((donors.scale.log2() - donors.scale.log2().round()).abs() < 1e-12);
    }
}
