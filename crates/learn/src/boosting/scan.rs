//! The best split of a node in some columns.
//!
//! Between two rows of a node that are neighbours in a column, all bins give the same split, and of equal splits the first is
//! taken: so only the bins in which rows of the node lie are looked at. XGBoost 3.2.0 looks at all (`EnumerateSplit` in
//! `src/tree/hist/evaluate_splits.h`, `NeedReplace` in `src/tree/param.h`).

#![expect(
    clippy::inline_always,
    reason = "what is dispatched to a kind of processor is compiled for it only where it is inlined"
)]

use pulp::{Arch, NullaryFnOnce};

use super::bins::{Bins, LANES, MAX_ROWS};
use super::memory::SLACK;
use super::objective::{Sums, TreeParams};

/// Gains at or below this are none (`kRtEps` of the library).
const LEAST_GAIN: f32 = 1e-6;

/// Splits that are looked at together.
const BLOCK: usize = 8;

/// A split is weighed in the library's precision when it may reach the best one within this relative margin, which is far above the
/// rounding of the three `f32` operations in a gain (each 6e-8).
const MARGIN: f64 = 1e-6;

/// Rows are counted by so many bits, so that no index needs a check.
const ROW_MASK: usize = MAX_ROWS - 1;

/// Where a node is split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// Place of the column.
    pub(super) column: usize,
    /// The last bin that goes left.
    pub(super) bin: u16,
    /// What the split gains.
    pub(super) gain: f32,
    /// The sums of the rows that go left.
    pub(super) left: Sums,
}

/// The node that is looked at, and room for its columns.
pub(super) struct Scan {
    params: TreeParams,
    sums: Sums,
    own_gain: f32,
    n_rows: usize,
    /// Gradient and Hessian of every row of the node, zero for all others.
    rows: Box<[[f64; 2]; MAX_ROWS]>,
    /// 1 for the rows of the node, 0 for all others.
    member: Box<[u8; MAX_ROWS]>,
    /// Of every column at hand the sums up to and with each of the node's entries, gradient and Hessian by turns.
    sums_to: Box<[[f64; 2]; LANES * MAX_ROWS]>,
    best: Option<Split>,
    /// The widest vectors that the processor has. All results are the same with any.
    arch: Arch,
}

impl Scan {
    #[expect(clippy::large_stack_arrays, reason = "320 KiB for an instant; a fixed length saves the checks of indices")]
    pub(super) fn new(params: TreeParams) -> Self {
        Self {
            params,
            sums: Sums::default(),
            own_gain: 0.0,
            n_rows: 0,
            rows: Box::new([[0.0; 2]; MAX_ROWS]),
            member: Box::new([0; MAX_ROWS]),
            sums_to: Box::new([[0.0; 2]; LANES * MAX_ROWS]),
            best: None,
            arch: Arch::new(),
        }
    }

    /// Turns to another node.
    pub(super) fn begin(&mut self, rows: &[u32], sums: Sums, gradients: &[[f64; 2]]) {
        self.member[..gradients.len()].fill(0);
        self.rows[..gradients.len()].fill([0.0; 2]);
        for &row in rows {
            self.member[row as usize] = 1;
            self.rows[row as usize] = gradients[row as usize];
        }
        (self.sums, self.own_gain, self.n_rows) = (sums, self.params.gain(sums), rows.len());
        self.best = None;
    }

    /// The best split so far. Of equal ones that of the first column, and in it the first.
    pub(super) fn best(&self) -> Option<Split> {
        self.best
    }

    /// What both sides of a split must reach together to be the best, a little less for the sake of rounding.
    pub(super) fn bar(&self) -> f64 {
        let gain = self.best.map_or(LEAST_GAIN, |best| best.gain);
        (f64::from(gain) + f64::from(self.own_gain)) * (1.0 - MARGIN)
    }

    /// Looks at the splits of [`LANES`] columns, given by their places. The answer is for each a bound on what both sides of a split
    /// reach together, sides that are too light by up to [`SLACK`] included.
    pub(super) fn look(&mut self, places: [usize; LANES], bins: &Bins) -> [f64; LANES] {
        self.arch.dispatch(Look { scan: self, places, bins })
    }

