//! What moves each row's probability: path-dependent SHAP values of a forest, exact.
//!
//! The values are those of TreeSHAP (Lundberg and others, "From local explanations to global understanding with
//! explainable AI for trees", 2020, Algorithms 1 and 2). The worth of a set of known features is what a tree expects of
//! the row when only these are known: at a split on a known feature the row goes its way, at any other it goes both ways
//! in the shares of the cover; a feature's contribution is its Shapley value in this game.
//!
//! A leaf adds to the worth its probability times one factor per feature on its path: `o` if the feature is known, `z`
//! if not, where `o` is 1 when the row meets every condition of the path on that feature, else 0, and `z` is the share
//! of the cover that these conditions let through. The Shapley value of such a product is an integral (Owen,
//! "Multilinear extensions of games", 1972),
//!
//! ```text
//! (o_i - z_i) * integral over t from 0 to 1 of the product over j != i of (z_j + t * (o_j - z_j))
//! ```
//!
//! of a polynomial in `t`, so half as many Gauss-Legendre points as the path has features give it exactly. At each point
//! one pass down a tree multiplies the factors of a path and one pass up adds the leaves, which all leaves below a node
//! share (as in Yu and others, "Linear TreeShap", 2022). Every factor lies within 0..1, so that nothing cancels, however
//! deep a tree is.

use rayon::prelude::*;

use super::{Forest, Node, Split};
use crate::classifier::Samples;
use crate::error::LearnError;

mod quadrature;

use quadrature::gauss_legendre;

/// Rows that one task explains: enough that laying the trees out hardly counts.
const BLOCK_ROWS: usize = 128;

/// Quadrature points that are worked on together.
const LANES: usize = 4;

type Points = [f64; LANES];

impl Forest {
    /// How much each feature moves each row's probability (TreeSHAP, path-dependent: what is not known is weighed by
    /// `cover`): `n_samples` rows of `n_features + 1` values, row-major. The last of a row is the bias, the probability
    /// that the forest expects of a row of which nothing is known, and the same in all rows; a row adds up to its
    /// probability. A feature that no tree splits on gets exactly 0. A row alone gets what it gets in any batch.
    ///
    /// The children's shares are those of their covers; below a node without cover both count the same.
    ///
    /// Costs rows x nodes x half the greatest number of features on a path (rounded up to fours). Beside the result it
    /// takes per thread about 300 bytes x nodes of the largest tree, per four.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn contributions(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features)?;
        let width = self.n_features + 1;
        let n_trees = self.n_estimators() as f64;
        let mut contributions = vec![0.0; samples.n_samples * width];
        contributions.par_chunks_mut(BLOCK_ROWS * width).enumerate().for_each_init(
            Layout::default,
            |layout, (b, block)| {
                // tree by tree, so that a tree's layout stays in the cache
                for tree in self.starts.windows(2) {
                    layout.take(&self.nodes[tree[0]..tree[1]]);
                    for (i, row) in block.chunks_exact_mut(width).enumerate() {
                        layout.explain(samples.row(b * BLOCK_ROWS + i), row);
                    }
                }
                for value in block {
                    *value /= n_trees;
                }
            },
        );
        Ok(contributions)
    }
}

/// A node of a tree as seen from its parent.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Place of the parent among the steps.
    parent: usize,
    /// The parent's split, and whether this is its left child.
    feature: usize,
    threshold: f32,
    is_left: bool,
    /// Share of the parent's cover.
    ratio: f64,
    /// Share of the root's cover: the product of all ratios down to here.
    reach: f64,
    /// The nearest step above that has a condition on the same feature.
    prior: Option<usize>,
    /// Share of the cover that all conditions on the feature down to here let through: `z`.
    share: f64,
    /// Number of different features in the conditions down to here.
    n_conditions: usize,
    /// Probability of a leaf.
    leaf: Option<f64>,
}

/// How a row stands to the condition of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does not meet it.
    Missed,
    /// It meets it, and all conditions above on the same feature.
    Met,
    /// It missed one above on the same feature, which settles the matter.
    Settled,
}

