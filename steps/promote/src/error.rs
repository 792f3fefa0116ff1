//! What can go wrong in the core. A model that is no better is no error here: the verdict says so.

use std::io;

use faultline_bundle::BundleError;
use faultline_contract::ExitCode;
use faultline_learn::LearnError;
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use faultline_table::TableError;
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum PromoteError {
    /// An input was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// A table is not what the stage before should have written.
    #[error("read the predictions of train")]
    Table(#[from] TableError),
    /// A row of the holdout has no cluster, or a cluster that the bundle does not know.
    #[error("row {row} of {file} is in a holdout, but has no cluster in assignments.parquet")]
    Unassigned {
        /// The raw file.
        file: String,
        /// The 1-based data row in it.
        row: u64,
    },
    /// A figure cannot be computed.
    #[error("compute the figures on the holdout")]
    Figures(#[from] LearnError),
    /// A model that was trained cannot be opened.
    #[error("open the model of train/{part}")]
    Candidate {
        /// The part of the step.
        part: String,
        /// What the model says.
        source: BundleError,
    },
    /// The champion cannot be opened or does not take these rows.
    #[error("score the holdout with the champion, version {version}")]
    Champion {
        /// The champion's version.
        version: u64,
        /// What the bundle says.
        source: BundleError,
    },
    /// The data has no such feature any more.
    #[error("score with the champion, version {version}: the data has no feature `{feature}`")]
    NoFeature {
        /// The champion's version.
        version: u64,
        /// The feature that it needs.
        feature: String,
    },
    /// A row of the holdout is not in the export.
    #[error("row {row} of {file} is in a holdout, but not in export.parquet")]
    NotExported {
        /// The raw file.
        file: String,
        /// The 1-based data row in it.
        row: u64,
    },
    /// An output cannot be written.
    #[error("write the outputs of promote")]
    Write(#[from] io::Error),
}

impl Explain for PromoteError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(failure) => failure.code(),
            Self::Table(error) if error.is_of_disk() => ExitCode::Temporary,
            Self::Write(_) => ExitCode::Temporary,
            Self::Figures(_) => ExitCode::Internal,
            Self::Table(_)
            | Self::Unassigned { .. }
            | Self::NotExported { .. }
            | Self::Candidate { .. }
            | Self::Champion { .. }
            | Self::NoFeature { .. } => ExitCode::Configuration,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) if error.is_of_disk() => Some(SCRATCH_HINT.to_owned()),
            Self::Table(_) | Self::Unassigned { .. } | Self::NotExported { .. } => {
                Some("pass the manifest of the cluster step of this very run".to_owned())
            }
            Self::Champion { .. } | Self::NoFeature { .. } => Some(
                "a data set with other features needs a registered model of its own: choose another --model".to_owned(),
            ),
            Self::Write(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Candidate { .. } => Some("run the train step again with --no-cache".to_owned()),
            Self::Input(_) | Self::Figures(_) => None,
        }
    }
}
