//! Plain decimal numbers, read in one pass.

use wide::u8x16;

/// The bytes that [`scan_window`] looks at.
pub(crate) const WINDOW_BYTES: usize = 32;

/// Powers of ten, as many as a fraction in a window can need.
const POWERS_OF_TEN: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// The same as doubles, which hold them exactly.
const EXACT_POWERS_OF_TEN: [f64; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// The number at the start of the window and its length, if it is written as `-12.345` and short: at most 15 bytes, 8 of them before the point and 7
/// after it. What ends it is left to the caller. `None` is no verdict: exponents, many digits, blanks and words are left to the full parser. Without
/// `VALUE` the number is not worked out, and 0 stands for it.
///
/// The value is the correctly rounded one: digits and power of ten are exact doubles, and their quotient rounds once (Clinger,
/// "How to read floating point numbers accurately", 1990).
///
/// All bytes are looked at together, without a branch that depends on the length: the cells of a row differ in theirs, and a branch that is
/// guessed wrong costs more than the whole number. Digits become a number eight at a time (Lemire, "Number parsing at a gigabyte per second", 2021).
#[inline]
pub(crate) fn scan_window<const VALUE: bool>(window: &[u8; WINDOW_BYTES]) -> Option<(f64, usize)> {
    const MAX_INTEGER_DIGITS: u32 = 8;
    const MAX_FRACTION_DIGITS: u32 = 7;
    const ZEROS: u64 = 0x3030_3030_3030_3030;

    let (head, _) = window.split_first_chunk::<16>()?;
    let (low, _) = window.split_first_chunk::<8>()?;
    let bytes = u8x16::new(*head);
    let digits = bytes - u8x16::splat(b'0');
    let digit = digits.min(u8x16::splat(9)).simd_eq(digits);
    let point = bytes.simd_eq(u8x16::splat(b'.'));
    let minus = bytes.simd_eq(u8x16::splat(b'-'));
    // One bit per byte from here on.
    let length = (!(digit | point | minus).to_bitmask()).trailing_zeros() & 31;
    let inside = (1_u32 << length).wrapping_sub(1);
    let points = point.to_bitmask() & inside;
    let negative = minus.to_bitmask() & inside;
    let before = (points | (1 << length)).trailing_zeros() & 31;
    let digit_count = length.wrapping_sub(u32::from(points != 0));
    // More than one point; a minus that is not the first byte; no digit.
    if points >> before > 1 || negative > 1 || digit_count <= negative || length > 15 {
        return None;
    }
    if !VALUE {
        return Some((0.0, length as usize));
    }
    let after = digit_count.wrapping_sub(before);
    let low = (u64::from_le_bytes(*low) ^ ZEROS) & !(u64::from(negative).wrapping_neg() & 0xff);
    let number = if length < 8 {
        // The point is taken out, and the digits are moved to the end.
        let integer = (1_u64 << (before.wrapping_mul(8) & 63)).wrapping_sub(1);
        eight_digits(
            ((low & integer) | ((low >> 8) & !integer)) << (8_u32.wrapping_sub(digit_count).wrapping_mul(8) & 63),
        )
    } else {
        if before == 0 || before > MAX_INTEGER_DIGITS || after > MAX_FRACTION_DIGITS {
            return None;
        }
        let fraction = window.get(before as usize + 1..)?.first_chunk::<8>()?;
        let fraction = u64::from_le_bytes(*fraction) ^ ZEROS;
        let integer = eight_digits(low << (8_u32.wrapping_sub(before).wrapping_mul(8) & 63));
        // In two shifts: without a fraction there are 64 bits to go.
        let fraction = eight_digits((fraction << (63_u32.wrapping_sub(after.wrapping_mul(8)) & 63)) << 1);
        integer.wrapping_mul(POWERS_OF_TEN[after as usize & 7]).wrapping_add(fraction)
    };
    let value = number as i64 as f64 / EXACT_POWERS_OF_TEN[after as usize & 7];
    Some((f64::from_bits(value.to_bits() ^ (u64::from(negative) << 63)), length as usize))
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
            ("1.23456789", f64::NAN),
            ("123456789.5", f64::NAN),
            (".12345678", f64::NAN),
            ("1234567890123456", f64::NAN),
            ("1.2.3", f64::NAN),
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
        fn a_window_holds_the_number_that_the_full_parser_reads(text in "-?[0-9]{0,9}(\\.[0-9]{0,8})?", after in "[,;\n eE+x\0][0-9.,\n-]{0,24}") {
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
