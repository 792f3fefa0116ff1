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

    /// Writes records in one transaction: all or none. Of two processes that write the same record the later one wins.
    /// Takes time and memory in proportion to the batch.
    ///
    /// # Errors
    /// [`RecordsError::Malformed`] when a record has not as many readings as there are names, and whatever the
    /// database answers.
    fn upsert(&self, dataset: &str, feature_names: &[String], batch: &[Record]) -> Result<Upserted, RecordsError>;

    /// The next records of a raw file, in the order of their rows: at most `limit`, of rows after `after_row` (0 for the
    /// first page). An empty page is the end.
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
