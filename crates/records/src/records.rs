//! The trait that every database implements.

use std::fmt::Debug;
use std::ops::AddAssign;

use faultline_contract::Digest;

use crate::error::RecordsError;
use crate::record::{Record, Stored};

/// What became of the records of an upsert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upserted {
    /// Records that were not there.
    pub added: u64,
    /// Records that were there with another content, which is replaced.
    pub changed: u64,
    /// Records that were there already.
    pub unchanged: u64,
}

impl AddAssign for Upserted {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}

/// Records by (data set, sha256 of the raw file, row).
///
/// Calls block until the database has answered, so they belong on a thread that may wait.
pub trait Records: Send + Sync + Debug {
    /// The database, without secrets.
    fn uri(&self) -> &str;

    /// Writes records, each key at most once in a batch. Of two processes that write the same record the later one wins. Takes time
    /// and memory in proportion to the batch.
    ///
    /// SQLite writes all or none. MongoDB writes each record as a whole, and keeps those that were written before a failure; writing the
    /// same batch again adds the others. Requests that meet a passing condition are sent again for about half a minute.
    ///
    /// # Errors
    /// [`RecordsError::Malformed`] when a record has not as many readings as there are names, and whatever the
    /// database answers.
    fn upsert(&self, dataset: &str, feature_names: &[String], batch: &[Record]) -> Result<Upserted, RecordsError>;

    /// The next records of a raw file, in the order of their rows: at most `limit`, of rows after `after_row` (0 for the
    /// first page), and fewer where they are large. An empty page is the end.
    ///
    /// # Errors
    /// [`RecordsError::Malformed`] for a document that is not a record, and whatever the database answers.
    fn page(
        &self,
        dataset: &str,
        source_sha256: Digest,
        after_row: u64,
        limit: usize,
    ) -> Result<Vec<Stored>, RecordsError>;
}

/// # Errors
/// Which record has not as many readings as there are names.
pub(crate) fn one_reading_per_name(feature_names: &[String], batch: &[Record]) -> Result<(), String> {
    let Some(record) = batch.iter().find(|record| record.features.len() != feature_names.len()) else { return Ok(()) };
    let (got, expected) = (record.features.len(), feature_names.len());
    Err(format!("row {} of {} has {got} readings, expected {expected}, one per name", record.row, record.source_file))
}
