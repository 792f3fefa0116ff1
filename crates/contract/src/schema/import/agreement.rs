//! An agreement as it stands in its file: keys in any spelling of case, columns in their order.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::ColumnType;

/// The content of an agreement.
#[derive(Debug)]
pub(super) struct Agreement {
    pub(super) sample: String,
    pub(super) date_digits: usize,
    pub(super) time_digits: usize,
    pub(super) stated_columns: Option<u64>,
    /// Names and types, in order. A name may stand twice.
    pub(super) columns: Vec<(String, AgreedType)>,
}

/// The type of a column, from its many spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgreedType {
    Number(ColumnType),
    Text,
    Moment,
}

impl Agreement {
    pub(super) fn duplicate_column(&self) -> Option<&str> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)).map(|(_, name)| *name)
    }
}

impl AgreedType {
    fn parse(text: &str) -> Option<Self> {
        let word: String = text.trim().to_lowercase().chars().take_while(|letter| letter.is_alphanumeric()).collect();
        match word.as_str() {
            "float" | "float32" | "float64" | "double" | "real" | "decimal" | "numeric" | "number" => {
                Some(Self::Number(ColumnType::Float))
            }
            "int" | "integer" | "int8" | "int16" | "int32" | "int64" | "bigint" | "smallint" | "tinyint" | "long"
            | "bool" | "boolean" => Some(Self::Number(ColumnType::Integer)),
            "varchar" | "char" | "character" | "nvarchar" | "string" | "str" | "text" | "object" => Some(Self::Text),
            "date" | "time" | "datetime" | "timestamp" => Some(Self::Moment),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Agreement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AgreementVisitor)
    }
}

struct AgreementVisitor;

impl<'de> Visitor<'de> for AgreementVisitor {
    type Value = Agreement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an agreement: a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Agreement, A::Error> {
        let (mut sample, mut columns) = (None, None);
        let (mut date_digits, mut time_digits, mut stated_columns) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let letters: String = key.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
            match letters.as_str() {
                "samplefilename" => sample = Some(map.next_value::<String>()?),
                "lengthofdatestampinfile" => date_digits = Some(count(&key, &map.next_value()?)?),
                "lengthoftimestampinfile" => time_digits = Some(count(&key, &map.next_value()?)?),
                "numberofcolumns" => stated_columns = Some(count(&key, &map.next_value()?)?),
                "colname" | "colnames" | "columns" => columns = Some(map.next_value::<Columns>()?.0),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let digits = |digits: Option<u64>| usize::try_from(digits.unwrap_or(0)).unwrap_or(usize::MAX);
        Ok(Agreement {
            sample: sample.ok_or_else(|| Error::missing_field("SampleFileName"))?,
            date_digits: match date_digits {
                Some(_) => digits(date_digits),
                None => return Err(Error::missing_field("LengthOfDateStampInFile")),
            },
            time_digits: digits(time_digits),
            stated_columns,
            columns: columns.ok_or_else(|| Error::missing_field("ColName"))?,
        })
    }
}

/// A count given as a number or as text.
fn count<E: Error>(key: &str, value: &Value) -> Result<u64, E> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    number.ok_or_else(|| E::custom(format!("{key} is {value}, expected a whole number")))
}

struct Columns(Vec<(String, AgreedType)>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ColumnsVisitor)
    }
}

struct ColumnsVisitor;

impl<'de> Visitor<'de> for ColumnsVisitor {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of column names and types")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
        let mut columns = Vec::new();
        while let Some((name, text)) = map.next_entry::<String, String>()? {
            let kind = AgreedType::parse(&text).ok_or_else(|| {
                A::Error::custom(format!(
                    "column `{name}` has the type `{text}`, expected float, integer, varchar or date"
                ))
            })?;
            columns.push((name.trim().to_owned(), kind));
        }
        Ok(Columns(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_in_their_many_spellings() {
        for (text, kind) in [
            (" float", AgreedType::Number(ColumnType::Float)),
            ("FLOAT", AgreedType::Number(ColumnType::Float)),
            ("Double precision", AgreedType::Number(ColumnType::Float)),
            ("Integer", AgreedType::Number(ColumnType::Integer)),
            ("bool", AgreedType::Number(ColumnType::Integer)),
            ("varchar(255)", AgreedType::Text),
            ("datetime", AgreedType::Moment),
        ] {
            assert_eq!(AgreedType::parse(text), Some(kind), "{text}");
        }
        assert_eq!(AgreedType::parse("blob"), None);
    }

    #[test]
    fn keys_match_without_case_and_counts_may_be_text() {
        let json = r#"{"sampleFileName": "a", "LengthOfDateStampInFile": "8", "NumberOfColumns": "2", "Comment": [1],
            "ColName": {"b": "float", "a": "float"}}"#;
        let agreement: Agreement = serde_json::from_str(json).unwrap();
        assert_eq!((agreement.date_digits, agreement.time_digits, agreement.stated_columns), (8, 0, Some(2)));
        let names: Vec<&str> = agreement.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
    }
}
