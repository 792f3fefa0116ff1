//! The arithmetic of XGBoost's `binary:logistic`, step by step in the precision that the library takes for each.
//!
//! Facts from XGBoost 3.2.0: `src/common/math.h` (sigmoid), `src/objective/regression_loss.h` and `regression_obj.cu`
//! (gradients), `src/tree/param.h` and `split_evaluator.h` (weights and gains), `dmlc/strtonum.h` (numbers from text).

use super::BoostingParams;

/// Bits that the sum of gradients may span and still be exact in an `f64`.
const EXACT_BITS: i32 = 53;

/// The hyper-parameters of a tree as the library holds them.
#[derive(Debug, Clone, Copy)]
pub(super) struct TreeParams {
    pub(super) learning_rate: f32,
    pub(super) min_child_weight: f32,
    pub(super) gamma: f32,
    pub(super) reg_lambda: f32,
    pub(super) reg_alpha: f32,
    pub(super) scale_pos_weight: f32,
}

/// Gradient and Hessian, of one row or summed over rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
}

impl TreeParams {
    /// None where the library reads a number in a way that is not followed here.
    pub(super) fn new(params: &BoostingParams) -> Option<Self> {
        Some(Self {
            learning_rate: as_library(params.learning_rate)?,
            min_child_weight: as_library(params.min_child_weight)?,
            gamma: as_library(params.gamma)?,
            reg_lambda: as_library(params.reg_lambda)?,
            reg_alpha: as_library(params.reg_alpha)?,
            scale_pos_weight: as_library(params.scale_pos_weight)?,
        })
    }

    /// The share that one side of a split has in its gain.
    pub(super) fn gain(&self, sums: Sums) -> f32 {
        if sums.hessian <= 0.0 {
            return 0.0;
        }
        let gradient = self.shrunk(sums.gradient);
        (gradient * gradient) as f32 / (sums.hessian + f64::from(self.reg_lambda)) as f32
    }

    /// The value of a leaf.
    pub(super) fn leaf(&self, sums: Sums) -> f32 {
        if sums.hessian < f64::from(self.min_child_weight) || sums.hessian <= 0.0 {
            return 0.0 * self.learning_rate;
        }
        let weight = (-self.shrunk(sums.gradient) / (sums.hessian + f64::from(self.reg_lambda))) as f32;
        weight * self.learning_rate
    }

    /// The gradient less the L1 penalty, not past zero.
    fn shrunk(&self, gradient: f64) -> f64 {
        let alpha = f64::from(self.reg_alpha);
        if gradient > alpha {
            gradient - alpha
        } else if gradient < -alpha {
            gradient + alpha
        } else {
            0.0
        }
    }
}

impl std::ops::Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { gradient: self.gradient - other.gradient, hessian: self.hessian - other.hessian }
    }
}

/// The probability that belongs to log-odds.
pub(super) fn sigmoid(margin: f32) -> f32 {
    // The library adds 1e-16 to the divisor too, which changes no f32 of 1 or more.
    1.0 / ((-margin).min(88.7).exp() + 1.0)
}

/// Writes gradient and Hessian of every row at its log-odds into `rows`, and adds them up.
///
/// None where the sums could be inexact: all partial sums of values that are multiples of one power of two are exact, in any
/// order, as long as the sum of their magnitudes takes no more than 53 bits above it. Only then is the order free.
pub(super) fn gradients(margins: &[f32], targets: &[u8], scale_pos_weight: f32, rows: &mut [[f64; 2]]) -> Option<Sums> {
    let mut sums = Sums::default();
    let (mut magnitude, mut lowest) = ([0.0_f64; 2], [i32::MAX; 2]);
    for ((row, &margin), &target) in rows.iter_mut().zip(margins).zip(targets) {
        let probability = sigmoid(margin);
        let weight = if target == 1 { scale_pos_weight } else { 1.0 };
        let gradient = (probability - f32::from(target)) * weight;
        let hessian = (probability * (1.0 - probability)).max(1e-16) * weight;
        for (i, value) in [gradient, hessian].into_iter().enumerate() {
            row[i] = f64::from(value);
            magnitude[i] += row[i].abs();
            lowest[i] = lowest[i].min(lowest_bit(value));
        }
        sums.gradient += row[0];
        sums.hessian += row[1];
    }
    let exact = magnitude.iter().zip(lowest).all(|(&magnitude, lowest)| {
        // Rounding may have lowered the sum of magnitudes a little: one bit is kept in hand.
        magnitude.is_finite() && (magnitude == 0.0 || exponent(magnitude) + 2 - lowest <= EXACT_BITS)
    });
    exact.then_some(sums)
}

