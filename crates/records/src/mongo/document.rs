//! Rows and layouts as BSON documents.

use std::fmt::Write;

use faultline_contract::Digest;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, CString, cstr};
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};

use crate::record::{Layout, Record, Stored};

/// What cannot stand in a field's name: queries take a dot for a path and a dollar for an operator, and BSON ends a name at a NUL.
const ESCAPED: [char; 4] = ['%', '.', '$', '\0'];

/// A key within a data set: the sha256 of the raw file, and the row.
pub(crate) type Key = (Digest, u64);

/// What the rows of one upsert have in common.
#[derive(Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) layout: Layout,
    fields: Vec<CString>,
}

/// The names of the readings of the document before: those of the next one are mostly the same.
#[derive(Debug, Default)]
pub(crate) struct Names(Option<(Layout, Vec<String>)>);

impl<'a> Shape<'a> {
    pub(crate) fn new(dataset: &'a str, feature_names: &[String]) -> Result<Self, mongodb::bson::error::Error> {
        let fields = feature_names.iter().map(|name| CString::try_from(escape(name))).collect::<Result<_, _>>()?;
        Ok(Self { dataset, layout: Layout::of(feature_names), fields })
    }

    /// The document of a row; without an id it stands in for one that is there.
    pub(crate) fn document(&self, id: Option<ObjectId>, record: &Record) -> RawDocumentBuf {
        let mut features = RawDocumentBuf::new();
        for (field, value) in self.fields.iter().zip(&record.features) {
            if value.is_nan() {
                features.append(field, RawBsonRef::Null);
            } else {
                features.append(field, f64::from(*value));
            }
        }
        let mut document = RawDocumentBuf::new();
        if let Some(id) = id {
            document.append(cstr!("_id"), id);
        }
        document.append(cstr!("dataset"), self.dataset);
        document.append(cstr!("source_sha256"), record.source_sha256.to_string());
        document.append(cstr!("row"), record.row as i64);
        document.append(cstr!("source_file"), record.source_file.as_str());
        document.append(cstr!("id"), record.id.as_str());
        document.append(cstr!("time"), record.time);
        document.append(cstr!("line"), record.line as i64);
        document.append(cstr!("byte_offset"), record.byte_offset as i64);
        match record.target {
            Some(target) => document.append(cstr!("target"), i32::from(target)),
            None => document.append(cstr!("target"), RawBsonRef::Null),
        }
        document.append(cstr!("layout"), self.layout.0.to_string());
        document.append(cstr!("features"), features);
        document
    }

    pub(crate) fn filter(&self, (source_sha256, row): Key) -> Document {
        doc! { "dataset": self.dataset, "source_sha256": source_sha256.to_string(), "row": row as i64 }
    }
}

/// The document of a layout.
pub(crate) fn layout_document(layout: Layout, feature_names: &[String]) -> Document {
    doc! { "_id": layout.0.to_string(), "feature_names": feature_names }
}

/// The key of a document; `None` when it has none that this program writes.
pub(crate) fn key(document: &RawDocument) -> Option<Key> {
    let source = document.get_str("source_sha256").ok()?.parse().ok()?;
    let row = document.get("row").ok().flatten().and_then(whole)?;
    Some((source, u64::try_from(row).ok()?))
}

/// The record that a document holds.
///
/// # Errors
/// Which field is not a record's, with what was got and what is expected.
pub(crate) fn stored(document: &RawDocument, names: &mut Names) -> Result<Stored, String> {
    let (source_sha256, row) = key(document)
        .ok_or_else(|| format!("the document {} has no key, expected `source_sha256` and `row`", id_of(document)))?;
    let fields = Fields { document, place: format!("the document of row {row} of the file {source_sha256}") };
    let layout = Layout(fields.take("layout", "a sha256", |value| text(value)?.parse().ok())?);
    let features = fields.take("features", "a document of readings", RawBsonRef::as_document)?;
    Ok(Stored {
        layout,
        record: Record {
            source_sha256,
            row,
            source_file: fields.take("source_file", "a text", text)?.to_owned(),
            id: fields.take("id", "a text", text)?.to_owned(),
            time: fields.take("time", "a whole number", whole)?,
            line: fields.take("line", "a count", count)?,
            byte_offset: fields.take("byte_offset", "a count", count)?,
            target: fields.take("target", "0, 1 or null", |value| match value {
                RawBsonRef::Null => Some(None),
                other => u8::try_from(whole(other)?).ok().filter(|target| *target <= 1).map(Some),
            })?,
            features: readings(&fields, features, layout, names)?,
        },
    })
}

