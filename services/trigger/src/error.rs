//! Why the program ends.

use std::io;
use std::path::PathBuf;

use faultline_contract::{ExitCode, Explain};
use thiserror::Error;

/// An error of `trigger` itself; an event that is refused is none.
#[derive(Debug, Error)]
pub(crate) enum TriggerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The runtime or a signal handler cannot be made.
    #[error("cannot start")]
    Start(#[source] io::Error),
    /// The file with the secret cannot be read, or holds none.
    #[error("{path} has no secret to sign with: {reason}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The event cannot be made.
    #[error("{0}")]
    Event(String),
    /// The listener did not answer.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// Where the event was sent.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// The listener answered, and did not take the event.
    #[error("{url} answered with {status}")]
    NotTaken {
        /// Where the event was sent.
        url: String,
        /// What it said.
        status: reqwest::StatusCode,
    },
}

impl Explain for TriggerError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Listen { .. } | Self::Start(_) => ExitCode::Configuration,
            Self::Secret { .. } => ExitCode::Permission,
            Self::Event(_) => ExitCode::Usage,
            Self::Unreachable { .. } => ExitCode::Temporary,
            Self::NotTaken { status, .. } if status.is_server_error() => ExitCode::Temporary,
            Self::NotTaken { .. } => ExitCode::Unavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Listen { .. } => "name a free address with --listen",
            Self::Start(_) => return None,
            Self::Secret { .. } => "the Secret faultline-triggers needs a key of that name, see docs/deploy.md",
            Self::Event(_) => "see --help",
            Self::Unreachable { .. } => "check --url, and that a network policy lets this pod reach the listener",
            Self::NotTaken { .. } => "check that --url is that of an EventListener",
        };
        Some(hint.to_owned())
    }
}
