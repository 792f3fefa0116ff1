//! What `validate` hands on: `accepted.json` and `profile.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::schema::Purpose;

/// `accepted.json`: the files whose rows go on, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The data set, from the schema.
    pub dataset: String,
    /// What the rows are wanted for.
    pub purpose: Purpose,
    /// The accepted files.
    pub files: Vec<AcceptedFile>,
}

/// One accepted file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedFile {
    /// Its name relative to the raw folder.
    pub name: String,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// The time in its name, in seconds since 1970 as if the fab's clock ran in UTC.
    pub time_secs: i64,
    /// Its rows that go on.
    pub rows_accepted: u64,
    /// Its rows that do not.
    pub rows_quarantined: u64,
}

/// `profile.json`: what the accepted data looks like, for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Quarantine entries and rows by reason.
    pub quarantine: BTreeMap<String, QuarantineCount>,
    /// Rows with the label `good`.
    pub rows_good: u64,
    /// Rows with the label `faulty`.
    pub rows_faulty: u64,
    /// Ids that name more than one accepted row.
    pub ids_repeated: u64,
    /// Per feature, in the schema's order.
    pub columns: Vec<ColumnProfile>,
}

/// How often a reason occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantineCount {
    /// Entries: rejected files, or single rows.
    pub entries: u64,
    /// Rows that these entries stand for.
    pub rows: u64,
}

/// The missing values of one feature over the accepted rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnProfile {
    /// The feature.
    pub name: String,
    /// Accepted rows without a value.
    pub missing: u64,
    /// Accepted files without a single value.
    pub empty_files: u64,
}