/// The exponent of the lowest bit that is set in `value`; the largest number for zero.
fn lowest_bit(value: f32) -> i32 {
    let bits = value.to_bits();
    let (mantissa, exponent) = (bits & 0x007f_ffff, (bits >> 23 & 0xff) as i32);
    let (mantissa, exponent) = if exponent == 0 { (mantissa, -149) } else { (mantissa | 0x0080_0000, exponent - 150) };
    if mantissa == 0 { i32::MAX } else { exponent + mantissa.trailing_zeros() as i32 }
}

/// The exponent of the highest bit of a positive normal number.
fn exponent(value: f64) -> i32 {
    (value.to_bits() >> 52 & 0x7ff) as i32 - 1_023
}

/// The `f32` that the library reads from `value` written as text. It adds the parts before and after the point, each rounded,
/// so the last bit can differ from the nearest `f32`.
pub(super) fn as_library(value: f64) -> Option<f32> {
    /// More digits after the point than these are ignored by the library; here they are not followed.
    const MOST_DIGITS: usize = 19;
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    if fraction.len() > MOST_DIGITS {
        return None;
    }
    let (whole, fraction_digits) = (whole.parse::<u64>().ok()?, fraction.parse::<u64>().ok()?);
    let power = 10_u64.checked_pow(fraction.len() as u32)?;
    Some(whole as f32 + (fraction_digits as f64 / power as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_library_does() {
        assert_eq!(as_library(0.1), Some(0.1));
        assert_eq!(as_library(0.001), Some(0.001));
        assert_eq!(as_library(3.0), Some(3.0));
        assert_eq!(as_library(12.25), Some(12.25));
        assert_eq!(as_library(1e-20), None, "more digits than the library reads");
        assert_eq!(as_library(1e300), None);
        assert_eq!(as_library(-1.0), None);
    }

    #[test]
    fn the_lowest_bit_is_found() {
        for (value, bit) in [(1.0, 0), (1.5, -1), (-0.375, -3), (1.0 + f32::EPSILON, -23), (f32::from_bits(1), -149)] {
            assert_eq!(lowest_bit(value), bit, "{value}");
        }
        assert_eq!(lowest_bit(0.0), i32::MAX);
        assert_eq!((exponent(1.0), exponent(1.99), exponent(0.25)), (0, 0, -2));
    }

    #[test]
    fn sums_that_could_be_inexact_are_refused() {
        let sums =
            |margins: &[f32], targets: &[u8]| gradients(margins, targets, 1.0, &mut vec![[0.0; 2]; margins.len()]);
        let fair = sums(&[0.0, 0.0], &[0, 1]).unwrap();
        assert_eq!(fair, Sums { gradient: 0.0, hessian: 0.5 });
        assert_eq!(sums(&[-40.0, 1.0], &[0, 0]), None, "4e-18 beside 0.7");
    }

    #[test]
    fn a_leaf_below_the_least_weight_is_nothing() {
        let params = TreeParams::new(&BoostingParams::default()).unwrap();
        assert!(params.leaf(Sums { gradient: -1.0, hessian: 0.5 }).abs() < f32::MIN_POSITIVE);
        assert!((params.leaf(Sums { gradient: -1.0, hessian: 1.0 }) - 0.15).abs() < 1e-7);
    }
}
