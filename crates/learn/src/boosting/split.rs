//! Which split of a node is the best, in XGBoost's own precision and order.
//!
//! Facts from XGBoost 3.2.0: `EnumerateSplit` in `src/tree/hist/evaluate_splits.h`, `NeedReplace` in `src/tree/param.h`,
//! `src/tree/hist/expand_entry.h`.

use super::objective::{Sums, TreeParams};

/// Gains at or below this are none (`kRtEps` of the library).
const LEAST_GAIN: f32 = 1e-6;

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
    /// What the split gains.
    pub(super) gain: f32,
    /// The sums of the rows that go left.
    pub(super) left: Sums,
}

/// The best split of a node so far.
pub(super) struct Judge {
    pub(super) params: TreeParams,
    /// The sums of the node's rows.
    pub(super) sums: Sums,
    own_gain: f32,
    best: Option<Split>,
}

impl Judge {
    pub(super) fn new(params: TreeParams) -> Self {
        Self { params, sums: Sums::default(), own_gain: 0.0, best: None }
    }

    /// Turns to another node.
    pub(super) fn begin(&mut self, sums: Sums) {
        (self.sums, self.own_gain, self.best) = (sums, self.params.gain(sums), None);
    }

    /// What both sides of a split must reach together to be the best, a little less for the sake of rounding.
    pub(super) fn bar(&self) -> f64 {
        let gain = self.best.map_or(LEAST_GAIN, |best| best.gain);
        (f64::from(gain) + f64::from(self.own_gain)) * (1.0 - MARGIN)
    }

    /// Weighs a split in the library's precision. The splits of a column must come in their order.
    pub(super) fn weigh(&mut self, column: usize, bin: u16, left: Sums) {
        let right = self.sums - left;
        let least = f64::from(self.params.min_child_weight);
        let gain = (self.params.gain(left) + self.params.gain(right)) - self.own_gain;
        if !(left.hessian >= least && right.hessian >= least && gain.is_finite()) {
            return;
        }
        let is_better = match self.best {
            None => gain > LEAST_GAIN,
            Some(best) => gain > best.gain || (gain >= best.gain && column < best.column),
        };
        if is_better {
            self.best = Some(Split { column, bin, gain, left });
        }
    }

    /// The best split, if the node is to be split at all. Of equal ones it is that of the first column, and in it the first.
    pub(super) fn taken(&self) -> Option<Split> {
        self.best.filter(|split| {
            let right = self.sums - split.left;
            split.gain >= self.params.gamma && split.left.hessian != 0.0 && right.hessian != 0.0
        })
    }
}
