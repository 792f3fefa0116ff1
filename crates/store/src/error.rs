//! What can go wrong with a store, by what the caller can do about it.

use std::error::Error;
use std::fmt;

use faultline_contract::{ExitCode, Explain};
use thiserror::Error;

/// The cause below a [`StoreError`].
pub type Cause = Box<dyn Error + Send + Sync>;

/// What was being done when a request failed; displayed as a verb, so that it fits after "failed to".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Opening the root, before any request.
    Open,
    /// Reading the bytes of an object.
    Read,
    /// Writing an object.
    Write,
    /// Asking for the size and the tag of an object.
    Inspect,
    /// Listing the objects below a folder.
    List,
    /// Deleting an object.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Inspect => "inspect",
            Self::List => "list",
            Self::Delete => "delete",
        })
    }
}

/// A failed request. Every variant names the action and the URI; [`StoreError::hint`] says what to do next.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no object under that key.
    #[error("{action} {uri}: no such object")]
    NotFound {
        /// What was being done.
        action: Action,
        /// The object.
        uri: String,
    },
    /// A write with [`PutMode::CreateNew`](crate::PutMode::CreateNew) found an object under that key.
    #[error("{action} {uri}: the object already exists")]
    AlreadyExists {
        /// What was being done.
        action: Action,
        /// The object.
        uri: String,
    },
    /// The store knows who asks and says no, or does not know who asks.
    #[error("{action} {uri}: permission denied")]
    PermissionDenied {
        /// What was being done.
        action: Action,
        /// The object or folder.
        uri: String,
        /// The right that is missing, or where credentials are looked for.
        hint: String,
        /// What the store answered.
        source: Cause,
    },
    /// The store did not answer, or asked to come back later, until the retries were spent.
    #[error("{action} {uri}: the store is unavailable")]
    Unavailable {
        /// What was being done.
        action: Action,
        /// The object or folder.
        uri: String,
        /// Which setting to check.
        hint: String,
        /// The last failure.
        source: Cause,
    },
    /// The request can never succeed: a bad URL or key, a bucket that does not exist, a wrong region.
    #[error("{action} {uri}: {reason}")]
    Invalid {
        /// What was being done.
        action: Action,
        /// The URL, object or folder.
        uri: String,
        /// What was got and what is expected.
        reason: String,
        /// The setting to change.
        hint: String,
    },
    /// The bytes received are not the bytes that were stored.
    #[error("{action} {uri}: the content does not match its checksum or its length")]
    Corrupt {
        /// What was being done.
        action: Action,
        /// The object.
        uri: String,
        /// What did not match.
        source: Cause,
    },
    /// The local file system failed: disk full, not a folder, too many open files.
    #[error("{action} {uri}: the file system failed at {path}")]
    Io {
        /// What was being done.
        action: Action,
        /// The object or folder.
        uri: String,
        /// The local file.
        path: String,
        /// What the operating system answered.
        source: std::io::Error,
    },
}

impl Explain for StoreError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotFound { .. } => ExitCode::InputMissing,
            Self::PermissionDenied { .. } => ExitCode::Permission,
            Self::Invalid { .. } => ExitCode::Configuration,
            Self::Unavailable { .. } | Self::Io { .. } => ExitCode::Temporary,
            Self::Corrupt { .. } => ExitCode::Unavailable,
            Self::AlreadyExists { .. } => ExitCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(StoreError::hint(self))
    }
}

impl StoreError {
    /// What to do next, as one line that follows `hint:`.
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound { .. } => "check the URI, and that the step that writes it has finished".to_owned(),
            Self::AlreadyExists { .. } => {
                "another writer was first: read the object and decide whether it says the same".to_owned()
            }
            Self::PermissionDenied { hint, .. } | Self::Unavailable { hint, .. } | Self::Invalid { hint, .. } => {
                hint.clone()
            }
            Self::Corrupt { .. } => "run again; if it stays, the stored object is damaged: delete it and run the step \
                                     that wrote it with --no-cache"
                .to_owned(),
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "free some space there, or name another folder".to_owned()
                }
                std::io::ErrorKind::NotADirectory => "a file stands where a folder is wanted: move it away".to_owned(),
                _ => "check that the folder exists and can be written by this user".to_owned(),
            },
        }
    }

    /// True for [`StoreError::NotFound`].
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// True for [`StoreError::AlreadyExists`].
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    /// A local failure, sorted into the variant that says what the caller can do.
    pub(crate) fn from_io(action: Action, uri: String, path: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match source.kind() {
            ErrorKind::NotFound => Self::NotFound { action, uri },
            ErrorKind::AlreadyExists => Self::AlreadyExists { action, uri },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::PermissionDenied {
                action,
                uri,
                hint: format!("give this user the right to {action} {}", path.display()),
                source: Box::new(source),
            },
            _ => Self::Io { action, uri, path: path.display().to_string(), source },
        }
    }
}
