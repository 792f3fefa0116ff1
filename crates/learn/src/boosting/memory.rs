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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAMBDA: f64 = 1.0;

    fn gain(sums: [f64; 2], alpha: f64) -> f64 {
        (sums[0].abs() - alpha).max(0.0).powi(2) / (sums[1] + LAMBDA)
    }

    /// The greatest gain of both sides among all splits of rows in their order, of sides of at least some weight.
    fn greatest(rows: &[[f64; 2]], alpha: f64, least: f64) -> f64 {
        let add = |a: [f64; 2], b: &[f64; 2]| [a[0] + b[0], a[1] + b[1]];
        (1..rows.len())
            .map(|split| {
                let (left, right) = rows.split_at(split);
                (left.iter().fold([0.0; 2], add), right.iter().fold([0.0; 2], add))
            })
            .filter(|(left, right)| left[1] >= least && right[1] >= least)
            .fold(0.0, |greatest, (left, right)| greatest.max(gain(left, alpha) + gain(right, alpha)))
    }

    proptest! {
        #[test]
        fn no_split_exceeds_its_bound(
            start in prop::collection::vec((-1.0_f64..1.0, 0.001_f64..0.25), 2..30),
            steps in prop::collection::vec(prop::collection::vec((-0.05_f64..0.05, 0.9_f64..1.1), 30), 1..6),
            (alpha, least) in (prop::sample::select(&[0.0, 0.3][..]), prop::sample::select(&[0.0, 0.2, 1.0][..])),
        ) {
            let rows: Vec<u32> = (0..start.len() as u32).collect();
            let mut gradients: Vec<[f64; 2]> = start.iter().map(|&(gradient, hessian)| [gradient, hessian]).collect();
            let mut memory = Memory::default();
            memory.meet(&rows, &gradients, 1).note(0, greatest(&gradients, alpha, least * (1.0 - SLACK)));
            for step in steps {
                for (row, (change, factor)) in gradients.iter_mut().zip(step) {
                    *row = [row[0] + change, row[1] * factor];
                }
                let found = greatest(&gradients, alpha, least);
                let known = memory.meet(&rows, &gradients, 1);
                prop_assert!(!known.rules_out(0, found, least), "{found} is ruled out by {}", known.reach[0]);
            }
        }
    }

    #[test]
    fn a_small_step_leaves_the_bound_near() {
        let rows: Vec<u32> = (0..40).collect();
        let at = |shift: f64| -> Vec<[f64; 2]> {
            rows.iter().map(|&row| [if row < 5 { -0.9 } else { 0.1 - shift }, 0.09]).collect()
        };
        let mut memory = Memory::default();
        let before = greatest(&at(0.0), 0.0, 0.0);
        let known = memory.meet(&rows, &at(0.0), 2);
        assert!(!known.rules_out(0, 1e9, 1.0) && known.most_promising().is_none(), "nothing is known yet");
        known.note(0, before);
        known.note(1, before / 2.0);
        let known = memory.meet(&rows, &at(0.0001), 2);
        assert_eq!(known.most_promising(), Some(0));
        assert!(!known.rules_out(0, before, 1.0));
        assert!(known.rules_out(0, before * 1.01, 1.0) && known.rules_out(1, before * 0.51, 1.0));
    }

    #[test]
    fn what_became_heavy_is_looked_at_again() {
        let rows: Vec<u32> = (0..10).collect();
        let heavy = |hessian: f64| vec![[0.1, hessian]; 10];
        let mut memory = Memory::default();
        memory.meet(&rows, &heavy(0.1), 1).note(0, 0.0);
        assert!(memory.meet(&rows, &heavy(0.11), 1).rules_out(0, 5.0, 1.0), "a tenth of the least weight");
        assert!(!memory.meet(&rows, &heavy(0.14), 1).rules_out(0, 5.0, 1.0), "four tenths of it");
    }
}
