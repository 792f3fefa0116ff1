//! Finding the nearest donors of a row among those that come into question by the quick pass, exactly.

use pulp::{Arch, Simd, WithSimd};

use super::donors::Donors;
use super::quick::estimates;

/// Donors that are put in order at first; more are when these do not suffice.
const FIRST_CANDIDATES: usize = 64;

/// Donors whose least estimate is looked at in their place while the first are sought.
const GROUP: usize = 32;

/// What the quick pass says about a donor: its mean squared difference, scaled, is no less than `at_least`.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    donor: usize,
    at_least: f32,
}

/// Fills the missing values of a block of rows in place.
pub(super) fn fill_block(donors: &Donors, n_neighbors: usize, block: &mut [&mut [f32]]) {
    let estimates = estimates(donors, block);
    for (i, row) in block.iter_mut().enumerate() {
        let mut search = Search::new(donors, row, &estimates[i * donors.len()..][..donors.len()]);
        let missing: Vec<usize> = (0..row.len()).filter(|&i| row[i].is_nan()).collect();
        let filled: Vec<f32> = missing.iter().map(|&column| search.fill(column, n_neighbors)).collect();
        for (column, value) in missing.into_iter().zip(filled) {
            row[column] = value;
        }
    }
}

/// The search for the neighbours of one row.
struct Search<'a> {
    donors: &'a Donors,
    row: Vec<f32>,
    /// What the quick pass says, by donor.
    quick: &'a [f32],
    /// Donors that share a column with the row; the first `sorted` in order of `at_least`, the rest after them, and none
    /// yet that are above `limit`.
    estimates: Vec<Estimate>,
    sorted: usize,
    limit: f32,
    /// Exact distances of the first donors in that order, as far as they were needed; NaN where not.
    exact: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(donors: &'a Donors, row: &[f32], quick: &'a [f32]) -> Self {
        let limit = first_limit(quick);
        let mut search =
            Self { donors, row: row.to_vec(), quick, estimates: Vec::new(), sorted: 0, limit, exact: Vec::new() };
        search.gather(|at_least| at_least <= limit);
        search
    }

    /// The value for a missing column.
    fn fill(&mut self, column: usize, n_neighbors: usize) -> f32 {
        // the nearest so far: exact distance and donor, in order
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(n_neighbors.min(FIRST_CANDIDATES) + 1);
        let scale_squared = self.donors.scale * self.donors.scale;
        let mut at = 0;
        while let Some(estimate) = self.estimate(at) {
            if let Some(&(furthest, _)) = nearest.get(n_neighbors - 1)
                && f64::from(estimate.at_least) > furthest * scale_squared
            {
                // estimates rise, so none after this one is nearer either
                break;
            }
            at += 1;
            if self.donors.row(estimate.donor)[column].is_nan() {
                continue;
            }
            let found = (self.exact_distance(at - 1), estimate.donor);
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
        if at >= self.estimates.len() && self.limit < f32::INFINITY {
            let before = std::mem::replace(&mut self.limit, f32::INFINITY);
            self.gather(|at_least| at_least > before && at_least < f32::INFINITY);
        }
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

    /// Adds the donors whose estimates are wanted, none that shares no column.
    fn gather(&mut self, wanted: impl Fn(f32) -> bool) {
        for (group, quick) in self.quick.chunks(GROUP).enumerate() {
            let some = quick.iter().any(|&at_least| wanted(at_least));
            if some {
                let all =
                    quick.iter().enumerate().filter(|&(_, &at_least)| wanted(at_least) && at_least < f32::INFINITY);
                self.estimates.extend(all.map(|(i, &at_least)| Estimate { donor: group * GROUP + i, at_least }));
            }
        }
    }

    /// The mean squared difference over the common columns, for the donor at a place in the order.
    fn exact_distance(&mut self, at: usize) -> f64 {
        if self.exact.len() <= at {
            self.exact.resize(at + 1, f64::NAN);
        }
        if self.exact[at].is_nan() {
            let (row, donor) = (&self.row, self.donors.row(self.estimates[at].donor));
            self.exact[at] = Arch::new().dispatch(Exact { row, donor });
        }
        self.exact[at]
    }
}

/// An estimate that at least [`FIRST_CANDIDATES`] donors are not above, and not many more.
fn first_limit(quick: &[f32]) -> f32 {
    let mut least: Vec<f32> = Arch::new().dispatch(Least { quick });
    if least.len() <= FIRST_CANDIDATES {
        return f32::INFINITY;
    }
    let (_, &mut limit, _) = least.select_nth_unstable_by(FIRST_CANDIDATES - 1, f32::total_cmp);
    limit
}

/// The least of every group.
struct Least<'a> {
    quick: &'a [f32],
}

impl WithSimd for Least<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        const LANES: usize = 16;
        let least = |group: &[f32]| {
            let mut lanes = [f32::INFINITY; LANES];
            for part in group.chunks(LANES) {
                // no estimate is NaN, so the plain comparison does, and is one instruction
                lanes
                    .iter_mut()
                    .zip(part)
                    .for_each(|(least, &value)| *least = if value < *least { value } else { *least });
            }
            lanes.into_iter().fold(f32::INFINITY, |a, b| if b < a { b } else { a })
        };
        self.quick.chunks(GROUP).map(least).collect()
    }
}

/// The mean squared difference over the columns that both have, always summed in the same order.
struct Exact<'a> {
    row: &'a [f32],
    donor: &'a [f32],
}

impl WithSimd for Exact<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        const LANES: usize = 8;
        let (mut sums, mut counts) = ([0.0; LANES], [0.0; LANES]);
        let mut add = |rows: &[f32], donors: &[f32]| {
            let pairs = rows.iter().zip(donors);
            for ((sum, count), (&value, &other)) in sums.iter_mut().zip(&mut counts).zip(pairs) {
                // values are finite, so only a missing one makes this NaN
                let difference = f64::from(value) - f64::from(other);
                let both = !difference.is_nan();
                *sum += if both { difference * difference } else { 0.0 };
                *count += if both { 1.0 } else { 0.0 };
            }
        };
        let (rows, rest) = self.row.as_chunks::<LANES>();
        let (donors, donors_rest) = self.donor.as_chunks::<LANES>();
        rows.iter().zip(donors).for_each(|(row, donor)| add(row, donor));
        add(rest, donors_rest);
        sums.iter().sum::<f64>() / counts.iter().sum::<f64>()
    }
}
