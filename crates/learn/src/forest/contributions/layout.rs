//! One tree made ready to explain rows.

use super::super::tree::Tree;
use super::quadrature::gauss_legendre;

/// A node as seen from its parent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    /// The parent's split, and whether this is its left child.
    pub(super) feature: u32,
    pub(super) threshold: f32,
    pub(super) is_left: bool,
    pub(super) is_leaf: bool,
    /// Number of steps from the root.
    pub(super) depth: u32,
    /// The depth of the nearest step above that has a condition on the same feature; 0 for none.
    pub(super) prior: u32,
    /// Share of the parent's cover.
    pub(super) ratio: f64,
    /// Probability of a leaf.
    pub(super) probability: f64,
}

/// What a step does at one quadrature point, for rows that miss and rows that meet its condition. Where a step above has a
/// condition on the same feature, it holds for rows that meet that one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effect {
    /// What the product of the path is multiplied with.
    pub(super) factors: [f64; 2],
    /// The contribution of the step's feature as a share of the sum over the leaves below, less what the step above on the same
    /// feature takes for it.
    pub(super) slopes: [f64; 2],
}

/// A step on the way to the one at hand.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    feature: u32,
    /// Share of the cover that all conditions on the feature down to here let through: `z`.
    share: f64,
    /// Share of the root's cover.
    reach: f64,
    /// Number of different features in the conditions down to here.
    n_conditions: usize,
}

/// One tree made ready; taken over from tree to tree, so that nothing is allocated by node.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The steps with a leaf of more than 0 below, every one after its parent and right before its own subtree; the root is
    /// left out.
    pub(super) steps: Vec<Step>,
    /// By step and point.
    pub(super) effects: Vec<Effect>,
    /// The weights of the points.
    pub(super) weights: Vec<f64>,
    /// The greatest depth.
    pub(super) height: usize,
    points: Vec<f64>,
    expected: f64,
    /// By step: `z`, and that of the step above on the same feature.
    shares: Vec<(f64, Option<f64>)>,
    /// By node: whether there is a leaf of more than 0 below.
    counts: Vec<bool>,
    open: Vec<(usize, Step)>,
    path: Vec<Above>,
}

impl Layout {
    /// The probability expected when nothing is known.
    pub(super) fn expected(&self) -> f64 {
        self.expected
    }

    /// Takes over the nodes of one tree.
    pub(super) fn take(&mut self, tree: &Tree) {
        let most = self.list(tree);
        let n_points = most.div_ceil(2).max(1);
        if self.points.len() != n_points {
            (self.points, self.weights) = gauss_legendre(n_points).into_iter().unzip();
        }
        self.tabulate();
    }

    /// Walks the tree from its root; returns the greatest number of features on a path.
    fn list(&mut self, tree: &Tree) -> usize {
        self.mark(tree);
        self.steps.clear();
        self.shares.clear();
        self.path.clear();
        (self.expected, self.height) = (0.0, 0);
        let mut most = 0;
        self.open.push((0, Step { ratio: 1.0, ..Step::default() }));
        while let Some((at, mut step)) = self.open.pop() {
            if !self.counts[at] {
                continue;
            }
            let depth = step.depth as usize;
            let reach = depth.checked_sub(1).map_or(1.0, |parent| self.path[parent].reach * step.ratio);
            let split = tree.split_of(at);
            step.is_leaf = split.is_none();
            step.probability = tree.probability(at);
            if step.is_leaf {
                self.expected += reach * step.probability;
            }
            self.path.truncate(depth);
            let above =
                if depth == 0 { Above { reach, share: 1.0, ..Above::default() } } else { self.join(&mut step, reach) };
            most = most.max(above.n_conditions);
            self.height = self.height.max(depth);
            self.path.push(above);
            let Some(split) = split else { continue };
            let children = [split.left as usize, split.right as usize];
            let ratios = ratios(children.map(|child| tree.cover(child)));
            for side in [1, 0] {
                let below = Step {
                    feature: split.feature,
                    threshold: split.threshold,
                    is_left: side == 0,
                    depth: step.depth + 1,
                    ratio: ratios[side],
                    ..Step::default()
                };
                self.open.push((children[side], below));
            }
        }
        most
    }

    /// Finds the nodes that add something. Children come after their parents.
    fn mark(&mut self, tree: &Tree) {
        self.counts.clear();
        self.counts.resize(tree.len(), false);
        for node in (0..tree.len()).rev() {
            self.counts[node] = match tree.split_of(node) {
                None => tree.probability(node) > 0.0,
                Some(split) => self.counts[split.left as usize] || self.counts[split.right as usize],
            };
        }
    }

    /// Adds a step below the path.
    fn join(&mut self, step: &mut Step, reach: f64) -> Above {
        let parent = self.path.len() - 1;
        // the root, the first of the path, has no condition
        let prior = (1..=parent).rev().find(|above| self.path[*above].feature == step.feature);
        step.prior = prior.unwrap_or_default() as u32;
        let share_above = prior.map(|prior| self.path[prior].share);
        let share = share_above.unwrap_or(1.0) * step.ratio;
        self.steps.push(*step);
        self.shares.push((share, share_above));
        let n_conditions = self.path[parent].n_conditions + usize::from(prior.is_none());
        Above { feature: step.feature, share, reach, n_conditions }
    }

    /// Fills the table of effects, which do not depend on the row.
    fn tabulate(&mut self) {
        self.effects.clear();
        for (share, share_above) in &self.shares {
            self.effects.extend(self.points.iter().map(|&t| {
                let mut effect = Effect {
                    factors: [0.0, 1.0].map(|met| factor(met, *share, t)),
                    slopes: [0.0, 1.0].map(|met| slope(met, *share, t)),
                };
                if let Some(above) = *share_above {
                    effect.factors = effect.factors.map(|value| value / factor(1.0, above, t));
                    effect.slopes = effect.slopes.map(|value| value - slope(1.0, above, t));
                }
                effect
            }));
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