/// A document whose fields are taken, and how errors call it.
struct Fields<'a> {
    document: &'a RawDocument,
    place: String,
}

impl<'a> Fields<'a> {
    fn take<T>(
        &self,
        name: &str,
        expected: &str,
        convert: impl FnOnce(RawBsonRef<'a>) -> Option<T>,
    ) -> Result<T, String> {
        let value = self.document.get(name).map_err(|error| format!("{} cannot be read: {error}", self.place))?;
        let Some(value) = value else { return Err(format!("{} lacks `{name}`, expected {expected}", self.place)) };
        let kind = value.element_type();
        convert(value).ok_or_else(|| format!("{} has {kind:?} in `{name}`, expected {expected}", self.place))
    }
}

fn readings(
    fields: &Fields<'_>,
    features: &RawDocument,
    layout: Layout,
    names: &mut Names,
) -> Result<Vec<f32>, String> {
    let place = &fields.place;
    let (mut found, mut values) = (Vec::new(), Vec::new());
    for element in features {
        let (name, value) = element.map_err(|error| format!("{place} cannot be read: {error}"))?;
        let value = reading(value).ok_or_else(|| {
            format!("{place} has {:?} in `features.{name}`, expected a 32-bit number or null", value.element_type())
        })?;
        found.push(name);
        values.push(value);
    }
    if names.are(layout, &found) {
        Ok(values)
    } else {
        Err(format!("{place} has {} readings whose names are not those of its `layout`", values.len()))
    }
}

impl Names {
    /// Whether these field names, in this order, are the layout's. Digests are made only where the names change.
    fn are(&mut self, layout: Layout, fields: &[&CStr]) -> bool {
        if let Some((known, names)) = &self.0
            && *known == layout
        {
            return names.len() == fields.len() && names.iter().zip(fields).all(|(name, field)| name == field.as_str());
        }
        let plain: Option<Vec<String>> = fields.iter().map(|field| unescape(field.as_str())).collect();
        if plain.is_none_or(|plain| Layout::of(&plain) != layout) {
            return false;
        }
        self.0 = Some((layout, fields.iter().map(|field| field.as_str().to_owned()).collect()));
        true
    }
}

/// A reading that a 32-bit number holds exactly.
fn reading(value: RawBsonRef<'_>) -> Option<f32> {
    let number = match value {
        RawBsonRef::Null => return Some(f32::NAN),
        RawBsonRef::Double(number) => number,
        // What a person types in a shell may be stored as an integer.
        RawBsonRef::Int32(number) => f64::from(number),
        _ => return None,
    };
    let single = number as f32;
    (f64::from(single).to_bits() == number.to_bits()).then_some(single)
}

/// A whole number, of whatever type the database keeps it.
fn whole(value: RawBsonRef<'_>) -> Option<i64> {
    match value {
        RawBsonRef::Int64(number) => Some(number),
        RawBsonRef::Int32(number) => Some(i64::from(number)),
        RawBsonRef::Double(number) if number.fract() == 0.0 => Some(number as i64),
        _ => None,
    }
}

fn count(value: RawBsonRef<'_>) -> Option<u64> {
    u64::try_from(whole(value)?).ok()
}

fn text(value: RawBsonRef<'_>) -> Option<&str> {
    value.as_str()
}

fn id_of(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_string(),
        Ok(Some(id)) => format!("{id:?}"),
        _ => "without an id".to_owned(),
    }
}

/// The name of a reading as the name of a field.
fn escape(name: &str) -> String {
    let mut field = String::with_capacity(name.len());
    for character in name.chars() {
        if ESCAPED.contains(&character) {
            // Writing to a text cannot fail.
            let _ = write!(field, "%{:02X}", u32::from(character));
        } else {
            field.push(character);
        }
    }
    field
}

