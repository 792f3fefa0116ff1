//! A table made ready for many fits: what they share is computed once, the table itself is not copied.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use rayon::prelude::*;

use super::exact::{CHUNK_ROWS, squared_distance};
use crate::classifier::Samples;
use crate::products::{dots_error, padded, widest};

/// A table, how it is centred and scaled for the quick distances, and the square of every row.
///
/// The quick distances are computed from scalar products in f32, which lose what is small beside the rows' norms. So the
/// columns are centred on (nearly) their means, and all are scaled by one power of two, which keeps squares in the range of
/// f32. Neither changes which distance is the smaller one.
pub(super) struct Prepared<'a> {
    pub(super) samples: &'a Samples<'a>,
    /// Means of the columns.
    pub(super) mean: Vec<f64>,
    /// Sum over the rows of the squared distance to the mean.
    pub(super) total: f64,
    /// What every value is multiplied with.
    pub(super) scale: f32,
    /// What is subtracted from the scaled values, padded.
    centres: Vec<f32>,
    /// The same, unscaled: the means rounded to f32.
    unscaled_centres: Vec<f64>,
    /// Square of every row's centred and scaled values.
    pub(super) squares: Vec<f32>,
    /// Values that a centred row has, zeros at its end included.
    pub(super) width: usize,
    /// Half a unit in the last place of 1, times the roundings of a scalar product and of what it is made of.
    unit: f32,
}

/// Bounds on the errors of quick squared distances of one row.
#[derive(Clone, Copy)]
pub(super) struct Errors {
    /// Of one distance compared with another of the same row, each.
    pub(super) relative: f32,
    /// Of one distance.
    pub(super) absolute: f32,
}

impl<'a> Prepared<'a> {
    /// Two passes over the table.
    pub(super) fn new(samples: &'a Samples<'a>) -> Self {
        let (mean, largest) = mean_and_largest(samples);
        let scale = power_of_two_below(1.0 / f64::from(largest));
        let unscaled_centres: Vec<f64> = mean.iter().map(|&mean| f64::from(mean as f32)).collect();
        let width = padded(samples.n_features);
        let mut centres = vec![0.0; width];
        for (centre, unscaled) in centres.iter_mut().zip(&unscaled_centres) {
            *centre = *unscaled as f32 * scale;
        }
        let exact = squares(samples, &unscaled_centres);
        let scale_squared = f64::from(scale).powi(2);
        let off: f64 = mean.iter().zip(&unscaled_centres).map(|(mean, centre)| (mean - centre).powi(2)).sum();
        let sum: f64 = exact.iter().sum();
        Self {
            samples,
            total: (sum - off * samples.n_samples as f64).max(0.0),
            mean,
            scale,
            centres,
            unscaled_centres,
            squares: exact.iter().map(|&square| (square * scale_squared) as f32).collect(),
            width,
            unit: f32::EPSILON / 2.0 * (dots_error(width) + 4.0),
        }
    }

    /// The mean variance of the columns.
    pub(super) fn mean_variance(&self) -> f64 {
        let values = self.samples.n_samples * self.samples.n_features.max(1);
        self.total / values as f64
    }

    /// Centres and scales a row; the rest of `out` is left.
    #[inline(always)]
    pub(super) fn centre_row(&self, row: &[f32], out: &mut [f32]) {
        let scale = self.scale;
        for ((out, &value), centre) in out.iter_mut().zip(row).zip(&self.centres) {
            // the product is exact, so this rounds once
            *out = value * scale - centre;
        }
    }

    /// Centres and scales a centroid; the rest of `out` is left. Gives the square of it.
    pub(super) fn centre(&self, centroid: &[f64], out: &mut [f32]) -> f64 {
        let mut square = 0.0;
        for ((out, value), centre) in out.iter_mut().zip(centroid).zip(&self.unscaled_centres) {
            let centred = (value - centre) * f64::from(self.scale);
            *out = centred as f32;
            square += centred * centred;
        }
        square
    }

    /// The sum over its rows of what a cluster adds to the inertia less what its rows add to that of one cluster at the
    /// centres, from the sum of its rows.
    pub(super) fn gain(&self, centroid: &[f64], sum: &[f64], count: u64) -> f64 {
        let count = count as f64;
        let terms = centroid.iter().zip(sum).zip(&self.unscaled_centres).map(|((value, sum), centre)| {
            let centred = value - centre;
            centred * (count * centred - 2.0 * (sum - count * centre))
        });
        terms.sum()
    }

    /// How far the quick squared distances of a row are off at most, when no centroid's square is above `largest`.
    ///
    /// The product of two rows is off by at most `unit` times both norms, of which two halves of a unit are for the rounding
    /// of the rows themselves. The squares and the two sums round once each. The constant covers what is too small for f32.
    #[inline(always)]
    pub(super) fn errors(&self, square: f32, largest: f32) -> Errors {
        let half_unit = f32::EPSILON / 2.0;
        let norms = (square * largest).sqrt();
        let tiny = f32::MIN_POSITIVE * self.width as f32;
        let relative = 2.0 * self.unit * norms + 4.0 * half_unit * largest + tiny;
        Errors { relative, absolute: relative + 8.0 * half_unit * (square + largest) }
    }
}

/// Means of the columns in f64, and the largest magnitude.
fn mean_and_largest(samples: &Samples<'_>) -> (Vec<f64>, f32) {
    let n_features = samples.n_features;
    let parts: Vec<(Vec<f64>, f32)> = samples
        .features
        .par_chunks((CHUNK_ROWS * n_features).max(1))
        .map(|rows| {
            widest(|| {
                let mut sums = vec![0.0; n_features];
                let mut largest = 0.0_f32;
                for row in rows.chunks_exact(n_features) {
                    for (sum, &value) in sums.iter_mut().zip(row) {
                        *sum += f64::from(value);
                    }
                    largest = row.iter().fold(largest, |largest, value| largest.max(value.abs()));
                }
                (sums, largest)
            })
        })
        .collect();
    let mut mean = vec![0.0; n_features];
    let mut largest = 0.0_f32;
    for (sums, most) in parts {
        mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += sum);
        largest = largest.max(most);
    }
    for mean in &mut mean {
        *mean /= samples.n_samples as f64;
    }
    (mean, largest)
}

fn squares(samples: &Samples<'_>, centres: &[f64]) -> Vec<f64> {
    let mut squares = vec![0.0; samples.n_samples];
    squares.par_chunks_mut(CHUNK_ROWS).enumerate().for_each(|(chunk, squares)| {
        widest(|| {
            for (i, square) in squares.iter_mut().enumerate() {
                *square = squared_distance(centres, samples.row(chunk * CHUNK_ROWS + i));
            }
        });
    });
    squares
}

/// The largest power of two that is at most `value`, within what keeps f32 normal.
fn power_of_two_below(value: f64) -> f32 {
    const LARGEST: f64 = 126.0;
    if value.is_finite() && value > 0.0 { value.log2().floor().clamp(-LARGEST, LARGEST).exp2() as f32 } else { 1.0 }
}
