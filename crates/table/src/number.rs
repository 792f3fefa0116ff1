//! Plain decimal numbers, read in one pass.

/// Powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// More digits than this might not fit a u64.
const MAX_DIGITS: usize = 19;
/// Whole numbers up to here are doubles.
const MAX_EXACT: u64 = 1 << 53;

/// The number at the start of the bytes and its length, if it is written as `-12.345` and ends at the delimiter or the end of the bytes.
///
/// The value is the correctly rounded one: digits and power of ten are exact doubles, and their quotient rounds once (Clinger,
/// "How to read floating point numbers accurately", 1990). `None` is no verdict: exponents, many digits,
/// blanks and words are left to the full parser.
#[inline]
pub(crate) fn scan(bytes: &[u8], delimiter: u8) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let unsigned = &bytes[usize::from(negative)..];
    let mut digits: u64 = 0;
    let mut point = None;
    let mut length = unsigned.len();
    for (at, byte) in unsigned.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *byte == delimiter {
            length = at;
            break;
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let fraction_count = point.map_or(0, |point| length - point - 1);
    let digit_count = length - usize::from(point.is_some());
    if digit_count == 0 || digit_count > MAX_DIGITS || digits > MAX_EXACT {
        return None;
    }
    let value = digits as f64 / POWERS_OF_TEN[fraction_count];
    Some((if negative { -value } else { value }, length + usize::from(negative)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_numbers_are_read_and_all_else_is_left() {
        assert_eq!(scan(b"12.5,7", b','), Some((12.5, 4)));
        assert_eq!(scan(b"-0.001", b','), Some((-0.001, 6)));
        assert_eq!(scan(b"7;", b';'), Some((7.0, 1)));
        assert_eq!(scan(b"9007199254740992", b','), Some((9_007_199_254_740_992.0, 16)));
        for other in ["", ",1", "-", ".", "-.", "1e5", "1 ", " 1", "1x", "+", "inf", "nan", "9007199254740993", "1.2.3"]
        {
            assert_eq!(scan(other.as_bytes(), b','), None, "{other}");
        }
        assert_eq!(scan(b"00000000000000000000001", b','), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_full_parser_reads(text in "-?[0-9]{0,14}(\\.[0-9]{0,12})?") {
            if let Some((value, length)) = scan(text.as_bytes(), b',') {
                prop_assert_eq!(length, text.len());
                prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
                prop_assert_eq!(value.to_bits(), fast_float2::parse::<f64, _>(&text).unwrap().to_bits());
            }
        }
    }
}
