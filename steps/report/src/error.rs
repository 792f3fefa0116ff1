//! What can go wrong in the core. A run that failed is no error here: the page says so.

use std::io;

use faultline_contract::ExitCode;
use faultline_learn::LearnError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum ReportError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A document is not what its name says.
    #[error("read {name}")]
    Document {
        /// The input.
        name: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A table is not what its name says.
    #[error("read {name}")]
    Table {
        /// The input.
        name: String,
        /// What is wrong with it.
        source: TableError,
    },
    /// A curve cannot be computed.
    #[error("compute the curves of {name}")]
    Curve {
        /// The table with the probabilities.
        name: String,
        /// What the method says.
        source: LearnError,
    },
    /// A file of this attempt cannot be read or written.
    #[error("write the outputs of report")]
    Write(#[from] io::Error),
}

impl Explain for ReportError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Document { .. } | Self::Table { .. } => ExitCode::Configuration,
            Self::Curve { .. } => ExitCode::Internal,
            Self::Write(_) => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Document { .. } | Self::Table { .. } => {
                Some("make the report with the version that made the run".to_owned())
            }
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Input(_) | Self::Curve { .. } => None,
        }
    }
}
