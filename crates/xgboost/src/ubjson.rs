//! A walk over UBJSON, the format of models, that finds out whether the bytes are one whole object.
//!
//! XGBoost's own reader follows the lengths that stand in the bytes without looking where they end, so a damaged model
//! would have it read past the buffer. Format: the UBJSON specification, draft 12, less the types that models never hold.

/// No model nests deeper than a dozen levels.
const MAX_DEPTH: usize = 64;

/// Whether `bytes` are one object whose every length stays inside the bytes.
pub(crate) fn is_whole_object(bytes: &[u8]) -> bool {
    let mut walk = Walk { rest: bytes };
    bytes.first() == Some(&b'{') && walk.value(0).is_some() && walk.rest.is_empty()
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        let kind = self.byte()?;
        self.payload(kind, depth)
    }

    fn payload(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            b'{' if depth < MAX_DEPTH => self.object(depth),
            b'[' if depth < MAX_DEPTH => self.array(depth),
            b'S' => {
                let length = self.length()?;
                self.skip(length)
            }
            _ => self.skip(width(kind)?),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        while self.peek()? != b'}' {
            let key_length = self.length()?;
            self.skip(key_length)?;
            self.value(depth + 1)?;
        }
        self.skip(1)
    }

    /// An array is of one type and counted (`[$f#L n ...`), counted (`[#L n ...`), or closed by a bracket.
    fn array(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'$' => {
                self.skip(1)?;
                let width = width(self.byte()?)?;
                if self.byte()? != b'#' {
                    return None;
                }
                let count = self.length()?;
                self.skip(count.checked_mul(width)?)
            }
            b'#' => {
                self.skip(1)?;
                for _ in 0..self.length()? {
                    self.value(depth + 1)?;
                }
                Some(())
            }
            _ => {
                while self.peek()? != b']' {
                    self.value(depth + 1)?;
                }
                self.skip(1)
            }
        }
    }

    /// A length is itself a typed whole number, big-endian, never negative.
    fn length(&mut self) -> Option<usize> {
        let kind = self.byte()?;
        if !matches!(kind, b'i' | b'U' | b'I' | b'l' | b'L') {
            return None;
        }
        let (digits, rest) = self.rest.split_at_checked(width(kind)?)?;
        self.rest = rest;
        if kind != b'U' && digits.first()? & 0x80 != 0 {
            return None;
        }
        let number = digits.iter().fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit));
        usize::try_from(number).ok()
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }
}

/// Bytes of a value of fixed width.
fn width(kind: u8) -> Option<usize> {
    match kind {
        b'Z' | b'T' | b'F' => Some(0),
        b'i' | b'U' | b'C' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &[u8] = b"{i\x01a[$d#i\x02\0\0\0\0\0\0\0\0U\x01b[#L\0\0\0\0\0\0\0\x02i\x03Ti\x01c{}i\x01d[Si\x01x]}";

    #[test]
    fn a_whole_object_of_every_kind_of_array_passes() {
        assert!(is_whole_object(OBJECT));
        assert!(is_whole_object(b"{}"));
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_found() {
        for length in 0..OBJECT.len() {
            assert!(!is_whole_object(&OBJECT[..length]), "{length}");
        }
        assert!(!is_whole_object(&[OBJECT, b"}"].concat()));
    }

    #[test]
    fn lengths_past_the_end_are_found() {
        for bytes in [
            &b"{i\x7fa}"[..],
            b"{i\xffa}",
            b"{i\x01aSL\x7f\xff\xff\xff\xff\xff\xff\xff}",
            b"{i\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff}",
            b"{i\x01aN}",
            b"[]",
        ] {
            assert!(!is_whole_object(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| [b"{i\x01a".repeat(depth), b"{}".to_vec(), b"}".repeat(depth)].concat();
        assert!(is_whole_object(&nested(MAX_DEPTH - 1)));
        assert!(!is_whole_object(&nested(MAX_DEPTH)));
    }
}
