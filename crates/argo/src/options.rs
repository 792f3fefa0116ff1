//! What an export is told beside the Pipeline.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a Pipeline is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// After which failures a task with `retries` is tried again.
    pub retry_on: RetryOn,
    /// The longest that the tasks of a run may take, `finally` aside, where no `PipelineRun` says so; `None` is no limit.
    pub timeout: Option<Duration>,
    /// The service accounts of single pipeline tasks.
    pub service_accounts: BTreeMap<String, String>,
    /// The other tasks run as the account that bears their Task's name.
    pub account_per_task: bool,
    /// The account whose token reports to Argo. With it the pods themselves get no token; without it each pod reports as its own account.
    pub executor_account: Option<String>,
    /// Images by the name that stands in the Task.
    pub images: BTreeMap<String, String>,
}

/// After which failures a task is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// Any, as Tekton does it.
    Any,
    /// Those that end with this code.
    ExitCode(u8),
}

/// The limit of a run that says nothing else, as Tekton has it.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// "Temporary, try again".
const TEMPORARY: u8 = 75;

impl Default for Options {
    fn default() -> Self {
        Self {
            retry_on: RetryOn::ExitCode(TEMPORARY),
            timeout: Some(DEFAULT_TIMEOUT),
            service_accounts: BTreeMap::new(),
            account_per_task: false,
            executor_account: None,
            images: BTreeMap::new(),
        }
    }
}
