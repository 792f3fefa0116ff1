//! From the unchecked document to compiled, contradiction-free rules.

use std::collections::HashSet;

use thiserror::Error;

use super::header::{HeaderError, HeaderMap, Headers};
use super::labels::{Ambiguous, Labels};
use super::name::{NameError, NameRule};
use super::{Column, ColumnType, DataSchema, FORMAT_VERSION, Label, Purpose, QualityGate, Role};
use crate::Digest;

/// Why a data schema is refused.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The document does not have the right shape.
    #[error("data schema: at `{path}`: {reason}")]
    Shape {
        /// Where, as `columns[3].role`.
        path: String,
        /// What is wrong, with the known keys.
        reason: String,
    },
    /// A rule contradicts itself or another.
    #[error("data schema: `{path}`: {reason}")]
    Rule {
        /// Where, as `columns[3].role`.
        path: String,
        /// What is wrong and what is expected.
        reason: String,
    },
}

/// A checked [`DataSchema`], ready to use.
#[derive(Clone, Debug)]
pub struct ValidSchema {
    schema: DataSchema,
    name: NameRule,
    headers: Headers,
    labels: Labels,
    missing_tokens: Vec<String>,
    missing_numbers: Vec<f64>,
    features: Vec<Column>,
}

impl DataSchema {
    /// Reads a schema from JSON, without checking its rules.
    ///
    /// # Errors
    /// [`SchemaError::Shape`] with the exact path of an unknown key or a wrong value, and the known keys.
    pub fn from_json(json: &[u8]) -> Result<Self, SchemaError> {
        let shape = |path: String, reason: String| SchemaError::Shape { path, reason };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let schema = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| shape(error.path().to_string(), error.inner().to_string()))?;
        deserializer.end().map_err(|error| shape(".".to_owned(), error.to_string()))?;
        Ok(schema)
    }

    /// The one JSON text of this schema: equal schemas give equal bytes.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        // The types of a schema always serialise: string keys only, and `check` refuses numbers that are not finite.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n")
    }

    /// Checks every rule and compiles them.
    ///
    /// # Errors
    /// [`SchemaError::Rule`] for the first rule that does not hold.
    pub fn check(self) -> Result<ValidSchema, SchemaError> {
        let rule = |path: &str, reason: String| SchemaError::Rule { path: path.to_owned(), reason };
        if self.format_version != FORMAT_VERSION {
            return Err(rule(
                "format_version",
                format!("{} is unknown, expected {FORMAT_VERSION}", self.format_version),
            ));
        }
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if self.dataset.is_empty() || !self.dataset.bytes().all(sign) {
            let reason = format!("`{}`: expected lower-case letters, digits, `-` and `_`", self.dataset);
            return Err(rule("dataset", reason));
        }
        let name = NameRule::new(&self.file_name).map_err(|reason| rule("file_name", reason))?;
        for (path, ratio) in [
            ("missing.max_row_missing_ratio", self.missing.max_row_missing_ratio),
            ("missing.max_file_missing_ratio", self.missing.max_file_missing_ratio),
            ("gate.max_rejected_file_ratio", self.gate.max_rejected_file_ratio),
            ("gate.max_quarantined_row_ratio", self.gate.max_quarantined_row_ratio),
        ] {
            if !(0.0..=1.0).contains(&ratio) {
                return Err(rule(path, format!("{ratio}: expected a ratio from 0 to 1")));
            }
        }
        check_columns(&self.columns)?;
        let labels = Labels::new(&self.labels).map_err(|Ambiguous(text)| {
            rule("labels", format!("`{text}` reads as another label with the other meaning: case, blanks and the form of a number do not count"))
        })?;
        let has = |label: Label| self.labels.values().any(|known| *known == label);
        if self.columns.iter().any(|column| column.role == Role::Target) && !(has(Label::Good) && has(Label::Faulty)) {
            return Err(rule("labels", "expected at least one label for `good` and one for `faulty`".to_owned()));
        }
        let headers = Headers::new(&self.header, &self.columns).map_err(|(first, second)| {
            rule("columns", format!("headers cannot tell `{first}` from `{second}`; rename one, drop an alias or set header.matching to `exact`"))
        })?;
        let missing_tokens: Vec<String> = self.missing_tokens.iter().map(|token| token.trim().to_owned()).collect();
        let number = |token: &String| token.parse::<f64>().ok().filter(|number| number.is_finite());
        let missing_numbers = missing_tokens.iter().filter_map(number).collect();
        let features = self.columns.iter().filter(|column| column.role == Role::Feature).cloned().collect();
        Ok(ValidSchema { name, headers, labels, missing_tokens, missing_numbers, features, schema: self })
    }
}

