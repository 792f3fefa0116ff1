//! The least of the objective, by Newton's method with conjugate gradients (Nocedal and Wright, "Numerical Optimization",
//! 2006, Algorithm 7.1; for logistic regression Lin, Weng and Keerthi, 2008).
//!
//! The Hessian is never formed: each of its products with a vector is one pass over the rows. Rows are standardised as they
//! are read, and nothing is kept but a few vectors of one number per column.

use rayon::prelude::*;

/// Rows of one partial sum; sums are added up in the order of the rows, however many threads there are.
const BLOCK_ROWS: usize = 1024;

/// Sums that are taken side by side within a row.
const LANES: usize = 8;

/// Newton steps at most; usually there are about ten.
const MAX_STEPS: usize = 200;

/// Conjugate gradient steps per Newton step at most.
const MAX_INNER_STEPS: usize = 500;

/// How near 0 the gradient's greatest entry gets: so much, and so much more per row.
const TOLERANCE: f64 = 1e-8;
const TOLERANCE_PER_ROW: f64 = 1e-10;

/// A step must lessen the objective by this share of what the slope promises, or it is halved, so often at most.
const SUFFICIENT: f64 = 1e-4;
const MAX_HALVINGS: usize = 50;

/// What of the objective may be lost in rounding: near the end a good step lessens it by less.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// What is fitted: rows of `means.len()` values, and which of them are positive.
pub(super) struct Problem<'a, R> {
    pub(super) row: R,
    pub(super) labels: &'a [bool],
    pub(super) means: &'a [f64],
    pub(super) scales: &'a [f64],
    pub(super) alpha: f64,
}

/// What one pass does with a row, of which it knows the log-odds or the product with a direction.
trait Pass: Sync {
    /// A contribution to the total, and the factor of the standardised row in the sum.
    fn see(&self, row: usize, product: f64) -> (f64, f64);
}

impl<F: Fn(usize, f64) -> (f64, f64) + Sync> Pass for F {
    fn see(&self, row: usize, product: f64) -> (f64, f64) {
        self(row, product)
    }
}

/// The rows of one block, to be compiled for the vectors of each processor; the sums are taken in one order whichever runs.
struct Block<'a, 'r, R, P> {
    row: &'a R,
    rows: std::ops::Range<usize>,
    means: &'a [f64],
    /// By column what its difference from the mean is multiplied with, and what is added to the product.
    weights: &'a [f64],
    offset: f64,
    pass: &'a P,
    marker: std::marker::PhantomData<&'r ()>,
}

impl<'r, R: Fn(usize) -> &'r [f32], P: Pass> pulp::WithSimd for Block<'_, 'r, R, P> {
    /// The total, and the sums by column and of the factors themselves.
    type Output = (f64, Vec<f64>);

    #[expect(clippy::inline_always, reason = "it is compiled for the vectors of each processor by being inlined there")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        let n_features = self.means.len();
        let (mut total, mut sums) = (0.0, vec![0.0; n_features + 1]);
        let mut centred = vec![0.0; n_features.next_multiple_of(LANES)];
        let mut weights = self.weights.to_vec();
        weights.resize(centred.len(), 0.0);
        for row in self.rows {
            for ((centred, value), mean) in centred.iter_mut().zip((self.row)(row)).zip(self.means) {
                *centred = f64::from(*value) - mean;
            }
            let mut products = [0.0; LANES];
            for (centred, weights) in centred.chunks_exact(LANES).zip(weights.chunks_exact(LANES)) {
                for lane in 0..LANES {
                    products[lane] += centred[lane] * weights[lane];
                }
            }
            let (part, factor) = self.pass.see(row, products.iter().sum::<f64>() + self.offset);
            total += part;
            for (sum, centred) in sums.iter_mut().zip(&centred[..n_features]) {
                *sum += factor * centred;
            }
            sums[n_features] += factor;
        }
        (total, sums)
    }
}

