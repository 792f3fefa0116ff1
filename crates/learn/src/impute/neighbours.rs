//! Finding the nearest donors of a row: quickly by matrix products, then exactly among those that come into question.

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;

use super::donors::{Donors, centred, presence};

/// Donors that are put in order at first; more are when these do not suffice.
const FIRST_CANDIDATES: usize = 64;

/// Donors multiplied with a block of rows at a time, so that the products stay in the cache.
const BLOCK_DONORS: usize = 256;

/// What the quick pass says about a donor: its mean squared difference, scaled, is no less than `at_least`.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    donor: usize,
    at_least: f32,
}

/// Fills the missing values of a block of rows in place.
pub(super) fn fill_block(donors: &Donors, n_neighbors: usize, block: &mut [&mut [f32]]) {
    let squares = quick_squares(donors, block);
    for (row, squares) in block.iter_mut().zip(squares.rows()) {
        let mut search = Search::new(donors, row, squares.iter().copied());
        let missing: Vec<usize> = (0..row.len()).filter(|&i| row[i].is_nan()).collect();
        let filled: Vec<f32> = missing.iter().map(|&column| search.fill(column, n_neighbors)).collect();
        for (column, value) in missing.into_iter().zip(filled) {
            row[column] = value;
        }
    }
}

/// For every row and donor the sum over their common columns of the squared difference, in f32 and scaled.
///
/// Over common columns, `(x - y)^2 = x^2 * has_y - 2 * x * y + has_x * y^2` with missing values as zeros: one product of
/// `[-2x, has_x, x^2]` with the donors' `[y, y^2, has_y]`.
fn quick_squares(donors: &Donors, block: &[&mut [f32]]) -> Array2<f32> {
    let n_features = donors.n_features();
    let mut rows = Array2::zeros((block.len(), 3 * n_features));
    for (row, mut factors) in block.iter().zip(rows.rows_mut()) {
        for (column, value) in centred(row, &donors.means, donors.scale).enumerate() {
            if let Some(value) = value {
                factors[column] = -2.0 * value;
                factors[n_features + column] = 1.0;
                factors[2 * n_features + column] = value * value;
            }
        }
    }
    let mut squares = Array2::zeros((block.len(), donors.len()));
    for start in (0..donors.len()).step_by(BLOCK_DONORS) {
        let columns = start..(start + BLOCK_DONORS).min(donors.len());
        let some = donors.products.slice(ndarray::s![columns.clone(), ..]);
        let mut target = squares.slice_mut(ndarray::s![.., columns]);
        general_mat_mul(1.0, &rows, &some.t(), 0.0, &mut target);
    }
    squares
}

/// The search for the neighbours of one row.
struct Search<'a> {
    donors: &'a Donors,
    /// The row's columns that are present, and their values.
    present: Vec<(usize, f64)>,
    /// Donors that share a column with the row; the first `sorted` in order of `at_least`, the rest after them.
    estimates: Vec<Estimate>,
    sorted: usize,
    /// Exact distances that were needed so far, by donor; NaN where not.
    exact: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(donors: &'a Donors, row: &[f32], squares: impl Iterator<Item = f32>) -> Self {
        let norm: f32 = centred(row, &donors.means, donors.scale).flatten().map(|value| value * value).sum();
        let bits: Vec<u64> = presence(row).collect();
        // Each of the 3 * n_features products and sums is off by at most one rounding of what has been summed so far,
        // which never exceeds 2 (|x|^2 + |y|^2); centring rounds each factor once more. Doubled to be safe. The second
        // term covers squares too small for f32.
        let terms = (3 * donors.n_features() + 8) as f32;
        let (rounding, underflow) = (4.0 * terms * f32::EPSILON, terms * f32::MIN_POSITIVE);
        let estimates: Vec<Estimate> = squares
            .enumerate()
            .filter_map(|(donor, square)| {
                let common = common_count(&bits, donors.presence(donor));
                let share = (common > 0).then(|| 1.0 / common as f32)?;
                let error = rounding * (norm + donors.norms[donor]) + underflow;
                let at_least = (square - error) * share;
                Some(Estimate {
                    donor,
                    // not a number when the row's values are beyond f32: then nothing is known
                    at_least: if at_least.is_nan() { f32::NEG_INFINITY } else { at_least },
                })
            })
            .collect();
        Self {
            present: (0..row.len()).filter(|&i| !row[i].is_nan()).map(|i| (i, f64::from(row[i]))).collect(),
            exact: vec![f64::NAN; donors.len()],
            estimates,
            sorted: 0,
            donors,
        }
    }

    /// The value for a missing column.
    fn fill(&mut self, column: usize, n_neighbors: usize) -> f32 {
        // the nearest so far: exact distance and donor, in order
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(n_neighbors + 1);
        let scale_squared = self.donors.scale * self.donors.scale;
        let mut at = 0;
        while let Some(estimate) = self.estimate(at) {
            at += 1;
            if let Some(&(furthest, _)) = nearest.get(n_neighbors - 1)
                && f64::from(estimate.at_least) > furthest * scale_squared
            {
                // estimates rise, so none after this one is nearer either
                break;
            }
            if self.donors.row(estimate.donor)[column].is_nan() {
                continue;
            }
            let found = (self.exact_distance(estimate.donor), estimate.donor);
            let place = nearest.partition_point(|near| *near < found);
            nearest.insert(place, found);
            nearest.truncate(n_neighbors);
        }
        let value = if nearest.is_empty() {
            self.donors.means[column]
        } else {
            let sum: f64 = nearest.iter().map(|&(_, donor)| f64::from(self.donors.row(donor)[column])).sum();
            sum / nearest.len() as f64
        };
        value as f32
    }

    /// The donor at a place in the order of estimates; puts more of them in order when needed.
    fn estimate(&mut self, at: usize) -> Option<Estimate> {
        let by_distance = |a: &Estimate, b: &Estimate| a.at_least.total_cmp(&b.at_least).then(a.donor.cmp(&b.donor));
        while at >= self.sorted && self.sorted < self.estimates.len() {
            let unsorted = &mut self.estimates[self.sorted..];
            let more = self.sorted.max(FIRST_CANDIDATES).min(unsorted.len());
            if more < unsorted.len() {
                unsorted.select_nth_unstable_by(more, by_distance);
            }
            unsorted[..more].sort_unstable_by(by_distance);
            self.sorted += more;
        }
        self.estimates.get(at).copied()
    }

    /// The mean squared difference over the common columns.
    fn exact_distance(&mut self, donor: usize) -> f64 {
        if self.exact[donor].is_nan() {
            let values = self.donors.row(donor);
            let (mut sum, mut count) = (0.0, 0_u32);
            for &(column, value) in &self.present {
                let other = values[column];
                if !other.is_nan() {
                    sum += (value - f64::from(other)).powi(2);
                    count += 1;
                }
            }
            self.exact[donor] = sum / f64::from(count);
        }
        self.exact[donor]
    }
}

fn common_count(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a & b).count_ones()).sum()
}
