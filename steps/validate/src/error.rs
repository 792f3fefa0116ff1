//! What can go wrong in the core. Bad data is no error here: it goes to quarantine.

use std::io;

use faultline_contract::{ExitCode, Shard};
use faultline_runtime::{Explain, Failure, SCRATCH_HINT};
use thiserror::Error;

/// The core cannot go on.
#[derive(Debug, Error)]
pub enum ValidateError {
    /// A raw file cannot be read to its end.
    #[error("read raw file {name}")]
    Read {
        /// The file, relative to the raw folder.
        name: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// What a shard left was not gathered.
    #[error("{0}")]
    Input(Failure),
    /// What a shard left cannot be understood.
    #[error("read what the shard {shard} found")]
    Shard {
        /// The shard.
        shard: Shard,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An output cannot be written.
    #[error("write the outputs of validate")]
    Write(#[from] io::Error),
}

impl Explain for ValidateError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { .. } | Self::Write(_) => ExitCode::Temporary,
            Self::Input(failure) => failure.code(),
            Self::Shard { .. } => ExitCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "check that the file can be read and is not being changed; then run again".to_owned(),
            Self::Input(_) => return None,
            Self::Shard { .. } => "start a new run, in which shards and merge are of one version".to_owned(),
            Self::Write(_) => SCRATCH_HINT.to_owned(),
        })
    }
}
