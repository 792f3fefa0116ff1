//! The knee of a falling, convex curve by Kneedle (Satopää, Albrecht, Irwin and Raghavan, 2011), read off the way the
//! Python package `kneed` does: sensitivity 1, no smoothing, the first knee found from the left.

use crate::error::LearnError;

/// The sensitivity: how many mean steps the difference curve must fall below its maximum before that is called a knee.
const SENSITIVITY: f64 = 1.0;

/// Finds the knee of `y` over `x`: the index of the point after which the curve has flattened, or `None` when the curve
/// has no knee (a straight line, a concave or a rising curve, fewer than three points, a constant).
///
/// `x` rises strictly.
///
/// # Errors
/// When the lengths differ, a value is not finite, or `x` does not rise.
pub fn knee(x: &[f64], y: &[f64]) -> Result<Option<usize>, LearnError> {
    check(x, y)?;
    let (Some(x), Some(y)) = (normalise(x), normalise(y)) else {
        return Ok(None);
    };
    let highest = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let difference: Vec<f64> = x.iter().zip(&y).map(|(x, y)| (highest - y) - x).collect();
    let mean_step = (x[x.len() - 1] - x[0]) / (x.len() - 1) as f64;

    let mut candidate: Option<(usize, f64)> = None;
    for i in 0..difference.len() - 1 {
        let (before, here, after) = (difference[i.saturating_sub(1)], difference[i], difference[i + 1]);
        if here >= before && here >= after {
            candidate = Some((i, here - SENSITIVITY * mean_step));
        }
        // a minimum ends the search until the next maximum; a plateau is both and ends it too
        if here <= before && here <= after {
            candidate = None;
        }
        if let Some((knee, threshold)) = candidate
            && after < threshold
        {
            return Ok(Some(knee));
        }
    }
    Ok(None)
}

fn check(x: &[f64], y: &[f64]) -> Result<(), LearnError> {
    if x.len() != y.len() {
        return Err(LearnError::Length { what: "the curve's y", found: y.len(), expected: x.len() });
    }
    for (what, values) in [("the curve's x", x), ("the curve's y", y)] {
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            return Err(LearnError::BadValue { what, position, found: values[position], expected: "a finite number" });
        }
    }
    match x.windows(2).position(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(before) => Err(LearnError::BadValue {
            what: "the curve's x",
            position: before + 1,
            found: x[before + 1],
            expected: "more than the x before it",
        }),
    }
}

/// Values from 0 to 1; `None` when there is no range to speak of.
fn normalise(values: &[f64]) -> Option<Vec<f64>> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (values.len() > 2 && high > low).then(|| values.iter().map(|value| (value - low) / (high - low)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to(n: u32) -> Vec<f64> {
        (1..=n).map(f64::from).collect()
    }

    #[test]
    fn the_elbow_of_a_falling_curve_is_found() {
        let y = [100.0, 40.0, 20.0, 15.0, 10.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        assert_eq!(knee(&one_to(10), &y).unwrap(), Some(2));
    }

    #[test]
    fn lines_constants_and_short_curves_have_none() {
        let x = one_to(5);
        assert_eq!(knee(&x, &[5.0, 4.0, 3.0, 2.0, 1.0]).unwrap(), None);
        assert_eq!(knee(&x, &[2.0; 5]).unwrap(), None);
        assert_eq!(knee(&x[..2], &[2.0, 1.0]).unwrap(), None);
        assert_eq!(knee(&[], &[]).unwrap(), None);
    }

    #[test]
    fn bad_curves_are_refused() {
        assert!(knee(&[1.0, 2.0], &[1.0]).is_err());
        assert!(knee(&[1.0, 1.0, 2.0], &[3.0, 2.0, 1.0]).is_err());
        assert!(knee(&[1.0, 2.0, 3.0], &[3.0, f64::NAN, 1.0]).is_err());
    }
}
