//! The best split of a node, over all columns.
//!
//! Between two rows of a node that are neighbours in a column, all bins give the same split, and of equal splits the first is
//! taken: so only the bins in which rows of the node lie are looked at. XGBoost 3.2.0 looks at all (`EnumerateSplit` and
//! `SplitEntryContainer::NeedReplace` in `src/tree/hist/evaluate_splits.h` and `src/tree/param.h`).

use super::bins::LANES;
use super::objective::{Sums, TreeParams};

/// Gains at or below this are none (`kRtEps` of the library).
pub(super) const LEAST_GAIN: f32 = 1e-6;

/// Splits that are looked at together.
const BLOCK: usize = 8;

/// A split is weighed in the library's precision when it may reach the best one within this relative margin, which is far above the
/// rounding of the three `f32` operations in a gain (each 6e-8).
const MARGIN: f64 = 1e-6;

/// Where a node is split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// Place of the column.
    pub(super) column: usize,
    /// The last bin that goes left.
    pub(super) bin: u16,
    /// Rows that go left.
    pub(super) n_left: usize,
    /// What the split gains.
    pub(super) gain: f32,
    /// The sums of the rows that go left.
    pub(super) left: Sums,
}

/// What is split.
pub(super) struct Scan<'a> {
    /// Gradient and Hessian of every row.
    pub(super) rows: &'a [[f64; 2]],
    /// Sums over the rows of the node.
    pub(super) sums: Sums,
    /// The node's own share in the gain of its splits.
    pub(super) own_gain: f32,
    /// Hyper-parameters.
    pub(super) params: &'a TreeParams,
}

/// Room for the sums up to every place of [`LANES`] columns.
pub(super) type Prefixes = [Vec<[f64; 2]>; LANES];

impl Scan<'_> {
    /// Looks for a split in [`LANES`] columns, the first of them at place `column`, that is better than `best`.
    ///
    /// `lists` are the node's entries of each column, in the order of the bins.
    pub(super) fn improve(
        &self,
        column: usize,
        lists: [&[u32]; LANES],
        prefixes: &mut Prefixes,
        best: &mut Option<Split>,
    ) {
        self.add_up(lists, prefixes);
        for (lane, (list, prefix)) in lists.into_iter().zip(prefixes.iter()).enumerate() {
            self.best_of(column + lane, list, prefix, best);
        }
    }

    /// Sums up to and with every place. Four columns at once, since each sum waits for the one before it.
    fn add_up(&self, lists: [&[u32]; LANES], prefixes: &mut Prefixes) {
        let length = lists[0].len();
        let [a, b, c, d] = prefixes;
        let mut sums = [[0.0_f64; 2]; LANES];
        let columns = lists[0].iter().zip(lists[1]).zip(lists[2].iter().zip(lists[3]));
        let places = a[..length].iter_mut().zip(&mut b[..length]).zip(c[..length].iter_mut().zip(&mut d[..length]));
        for (((&e0, &e1), (&e2, &e3)), ((p0, p1), (p2, p3))) in columns.zip(places) {
            for (sum, (entry, place)) in sums.iter_mut().zip([(e0, p0), (e1, p1), (e2, p2), (e3, p3)]) {
                let row = self.rows[row_of(entry)];
                sum[0] += row[0];
                sum[1] += row[1];
                *place = *sum;
            }
        }
    }

    fn best_of(&self, column: usize, list: &[u32], prefix: &[[f64; 2]], best: &mut Option<Split>) {
        // The last place leaves nothing on the right.
        let n_splits = list.len().saturating_sub(1);
        let mut bar = self.bar(best.as_ref());
        for start in (0..n_splits).step_by(BLOCK) {
            let end = (start + BLOCK).min(n_splits);
            if !self.any_may_pass(&prefix[start..end], bar) {
                continue;
            }
            for place in start..end {
                let bin = list[place] >> 16;
                if list[place + 1] >> 16 == bin {
                    continue;
                }
                let left = Sums { gradient: prefix[place][0], hessian: prefix[place][1] };
                let Some(gain) = self.gain(left) else { continue };
                if gain > best.as_ref().map_or(LEAST_GAIN, |best| best.gain) {
                    *best = Some(Split { column, bin: bin as u16, n_left: place + 1, gain, left });
                    bar = self.bar(best.as_ref());
                }
            }
        }
    }

    /// What both sides must reach together.
    fn bar(&self, best: Option<&Split>) -> f64 {
        let gain = best.map_or(LEAST_GAIN, |best| best.gain);
        (f64::from(gain) + f64::from(self.own_gain)) * (1.0 - MARGIN)
    }

    /// Whether one of the splits may be better, by sums that are not divided.
    fn any_may_pass(&self, prefix: &[[f64; 2]], bar: f64) -> bool {
        let (alpha, lambda) = (f64::from(self.params.reg_alpha), f64::from(self.params.reg_lambda));
        let least = f64::from(self.params.min_child_weight);
        let mut any = false;
        for sums in prefix {
            let (left, right) = (sums[0], self.sums.gradient - sums[0]);
            let (left_hessian, right_hessian) = (sums[1], self.sums.hessian - sums[1]);
            let (left, right) = ((left.abs() - alpha).max(0.0), (right.abs() - alpha).max(0.0));
            let (a, b) = (left_hessian + lambda, right_hessian + lambda);
            any |= (left_hessian >= least)
                & (right_hessian >= least)
                & (left * left * b + right * right * a >= bar * (a * b));
        }
        any
    }

    /// What a split gains, in the library's precision; none where a side is too light or the gain is no number.
    fn gain(&self, left: Sums) -> Option<f32> {
        let right = self.sums - left;
        let least = f64::from(self.params.min_child_weight);
        let gain = (self.params.gain(left) + self.params.gain(right)) - self.own_gain;
        (left.hessian >= least && right.hessian >= least && gain.is_finite()).then_some(gain)
    }
}

/// The row of an entry.
pub(super) fn row_of(entry: u32) -> usize {
    (entry & 0xffff) as usize
}
