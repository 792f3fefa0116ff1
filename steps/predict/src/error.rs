//! What can go wrong in the core.

use std::io;

use faultline_bundle::BundleError;
use faultline_contract::ExitCode;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum PredictError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A table cannot be read or written.
    #[error("read the batch or write its predictions")]
    Table(#[from] TableError),
    /// The batch lacks a feature.
    #[error("the batch has no feature `{feature}`, which version {version} of {model} was trained with")]
    NoFeature {
        /// The feature.
        feature: String,
        /// The registered model.
        model: String,
        /// Its version.
        version: u64,
    },
    /// The champion cannot be opened or refuses the rows.
    #[error("predict with version {version} of {model}")]
    Champion {
        /// The registered model.
        model: String,
        /// Its version.
        version: u64,
        /// What the bundle says.
        source: BundleError,
    },
    /// The predictions of the shards are not those of all rows.
    #[error(
        "put the predictions of the shards together: they have {got} rows, expected {expected}, those of the export"
    )]
    Merged {
        /// The rows found.
        got: u64,
        /// The rows of the export.
        expected: u64,
    },
    /// An output cannot be written.
    #[error("write the outputs of predict")]
    Write(#[from] io::Error),
}

impl Explain for PredictError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Table(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Table(_) | Self::NoFeature { .. } | Self::Champion { .. } => ExitCode::Configuration,
            Self::Merged { .. } => ExitCode::Internal,
            Self::Write(_) => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Input(_) => None,
            Self::Table(_) => Some("pass the manifest of load from a run of this version".to_owned()),
            Self::NoFeature { .. } => Some("use the data schema that the model was trained with".to_owned()),
            Self::Champion { .. } => {
                Some("roll back to another version with `faultline rollback`, or train again".to_owned())
            }
            Self::Merged { .. } => Some("shards of different versions do not fit: start a new run".to_owned()),
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_passes_and_a_wrong_table_does_not() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let table = PredictError::Table(full().into());
        assert_eq!((table.exit_code(), table.hint()), (ExitCode::Temporary, Some(SCRATCH_HINT.to_owned())));
        let wrong = PredictError::Table(TableError::NoRow { row: 3, row_count: 3 });
        assert_eq!(wrong.exit_code(), ExitCode::Configuration);
    }
}