/// One tree made ready, and room for the two passes of a row; taken over from tree to tree, so that nothing is allocated
/// by node or row.
#[derive(Debug, Default)]
struct Layout {
    /// The nodes, every one after its parent; the root comes first and has no condition.
    steps: Vec<Step>,
    /// Nodes still to be listed.
    open: Vec<(usize, Step)>,
    /// The quadrature rule, in fours.
    points: Vec<Points>,
    weights: Vec<Points>,
    /// The probability expected when nothing is known.
    expected: f64,
    /// By step, whether its condition is met, and point: what the step multiplies the product of the path with.
    factors: Vec<Points>,
    /// Likewise: the contribution of the step's feature as a share of the sum over the leaves below, less what the step
    /// above on the same feature takes for it.
    slopes: Vec<Points>,
    /// By step.
    standings: Vec<Standing>,
    /// By step and point: the product of the factors of the path, times the weight of the point.
    products: Vec<Points>,
    /// By step and point: the sum over the leaves below of product times probability; the root's is not read.
    sums: Vec<Points>,
}

impl Layout {
    /// Takes over the nodes of one tree.
    fn take(&mut self, nodes: &[Node]) {
        self.list(nodes);
        let most = self.steps.iter().map(|step| step.n_conditions).max().unwrap_or_default();
        let n_fours = most.div_ceil(2 * LANES).max(1);
        if self.points.len() != n_fours {
            let rule = gauss_legendre(n_fours * LANES);
            let four = |four: &[(f64, f64)], of: fn((f64, f64)) -> f64| std::array::from_fn(|lane| of(four[lane]));
            self.points = rule.chunks_exact(LANES).map(|points| four(points, |(point, _)| point)).collect();
            self.weights = rule.chunks_exact(LANES).map(|points| four(points, |(_, weight)| weight)).collect();
        }
        self.tabulate();
        self.standings.resize(self.steps.len(), Standing::Met);
        self.products.resize(self.steps.len() * n_fours, [0.0; LANES]);
        self.sums.resize(self.steps.len() * n_fours, [0.0; LANES]);
        self.products[..n_fours].copy_from_slice(&self.weights);
    }

    /// Walks the tree from its root.
    fn list(&mut self, nodes: &[Node]) {
        self.steps.clear();
        self.expected = 0.0;
        self.open.push((0, Step { reach: 1.0, ..Step::default() }));
        while let Some((at, mut step)) = self.open.pop() {
            let node = &nodes[at];
            let place = self.steps.len();
            if let Some(split) = node.split {
                self.steps.push(step);
                let children = [split.left as usize, split.right as usize];
                let [left, right] = ratios(children.map(|child| nodes[child].cover));
                self.open.push((children[1], self.below(place, &split, false, right)));
                self.open.push((children[0], self.below(place, &split, true, left)));
            } else {
                step.leaf = Some(node.probability);
                self.steps.push(step);
                self.expected += step.reach * node.probability;
            }
        }
    }

    /// The step from `parent` to one of its children.
    fn below(&self, parent: usize, split: &Split, is_left: bool, ratio: f64) -> Step {
        let feature = split.feature as usize;
        let mut above = parent;
        while above > 0 && self.steps[above].feature != feature {
            above = self.steps[above].parent;
        }
        let prior = (above > 0).then_some(above);
        Step {
            parent,
            feature,
            threshold: split.threshold,
            is_left,
            ratio,
            reach: self.steps[parent].reach * ratio,
            prior,
            share: prior.map_or(1.0, |prior| self.steps[prior].share) * ratio,
            n_conditions: self.steps[parent].n_conditions + usize::from(prior.is_none()),
            leaf: None,
        }
    }

    /// Fills the tables of factors and slopes, which do not depend on the row. Those of a step with one above it on the
    /// same feature hold for rows that meet that one.
    fn tabulate(&mut self) {
        self.factors.clear();
        self.slopes.clear();
        for step in &self.steps {
            let prior = step.prior.map(|prior| self.steps[prior].share);
            for is_met in [false, true] {
                let met = f64::from(u8::from(is_met));
                for points in &self.points {
                    let mut factors = points.map(|t| factor(met, step.share, t));
                    let mut slopes = points.map(|t| slope(met, step.share, t));
                    if let Some(prior) = prior {
                        for ((factor_here, slope_here), &t) in factors.iter_mut().zip(&mut slopes).zip(points) {
                            *factor_here /= factor(1.0, prior, t);
                            *slope_here -= slope(1.0, prior, t);
                        }
                    }
                    self.factors.push(factors);
                    self.slopes.push(slopes);
                }
            }
        }
    }

