//! What can go wrong in the core.

use std::io;

use faultline_contract::ExitCode;
use faultline_records::RecordsError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The table was not gathered.
    #[error("find the table: {0}")]
    Input(String),
    /// The table cannot be read, or the export cannot be written.
    #[error("copy the rows between table.parquet and export.parquet")]
    Table(#[from] TableError),
    /// The export's file cannot be written.
    #[error("write the outputs of load")]
    Write(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The exports of the shards do not hold the rows of the table.
    #[error("put the exports of the shards together: they have {got} rows, expected {expected}, those of the table")]
    Merged {
        /// The rows found.
        got: u64,
        /// The rows of the table.
        expected: u64,
    },
    /// Another run keeps writing the same rows.
    #[error("read back what was written to {uri}: row {row} of {file} is not the one that this run wrote")]
    Disputed {
        /// The database.
        uri: String,
        /// The raw file, relative to the raw folder.
        file: String,
        /// The 1-based data row.
        row: u64,
    },
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Input(failure.to_string())
    }
}

impl Explain for LoadError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Merged { .. } => ExitCode::Internal,
            Self::Table(_) | Self::Write(_) | Self::Disputed { .. } => ExitCode::Temporary,
            Self::Records(error) => error.exit_code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Input(_) => None,
            Self::Merged { .. } => Some("shards of different versions do not fit: start a new run".to_owned()),
            Self::Table(_) | Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Disputed { .. } => {
                Some("another run loads the same files under another schema: wait for it, then run again".to_owned())
            }
            Self::Records(error) => Some(format!("{} (--records-uri)", RecordsError::hint(error))),
        }
    }
}
