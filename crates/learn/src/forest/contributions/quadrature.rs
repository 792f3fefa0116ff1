//! Gauss-Legendre rules, which integrate polynomials exactly.

use std::f64::consts::PI;

/// Newton steps towards a point; from the usual starting values it takes four or five.
const MAX_STEPS: usize = 100;

/// The points and weights of the rule of `n_points` on 0..1, by rising points: it is exact, but for rounding, for every
/// polynomial of degree `2 * n_points - 1` or less. All points lie within the interval and all weights are positive.
///
/// The points are the roots of the Legendre polynomial, found by Newton's method. Costs `n_points` squared.
pub(super) fn gauss_legendre(n_points: usize) -> Vec<(f64, f64)> {
    let mut rule = vec![(0.5, 1.0); n_points];
    for i in 0..n_points.div_ceil(2) {
        // the roots lie symmetrically in -1..1
        let mut root = (PI * (i as f64 + 0.75) / (n_points as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..MAX_STEPS {
            let value;
            (value, slope) = legendre(n_points, root);
            let step = value / slope;
            root -= step;
            if step.abs() <= f64::EPSILON {
                break;
            }
        }
        let weight = 1.0 / ((1.0 - root * root) * slope * slope);
        rule[i] = (0.5 - 0.5 * root, weight);
        rule[n_points - 1 - i] = (0.5 + 0.5 * root, weight);
    }
    rule
}

/// The Legendre polynomial of a degree of at least 1 and its derivative, within -1..1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, degree as f64 * (before - x * value) / (1.0 - x * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for n_points in [1, 2, 3, 4, 8, 20, 64, 200] {
            let rule = gauss_legendre(n_points);
            assert!(rule.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for degree in 0..2 * n_points {
                let found: f64 = rule.iter().map(|(point, weight)| weight * point.powi(degree as i32)).sum();
                assert!((found - 1.0 / (degree as f64 + 1.0)).abs() < 1e-14, "{n_points} points, degree {degree}");
            }
        }
    }

    #[test]
    fn one_degree_more_is_not_exact() {
        let found: f64 = gauss_legendre(2).iter().map(|(point, weight)| weight * point.powi(4)).sum();
        assert!((found - 0.2).abs() > 1e-3);
    }
}
