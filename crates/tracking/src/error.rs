//! What can go wrong with the registry, by what the caller can do about it.

use std::path::PathBuf;

use faultline_contract::{Digest, ExitCode, Explain};
use faultline_store::StoreError;
use thiserror::Error;

use crate::history::Entry;
use crate::mlflow::MlflowError;
use crate::name::ModelName;

/// A failed request to the registry; [`TrackingError::hint`] says what to do next.
#[derive(Debug, Error)]
pub enum TrackingError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local file system failed.
    #[error("write {path}")]
    Local {
        /// The local file.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// There can be no MLflow server behind that URI.
    #[error("the tracking URI {uri} {reason}, expected none or the address of an MLflow server")]
    UnsupportedUri {
        /// What was given, less what might be a secret.
        uri: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The MLflow server that mirrors the store failed.
    #[error(transparent)]
    Mlflow(#[from] MlflowError),
    /// An artifact is not the one that its manifest names.
    #[error("read {uri}: expected sha256 {expected}, got {found}")]
    Changed {
        /// The artifact.
        uri: String,
        /// What the manifest says.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// The text cannot be a model's name.
    #[error(
        "{text:?} is no model name: expected 1 to 63 of a-z, A-Z, 0-9, `-`, `_` or `.`, starting with a letter or digit"
    )]
    InvalidName {
        /// What was given.
        text: String,
    },
    /// An object of the registry is not what its name says.
    #[error("take {uri} for a {expected}")]
    Malformed {
        /// The object.
        uri: String,
        /// What it should hold.
        expected: &'static str,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// Something else was promoted or rolled back in the meantime.
    #[error("promote {model}: history entry {} was taken by version {} in the meantime", found.seq, found.version)]
    Conflict {
        /// The registered model.
        model: ModelName,
        /// The entry that was first.
        found: Box<Entry>,
    },
    /// A version without `bundle.json` does not exist.
    #[error("use version {version} of {model}: it is not committed")]
    NotCommitted {
        /// The registered model.
        model: ModelName,
        /// The version.
        version: u64,
    },
    /// The bundle is not the one that was promoted or claimed.
    #[error("read version {version} of {model}: {reason}")]
    Damaged {
        /// The registered model.
        model: ModelName,
        /// The version.
        version: u64,
        /// What differs, with what was expected and got.
        reason: String,
    },
    /// The run has already committed its version with another content.
    #[error("commit version {version} of {model}: this run has committed it with other content")]
    VersionDiffers {
        /// The registered model.
        model: ModelName,
        /// The version.
        version: u64,
    },
    /// The history has no entry to build on.
    #[error("promote {model}: there is no history entry {seq} to follow")]
    UnknownEntry {
        /// The registered model.
        model: ModelName,
        /// The entry that was expected to be the newest.
        seq: u64,
    },
    /// Nothing can be rolled back.
    #[error("roll back {model}: {reason}")]
    NoTarget {
        /// The registered model.
        model: ModelName,
        /// Why, with the versions that would do.
        reason: String,
    },
}

impl Explain for TrackingError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Store(source) => source.exit_code(),
            Self::Mlflow(source) => source.exit_code(),
            Self::InvalidName { .. } => ExitCode::Usage,
            Self::Local { .. } | Self::Conflict { .. } => ExitCode::Temporary,
            Self::UnsupportedUri { .. }
            | Self::Changed { .. }
            | Self::Malformed { .. }
            | Self::NotCommitted { .. }
            | Self::Damaged { .. }
            | Self::VersionDiffers { .. }
            | Self::UnknownEntry { .. }
            | Self::NoTarget { .. } => ExitCode::Configuration,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(TrackingError::hint(self))
    }
}

impl TrackingError {
    /// What to do next, as one line that follows `hint:`.
    pub fn hint(&self) -> String {
        match self {
            Self::Store(source) => source.hint(),
            Self::Mlflow(source) => source.hint(),
            Self::Changed { .. } => "the object was changed after it was committed: bring the original back".to_owned(),
            Self::Local { .. } => "check space and rights of the scratch folder".to_owned(),
            Self::UnsupportedUri { .. } => "leave --tracking-uri empty, or give it the form http(s)://HOST[:PORT][/PATH]; who asks is told \
                                            by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or by MLFLOW_TRACKING_TOKEN"
                .to_owned(),
            Self::InvalidName { .. } => "choose another name with --model".to_owned(),
            Self::Malformed { .. } => {
                "the object was not written by faultline, or by a much newer one: move it away or update".to_owned()
            }
            Self::Conflict { .. } => "run the step again: it compares with the champion of now".to_owned(),
            Self::NotCommitted { .. } => {
                "name a committed version: one whose folder below versions/ holds a bundle.json".to_owned()
            }
            Self::Damaged { .. } => {
                "roll back to another version with `faultline rollback`, then train again".to_owned()
            }
            Self::VersionDiffers { .. } => "start a new run: a version never changes".to_owned(),
            Self::UnknownEntry { .. } => "read the champion again before promoting".to_owned(),
            Self::NoTarget { .. } => {
                "the entries below history/ in the model's folder list what has been champion".to_owned()
            }
        }
    }
}
