//! The way of a few rows through one tree.

use super::layout::{Effect, Layout, Step};
use super::{LANES, Lanes};

/// Whether each row meets a condition: all bits set, or none.
type Met = [u64; LANES];

/// Every row meets the condition.
const ALL: Met = [u64::MAX; LANES];

/// The path to the step at hand, by depth; the root comes first and has no condition.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The places of the steps.
    places: Vec<usize>,
    /// Which rows meet the condition of the step, and all above on the same feature.
    met: Vec<Met>,
    /// By step and point: the product of the factors of the path, times the weight of the point.
    products: Vec<Lanes>,
    /// By step and point: the sum over the leaves below of product times probability; the root's is not read.
    sums: Vec<Lanes>,
}

impl Walk {
    /// Adds to `contributions`, by feature, what the tree says of the rows.
    #[expect(clippy::inline_always, reason = "it is compiled for the vectors of each processor by being inlined there")]
    #[inline(always)]
    pub(super) fn explain(&mut self, layout: &Layout, features: &[[f32; LANES]], contributions: &mut [Lanes]) {
        let n_points = layout.weights.len();
        self.places.resize(layout.height + 1, 0);
        self.met.resize(layout.height + 1, ALL);
        self.met[0] = ALL;
        self.products.resize((layout.height + 1) * n_points, [0.0; LANES]);
        self.sums.resize((layout.height + 1) * n_points, [0.0; LANES]);
        for (product, weight) in self.products.iter_mut().zip(&layout.weights) {
            *product = [*weight; LANES];
        }
        let mut at = 0;
        for (place, step) in layout.steps.iter().enumerate() {
            let depth = step.depth as usize;
            // the steps that end before this one
            while at >= depth {
                self.leave(at, layout, contributions);
                at -= 1;
            }
            self.enter(place, step, layout, features);
            at = depth;
        }
        while at > 0 {
            self.leave(at, layout, contributions);
            at -= 1;
        }
    }

    /// Multiplies the factors of the path with those of its next step.
    #[expect(clippy::inline_always, reason = "it is compiled for the vectors of each processor by being inlined there")]
    #[inline(always)]
    fn enter(&mut self, place: usize, step: &Step, layout: &Layout, features: &[[f32; LANES]]) {
        let n_points = layout.weights.len();
        let depth = step.depth as usize;
        let values = &features[step.feature as usize];
        let met: Met = std::array::from_fn(|lane| mask((values[lane] <= step.threshold) == step.is_left));
        let effects = &layout.effects[place * n_points..][..n_points];
        let (above, here) = self.products.split_at_mut(depth * n_points);
        let above = &above[(depth - 1) * n_points..];
        let here = &mut here[..n_points];
        let sums = &mut self.sums[depth * n_points..][..n_points];
        // of an inner step 0: its leaves are yet to be added
        let probability = if step.is_leaf { step.probability } else { 0.0 };
        self.places[depth] = place;
        if step.prior == 0 {
            self.met[depth] = met;
            for point in 0..n_points {
                let [missing, meeting] = effects[point].factors;
                for lane in 0..LANES {
                    let product = above[point][lane] * either(met[lane], meeting, missing);
                    here[point][lane] = product;
                    sums[point][lane] = product * probability;
                }
            }
        } else {
            let alive = self.met[step.prior as usize];
            self.met[depth] = std::array::from_fn(|lane| met[lane] & alive[lane]);
            for point in 0..n_points {
                let [missing, meeting] = effects[point].factors;
                for lane in 0..LANES {
                    // a condition above that is missed settles the matter
                    let factor = either(alive[lane], either(met[lane], meeting, missing), step.ratio);
                    let product = above[point][lane] * factor;
                    here[point][lane] = product;
                    sums[point][lane] = product * probability;
                }
            }
        }
    }

    /// Gives the feature of the last step of the path its share of the leaves below, and adds them to those of the step above.
    #[expect(clippy::inline_always, reason = "it is compiled for the vectors of each processor by being inlined there")]
    #[inline(always)]
    fn leave(&mut self, depth: usize, layout: &Layout, contributions: &mut [Lanes]) {
        let n_points = layout.weights.len();
        let place = self.places[depth];
        let step = &layout.steps[place];
        let effects = &layout.effects[place * n_points..][..n_points];
        let met = self.met[depth];
        let alive = if step.prior == 0 { ALL } else { self.met[step.prior as usize] };
        let (above, here) = self.sums.split_at_mut(depth * n_points);
        let above = &mut above[(depth - 1) * n_points..];
        let mut share = [0.0; LANES];
        for (point, Effect { slopes: [missing, meeting], .. }) in effects.iter().enumerate() {
            for lane in 0..LANES {
                let sum = here[point][lane];
                share[lane] += sum * either(met[lane], *meeting, *missing);
                above[point][lane] += sum;
            }
        }
        let contribution = &mut contributions[step.feature as usize];
        for lane in 0..LANES {
            contribution[lane] += either(alive[lane], share[lane], 0.0);
        }
    }
}

fn mask(is_met: bool) -> u64 {
    0_u64.wrapping_sub(u64::from(is_met))
}

/// The first value where the mask is set, the second where it is not; bit by bit, which compiles to vectors.
fn either(mask: u64, set: f64, unset: f64) -> f64 {
    f64::from_bits(set.to_bits() & mask | unset.to_bits() & !mask)
}