    /// Adds to `contributions`, of which there is one per feature and the bias, what the tree says of the row.
    fn explain(&mut self, row: &[f32], contributions: &mut [f64]) {
        self.descend(row);
        self.ascend(contributions);
        if let Some(bias) = contributions.last_mut() {
            *bias += self.expected;
        }
    }

    /// Multiplies the factors of every path, from the root on.
    fn descend(&mut self, row: &[f32]) {
        let n_fours = self.points.len();
        for (place, step) in self.steps.iter().enumerate().skip(1) {
            let (above, here) = self.products.split_at_mut(place * n_fours);
            let above = &above[step.parent * n_fours..][..n_fours];
            let here = &mut here[..n_fours];
            let is_met = (row[step.feature] <= step.threshold) == step.is_left;
            let is_settled = step.prior.is_some_and(|prior| self.standings[prior] != Standing::Met);
            if is_settled {
                self.standings[place] = Standing::Settled;
                for (here, above) in here.iter_mut().zip(above) {
                    *here = above.map(|product| product * step.ratio);
                }
            } else {
                self.standings[place] = if is_met { Standing::Met } else { Standing::Missed };
                let factors = &self.factors[(2 * place + usize::from(is_met)) * n_fours..][..n_fours];
                for ((here, above), factors) in here.iter_mut().zip(above).zip(factors) {
                    *here = std::array::from_fn(|lane| above[lane] * factors[lane]);
                }
            }
            let sums = &mut self.sums[place * n_fours..][..n_fours];
            let probability = step.leaf.unwrap_or_default();
            for (sum, here) in sums.iter_mut().zip(here) {
                *sum = here.map(|product| product * probability);
            }
        }
    }

    /// Adds up the leaves below every step, from the last on, and gives each step's feature its share.
    fn ascend(&mut self, contributions: &mut [f64]) {
        let n_fours = self.points.len();
        for (place, step) in self.steps.iter().enumerate().skip(1).rev() {
            let (above, here) = self.sums.split_at_mut(place * n_fours);
            let above = &mut above[step.parent * n_fours..][..n_fours];
            let here = &here[..n_fours];
            let standing = self.standings[place];
            if standing != Standing::Settled {
                let is_met = usize::from(standing == Standing::Met);
                let slopes = &self.slopes[(2 * place + is_met) * n_fours..][..n_fours];
                let mut shares = [0.0; LANES];
                for (here, slopes) in here.iter().zip(slopes) {
                    for lane in 0..LANES {
                        shares[lane] += here[lane] * slopes[lane];
                    }
                }
                contributions[step.feature] += (shares[0] + shares[2]) + (shares[1] + shares[3]);
            }
            for (above, here) in above.iter_mut().zip(here) {
                for lane in 0..LANES {
                    above[lane] += here[lane];
                }
            }
        }
    }
}

/// The factor of a feature at the point `t`: `share` when it is unknown (0), `met` when it is known (1), straight between.
/// It is 0 only when the condition is missed and lets nothing through, and then no leaf below counts.
fn factor(met: f64, share: f64, t: f64) -> f64 {
    share * (1.0 - t) + met * t
}

/// The derivative of the factor's logarithm; what it is where the factor is 0 does not matter.
fn slope(met: f64, share: f64, t: f64) -> f64 {
    if met > 0.0 { (met - share) / factor(met, share, t) } else { -1.0 / (1.0 - t) }
}

/// The shares of two children in the cover of both.
fn ratios([left, right]: [f64; 2]) -> [f64; 2] {
    let both = left + right;
    if both > 0.0 { [left / both, right / both] } else { [0.5, 0.5] }
}

#[cfg(test)]
mod tests;
