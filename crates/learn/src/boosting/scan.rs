//! The best split of a node in some columns.
//!
//! Between two rows of a node that are neighbours in a column, all bins give the same split, and of equal splits the first is
//! taken: so only the bins in which rows of the node lie are looked at. XGBoost looks at all.

#![expect(
    clippy::inline_always,
    reason = "what is dispatched to a kind of processor is compiled for it only where it is inlined"
)]

use pulp::{Arch, NullaryFnOnce};

use super::bins::{Bins, LANES, MAX_ROWS};
use super::memory::SLACK;
use super::objective::{Sums, TreeParams};
use super::split::Judge;

/// Splits that are looked at together.
const BLOCK: usize = 8;

/// Rows are counted by so many bits, so that no index needs a check.
const ROW_MASK: usize = MAX_ROWS - 1;

/// The node that is looked at, and room for its columns.
pub(super) struct Scan {
    pub(super) judge: Judge,
    n_rows: usize,
    /// Gradient and Hessian of every row of the node, zero for all others.
    rows: Box<[[f64; 2]; MAX_ROWS]>,
    /// 1 for the rows of the node, 0 for all others.
    member: Box<[u8; MAX_ROWS]>,
    /// Of every column at hand the sums up to and with each of the node's entries, gradient and Hessian by turns.
    sums_to: Box<[[f64; 2]; LANES * MAX_ROWS]>,
    /// The widest vectors that the processor has. All results are the same with any.
    arch: Arch,
}

impl Scan {
    #[expect(clippy::large_stack_arrays, reason = "320 KiB for an instant; a fixed length saves the checks of indices")]
    pub(super) fn new(params: TreeParams) -> Self {
        Self {
            judge: Judge::new(params),
            n_rows: 0,
            rows: Box::new([[0.0; 2]; MAX_ROWS]),
            member: Box::new([0; MAX_ROWS]),
            sums_to: Box::new([[0.0; 2]; LANES * MAX_ROWS]),
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
        self.n_rows = rows.len();
        self.judge.begin(sums);
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
        let mut bar = self.judge.bar();
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
                bar = self.judge.bar();
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
        let (alpha, lambda) = (f64::from(self.judge.params.reg_alpha), f64::from(self.judge.params.reg_lambda));
        let least = f64::from(self.judge.params.min_child_weight) * (1.0 - SLACK);
        let shrunk = |gradient: f64| {
            let rest = gradient.abs() - alpha;
            if rest > 0.0 { rest } else { 0.0 }
        };
        let mut gains = [0.0; BLOCK];
        for i in 0..BLOCK {
            let [gradient, left] = sums_to[i];
            let right = self.judge.sums.hessian - left;
            let (a, b) = (shrunk(gradient), shrunk(self.judge.sums.gradient - gradient));
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
        for (split, (_, &next)) in splits.zip(entries) {
            let last = std::mem::replace(&mut bin, next);
            if last != next {
                let [gradient, hessian] = self.sums_to[lane * MAX_ROWS + split];
                self.judge.weigh(place, last, Sums { gradient, hessian });
            }
        }
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
