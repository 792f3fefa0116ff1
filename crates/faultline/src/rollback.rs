//! `faultline rollback`: puts an earlier champion back.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::{Explained, Failure};
use faultline_tracking::{Author, DEFAULT_BUDGET_SECS, Mlflow, ModelName, Registry, TrackingError, TrackingUri};

use crate::cli::{Output, block_on, open_store, print, print_json};

/// Make an earlier version of a model champion again.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the registered model.
    model: ModelName,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// The version to go back to. Default: the champion before the present one.
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "rolled back on the command line")]
    reason: String,
    /// Who, for the history.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    by: String,
    /// The MLflow server whose aliases follow, http:// or https://. The rollback stands whether or not it answers.
    #[arg(long, value_name = "URI", env = "FAULTLINE_TRACKING_URI", hide_env_values = true, default_value = "")]
    tracking_uri: TrackingUri,
    /// How to print the history entry.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline rollback wafer --root-uri store
  faultline rollback wafer --to 3 --reason \"too many false alarms\" --root-uri store";

/// Adds the rollback to the model's history.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    let author = Author { by: args.by, at: jiff::Timestamp::now().to_string(), reason: args.reason };
    // All that may fail without the server does so before the rollback.
    let server = Mlflow::new(&args.tracking_uri).explained()?;
    let scratch =
        tempfile::tempdir().map_err(|error| crate::failure::file("make a folder in", &std::env::temp_dir(), error))?;
    let entry = block_on(async {
        let registry = Registry::new(open_store(&args.root_uri).await?, args.model.clone());
        let rolled_back = registry.rollback(args.to, author).await;
        // Where there is nothing to go back to, an earlier rollback may have been broken off before the server followed.
        if let (Some(server), Ok(_) | Err(TrackingError::NoTarget { .. })) = (server, &rolled_back) {
            mirror(&server, &registry, scratch.path()).await;
        }
        rolled_back.explained()
    })?;
    match args.output {
        Output::Json => print_json(&entry)?,
        Output::Text => {
            let before = entry.previous_version.map(|version| format!(", after version {version}")).unwrap_or_default();
            print(&format!(
                "{}: version {} is champion again{before} (history entry {})",
                args.model, entry.version, entry.seq
            ))?;
        }
    }
    Ok(ExitCode::Committed)
}

/// Brings the MLflow server up to the store, rollback and all. A failure is told and is none of the rollback's.
async fn mirror(server: &Mlflow, registry: &Registry, scratch: &Path) {
    let budget = Duration::from_secs(DEFAULT_BUDGET_SECS);
    if let Err(failure) = server.reconcile(registry, None, budget, scratch).await.explained() {
        let told = failure.render();
        let why = told.strip_prefix("error: ").unwrap_or(&told);
        // Where stderr is gone there is nobody left to tell.
        write!(std::io::stderr(), "warning: the store has rolled back, MLflow has not followed: {why}").ok();
    }
}
