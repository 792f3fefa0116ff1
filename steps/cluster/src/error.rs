//! What can go wrong in the core. Too few rows or no knee are no errors: there is one cluster then.

use std::io;

use faultline_contract::ExitCode;
use faultline_learn::LearnError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A table is not what the stage before should have written, or cannot be written.
    #[error("read the features or write the assignments")]
    Table(#[from] TableError),
    /// A row is on no side of the split.
    #[error("row {row} of features.parquet has the split `{found}`, expected `train` or `holdout`")]
    Split {
        /// The row, from 0.
        row: usize,
        /// What it says.
        found: String,
    },
    /// Fitting failed.
    #[error("fit the clusters")]
    Learn(#[from] LearnError),
    /// An output cannot be written.
    #[error("write the outputs of cluster")]
    Write(#[from] io::Error),
}

impl Explain for ClusterError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Table(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Table(_) | Self::Split { .. } => ExitCode::Configuration,
            Self::Learn(_) => ExitCode::Internal,
            Self::Write(_) => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Table(_) | Self::Split { .. } => {
                Some("pass the manifest of preprocess from a run of this version".to_owned())
            }
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Input(_) | Self::Learn(_) => None,
        }
    }
}
