//! What `validate` hands on: `accepted.json` and `profile.json`; and `listing.json`, which its shards share.

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
    /// The BLAKE3 of its content, by which `transform` knows the file again in a quarter of the time; older verdicts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Digest>,
    /// Its size.
    pub bytes: u64,
    /// The time in its name, in seconds since 1970 as if the fab's clock ran in UTC.
    pub time_secs: i64,
    /// Its rows that go on.
    pub rows_accepted: u64,
    /// Its rows that do not.
    pub rows_quarantined: u64,
}

/// `listing.json`: the raw folder as it was when the first shard of a run looked into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listing {
    /// The folder.
    pub raw_uri: String,
    /// Its files, in the order of their names.
    pub files: Vec<ListedFile>,
}

/// One file of the raw folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedFile {
    /// Its name relative to the raw folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// `profile.json`: what was refused and what is missing, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Rejected files by reason.
    pub file_reasons: BTreeMap<String, u64>,
    /// Quarantined rows by reason, one by one or with their file.
    pub row_reasons: BTreeMap<String, u64>,
    /// Headers that no name matched and that were paired with a column by rule, per file.
    pub paired_headers: Vec<PairedHeader>,
    /// Per feature, in the schema's order.
    pub columns: Vec<ColumnProfile>,
}

/// A header that no name matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairedHeader {
    /// The file.
    pub file: String,
    /// The header as written.
    pub header: String,
    /// The column that it was taken for.
    pub column: String,
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
