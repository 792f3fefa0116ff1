//! What can go wrong with a database of records.

use faultline_contract::{ExitCode, Explain};
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
    /// The database was not to be reached, had no primary or did not answer, until the attempts were spent.
    #[error("{action} the records at {uri}: the database is unavailable")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// The last failure.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database does not know this user, or this user may not do that.
    #[error("{action} the records at {uri}: permission denied")]
    PermissionDenied {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// The right that is missing, or where the user is looked for.
        hint: String,
        /// What the database answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database takes no writes from anybody.
    #[error("{action} the records at {uri}: the database is read-only")]
    ReadOnly {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// What the database answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has no space left.
    #[error("{action} the records at {uri}: the disk or the quota of the database is full")]
    Full {
        /// What was being done.
        action: &'static str,
        /// The database.
        uri: String,
        /// What the database answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database failed otherwise: a damaged file, say.
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

impl Explain for RecordsError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Url { .. } | Self::Open { .. } | Self::Malformed { .. } => ExitCode::Configuration,
            Self::Busy { .. } | Self::Unavailable { .. } => ExitCode::Temporary,
            Self::PermissionDenied { .. } => ExitCode::Permission,
            Self::ReadOnly { .. } | Self::Full { .. } | Self::Failed { .. } => ExitCode::Unavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(RecordsError::hint(self))
    }
}

impl RecordsError {
    /// What to do next, as one line that follows `hint:`.
    pub fn hint(&self) -> String {
        match self {
            Self::Url { .. } => {
                "expected sqlite:///ABSOLUTE/PATH, a plain path, or mongodb://HOST/DATABASE with user, password and options as MongoDB \
                 writes them"
            }
            Self::Open { .. } => "name another database, or one that this version of Faultline made",
            Self::Busy { .. } => "wait for the other run to end, then run again",
            Self::Unavailable { .. } => {
                "check that the database runs, has a primary, and can be reached from here; then run again, which goes on where \
                 this ended"
            }
            Self::PermissionDenied { hint, .. } => hint,
            Self::ReadOnly { .. } => "have the database's operator let writes in, or name another database",
            Self::Full { .. } => "free some space there, then run again",
            Self::Failed { .. } => "see what the database answered and what its log says, then run again",
            Self::Malformed { .. } => "the database was changed by another program: name another one",
        }
        .to_owned()
    }
}
