//! The donor rows, laid out for the two passes over them.

use ndarray::Array2;

/// Donor rows of the kept columns.
///
/// For the quick pass the columns are centred on their means and scaled together by one power of two, so that squares
/// stay in the range of f32; neither changes which distance is the smaller one.
#[derive(Debug, Clone)]
pub(super) struct Donors {
    /// As given, missing values NaN; row-major.
    pub(super) values: Vec<f32>,
    /// Centres of the columns.
    pub(super) means: Vec<f64>,
    /// The common scale of the quick pass.
    pub(super) scale: f64,
    /// What a row is multiplied with: centred values, their squares, and presence, `n_donors` x `3 * n_features`.
    pub(super) products: Array2<f32>,
    /// Presence of every value as bits, `words` per row.
    pub(super) present: Vec<u64>,
    /// Words of 64 bits per row.
    pub(super) words: usize,
    /// Sum of the squares of every donor's centred and scaled values.
    pub(super) norms: Vec<f32>,
}

impl Donors {
    /// Lays out `values`, row-major with as many columns as `means`.
    pub(super) fn new(values: Vec<f32>, means: &[f64]) -> Self {
        let n_features = means.len();
        let n_donors = values.len().checked_div(n_features).unwrap_or_default();
        let scale = common_scale(&values, means);
        let words = n_features.div_ceil(64);
        let mut products = Array2::zeros((n_donors, 3 * n_features));
        let mut present = Vec::with_capacity(n_donors * words);
        let mut norms = Vec::with_capacity(n_donors);
        for (donor, mut product) in values.chunks_exact(n_features.max(1)).zip(products.rows_mut()) {
            present.extend(presence(donor));
            let mut norm = 0.0;
            for (column, centred) in centred(donor, means, scale).enumerate() {
                if let Some(centred) = centred {
                    product[column] = centred;
                    product[n_features + column] = centred * centred;
                    product[2 * n_features + column] = 1.0;
                    norm += centred * centred;
                }
            }
            norms.push(norm);
        }
        Self { values, means: means.to_vec(), scale, products, present, words, norms }
    }

    /// Number of donors.
    pub(super) fn len(&self) -> usize {
        self.norms.len()
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

    /// The presence bits of one donor.
    pub(super) fn presence(&self, donor: usize) -> &[u64] {
        &self.present[donor * self.words..][..self.words]
    }
}

/// Centred and scaled values of a row, `None` where missing.
pub(super) fn centred<'a>(row: &'a [f32], means: &'a [f64], scale: f64) -> impl Iterator<Item = Option<f32>> + 'a {
    row.iter()
        .zip(means)
        .map(move |(&value, mean)| (!value.is_nan()).then(|| ((f64::from(value) - mean) * scale) as f32))
}

/// Presence of the values of a row as bits, 64 to a word.
pub(super) fn presence(row: &[f32]) -> impl Iterator<Item = u64> + '_ {
    row.chunks(64).map(|word| word.iter().enumerate().fold(0, |bits, (i, v)| bits | (u64::from(!v.is_nan()) << i)))
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
    fn missing_values_weigh_nothing() {
        let donors = Donors::new(vec![1.0, f32::NAN, 3.0, 4.0], &[2.0, 4.0]);
        assert_eq!((donors.len(), donors.n_features()), (2, 2));
        assert_eq!(donors.products.row(0).to_vec(), [-1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(donors.presence(0), [0b01]);
        assert_eq!(donors.presence(1), [0b11]);
    }

    #[test]
    fn the_scale_is_a_power_of_two_that_tames_large_values() {
        let donors = Donors::new(vec![1e30, -1e30], &[0.0]);
        assert!(donors.norms.iter().all(|norm| *norm <= 1.0));
        assert!((donors.scale.log2() - donors.scale.log2().round()).abs() < 1e-12);
    }
}
