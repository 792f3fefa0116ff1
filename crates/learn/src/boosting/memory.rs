//! What earlier rounds tell of the splits of a node, so that few columns have to be looked at again.
//!
//! From round to round the gradients move little when the learning rate is low, and so do the gains of all splits. Let a node of the
//! same rows have the gradients `g` and Hessians `h` in one round and `g'` and `h'` in a later one. A split's two sides add up to
//! a gain of `GL^2 / (HL + lambda) + GR^2 / (HR + lambda)`, the squared length of a vector of two numbers. With `m` the least of 1
//! and all `h' / h`, and for any factor `f` (here 1 and `m`),
//!
//! ```text
//! |GL'| <= f |GL| + sum over L of |g' - f g| <= f |GL| + sqrt(sum over L of (g' - f g)^2 / h) sqrt(HL + lambda)
//! HL' + lambda >= m (HL + lambda)
//! ```
//!
//! by the inequality of Cauchy and Schwarz, and the same on the right. So the length grows to at most
//! `(f length + sqrt(sum over all rows of (g' - f g)^2 / h)) / sqrt(m)`, whatever the split. It holds for the greatest length in a
//! column too, and with an L1 penalty, which shrinks differences. A column whose bound stays below the best gain found cannot
//! hold the best split.
//!
//! A side that was too light may have become heavy enough. Bounds are therefore taken over sides that lack up to [`SLACK`] of the
//! least weight, and are good until the Hessians have risen by so much.

use std::collections::HashMap;

/// Share of the least weight that a side may lack and still count in a bound.
pub(super) const SLACK: f64 = 0.25;

/// Rows and columns of all nodes that are remembered, 16 bytes each; beyond that all are forgotten.
const MAX_CELLS: usize = 1 << 21;

/// Each step may be off by the rounding of a few operations in `f64`, which is far less.
const ROUNDING: f64 = 1.0 + 1e-9;

/// Nodes by their rows.
#[derive(Default)]
pub(super) struct Memory {
    nodes: HashMap<Vec<u32>, Known>,
    cells: usize,
}

/// What is known of one node.
pub(super) struct Known {
    /// Gradient and Hessian of each of its rows when it was last met.
    rows: Vec<[f64; 2]>,
    /// For every column a bound on the length; infinite where nothing is known.
    reach: Vec<f64>,
    /// The sum of all rises of Hessians so far, and what it was when a column was looked at.
    risen: f64,
    risen_at: Vec<f64>,
}

impl Memory {
    /// The node of these rows, its bounds brought to the gradients of this round.
    pub(super) fn meet(&mut self, rows: &[u32], gradients: &[[f64; 2]], n_columns: usize) -> &mut Known {
        if !self.nodes.contains_key(rows) {
            if self.cells > MAX_CELLS {
                (self.cells, self.nodes) = (0, HashMap::new());
            }
            self.cells += rows.len() + n_columns;
        }
        let known = self.nodes.entry(rows.to_vec()).or_insert_with(|| Known {
            rows: rows.iter().map(|&row| gradients[row as usize]).collect(),
            reach: vec![f64::INFINITY; n_columns],
            risen: 0.0,
            risen_at: vec![0.0; n_columns],
        });
        known.advance(rows, gradients);
        known
    }
}

impl Known {
    /// Whether no split in `column` can have a gain of `bar` on both sides together.
    pub(super) fn rules_out(&self, column: usize, bar: f64, min_child_weight: f64) -> bool {
        let fresh =
            min_child_weight <= 0.0 || (self.risen - self.risen_at[column]) * ROUNDING <= SLACK * min_child_weight;
        fresh && self.reach[column] * self.reach[column] < bar
    }

    /// The column that may hold the best split, when every one has been looked at before.
    pub(super) fn most_promising(&self) -> Option<usize> {
        let greatest = (0..self.reach.len()).max_by(|&a, &b| self.reach[a].total_cmp(&self.reach[b]))?;
        self.reach[greatest].is_finite().then_some(greatest)
    }

    /// Notes the greatest gain of both sides together among the splits of a column.
    pub(super) fn note(&mut self, column: usize, greatest: f64) {
        self.reach[column] = greatest.sqrt() * ROUNDING;
        self.risen_at[column] = self.risen;
    }

    fn advance(&mut self, rows: &[u32], gradients: &[[f64; 2]]) {
        let now = || rows.iter().map(|&row| gradients[row as usize]);
        let (mut least, mut risen) = (1.0_f64, 0.0);
        for (before, now) in self.rows.iter().zip(now()) {
            least = least.min(now[1] / before[1]);
            risen += (now[1] - before[1]).max(0.0);
        }
        let (mut plain, mut scaled) = (0.0, 0.0);
        for (before, now) in self.rows.iter_mut().zip(now()) {
            let (change, rest) = (now[0] - before[0], now[0] - least * before[0]);
            plain += change * change / before[1];
            scaled += rest * rest / before[1];
            *before = now;
        }
        let (plain, scaled, root) = (plain.sqrt(), scaled.sqrt(), least.sqrt());
        for reach in &mut self.reach {
            *reach = (*reach + plain).min(least * *reach + scaled) / root * ROUNDING;
        }
        self.risen += risen;
    }
}
