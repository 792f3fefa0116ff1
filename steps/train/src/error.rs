//! What can go wrong in the core. Too little data is no error here: the evaluation says so.

use std::io;

use faultline_bundle::BundleError;
use faultline_contract::ExitCode;
use faultline_learn::LearnError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A table is not what the stage before should have written, or cannot be written.
    #[error("read the features and their clusters, or write the predictions of the folds")]
    Table(#[from] TableError),
    /// The two tables are not of the same rows.
    #[error(
        "assignments.parquet does not have the rows of features.parquet, expected the same row keys in the same order"
    )]
    Misaligned,
    /// Fitting or scoring failed.
    #[error("train the {family} of model `{model}`")]
    Learn {
        /// The family.
        family: &'static str,
        /// The model.
        model: String,
        /// What the method says.
        source: LearnError,
    },
    /// The model or its figures cannot be written.
    #[error("write the model")]
    Model(#[from] BundleError),
    /// An output cannot be written.
    #[error("write the outputs of train")]
    Write(#[from] io::Error),
}

impl Explain for TrainError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Table(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Model(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Table(_) | Self::Misaligned | Self::Learn { source: LearnError::Method { .. }, .. } => {
                ExitCode::Configuration
            }
            Self::Learn { .. } | Self::Model(_) => ExitCode::Internal,
            Self::Write(_) => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Model(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Table(_) | Self::Misaligned => {
                Some("pass the manifests of preprocess and cluster from one run and version".to_owned())
            }
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Input(_) | Self::Learn { .. } | Self::Model(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_passes_and_a_wrong_table_does_not() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let table = TrainError::Table(full().into());
        assert_eq!((table.exit_code(), table.hint()), (ExitCode::Temporary, Some(SCRATCH_HINT.to_owned())));
        let model = TrainError::Model(BundleError::Table(full().into()));
        assert_eq!((model.exit_code(), model.hint()), (ExitCode::Temporary, Some(SCRATCH_HINT.to_owned())));
        let wrong = TrainError::Table(TableError::NoRow { row: 3, row_count: 3 });
        assert_eq!(wrong.exit_code(), ExitCode::Configuration);
    }
}
