//! What can go wrong in the core.

use std::io;

use faultline_contract::{Digest, ExitCode};
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum TransformError {
    /// An accepted file was not gathered.
    #[error("find raw file {name}")]
    Input {
        /// The file, relative to the raw folder.
        name: String,
        /// Which inputs there are.
        reason: String,
    },
    /// A raw file cannot be read to its end.
    #[error("read raw file {name}")]
    Read {
        /// The file, relative to the raw folder.
        name: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A raw file is not the one that `validate` accepted.
    #[error("read raw file {name}: its {kind} is {got}, expected {expected}, that of the file which validate accepted")]
    Changed {
        /// The file, relative to the raw folder.
        name: String,
        /// Which digest.
        kind: &'static str,
        /// The digest of what was read.
        got: Digest,
        /// The digest that `validate` found.
        expected: Digest,
    },
    /// The rows found are not the rows that `validate` accepted.
    #[error("read raw file {name}: {got} rows are right, expected {expected}, the number that validate accepted")]
    Rows {
        /// The file, relative to the raw folder.
        name: String,
        /// The rows found.
        got: u64,
        /// The rows that `validate` counted.
        expected: u64,
    },
    /// The tables of the shards do not hold the rows that `validate` accepted.
    #[error(
        "put the tables of the shards together: they have {got} rows, expected {expected}, the number that validate accepted"
    )]
    Merged {
        /// The rows found.
        got: u64,
        /// The rows that `validate` counted.
        expected: u64,
    },
    /// The table cannot be written.
    #[error("write table.parquet")]
    Table(#[from] TableError),
    /// The table's file cannot be written.
    #[error("write the outputs of transform")]
    Write(#[from] io::Error),
}

impl TransformError {
    pub(crate) fn input(name: &str, failure: &Failure) -> Self {
        Self::Input { name: name.to_owned(), reason: failure.to_string() }
    }
}

impl Explain for TransformError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { .. } | Self::Table(_) | Self::Write(_) => ExitCode::Temporary,
            Self::Changed { .. } => ExitCode::Configuration,
            Self::Input { .. } | Self::Rows { .. } | Self::Merged { .. } => ExitCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "check that the file can be read; then run again".to_owned(),
            Self::Table(_) | Self::Write(_) => SCRATCH_HINT.to_owned(),
            Self::Input { reason, .. } => reason.clone(),
            Self::Changed { .. } => {
                "the file was changed after validate read it; run validate again in a new run".to_owned()
            }
            Self::Rows { .. } | Self::Merged { .. } => {
                "validate and transform of different versions do not fit: run both again".to_owned()
            }
        })
    }
}
