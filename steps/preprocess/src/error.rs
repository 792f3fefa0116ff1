//! What can go wrong in the core. Data that nothing can be fitted on is no error here: the gate rejects it.

use std::io;

use faultline_contract::ExitCode;
use faultline_learn::LearnError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum PreprocessError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A table is not what the stage before should have written, or cannot be written.
    #[error("read the exported rows or write the features")]
    Table(#[from] TableError),
    /// Fitting failed.
    #[error("fit the preprocessor")]
    Learn(#[from] LearnError),
    /// An output cannot be written.
    #[error("write the outputs of preprocess")]
    Write(#[from] io::Error),
}

impl Explain for PreprocessError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Table(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Table(_) | Self::Learn(LearnError::TooManyRows { .. }) => ExitCode::Configuration,
            Self::Learn(_) => ExitCode::Internal,
            Self::Write(_) => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Table(_) => Some("pass the manifest of load from a run of this version".to_owned()),
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Learn(LearnError::TooManyRows { .. }) => {
                Some("leave raw files out: of the good wafers a sample is enough".to_owned())
            }
            Self::Input(_) | Self::Learn(_) => None,
        }
    }
}
