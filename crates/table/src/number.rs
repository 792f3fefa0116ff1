//! Plain decimal numbers: those of digits, at most one point and perhaps a minus ahead.

use wide::u8x16;

/// The bytes that are looked at for one number.
pub(crate) const WINDOW_BYTES: usize = 16;
/// The longest number in a window; what ends it stands behind.
pub(crate) const MAX_NUMBER_BYTES: usize = 15;

const ZEROS: u64 = 0x3030_3030_3030_3030;
/// Powers of ten as doubles, which hold them exactly.
const POWERS_OF_TEN: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number at the start of the window and its length, if it is written as `-12.345` in at most 15 bytes. What ends it is left to the caller.
/// `None` is no verdict: exponents, many digits, blanks and words are left to the full parser. Without `VALUE` the number is not worked out, and 0
/// stands for it.
#[inline]
pub(crate) fn scan_window<const VALUE: bool>(window: &[u8; WINDOW_BYTES]) -> Option<(f64, usize)> {
    let bytes = u8x16::new(*window);
    let digits = bytes - u8x16::splat(b'0');
    let digit = digits.min(u8x16::splat(9)).simd_eq(digits);
    let point = bytes.simd_eq(u8x16::splat(b'.'));
    let minus = bytes.simd_eq(u8x16::splat(b'-'));
    // One bit per byte from here on.
    let length = (!(digit | point | minus).to_bitmask()).trailing_zeros() & 31;
    let inside = (1_u32 << length).wrapping_sub(1);
    let points = point.to_bitmask() & inside;
    let negative = minus.to_bitmask() & inside;
    let digit_count = length.wrapping_sub(u32::from(points != 0));
    // More than one point; a minus that is not the first byte; no digit.
    if points & points.wrapping_sub(1) != 0
        || negative > 1
        || digit_count <= negative
        || length as usize > MAX_NUMBER_BYTES
    {
        return None;
    }
    let value = if VALUE { decimal(window, length) } else { 0.0 };
    Some((value, length as usize))
}

/// The value of the plain number in the first bytes of the window, 15 at most.
///
/// The value is the correctly rounded one: digits and power of ten are exact doubles, and their quotient rounds once (Clinger,
/// "How to read floating point numbers accurately", 1990). Digits become a number eight at a time (Lemire, "Number parsing at a gigabyte per
/// second", 2021).
///
/// Readings have few digits, and for those no branch depends on the length: the cells of a row differ in theirs, and a branch that is guessed
/// wrong costs more than the whole number.
#[inline]
pub(crate) fn decimal(window: &[u8; WINDOW_BYTES], length: u32) -> f64 {
    let bytes = u128::from_le_bytes(*window);
    let negative = u64::from(window[0] == b'-');
    // The bytes, and the same from the second one on.
    let (first, second) = (bytes as u64, (bytes >> 8) as u64);
    let before = (first_point(first) / 8).min(length);
    let (number, after) = if length <= 8 || (length == 9 && before < 8) {
        let digit_count = length.wrapping_sub(u32::from(before < length));
        let half = before.wrapping_mul(4);
        let fraction = u64::MAX.wrapping_shl(half).wrapping_shl(half);
        // The point is taken out, and the digits are moved to the end; a minus counts as a zero ahead.
        let integer = (first ^ ZEROS) & !(negative.wrapping_neg() & 0xff);
        let digits = (integer & !fraction) | ((second ^ ZEROS) & fraction);
        let number = eight_digits(digits.wrapping_shl(8_u32.wrapping_sub(digit_count).wrapping_mul(8)));
        (number, digit_count.wrapping_sub(before))
    } else {
        long_number(window, length)
    };
    let value = exact(number) / POWERS_OF_TEN[after as usize & 15];
    f64::from_bits(value.to_bits() ^ (negative << 63))
}

