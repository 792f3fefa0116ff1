//! What can go wrong with an MLflow server. Nothing here holds a credential: addresses have none, headers are not kept.

use std::error::Error;
use std::time::Duration;

use faultline_contract::{ExitCode, Explain};
use thiserror::Error;

/// A failed call of an MLflow server.
#[derive(Debug, Error)]
pub enum MlflowError {
    /// The client cannot be set up.
    #[error("set up the client for {url}: {reason}")]
    Setup {
        /// The server.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The server did not answer, or not to the end, until the attempts were spent.
    #[error("{call} at {url}: no answer after {attempts} attempts")]
    Unreachable {
        /// The call, for example `mlflow/runs/create`.
        call: String,
        /// The server.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server answered with an error.
    #[error("{call} at {url}: status {status}, {code}: {message}")]
    Refused {
        /// The call.
        call: String,
        /// The server.
        url: String,
        /// The HTTP status.
        status: u16,
        /// MLflow's name of the error, or what stands in where the answer is not MLflow's.
        code: String,
        /// What the server said.
        message: String,
    },
    /// The answer is not what MLflow would say.
    #[error("{call} at {url}: the answer cannot be read")]
    Answer {
        /// The call.
        call: String,
        /// The server.
        url: String,
        /// Where it breaks.
        source: Box<dyn Error + Send + Sync>,
    },
    /// All of the time that mirroring may take is spent.
    #[error("{call} at {url}: the {} s for tracking are over", budget.as_secs())]
    OutOfTime {
        /// The call that was next or under way.
        call: String,
        /// The server.
        url: String,
        /// The time there was.
        budget: Duration,
    },
    /// Somebody has deleted the experiment in MLflow.
    #[error("write to the experiment {name} at {url}: it is deleted")]
    Deleted {
        /// The experiment.
        name: String,
        /// The server.
        url: String,
    },
    /// The experiment keeps its artifacts where the server's proxy does not reach.
    #[error("upload to {artifact_uri} by way of {url}: expected an address that begins with mlflow-artifacts:")]
    NoProxy {
        /// Where the run's artifacts belong.
        artifact_uri: String,
        /// The server.
        url: String,
    },
    /// Another store is mirrored under the same name.
    #[error(
        "mirror version {version} of {model} at {url}: it is of the run {found} there, and of {expected} in the store"
    )]
    Foreign {
        /// The registered model.
        model: String,
        /// The version's number in the store.
        version: u64,
        /// The server.
        url: String,
        /// The run that made it, by MLflow.
        found: String,
        /// The run that made it, by the store.
        expected: String,
    },
    /// Others kept changing the same runs.
    #[error("mirror {model} at {url}: others changed the same runs in each of {rounds} rounds")]
    Contended {
        /// The registered model.
        model: String,
        /// The server.
        url: String,
        /// How often it was tried.
        rounds: usize,
    },
}

impl Explain for MlflowError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused { status: 401 | 403, .. } => ExitCode::Permission,
            Self::Refused { status: 429 | 500.., .. }
            | Self::Unreachable { .. }
            | Self::OutOfTime { .. }
            | Self::Contended { .. } => ExitCode::Temporary,
            Self::Setup { .. }
            | Self::Refused { .. }
            | Self::Answer { .. }
            | Self::Deleted { .. }
            | Self::NoProxy { .. }
            | Self::Foreign { .. } => ExitCode::Configuration,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(MlflowError::hint(self))
    }
}

impl MlflowError {
    /// What to do next, as one line that follows `hint:`.
    pub fn hint(&self) -> String {
        match self {
            Self::Setup { .. } => "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD both, or MLFLOW_TRACKING_TOKEN, \
                                   without line breaks; SSL_CERT_FILE names other roots"
                .to_owned(),
            Self::Unreachable { url, .. } => {
                format!("check that {url}health answers from here; the next run catches up")
            }
            Self::Refused { status: 401, .. } => {
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, for this step".to_owned()
            }
            Self::Refused { status: 403, .. } => {
                "give that user the right to edit the experiment and the registered model of that name in MLflow".to_owned()
            }
            Self::Refused { status: 404, call, .. } if call.starts_with("mlflow-artifacts/") => {
                "start the server with --serve-artifacts and --artifacts-destination".to_owned()
            }
            Self::Refused { status: 429 | 500.., .. } => {
                "look at the log of the MLflow server; the next run catches up".to_owned()
            }
            Self::Refused { .. } | Self::Answer { .. } => {
                "check that --tracking-uri is the address of an MLflow 3 server, with the path that a proxy puts before it".to_owned()
            }
            Self::OutOfTime { .. } => {
                "the next run goes on where this one stopped; --tracking-budget-secs of `report` gives it more time".to_owned()
            }
            Self::Deleted { name, .. } => {
                format!("restore the experiment {name} in MLflow, or delete it there for good with `mlflow gc`")
            }
            Self::NoProxy { .. } => "start the server with --serve-artifacts; an experiment that was made before keeps its place: \
                                     delete it for good, and it is made anew"
                .to_owned(),
            Self::Foreign { model, .. } => format!(
                "two stores are mirrored under one name: give one of them another --model or server; if the other store is \
                 gone, delete the experiment and the registered model {model} in MLflow"
            ),
            Self::Contended { .. } => "the next run catches up".to_owned(),
        }
    }
}
