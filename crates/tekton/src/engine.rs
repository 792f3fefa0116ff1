//! Running a plan: the scheduler decides what runs when, an [`Engine`] executes one step.

mod folders;
mod podman;
mod process;
mod results;
mod scheduler;
mod step;
mod task_run;
mod watchdog;

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

pub use podman::{Mount, PodmanEngine, PodmanOptions};
pub use process::ProcessEngine;

use crate::error::Error;
use crate::event::{Observer, Silent};
use crate::forecast::TaskForecast;
use crate::outcome::{Outcome, Usage};
use crate::plan::Plan;
use folders::Folders;
use scheduler::Scheduler;
use task_run::Shared;

/// Executes steps: as plain processes, in containers, or in whatever else can run a program.
///
/// What a step is handed and what it writes goes through files below [`Launch::folder`]. An engine that runs a step elsewhere must
/// show it that folder at the same path.
#[async_trait]
pub trait Engine: Debug + Send + Sync {
    /// Runs a step to its end, or until one of the limits is reached. Nothing of it may be left when this returns, or when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// When the step cannot be started; the run counts it as a step that failed.
    async fn execute(&self, launch: &Launch, limits: Limits) -> io::Result<StepEnd>;
}

/// A step that is ready to be started: every reference in it is replaced.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The name of the `TaskRun`, unique in the run.
    pub task_run: String,
    /// The step's name.
    pub step: String,
    /// The image that the step names; plain processes have none.
    pub image: Option<String>,
    /// The program as the step names it: a path, or a name to be found.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The step's own variables, in order; a later one wins.
    pub env: Vec<(String, String)>,
    /// Names of variables that a cluster would take from a Secret or `ConfigMap` if that exists.
    pub optional_env: Vec<String>,
    /// The folder to start in; the engine's choice when absent.
    pub working_dir: Option<PathBuf>,
    /// The folder of the attempt: results, workspaces, scripts.
    pub folder: PathBuf,
    /// An empty folder for the step's temporary files.
    pub scratch: PathBuf,
    /// The file that the step's output is appended to.
    pub log: PathBuf,
}

/// When a step must end.
#[derive(Debug)]
pub struct Limits {
    /// Past this it is ended.
    pub deadline: Option<Instant>,
    /// It is ended once this turns true.
    pub cancel: watch::Receiver<bool>,
    /// From the polite signal to the one that cannot be refused.
    pub grace: Duration,
}

/// How a step ended, and what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepEnd {
    /// How it ended.
    pub end: End,
    /// What it used.
    pub usage: Usage,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// Its deadline passed.
    TimedOut,
    /// The run is being stopped.
    Cancelled,
}

/// How a plan is run on this machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many tasks run side by side, at least 1.
    pub jobs: usize,
    /// How long a step has between the polite signal and the one that cannot be refused.
    pub grace: Duration,
    /// Where the output of the steps is kept, a file per attempt of a task; made if it does not exist.
    pub log_dir: PathBuf,
    /// Where the scratch folder of the run is made.
    pub scratch_root: PathBuf,
    /// The scratch folder is left in place at the end.
    pub keeps_scratch: bool,
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
    engine: Arc<dyn Engine>,
    options: Options,
    stop: watch::Receiver<Stop>,
    observer: Arc<dyn Observer>,
) -> Result<Outcome, Error> {
    let scratch = scratch(&options)?;
    let shared = shared(engine, options, &scratch, observer);
    let folders = Arc::clone(&shared.folders);
    let outcome = Scheduler::new(plan, shared).run(stop).await;
    folders.settled().await;
    Ok(outcome)
}

/// What would become of every task of `plan` if it were run now, in the order of the file; see [`crate::forecast`].
///
/// # Errors
///
/// [`Error::State`] when the folders for logs and scratch cannot be made, [`Error::Unexplained`] when a step that promises to explain
/// itself does not: it would fail in the run too.
pub async fn forecast(plan: &Plan, engine: Arc<dyn Engine>, options: Options) -> Result<Vec<TaskForecast>, Error> {
    let scratch = scratch(&options)?;
    let shared = shared(engine, options, &scratch, Arc::new(Silent));
    let folders = Arc::clone(&shared.folders);
    let forecast = Scheduler::new(plan, shared).forecast().await;
    folders.settled().await;
    forecast
}

/// Makes the folders of a run; the scratch folder goes with what is returned.
fn scratch(options: &Options) -> Result<TempDir, Error> {
    let state = |action, path: &PathBuf, source| Error::State { action, path: path.clone(), source };
    std::fs::create_dir_all(&options.log_dir)
        .map_err(|source| state("make the log folder", &options.log_dir, source))?;
    let mut scratch = tempfile::Builder::new()
        .prefix("faultline-")
        .tempdir_in(&options.scratch_root)
        .map_err(|source| state("make a scratch folder in", &options.scratch_root, source))?;
    scratch.disable_cleanup(options.keeps_scratch);
    Ok(scratch)
}

fn shared(engine: Arc<dyn Engine>, options: Options, scratch: &TempDir, observer: Arc<dyn Observer>) -> Shared {
    Shared {
        slots: Arc::new(Semaphore::new(options.jobs.max(1))),
        folders: Arc::new(Folders::new(scratch.path().to_owned(), options.keeps_scratch)),
        options: Arc::new(options),
        clock: Instant::now(),
        engine,
        observer,
    }
}
