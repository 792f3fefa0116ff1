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
//! one walk through a tree multiplies the factors of a path on the way down and adds up the leaves on the way back, which
//! all leaves below a node share (as in Yu and others, "Linear TreeShap", 2022). Every factor lies within 0..1, so that
//! nothing cancels, however deep a tree is. Leaves of probability 0 add nothing and are passed over.
//!
//! Rows go through a tree [`LANES`] at a time, one in each lane of the processor's vectors.

use rayon::prelude::*;

use super::Forest;
use crate::classifier::Samples;
use crate::error::LearnError;

mod layout;
mod quadrature;
mod walk;

use layout::Layout;
use walk::Walk;

/// Rows that one task explains: enough that laying the trees out hardly counts, and few enough that what they need stays in
/// the cache.
const BLOCK_ROWS: usize = 256;

/// Rows that go through a tree side by side.
const LANES: usize = 8;

/// One value of each row that goes through a tree.
type Lanes = [f64; LANES];

/// What one task works with.
#[derive(Default)]
struct Room {
    layout: Layout,
    walk: Walk,
    /// By group of [`LANES`] rows and feature: the values, and the contributions so far with the bias last.
    features: Vec<[f32; LANES]>,
    contributions: Vec<Lanes>,
}

/// A group of rows on its way through a tree, to be compiled for the vectors of each processor. Whichever runs, the sums are
/// taken in one order and never fused, so the result is the same to the bit.
struct Explain<'a> {
    walk: &'a mut Walk,
    layout: &'a Layout,
    features: &'a [[f32; LANES]],
    contributions: &'a mut [Lanes],
}

impl pulp::WithSimd for Explain<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "it is compiled for the vectors of each processor by being inlined there")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.walk.explain(self.layout, self.features, self.contributions);
    }
}

impl Forest {
    /// How much each feature moves each row's probability (TreeSHAP, path-dependent: what is not known is weighed by
    /// `cover`): `n_samples` rows of `n_features + 1` values, row-major. The last of a row is the bias, the probability
    /// that the forest expects of a row of which nothing is known, and the same in all rows; a row adds up to its
    /// probability. A feature that no tree splits on gets exactly 0. A row alone gets what it gets in any batch, and on
    /// every processor.
    ///
    /// The children's shares are those of their covers; below a node without cover both count the same.
    ///
    /// Costs rows x nodes (but for leaves of probability 0) x half the greatest number of features on a path of the tree.
    /// Beside the result it takes per thread 65 bytes x nodes of the largest tree, 32 more for each of those points, and
    /// 3 kilobytes per feature.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn contributions(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features)?;
        let width = self.n_features + 1;
        let mut contributions = vec![0.0; samples.n_samples * width];
        contributions
            .par_chunks_mut(BLOCK_ROWS * width)
            .enumerate()
            .for_each_init(Room::default, |room, (b, block)| self.explain(samples, b * BLOCK_ROWS, block, room));
        Ok(contributions)
    }

    /// Fills in the contributions of the rows from `first` on.
    fn explain(&self, samples: &Samples<'_>, first: usize, block: &mut [f64], room: &mut Room) {
        let (n_features, width) = (self.n_features, self.n_features + 1);
        let n_rows = block.len() / width;
        let n_groups = n_rows.div_ceil(LANES);
        room.contributions.clear();
        room.contributions.resize(n_groups * width, [0.0; LANES]);
        room.features.clear();
        room.features.resize(n_groups * n_features, [0.0; LANES]);
        for (group, features) in room.features.chunks_exact_mut(n_features.max(1)).enumerate() {
            for lane in 0..LANES {
                // lanes without a row repeat the last one
                let row = samples.row(first + (group * LANES + lane).min(n_rows - 1));
                features.iter_mut().zip(row).for_each(|(feature, value)| feature[lane] = *value);
            }
        }
        let arch = pulp::Arch::new();
        // tree by tree, so that a tree's layout stays in the cache
        for tree in &self.trees {
            room.layout.take(tree);
            for group in 0..n_groups {
                let features = &room.features[group * n_features..][..n_features];
                let contributions = &mut room.contributions[group * width..][..width];
                let (layout, walk) = (&room.layout, &mut room.walk);
                arch.dispatch(Explain { walk, layout, features, contributions });
                if let Some(bias) = contributions.last_mut() {
                    *bias = bias.map(|bias| bias + room.layout.expected());
                }
            }
        }
        let n_trees = self.n_estimators() as f64;
        for (i, row) in block.chunks_exact_mut(width).enumerate() {
            let contributions = &room.contributions[i / LANES * width..][..width];
            row.iter_mut().zip(contributions).for_each(|(value, lanes)| *value = lanes[i % LANES] / n_trees);
        }
    }
}

#[cfg(test)]
mod tests;