    /// Sums up to and with every entry of the node. Four columns at once, since each sum waits for the one before it.
    #[inline(always)]
    fn add_up(&mut self, rows: [&[u16]; LANES]) {
        let [a, b, c, d] = rows;
        let mut sums = [[0.0_f64; 2]; LANES];
        let mut ends = [0_usize; LANES];
        for ((&a, &b), (&c, &d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
            for (lane, row) in [a, b, c, d].into_iter().enumerate() {
                let row = usize::from(row) & ROW_MASK;
                sums[lane][0] += self.rows[row][0];
                sums[lane][1] += self.rows[row][1];
                // After a row of another node the next entry takes this place again.
                self.sums_to[lane * MAX_ROWS + ends[lane]] = sums[lane];
                ends[lane] = (ends[lane] + usize::from(self.member[row])) & ROW_MASK;
            }
        }
        // What the last block holds beyond the node is no split.
        for sums_to in self.sums_to.chunks_exact_mut(MAX_ROWS) {
            sums_to[self.n_rows..self.n_rows.next_multiple_of(BLOCK)].fill([0.0; 2]);
        }
    }

    #[inline(always)]
    fn best_of(&mut self, place: usize, bins: &Bins, lane: usize) -> f64 {
        // The last entry leaves nothing on the right.
        let n_splits = self.n_rows.saturating_sub(1);
        let mut bar = self.bar();
        let mut greatest = [0.0_f64; BLOCK];
        for start in (0..n_splits).step_by(BLOCK) {
            let Some(sums_to) = self.sums_to[lane * MAX_ROWS + start..].first_chunk() else { break };
            let gains = self.gains(sums_to);
            let mut any = false;
            for (greatest, gain) in greatest.iter_mut().zip(gains) {
                *greatest = if gain > *greatest { gain } else { *greatest };
                any |= gain >= bar;
            }
            if any {
                self.weigh(place, bins, lane, start..(start + BLOCK).min(n_splits));
                bar = self.bar();
            }
        }
        greatest.into_iter().fold(0.0, f64::max)
    }

    /// The gains of both sides together of some splits, to the precision of `f64`; 0 where a side is too light.
    #[inline(always)]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "a branch would keep it from being done for several splits at once"
    )]
    fn gains(&self, sums_to: &[[f64; 2]; BLOCK]) -> [f64; BLOCK] {
        let (alpha, lambda) = (f64::from(self.params.reg_alpha), f64::from(self.params.reg_lambda));
        let least = f64::from(self.params.min_child_weight) * (1.0 - SLACK);
        let shrunk = |gradient: f64| {
            let rest = gradient.abs() - alpha;
            if rest > 0.0 { rest } else { 0.0 }
        };
        let mut gains = [0.0; BLOCK];
        for i in 0..BLOCK {
            let [gradient, left] = sums_to[i];
            let right = self.sums.hessian - left;
            let (a, b) = (shrunk(gradient), shrunk(self.sums.gradient - gradient));
            let (left_weight, right_weight) = (left + lambda, right + lambda);
            let gain = (a * a * right_weight + b * b * left_weight) / (left_weight * right_weight);
            gains[i] = if (left >= least) & (right >= least) { gain } else { 0.0 };
        }
        gains
    }

    /// Weighs splits in the library's precision.
    #[inline(never)]
    fn weigh(&mut self, place: usize, bins: &Bins, lane: usize, splits: std::ops::Range<usize>) {
        let entries = bins.rows(place).iter().zip(bins.bins(place));
        let mut entries = entries.filter(|(row, _)| self.member[usize::from(**row)] == 1).skip(splits.start);
        let Some((_, &first)) = entries.next() else { return };
        let mut bin = first;
        let mut weighed = self.best;
        for (split, (_, &next)) in splits.zip(entries) {
            let last = std::mem::replace(&mut bin, next);
            if last == next {
                continue;
            }
            let [gradient, hessian] = self.sums_to[lane * MAX_ROWS + split];
            let left = Sums { gradient, hessian };
            let Some(gain) = self.gain(left) else { continue };
            let is_better = match weighed {
                None => gain > LEAST_GAIN,
                Some(best) => gain > best.gain || (gain >= best.gain && place < best.column),
            };
            if is_better {
                weighed = Some(Split { column: place, bin: last, gain, left });
            }
        }
        self.best = weighed;
    }

    /// What a split gains, in the library's precision; none where a side is too light or the gain is no number.
    fn gain(&self, left: Sums) -> Option<f32> {
        let right = self.sums - left;
        let least = f64::from(self.params.min_child_weight);
        let gain = (self.params.gain(left) + self.params.gain(right)) - self.own_gain;
        (left.hessian >= least && right.hessian >= least && gain.is_finite()).then_some(gain)
    }
}

/// [`Scan::look`] as what can be compiled for each kind of processor.
struct Look<'a> {
    scan: &'a mut Scan,
    places: [usize; LANES],
    bins: &'a Bins,
}

impl NullaryFnOnce for Look<'_> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn call(self) -> Self::Output {
        self.scan.add_up(self.places.map(|place| self.bins.rows(place)));
        let mut greatest = [0.0; LANES];
        for (lane, greatest) in greatest.iter_mut().enumerate() {
            *greatest = self.scan.best_of(self.places[lane], self.bins, lane);
        }
        greatest
    }
}