/// A number below 2^52 as a double. The processor's own conversion keeps half of what the register held before, so that each number would wait for
/// the division of the one before.
#[inline]
fn exact(number: u64) -> f64 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    f64::from_bits(TWO_TO_52.to_bits() | number) - TWO_TO_52
}

/// All digits of a plain number of up to 15 bytes as one number, and how many of them stand behind the point.
#[cold]
fn long_number(window: &[u8; WINDOW_BYTES], length: u32) -> (u64, u32) {
    let digits = window.iter().take(length as usize).filter(|byte| byte.is_ascii_digit());
    let number = digits.fold(0_u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit & 0xf)));
    let point = window.iter().take(length as usize).position(|byte| *byte == b'.');
    (number, point.map_or(0, |point| length.wrapping_sub(point as u32).wrapping_sub(1)))
}

/// The lowest bit of the first byte that is a point, seven places up; 64 if none of the eight is.
#[inline]
fn first_point(bytes: u64) -> u32 {
    const LOWEST: u64 = 0x0101_0101_0101_0101;
    let apart = bytes ^ (LOWEST * u64::from(b'.'));
    (apart.wrapping_sub(LOWEST) & !apart & (LOWEST << 7)).trailing_zeros()
}

/// The number of eight digits, the first in the lowest byte, each as its value.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(1 + (10 << 8)).wrapping_shr(8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)).wrapping_shr(16)) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(1 + (10_000 << 32)).wrapping_shr(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(text: &str) -> [u8; WINDOW_BYTES] {
        std::array::from_fn(|at| text.as_bytes().get(at).copied().unwrap_or(b','))
    }

    #[test]
    fn numbers_in_a_window_are_read() {
        for (text, value) in [
            ("0", 0.0),
            ("-0.0", -0.0),
            ("7.", 7.0),
            (".5", 0.5),
            ("-.5", -0.5),
            ("100", 100.0),
            ("1234567", 1_234_567.0),
            ("12345678", 12_345_678.0),
            ("1234.567", 1234.567),
            ("-1234.5678", -1234.5678),
            ("99999999.999999", 99_999_999.999_999),
            ("1.2345678", 1.234_567_8),
            ("1.234567891234", 1.234_567_891_234),
            ("-.1234567891234", -0.123_456_789_123_4),
            ("123456789.5", 123_456_789.5),
            ("999999999999999", 999_999_999_999_999.0),
            ("-99999999999999", -99_999_999_999_999.0),
            ("1234567890123456", f64::NAN),
            ("1.2.3", f64::NAN),
            ("1..", f64::NAN),
            ("1-2", f64::NAN),
            ("--1", f64::NAN),
            ("-", f64::NAN),
            ("-.", f64::NAN),
            (".", f64::NAN),
            ("", f64::NAN),
        ] {
            // NaN stands for what is left to others.
            let expected = (!value.is_nan()).then_some((value.to_bits(), text.len()));
            let found = scan_window::<true>(&window(text));
            assert_eq!(found.map(|(value, length)| (value.to_bits(), length)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_window_holds_the_number_that_the_full_parser_reads(
            text in "-?[0-9]{0,15}(\\.[0-9]{0,14})?",
            after in "[,;\n eE+x\0][0-9.,\n-]{0,24}",
        ) {
            let window = window(&format!("{text}{after}"));
            if let Some((value, length)) = scan_window::<true>(&window) {
                prop_assert_eq!(length, text.len());
                prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
                prop_assert_eq!(value.to_bits(), fast_float2::parse::<f64, _>(&text).unwrap().to_bits());
                prop_assert_eq!(scan_window::<false>(&window), Some((0.0, length)));
            }
        }

        #[test]
        fn a_window_without_a_value_is_a_number_all_the_same(text in "[-.0-9]{0,18}") {
            let window = window(&text);
            if let Some((_, length)) = scan_window::<false>(&window) {
                prop_assert!(text[..length].parse::<f64>().is_ok_and(f64::is_finite), "{}", text);
            }
        }
    }
}
