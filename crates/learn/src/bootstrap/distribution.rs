//! How much further out than its nominal level a percentile interval of a small sample has to reach.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Degrees of freedom from which on Student's distribution is taken at this number: its quantiles then differ from the
/// normal ones by less than one part in ten thousand.
const MOST_DEGREES_OF_FREEDOM: u32 = 10_000;

/// The share of resamples to leave out at each end for a two-sided interval at `level` over a sample of `n_samples`.
///
/// Resampling n rows sees a variance smaller by (n - 1) / n and knows nothing of its own uncertainty, so the nominal share
/// (1 - level) / 2 is replaced by that of a normal tail beyond sqrt(n / (n - 1)) times Student's quantile with n - 1
/// degrees of freedom (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015,
/// section 3.3). A sample of one row tells nothing about its spread: 0.
pub(super) fn expanded_tail(level: f64, n_samples: usize) -> f64 {
    let degrees = u32::try_from(n_samples.saturating_sub(1)).unwrap_or(u32::MAX).min(MOST_DEGREES_OF_FREEDOM);
    if degrees == 0 {
        return 0.0;
    }
    let n = f64::from(degrees) + 1.0;
    normal_tail((n / (n - 1.0)).sqrt() * student_quantile(level, degrees))
}

/// The `t` with a chance of `level` that |T| is at most `t`, for `degrees` of freedom.
fn student_quantile(level: f64, degrees: u32) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    // halving an angle below pi / 2 this often leaves nothing to halve
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if student_within(middle, degrees) < level {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::from(degrees).sqrt() * high.tan()
}

/// The chance that |T| is at most sqrt(degrees) tan(angle): Abramowitz and Stegun, formulas 26.7.3 and 26.7.4.
fn student_within(angle: f64, degrees: u32) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, 0.0) } else { (1.0, 0.0) };
    let mut k = degrees % 2;
    while k < degrees - 1 {
        sum += term;
        term *= f64::from(k + 1) / f64::from(k + 2) * cos * cos;
        k += 2;
    }
    if odd { (angle + sin * sum) * 2.0 / PI } else { sin * sum }
}

/// The chance that a standard normal variable exceeds `x`, which is 0 or more (Marsaglia, "Evaluating the Normal
/// Distribution", Journal of Statistical Software 11(4), 2004); to about 1e-15 absolutely.
fn normal_tail(x: f64) -> f64 {
    // beyond, no tail is left in double precision
    if x > 8.0 {
        return 0.0;
    }
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term > sum * f64::EPSILON {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    (0.5 - sum * (-x * x / 2.0).exp() / TAU.sqrt()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scipys() {
        // scipy.stats.t.ppf((1 + level) / 2, degrees)
        for (level, degrees, expected) in [
            (0.95, 1, 12.706_204_736_174_694),
            (0.95, 2, 4.302_652_729_749_462),
            (0.95, 19, 2.093_024_054_408_308_7),
            (0.9, 20, 1.724_718_242_920_787),
            (0.99, 103, 2.624_406_758_029_955_7),
            (0.5, 4, 0.740_697_084_112_682_9),
        ] {
            let found = student_quantile(level, degrees);
            assert!((found - expected).abs() < 1e-9, "{level} {degrees}: {found} {expected}");
        }
    }

    #[test]
    fn tails_are_scipys() {
        // scipy.stats.norm.sf(x)
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (1.959_963_984_540_054, 0.025),
            (4.0, 3.167_124_183_311_986e-5),
            (7.5, 3.190_891_672_910_884_4e-14),
            (50.0, 0.0),
        ] {
            let found = normal_tail(x);
            assert!((found - expected).abs() < 1e-14, "{x}: {found} {expected}");
        }
    }

    #[test]
    fn a_small_sample_reaches_further_out() {
        assert!((expanded_tail(0.95, 20) - 0.015_881).abs() < 1e-5);
        assert!((expanded_tail(0.95, 1_000_000) - 0.025).abs() < 1e-4);
        assert!(expanded_tail(0.95, 2) < 1e-15);
        assert!(expanded_tail(0.95, 1).abs() < 1e-300 && expanded_tail(0.95, 0).abs() < 1e-300);
        assert!((2..200).all(|n| expanded_tail(0.9, n) < expanded_tail(0.9, n + 1) + 1e-15));
    }
}