fn check_columns(columns: &[Column]) -> Result<(), SchemaError> {
    let rule = |path: String, reason: String| Err(SchemaError::Rule { path, reason });
    let count = |role: Role| columns.iter().filter(|column| column.role == role).count();
    if count(Role::Id) != 1 {
        return rule("columns".to_owned(), format!("{} columns of role `id`, expected 1", count(Role::Id)));
    }
    if count(Role::Target) > 1 {
        let reason = format!("{} columns of role `target`, expected at most 1", count(Role::Target));
        return rule("columns".to_owned(), reason);
    }
    if count(Role::Feature) == 0 {
        return rule("columns".to_owned(), "expected at least one column of role `feature`".to_owned());
    }
    let mut names = HashSet::new();
    for (index, column) in columns.iter().enumerate() {
        let at = |key: &str| format!("columns[{index}].{key}");
        if column.name.trim().is_empty() {
            return rule(at("name"), "expected a name".to_owned());
        }
        if column.name.starts_with('_') {
            return rule(at("name"), format!("`{}`: names with a leading `_` are the system's own", column.name));
        }
        let feature = column.role == Role::Feature;
        if feature && column.kind == ColumnType::String {
            return rule(at("type"), "a feature is `float` or `integer`; give text the role `ignored`".to_owned());
        }
        if !feature && (column.required || column.min.is_some() || column.max.is_some()) {
            return rule(at("role"), "`required`, `min` and `max` are for features only".to_owned());
        }
        let finite = |limit: Option<f64>| limit.is_none_or(f64::is_finite);
        if !finite(column.min) || !finite(column.max) {
            return rule(at("min"), "expected finite limits".to_owned());
        }
        if let (Some(min), Some(max)) = (column.min, column.max)
            && min > max
        {
            return rule(at("min"), format!("{min} is above the max of {max}"));
        }
        if !names.insert(&column.name) {
            return rule(at("name"), format!("`{}` stands twice", column.name));
        }
    }
    Ok(())
}

impl ValidSchema {
    /// Reads and checks a schema from JSON.
    ///
    /// # Errors
    /// As [`DataSchema::from_json`] and [`DataSchema::check`].
    pub fn from_json(json: &[u8]) -> Result<Self, SchemaError> {
        DataSchema::from_json(json)?.check()
    }

    /// The document that was checked.
    pub fn schema(&self) -> &DataSchema {
        &self.schema
    }

    /// The name of the data set.
    pub fn dataset(&self) -> &str {
        &self.schema.dataset
    }

    /// The quality gate.
    pub fn gate(&self) -> &QualityGate {
        &self.schema.gate
    }

    /// The feature columns, in the order of every table.
    pub fn features(&self) -> &[Column] {
        &self.features
    }

    /// The names of the feature columns, in the order of every table.
    pub fn feature_names(&self) -> Vec<String> {
        self.features.iter().map(|column| column.name.clone()).collect()
    }

    /// The id column.
    pub fn id(&self) -> &Column {
        let id = self.schema.columns.iter().position(|column| column.role == Role::Id);
        &self.schema.columns[id.unwrap_or_default()]
    }

    /// The target column, if the data set has one.
    pub fn target(&self) -> Option<&Column> {
        self.schema.columns.iter().find(|column| column.role == Role::Target)
    }

    /// The digest of the canonical document.
    pub fn sha256(&self) -> Digest {
        Digest::of(self.schema.canonical_json().as_bytes())
    }

    /// The moment in a file's name, in seconds since 1970-01-01T00:00:00 by the fab's own clock.
    ///
    /// # Errors
    /// [`NameError`] if the name does not match the pattern or holds no real date or time.
    pub fn parse_file_name(&self, name: &str) -> Result<i64, NameError> {
        self.name.parse(name)
    }

    /// Says what each column of a file is, from its headers.
    ///
    /// # Errors
    /// [`HeaderError`] if the headers do not fit.
    pub fn map_headers(&self, headers: &[String], purpose: Purpose) -> Result<HeaderMap, HeaderError> {
        self.headers.map(&self.schema.columns, headers, purpose)
    }

