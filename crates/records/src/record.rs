//! A row as a document.

use faultline_contract::Digest;

/// One accepted row of a raw file.
#[derive(Debug, Clone)]
pub struct Record {
    /// The sha256 of the raw file: with `row` the key within a data set.
    pub source_sha256: Digest,
    /// The 1-based data row in the raw file.
    pub row: u64,
    /// The raw file's name, relative to the raw folder.
    pub source_file: String,
    /// The record's id; not necessarily unique.
    pub id: String,
    /// The moment in the file's name, in seconds since 1970-01-01T00:00:00 by the fab's own clock.
    pub time: i64,
    /// The 1-based line in the raw file.
    pub line: u64,
    /// Where the line starts in the raw file, in bytes.
    pub byte_offset: u64,
    /// 0 good, 1 faulty, `None` unknown.
    pub target: Option<u8>,
    /// The readings, NaN = missing.
    pub features: Vec<f32>,
}

/// The names of the readings, in order, by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout(pub Digest);

/// A record as the database has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The names that belong to its readings.
    pub layout: Layout,
    /// The record.
    pub record: Record,
}

impl Layout {
    /// The layout of those names.
    #[must_use]
    pub fn of(feature_names: &[String]) -> Self {
        // JSON quotes the names, which keeps ["a,b"] and ["a", "b"] apart.
        Self(Digest::of(serde_json::Value::from(feature_names).to_string().as_bytes()))
    }
}

/// Equal to the bit, except that missing is missing.
impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        let place = |record: &Self| (record.source_sha256, record.row, record.time, record.line, record.byte_offset);
        place(self) == place(other)
            && self.target == other.target
            && self.id == other.id
            && self.source_file == other.source_file
            && self.features.len() == other.features.len()
            && self.features.iter().zip(&other.features).all(|(own, other)| bits(*own) == bits(*other))
    }
}

/// The bits of a reading; all ways to write NaN are one.
pub(crate) fn bits(value: f32) -> u32 {
    if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() }
}

/// The readings as little-endian bytes.
pub(crate) fn encode(features: &[f32]) -> Vec<u8> {
    features.iter().flat_map(|value| bits(*value).to_le_bytes()).collect()
}

/// The inverse of [`encode`]; `None` when the bytes are not a whole number of readings.
pub(crate) fn decode(content: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = content.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_survive_to_the_bit() {
        let features = [0.0, -0.0, 1.5e-45, f32::MAX, f32::NAN, f32::INFINITY, 0.1];
        let again = decode(&encode(&features)).unwrap();
        assert_eq!(again.iter().map(|value| bits(*value)).collect::<Vec<_>>(), features.map(bits));
        assert_eq!(decode(&[1, 2, 3]), None);
    }

    #[test]
    fn every_missing_reading_has_the_same_bytes() {
        let other_nan = f32::from_bits(0xffc0_0001);
        assert!(other_nan.is_nan());
        assert_eq!(encode(&[other_nan]), encode(&[f32::NAN]));
        assert_eq!(encode(&[f32::NAN]), [0, 0, 0xc0, 0x7f]);
    }

    #[test]
    fn layouts_differ_by_names_and_order() {
        let of = |names: &[&str]| Layout::of(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a,b"]), of(&["a", "b"]));
        assert_ne!(of(&["a\",\"b"]), of(&["a", "b"]));
    }
}
