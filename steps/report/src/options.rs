//! The stage's own flags.

use clap::Args;
use faultline_runtime::RunStatus;
use faultline_tracking::{DEFAULT_BUDGET_SECS, TrackingUri};

/// The longest time for tracking that can be asked for: a day.
const MAX_BUDGET_SECS: u64 = 86_400;

/// Flags of `report` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// The name of the registered model
    #[arg(long, env = "FAULTLINE_MODEL", value_name = "NAME", default_value = "wafer")]
    pub model: String,

    /// The MLflow server to bring up to the store, http:// or https://; empty: none. A server that is down or slow fails no run
    #[arg(long, env = "FAULTLINE_TRACKING_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub tracking_uri: TrackingUri,

    /// How long that may take, in seconds; what is not written by then is written by a later run
    #[arg(long, env = "FAULTLINE_TRACKING_BUDGET_SECS", value_name = "SECONDS", default_value_t = DEFAULT_BUDGET_SECS, value_parser = clap::value_parser!(u64).range(1..=MAX_BUDGET_SECS))]
    pub tracking_budget_secs: u64,

    /// What became of the tasks before, as Tekton's variable tasks.status has it; empty: not known
    #[arg(long, env = "FAULTLINE_TASKS_STATUS", value_name = "STATUS", default_value = "", value_parser = ["", "Succeeded", "Completed", "Failed", "None"])]
    pub tasks_status: String,
}

impl ReportOptions {
    /// What became of the run, if that is known.
    pub(crate) fn run_status(&self) -> Option<RunStatus> {
        match self.tasks_status.as_str() {
            // Completed says that some tasks were left out, as `when` had it.
            "Succeeded" | "Completed" => Some(RunStatus::Succeeded),
            "Failed" => Some(RunStatus::Failed),
            _ => None,
        }
    }
}