    /// Whether a cell, without surrounding blanks, means "no value" by its text.
    pub fn is_missing(&self, cell: &[u8]) -> bool {
        cell.is_empty() || self.missing_tokens.iter().any(|token| cell.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The numbers that mean "no value" in whatever form they are written, `-999` and `-999.0` say.
    pub fn missing_numbers(&self) -> &[f64] {
        &self.missing_numbers
    }

    /// The meaning of a label, `None` for one that the schema does not know.
    pub fn label(&self, cell: &str) -> Option<Label> {
        self.labels.read(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn valid() -> Value {
        json!({
            "format_version": 1, "dataset": "wafer",
            "file_name": {"pattern": "(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
            "columns": [
                {"name": "id", "role": "id", "type": "string"},
                {"name": "s1", "min": 0.0, "max": 1.0}, {"name": "s2"},
                {"name": "y", "role": "target", "type": "integer"}
            ]
        })
    }

    fn error_after(change: impl FnOnce(&mut Value)) -> String {
        let mut value = valid();
        change(&mut value);
        ValidSchema::from_json(value.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_documented_ones() {
        let schema = ValidSchema::from_json(valid().to_string().as_bytes()).unwrap();
        assert_eq!(schema.feature_names(), ["s1", "s2"]);
        assert_eq!((schema.id().name.as_str(), schema.target().map(|column| column.name.as_str())), ("id", Some("y")));
        assert_eq!(
            (schema.label("+1"), schema.label("-1.0"), schema.label("0")),
            (Some(Label::Faulty), Some(Label::Good), None)
        );
        for missing in ["", "nan", "NaN", "NULL", "?"] {
            assert!(schema.is_missing(missing.as_bytes()), "{missing}");
        }
        assert!(!schema.is_missing(b"0"));
    }

    #[test]
    fn a_wrong_shape_is_named_with_its_path_and_the_known_keys() {
        let error = error_after(|value| value["columns"][1]["rolle"] = json!("id"));
        assert!(error.contains("columns[1].rolle") && error.contains("`role`"), "{error}");
        let error = error_after(|value| value["gate"]["max_rejected_file_ratio"] = json!("much"));
        assert!(error.contains("gate.max_rejected_file_ratio"), "{error}");
        let error = error_after(|value| value["columns"][1]["role"] = json!("sensor"));
        assert!(error.contains("columns[1].role") && error.contains("`feature`"), "{error}");
    }

    #[test]
    fn every_rule_is_checked() {
        for (change, path, text) in [
            (json!({"format_version": 2}), "format_version", "expected 1"),
            (json!({"dataset": "Wafer 1"}), "dataset", "lower-case"),
            (json!({"file_name": {"pattern": "x", "date_format": "%d%m%Y"}}), "file_name", "group `date`"),
            (json!({"missing": {"max_row_missing_ratio": 1.5}}), "missing.max_row_missing_ratio", "from 0 to 1"),
            (json!({"missing": {"max_file_missing_ratio": -0.1}}), "missing.max_file_missing_ratio", "from 0 to 1"),
            (json!({"gate": {"max_rejected_file_ratio": 2.0}}), "gate.max_rejected_file_ratio", "from 0 to 1"),
            (json!({"gate": {"max_quarantined_row_ratio": 2.0}}), "gate.max_quarantined_row_ratio", "from 0 to 1"),
            (json!({"labels": {"1": "faulty"}}), "labels", "`good`"),
            (json!({"labels": {"1": "faulty", "1.0": "good"}}), "labels", "other meaning"),
            (json!({"columns": []}), "columns", "role `id`"),
        ] {
            let error = error_after(|value| {
                for (key, new) in change.as_object().unwrap() {
                    value[key] = new.clone();
                }
            });
            assert!(error.contains(&format!("`{path}`")) && error.contains(text), "{change}: {error}");
        }
    }

    #[test]
    fn every_rule_on_columns_is_checked() {
        let with = |column: Value| error_after(|value| value["columns"].as_array_mut().unwrap().push(column));
        for (column, path, text) in [
            (json!({"name": " "}), "columns[4].name", "expected a name"),
            (json!({"name": "_x"}), "columns[4].name", "leading `_`"),
            (json!({"name": "s1"}), "columns[4].name", "twice"),
            (json!({"name": "S 1"}), "columns", "cannot tell `s1` from `S 1`"),
            (json!({"name": "x", "aliases": ["ID"]}), "columns", "cannot tell"),
            (json!({"name": "x", "type": "string"}), "columns[4].type", "role `ignored`"),
            (json!({"name": "x", "role": "ignored", "min": 0}), "columns[4].role", "features only"),
            (json!({"name": "x", "min": 2, "max": 1}), "columns[4].min", "above the max"),
            (json!({"name": "x", "role": "id"}), "columns", "2 columns of role `id`"),
            (json!({"name": "x", "role": "target"}), "columns", "2 columns of role `target`"),
        ] {
            let error = with(column.clone());
            assert!(error.contains(&format!("`{path}`")) && error.contains(text), "{column}: {error}");
        }
        let no_feature = error_after(|value| {
            value["columns"].as_array_mut().unwrap().drain(1..3);
        });
        assert!(no_feature.contains("at least one column of role `feature`"), "{no_feature}");
    }

    #[test]
    fn the_canonical_text_is_read_back_as_the_same_schema() {
        let schema = DataSchema::from_json(valid().to_string().as_bytes()).unwrap();
        let text = schema.canonical_json();
        let again = DataSchema::from_json(text.as_bytes()).unwrap();
        assert_eq!((&again, again.canonical_json()), (&schema, text));
    }

    #[test]
    fn the_published_schema_is_the_generated_one() {
        let generated = serde_json::to_string_pretty(&schemars::schema_for!(DataSchema)).unwrap() + "\n";
        faultline_testkit::generated::check_file("schemas/data-schema.json", &generated);
    }

    #[test]
    fn the_shipped_schemas_are_valid_and_differ_in_one_rule() {
        let wafer = ValidSchema::from_json(include_bytes!("../../../../schemas/wafer.json")).unwrap();
        let strict = ValidSchema::from_json(include_bytes!("../../../../schemas/wafer-strict.json")).unwrap();
        assert_eq!((wafer.features().len(), wafer.schema().columns.len()), (590, 592));
        let mut same = strict.schema().clone();
        same.missing.empty_column = wafer.schema().missing.empty_column;
        same.description.clone_from(&wafer.schema().description);
        assert_eq!(&same, wafer.schema());
        assert_ne!(strict.sha256(), wafer.sha256());
    }
}
