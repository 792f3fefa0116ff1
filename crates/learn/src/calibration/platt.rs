//! Platt's sigmoid.

use faultline_contract::documents::evaluation::Calibration;

use super::PLATT_CLIP;

/// Newton steps at most; a dozen is usual.
const MAX_STEPS: u32 = 100;
/// The gradient per row at which the fit has converged.
const GRADIENT_TOLERANCE: f64 = 1e-12;
/// The shortest step tried before rounding is what stands in the way.
const MIN_STEP: f64 = 1e-10;
/// The longest step taken unsearched at the end; far longer than rounding of the loss leaves open.
const LAST_STEP: f64 = 1e-3;
/// Added to the curvature so that it can be inverted; far below what a row contributes.
const RIDGE: f64 = 1e-12;

pub(super) fn apply(a: f64, b: f64, probability: f64) -> f64 {
    sigmoid(a * log_odds(probability) + b)
}

/// Both classes occur and scores are probabilities.
pub(super) fn fit(labels: &[bool], probabilities: &[f64]) -> Calibration {
    let faulty = labels.iter().filter(|&&label| label).count() as f64;
    let good = labels.len() as f64 - faulty;
    // the expected outcome under a uniform prior instead of 0 and 1, so that the map stays finite
    let (target_of_faulty, target_of_good) = ((faulty + 1.0) / (faulty + 2.0), 1.0 / (good + 2.0));
    let rows: Vec<Row> = labels
        .iter()
        .zip(probabilities)
        .map(|(&label, &probability)| Row {
            score: log_odds(probability),
            target: if label { target_of_faulty } else { target_of_good },
        })
        .collect();
    let mean_target = rows.iter().map(|row| row.target).sum::<f64>() / rows.len() as f64;
    let base_rate = Calibration::Platt { a: 0.0, b: ((1.0 - mean_target) / mean_target).ln() };
    let (lowest, highest) = rows
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| (low.min(row.score), high.max(row.score)));
    if highest <= lowest {
        return base_rate;
    }
    let (a, b) = newton(&rows, (0.0, ((good + 1.0) / (faulty + 1.0)).ln()));
    if a < 0.0 { Calibration::Platt { a, b } } else { base_rate }
}

struct Row {
    score: f64,
    target: f64,
}

fn newton(rows: &[Row], start: (f64, f64)) -> (f64, f64) {
    let (mut a, mut b) = start;
    let mut loss = total_loss(rows, a, b);
    for _ in 0..MAX_STEPS {
        let (mut gradient_a, mut gradient_b) = (0.0, 0.0);
        let (mut curvature_aa, mut curvature_ab, mut curvature_bb) = (RIDGE, 0.0, RIDGE);
        for row in rows {
            let probability = sigmoid(a * row.score + b);
            let residual = row.target - probability;
            gradient_a += row.score * residual;
            gradient_b += residual;
            let weight = probability * (1.0 - probability);
            curvature_aa += row.score * row.score * weight;
            curvature_ab += row.score * weight;
            curvature_bb += weight;
        }
        if gradient_a.abs().max(gradient_b.abs()) <= GRADIENT_TOLERANCE * rows.len() as f64 {
            break;
        }
        let determinant = curvature_aa * curvature_bb - curvature_ab * curvature_ab;
        let step_a = -(curvature_bb * gradient_a - curvature_ab * gradient_b) / determinant;
        let step_b = -(curvature_aa * gradient_b - curvature_ab * gradient_a) / determinant;
        let slope = gradient_a * step_a + gradient_b * step_b;
        let mut length = 1.0;
        let accepted = loop {
            let tried = (a + length * step_a, b + length * step_b);
            let tried_loss = total_loss(rows, tried.0, tried.1);
            if tried_loss < loss + 1e-4 * length * slope {
                break Some((tried, tried_loss));
            }
            length /= 2.0;
            if length < MIN_STEP {
                break None;
            }
        };
        let Some((tried, tried_loss)) = accepted else {
            // the loss is level to its last digits while the gradient still tells: the last step needs no search
            if step_a.abs().max(step_b.abs()) < LAST_STEP {
                (a, b) = (a + step_a, b + step_b);
            }
            break;
        };
        ((a, b), loss) = (tried, tried_loss);
    }
    (a, b)
}

/// Negative log likelihood of the targets, written so that nothing overflows.
fn total_loss(rows: &[Row], a: f64, b: f64) -> f64 {
    rows.iter()
        .map(|row| {
            let z = a * row.score + b;
            if z >= 0.0 { row.target * z + (-z).exp().ln_1p() } else { (row.target - 1.0) * z + z.exp().ln_1p() }
        })
        .sum()
}

/// 1 / (1 + exp(z)).
fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + z.exp())
}

fn log_odds(probability: f64) -> f64 {
    let clipped = probability.clamp(PLATT_CLIP, 1.0 - PLATT_CLIP);
    (clipped / (1.0 - clipped)).ln()
}
