//! The run's place in MLflow: whatever becomes of it, the run itself stays as it is.

use std::path::Path;
use std::time::Duration;

use faultline_contract::RunId;
use faultline_runtime::Failure;
use faultline_tracking::{Mlflow, Registry};

/// An MLflow server that mirrors the store.
#[derive(Debug)]
pub struct Tracking {
    /// The server.
    pub server: Mlflow,
    /// What it mirrors.
    pub registry: Registry,
    /// How long it may take.
    pub budget: Duration,
}

/// How far the server is, as the manifest's fact `tracking` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no server.
    None,
    /// It shows what the store knows.
    Mirrored,
    /// It lacks something, which a later run will write.
    Behind,
}

impl State {
    /// The value of the fact.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mirrored => "mirrored",
            Self::Behind => "behind",
        }
    }
}

/// Brings the server up to the store. A failure is told in the log, with what to do, and is no failure of the run.
pub(crate) async fn reconcile(tracking: Option<&Tracking>, run_id: &RunId, scratch: &Path) -> State {
    let Some(Tracking { server, registry, budget }) = tracking else { return State::None };
    match server.reconcile(registry, Some(run_id), *budget, scratch).await {
        Ok(done) => {
            let (runs, versions) = (done.runs_written, done.versions_made);
            tracing::info!(
                url = server.url(),
                runs_written = runs,
                versions_made = versions,
                "MLflow is up to the store"
            );
            State::Mirrored
        }
        Err(error) => {
            let failure = Failure::from_explained(&error).render();
            let why = failure.trim_end().replace('\n', "; ");
            tracing::warn!(url = server.url(), why, "MLflow is behind the store, which has everything");
            State::Behind
        }
    }
}
