//! What can go wrong with a database of records.

use thiserror::Error;

/// A request to the database failed. Every variant names the database.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// The URL is none of the known forms.
    #[error("open the records at `{url}`: {reason}")]
    Url {
        /// The URL, without secrets.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened, or has another layout than this program's.
    #[error("open the records at {uri}: {reason}")]
    Open {
        /// The database.
        uri: String,
        /// What was got and what is expected.
        reason: String,
    },
    /// Other writers held the database longer than the patience lasted.
    #[error("{action} the records at {uri}: the database is locked by another process")]
    Busy {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
    },
    /// This user may not do that.
    #[error("{action} the records at {uri}: permission denied")]
    PermissionDenied {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// What the database answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database failed: disk full, file damaged.
    #[error("{action} the records at {uri}")]
    Failed {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// What the database answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was given or found is not a record.
    #[error("{action} the records at {uri}: {reason}")]
    Malformed {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// Which record, what was got and what is expected.
        reason: String,
    },
}

impl RecordsError {
    /// What to do next, as one line that follows `hint:`.
    pub fn hint(&self) -> String {
        match self {
            Self::Url { .. } => "expected sqlite:///ABSOLUTE/PATH or a plain path",
            Self::Open { .. } => "name another file, or one that this version of Faultline made",
            Self::Busy { .. } => "wait for the other run to end, then run again",
            Self::PermissionDenied { .. } => "give this user the right to write the file and its folder",
            Self::Failed { .. } => "check the space on that disk, then run again",
            Self::Malformed { .. } => "the database was changed by another program: name another one",
        }
        .to_owned()
    }
}