impl<'r, R: Fn(usize) -> &'r [f32] + Sync> Problem<'_, R> {
    /// The coefficients of the standardised columns and, last, the intercept.
    pub(super) fn solve(&self) -> Vec<f64> {
        let n_rows = self.labels.len();
        let n_features = self.means.len();
        let tolerance = TOLERANCE + TOLERANCE_PER_ROW * n_rows as f64;
        let mut point = vec![0.0; n_features + 1];
        let (mut value, mut gradient) = self.value(&point);
        for _ in 0..MAX_STEPS {
            if gradient.iter().all(|slope| slope.abs() <= tolerance) {
                break;
            }
            let direction = self.direction(&point, &gradient);
            let slope = dot(&direction, &gradient);
            let mut length = 1.0;
            let mut next = None;
            for _ in 0..MAX_HALVINGS {
                let tried = along(&point, length, &direction);
                let (found, found_gradient) = self.value(&tried);
                if found <= value + SUFFICIENT * length * slope + ROUNDING * value {
                    next = Some((tried, found, found_gradient));
                    break;
                }
                length *= 0.5;
            }
            // no step lessens the objective any more: rounding sets the end
            let Some(next) = next else { break };
            (point, value, gradient) = next;
        }
        point
    }

    /// The objective and its gradient.
    fn value(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let (loss, mut gradient) = self.pass(point, &|row: usize, log_odds: f64| {
            let signed = if self.labels[row] { -log_odds } else { log_odds };
            // the logarithm of 1 + exp(signed), whichever is large
            let loss = signed.max(0.0) + (-signed.abs()).exp().ln_1p();
            (loss, sigmoid(log_odds) - f64::from(u8::from(self.labels[row])))
        });
        let coefficients = &point[..self.means.len()];
        gradient.iter_mut().zip(coefficients).for_each(|(slope, weight)| *slope += self.alpha * weight);
        (loss + 0.5 * self.alpha * dot(coefficients, coefficients), gradient)
    }

    /// A direction downwards: Newton's, as nearly as the gradient is worth it.
    fn direction(&self, point: &[f64], gradient: &[f64]) -> Vec<f64> {
        let curvatures = self.curvatures(point);
        let norm = dot(gradient, gradient).sqrt();
        let enough = norm * norm.sqrt().min(0.5);
        let mut direction = vec![0.0; point.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut towards = rest.clone();
        let mut rest_squared = dot(&rest, &rest);
        for _ in 0..MAX_INNER_STEPS.min(2 * point.len()) {
            if rest_squared.sqrt() <= enough {
                break;
            }
            let (_, mut curved) = self.pass(&towards, &|row: usize, product: f64| (0.0, curvatures[row] * product));
            let weights = &towards[..self.means.len()];
            curved.iter_mut().zip(weights).for_each(|(curved, weight)| *curved += self.alpha * weight);
            let curvature = dot(&towards, &curved);
            if curvature <= 0.0 {
                break;
            }
            let length = rest_squared / curvature;
            direction = along(&direction, length, &towards);
            rest = along(&rest, -length, &curved);
            let before = std::mem::replace(&mut rest_squared, dot(&rest, &rest));
            towards = along(&rest, rest_squared / before, &towards);
        }
        // along a flat bottom of rounding errors alone: downhill is as good
        if dot(&direction, gradient) < 0.0 { direction } else { gradient.iter().map(|slope| -slope).collect() }
    }

    /// The second derivative of every row's loss.
    fn curvatures(&self, point: &[f64]) -> Vec<f64> {
        let (weights, offset) = self.weights(point);
        let log_odds = |row: usize| {
            let values = (self.row)(row).iter().zip(self.means).zip(&weights);
            values.fold(offset, |sum, ((value, mean), weight)| sum + (f64::from(*value) - mean) * weight)
        };
        let curvature = |row: usize| {
            let probability = sigmoid(log_odds(row));
            probability * (1.0 - probability)
        };
        (0..self.labels.len()).into_par_iter().with_min_len(BLOCK_ROWS).map(curvature).collect()
    }

    fn weights(&self, point: &[f64]) -> (Vec<f64>, f64) {
        let n_features = self.means.len();
        (point.iter().zip(self.scales).map(|(weight, scale)| weight / scale).collect(), point[n_features])
    }

    /// Goes through the rows once: each one's product with `point` decides what is added up.
    fn pass(&self, point: &[f64], pass: &impl Pass) -> (f64, Vec<f64>) {
        let (weights, offset) = self.weights(point);
        let n_rows = self.labels.len();
        let arch = pulp::Arch::new();
        let block = |block: usize| {
            let rows = block * BLOCK_ROWS..n_rows.min((block + 1) * BLOCK_ROWS);
            let (row, means, weights, pass, marker) =
                (&self.row, self.means, weights.as_slice(), pass, std::marker::PhantomData);
            arch.dispatch(Block { row, rows, means, weights, offset, pass, marker })
        };
        let blocks: Vec<(f64, Vec<f64>)> = (0..n_rows.div_ceil(BLOCK_ROWS)).into_par_iter().map(block).collect();
        let none = (0.0, vec![0.0; point.len()]);
        let (total, mut sums) =
            blocks.into_iter().fold(none, |(total, sums), (part, more)| (total + part, along(&sums, 1.0, &more)));
        sums.iter_mut().zip(self.scales).for_each(|(sum, scale)| *sum /= scale);
        (total, sums)
    }
}

fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The point at `length` times `direction` from `start`.
fn along(start: &[f64], length: f64, direction: &[f64]) -> Vec<f64> {
    start.iter().zip(direction).map(|(start, step)| start + length * step).collect()
}
