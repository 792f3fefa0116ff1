//! An MLflow server as a mirror of what the store knows.
//!
//! The store's registry is the truth, always. [`Mlflow::reconcile`] reads runs and registry from the store and brings the server up
//! to them: an experiment and a registered model of the model's name, one run per pipeline run, one below it per candidate, one model
//! version per committed version, the aliases `champion` and `challenger`. Doing it again changes nothing. What could not be written is
//! noted in the store, and written by whoever comes next.

mod api;
mod client;
mod credentials;
mod error;
mod reconcile;
mod story;
mod versions;
mod wanted;

use std::path::Path;
use std::time::Duration;

use faultline_contract::RunId;
use reqwest::Url;

pub use credentials::CREDENTIAL_VARIABLES;
pub use error::MlflowError;
pub use reconcile::Mirrored;

use crate::error::TrackingError;
use crate::registry::Registry;
use crate::uri::{self, TrackingUri};
use credentials::Credentials;

/// How long mirroring may take where nobody says otherwise, in seconds.
pub const DEFAULT_BUDGET_SECS: u64 = 60;

/// An MLflow server, with the credentials that the environment names. Nothing is asked of it before [`Mlflow::reconcile`].
#[derive(Clone, Debug)]
pub struct Mlflow {
    base: Url,
    /// Or why there are none that can be sent: it fails no run, so it is told where the server is first asked.
    credentials: Result<Credentials, String>,
}

impl Mlflow {
    /// The server that the flag names, or `None` for the store alone. Credentials are those of `MLFLOW_TRACKING_USERNAME` with
    /// `MLFLOW_TRACKING_PASSWORD`, else `MLFLOW_TRACKING_TOKEN`.
    ///
    /// # Errors
    /// [`TrackingError::UnsupportedUri`].
    pub fn new(tracking_uri: &TrackingUri) -> Result<Option<Self>, TrackingError> {
        let Some(base) = uri::server(tracking_uri)? else { return Ok(None) };
        Ok(Some(Self { base, credentials: Credentials::of(|name| std::env::var(name).ok()) }))
    }

    /// The server's address; it holds no secret.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Brings the server up to the store: every run that has made a version, those that were left behind, and `run`.
    ///
    /// Costs a few calls when nothing is new, and some hundred for a run with a dozen candidates; never more than `budget` on the server.
    /// `scratch` is an existing folder for copies of what is uploaded.
    ///
    /// # Errors
    /// [`TrackingError::Mlflow`] for the server, and whatever the store answers. What is written by then stays.
    pub async fn reconcile(
        &self,
        registry: &Registry,
        run: Option<&RunId>,
        budget: Duration,
        scratch: &Path,
    ) -> Result<Mirrored, TrackingError> {
        if let Some(run) = run {
            // Before the first call: whatever happens from here on, somebody will come back to this run.
            reconcile::note(registry, run).await?;
        }
        let setup = |reason| MlflowError::Setup { url: self.base.to_string(), reason };
        let credentials = self.credentials.clone().map_err(setup)?;
        let client = client::Client::new(self.base.clone(), credentials, budget)?;
        reconcile::reconcile(&client, registry, scratch).await
    }
}
