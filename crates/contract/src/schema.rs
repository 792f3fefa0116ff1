//! The data schema: what a batch file of a data set must look like, and what to do when it does not.
//!
//! A [`DataSchema`] is what stands in `schemas/*.json`. [`DataSchema::check`] turns it into a [`ValidSchema`], whose rules are
//! compiled and contradiction-free: it parses file names, maps headers to columns and reads labels. The quality gate is judged by
//! [`QualityGate::judge`]. [`import()`] reads the data-sharing agreements of the original system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod check;
mod gate;
mod header;
pub mod import;
mod labels;
mod name;

pub use check::{SchemaError, ValidSchema};
pub use gate::{GateFailure, ValidationCounts};
pub use header::{Binding, HeaderError, HeaderMap};
pub use import::{ImportError, ImportOptions, Imported, import};
pub use name::{NameError, moment_text};

/// The schema format that this version reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// What the rows are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The target column must be there and every row must have a known label.
    Train,
    /// The target column may be absent; where it is there it is not read.
    Predict,
}

/// The rules for the batch files of one data set, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSchema {
    /// The format of this document: 1.
    pub format_version: u32,
    /// The name of the data set: lower-case letters, digits, `-` and `_`.
    pub dataset: String,
    /// What the data set is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What a batch file is called.
    pub file_name: FileNameRule,
    /// The character between two cells.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// How the header line is matched with the columns.
    #[serde(default)]
    pub header: HeaderRule,
    /// Cells that mean "no value", compared without case and surrounding blanks, of features numbers by their value. An empty cell always does, a
    /// label never.
    #[serde(default = "default_missing_tokens")]
    pub missing_tokens: Vec<String>,
    /// What to do about missing values.
    #[serde(default)]
    pub missing: MissingPolicy,
    /// Labels in the target column: the text of a cell and what it means. A cell that is equal as a number matches too (`1.0` is `1`).
    #[serde(default = "default_labels")]
    pub labels: BTreeMap<String, Label>,
    /// When a folder as a whole is refused.
    #[serde(default)]
    pub gate: QualityGate,
    /// All columns of a training file, in their usual order.
    pub columns: Vec<Column>,
}

/// What a batch file is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileNameRule {
    /// A regular expression over the whole name (without folders), with the named group `date` and, if there is a `time_format`, `time`.
    pub pattern: String,
    /// How the date is written, by strftime's letters: `%d%m%Y`. The date must be a real one.
    pub date_format: String,
    /// How the time of day is written: `%H%M%S`. The time must be a real one. Absent: the name holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
}

/// The character between two cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`, `;`, tab or `|`: the one that the header line holds most often.
    #[default]
    Auto,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

/// How the header line is matched with the columns. The order of the columns in a file is free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// How names are compared.
    #[serde(default)]
    pub matching: HeaderMatching,
    /// What to do with headers that no name or alias matches.
    #[serde(default)]
    pub unmatched: UnmatchedHeaders,
}

/// How names are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeaderMatching {
    /// Only letters and digits count, without case: `Sensor - 1` is `sensor-1`. Digits that signs keep apart stay so: `1.1` is not `11`.
    #[default]
    Normalised,
    /// Character by character, less surrounding blanks.
    Exact,
}

/// What to do with headers that no name or alias matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnmatchedHeaders {
    /// Reject the file.
    Reject,
    /// The id or target column, if no header names it, takes the unmatched header at its own place; if one unmatched header and
    /// one of these two columns are all that is left, they are a pair. Any other unmatched header rejects the file.
    #[default]
    PairKeyColumns,
    /// As `pair_key_columns`, and feature columns too take the unmatched, non-blank header at their own place. The rule of the
    /// original system, which only counts columns.
    PairByPosition,
}

/// What to do about missing values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingPolicy {
    /// A column without a single value in a file.
    #[serde(default)]
    pub empty_column: EmptyColumn,
    /// The largest share of missing features that a row may have; above it the row is quarantined.
    #[serde(default = "one")]
    pub max_row_missing_ratio: f64,
    /// The largest share of missing features that a whole file may have; above it the file is rejected.
    #[serde(default = "one")]
    pub max_file_missing_ratio: f64,
}

/// What to do about a column without a single value in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyColumn {
    /// Keep the file; the values are missing like any others.
    #[default]
    Keep,
    /// Reject the file, as the original system does.
    RejectFile,
}

/// The meaning of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The record passed its test: target 0.
    Good,
    /// The record failed its test: target 1.
    Faulty,
}

impl Label {
    /// The target's value: 0 good, 1 faulty.
    #[must_use]
    pub const fn target(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Faulty => 1,
        }
    }
}

/// When a folder as a whole is refused. Each figure may be left out for its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualityGate {
    /// The largest share of files that may be rejected.
    #[serde(default = "default_max_rejected_file_ratio")]
    pub max_rejected_file_ratio: f64,
    /// The largest share of the rows of the accepted files that may be quarantined.
    #[serde(default = "default_max_quarantined_row_ratio")]
    pub max_quarantined_row_ratio: f64,
    /// The least number of accepted files.
    #[serde(default = "one_count")]
    pub min_accepted_files: u64,
    /// The least number of accepted rows.
    #[serde(default = "one_count")]
    pub min_accepted_rows: u64,
}

/// One column of a training file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The name that the rest of the system uses.
    pub name: String,
    /// What the column is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// What its cells hold.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: ColumnType,
    /// Other spellings in headers. An empty one stands for a blank header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Feature columns only: a row without a value here is quarantined.
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    /// Feature columns only: the least value; a row below it is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Feature columns only: the largest value; a row above it is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Column {
    /// A plain column: optional values, no range, no aliases.
    pub fn new(name: impl Into<String>, role: Role, kind: ColumnType) -> Self {
        Self { name: name.into(), role, kind, aliases: Vec::new(), required: false, min: None, max: None }
    }
}

/// What a column is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Names the record; exactly one column. It need not be unique.
    Id,
    /// A reading to learn from.
    #[default]
    Feature,
    /// The label; at most one column.
    Target,
    /// Expected in training files, never read.
    Ignored,
}

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A finite number.
    #[default]
    Float,
    /// A whole number (`5` or `5.0`).
    Integer,
    /// Text. Not for features.
    String,
}

impl Default for MissingPolicy {
    fn default() -> Self {
        Self { empty_column: EmptyColumn::Keep, max_row_missing_ratio: one(), max_file_missing_ratio: one() }
    }
}

impl Default for QualityGate {
    fn default() -> Self {
        Self {
            max_rejected_file_ratio: default_max_rejected_file_ratio(),
            max_quarantined_row_ratio: default_max_quarantined_row_ratio(),
            min_accepted_files: one_count(),
            min_accepted_rows: one_count(),
        }
    }
}

const fn one() -> f64 {
    1.0
}

const fn one_count() -> u64 {
    1
}

const fn default_max_rejected_file_ratio() -> f64 {
    0.9
}

const fn default_max_quarantined_row_ratio() -> f64 {
    0.5
}

pub(crate) fn default_missing_tokens() -> Vec<String> {
    ["NaN", "NA", "N/A", "#N/A", "null", "none", "nil", "?", "-"].map(str::to_owned).to_vec()
}

pub(crate) fn default_labels() -> BTreeMap<String, Label> {
    [("1", Label::Faulty), ("-1", Label::Good)].map(|(text, label)| (text.to_owned(), label)).into()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
