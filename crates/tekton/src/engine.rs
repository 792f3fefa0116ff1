//! Running a plan as plain processes.

mod process;
mod results;
mod scheduler;
mod step;
mod task_run;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::error::Error;
use crate::event::Observer;
use crate::outcome::Outcome;
use crate::plan::Plan;
use scheduler::Scheduler;
use task_run::Shared;

/// How a plan is run on this machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many tasks run side by side, at least 1.
    pub jobs: usize,
    /// How long a process has between the polite signal and the one that cannot be refused.
    pub grace: Duration,
    /// Where the output of the steps is kept, a file per task; made if it does not exist.
    pub log_dir: PathBuf,
    /// Where the scratch folder of the run is made.
    pub scratch_root: PathBuf,
    /// The scratch folder is left in place at the end.
    pub keeps_scratch: bool,
    /// The folder in which programs are sought first.
    pub program_dir: Option<PathBuf>,
}

/// A request to stop a run, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    No,
    /// End the running tasks, then run `finally`.
    Gracefully,
    /// End everything.
    Now,
}

/// Runs `plan` to its end and tells what became of it. A run that fails is an outcome, not an error.
///
/// # Errors
///
/// [`Error::State`] when the folders for logs and scratch cannot be made.
pub async fn run(
    plan: &Plan,
    options: Options,
    stop: watch::Receiver<Stop>,
    observer: Arc<dyn Observer>,
) -> Result<Outcome, Error> {
    let state = |action, path: &PathBuf, source| Error::State { action, path: path.clone(), source };
    std::fs::create_dir_all(&options.log_dir)
        .map_err(|source| state("make the log folder", &options.log_dir, source))?;
    let mut scratch = tempfile::Builder::new()
        .prefix("faultline-")
        .tempdir_in(&options.scratch_root)
        .map_err(|source| state("make a scratch folder in", &options.scratch_root, source))?;
    scratch.disable_cleanup(options.keeps_scratch);
    let shared = Shared {
        slots: Arc::new(Semaphore::new(options.jobs.max(1))),
        options: Arc::new(options),
        scratch: scratch.path().to_owned(),
        observer,
    };
    Ok(Scheduler::new(plan, shared).run(stop).await)
}