/// The inverse of [`escape`].
fn unescape(field: &str) -> Option<String> {
    let mut parts = field.split('%');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        name.push(char::from(u8::from_str_radix(code, 16).ok()?));
        name.push_str(rest);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            source_sha256: Digest::of(b"file"),
            row: 3,
            source_file: "a.csv".to_owned(),
            id: "wafer".to_owned(),
            time: -5,
            line: 4,
            byte_offset: 1 << 40,
            target: Some(1),
            features: vec![0.1, f32::NAN, -0.0, 1.5e-45, f32::MAX, f32::NEG_INFINITY],
        }
    }

    fn names() -> Vec<String> {
        ["a", "b.c", "$d", "100%", "nul\0", "é"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_record_survives_to_the_bit() {
        let shape = Shape::new("d", &names()).unwrap();
        for target in [None, Some(0), Some(1)] {
            let record = Record { target, ..record() };
            let document = shape.document(Some(ObjectId::new()), &record);
            let again = stored(&document, &mut Names::default()).unwrap();
            assert_eq!(again, Stored { layout: shape.layout, record });
        }
    }

    #[test]
    fn names_of_readings_are_names_of_fields() {
        for (name, field) in [("a.b", "a%2Eb"), ("$x", "%24x"), ("50%", "50%25"), ("\0", "%00"), ("é €", "é €")] {
            assert_eq!((escape(name).as_str(), unescape(field).as_deref()), (field, Some(name)));
        }
        assert_eq!(unescape("5%"), None);
        assert_eq!(unescape("%zz"), None);
    }

    #[test]
    fn a_document_that_is_not_a_record_is_named() {
        let names = vec!["T".to_owned()];
        let shape = Shape::new("d", &names).unwrap();
        let good = shape.document(None, &Record { features: vec![1.0], ..record() });
        let good = Document::try_from(good).unwrap();
        let judge = |document: Document| {
            stored(&RawDocumentBuf::try_from(&document).unwrap(), &mut Names::default()).unwrap_err()
        };
        for (field, value, words) in [
            ("target", mongodb::bson::Bson::Int32(2), "has Int32 in `target`, expected 0, 1 or null"),
            ("layout", "no digest".into(), "has String in `layout`, expected a sha256"),
            ("features", doc! { "T": 0.1 }.into(), "has Double in `features.T`, expected a 32-bit number or null"),
            ("features", doc! { "T": "1" }.into(), "has String in `features.T`"),
            ("features", doc! { "P": 1.0 }.into(), "1 readings whose names are not those"),
            ("features", doc! { "T": 1.0, "P": 1.0 }.into(), "2 readings whose names are not those"),
            ("line", (-1).into(), "has Int32 in `line`, expected a count"),
        ] {
            let mut changed = good.clone();
            changed.insert(field, value);
            let said = judge(changed);
            assert!(said.contains(words) && said.contains("row 3 of the file"), "{field}: {said}");
        }
        for field in ["source_file", "id", "time", "byte_offset"] {
            let mut changed = good.clone();
            changed.remove(field);
            let said = judge(changed);
            assert!(said.contains(&format!("lacks `{field}`")), "{said}");
        }
        let said = judge(doc! { "_id": ObjectId::from_bytes([7; 12]), "row": 1 });
        assert!(said.contains("070707070707070707070707 has no key"), "{said}");
    }

    #[test]
    fn names_are_compared_with_the_layout_of_each_document() {
        let (first, second) = (Layout::of(&["a".to_owned()]), Layout::of(&["b".to_owned()]));
        let mut names = Names::default();
        assert!(names.are(first, &[cstr!("a")]) && names.are(first, &[cstr!("a")]));
        assert!(!names.are(first, &[cstr!("b")]) && !names.are(first, &[cstr!("a"), cstr!("b")]));
        assert!(!names.are(second, &[cstr!("a")]) && names.are(second, &[cstr!("b")]));
    }
}
