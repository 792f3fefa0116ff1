//! What became of a run, in Tekton's words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{ParamValue, PipelineSpec, PipelineTask};

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run's id, which is also its name.
    pub run_id: String,
    /// Whether it succeeded.
    pub status: Status,
    /// Why, such as `Succeeded`, `Completed` (something was skipped), `Failed` or `PipelineRunTimeout`.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// The Pipeline's results.
    pub pipeline_results: BTreeMap<String, ParamValue>,
    /// One entry per pipeline task, or per combination of one with a matrix: tasks first, then finally, in the order of the file.
    pub tasks: Vec<TaskOutcome>,
}

/// Whether something succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It did its work.
    Succeeded,
    /// It did not.
    Failed,
    /// It was left out; the reason says why.
    Skipped,
    /// The run ended before it was looked at.
    NotRun,
}

impl Status {
    /// The word Tekton has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::NotRun => "NotRun",
        }
    }
}

/// Which list of the Pipeline a task stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `tasks`.
    Task,
    /// `finally`.
    Finally,
}

/// What became of one pipeline task, or of one combination of its matrix.
#[derive(Clone, Debug)]
pub struct TaskOutcome {
    /// Its name in the Pipeline.
    pub name: String,
    /// Which list it stands in.
    pub kind: Kind,
    /// Which combination, from 0.
    pub matrix_index: Option<usize>,
    /// Whether it succeeded.
    pub status: Status,
    /// Why; for a skipped task Tekton's sentence, empty for one that was not run.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// 1 and the number of retries used; 0 when it was not started.
    pub attempts: u32,
    /// The params it was given.
    pub params: BTreeMap<String, ParamValue>,
    /// The results it wrote.
    pub results: BTreeMap<String, ParamValue>,
    /// 0, or the exit code of the step that failed; absent when no step decided it.
    pub exit_code: Option<i32>,
    /// Its steps, of the last attempt.
    pub steps: Vec<StepOutcome>,
    /// From the start of the run to that of the first attempt; absent when it was not started.
    pub started: Option<Duration>,
    /// From the start of the first attempt to the end of the last.
    pub elapsed: Duration,
    /// What all steps of all attempts used.
    pub usage: Usage,
    /// What its steps printed in the last attempt.
    pub log: Option<PathBuf>,
    /// It failed, and the Pipeline goes on all the same (`onError: continue`).
    pub is_ignored: bool,
}

impl Outcome {
    /// The outcome of a run that was refused before its first task.
    #[must_use]
    pub fn refused(run_id: &str, pipeline: &PipelineSpec, reason: &str, message: &str) -> Self {
        let not_run = |kind| move |task: &PipelineTask| TaskOutcome::left_out(&task.name, kind, Status::NotRun, "");
        let tasks = pipeline.tasks.iter().map(not_run(Kind::Task));
        Self {
            run_id: run_id.to_owned(),
            status: Status::Failed,
            reason: reason.to_owned(),
            message: message.to_owned(),
            pipeline_results: BTreeMap::new(),
            tasks: tasks.chain(pipeline.finally.iter().map(not_run(Kind::Finally))).collect(),
        }
    }
}

impl TaskOutcome {
    /// The outcome of a task that was not started.
    pub(crate) fn left_out(name: &str, kind: Kind, status: Status, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            matrix_index: None,
            status,
            reason: reason.to_owned(),
            message: String::new(),
            attempts: 0,
            params: BTreeMap::new(),
            results: BTreeMap::new(),
            exit_code: None,
            steps: Vec::new(),
            started: None,
            elapsed: Duration::ZERO,
            usage: Usage::default(),
            log: None,
            is_ignored: false,
        }
    }

    /// It failed, and the Pipeline does not look over it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.status == Status::Failed && !self.is_ignored
    }
}

/// What processes used: their own, and that of their children that they waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on a processor, user and system.
    pub cpu: Duration,
    /// The most memory that one of them held at once, resident. Of a small process it is what the runner itself held when it started
    /// it, some 5 MB: the kernel counts from before the program is loaded.
    pub peak_memory_bytes: u64,
}

impl Usage {
    /// Of two that ran one after the other.
    #[must_use]
    pub fn and_then(self, next: Self) -> Self {
        Self { cpu: self.cpu + next.cpu, peak_memory_bytes: self.peak_memory_bytes.max(next.peak_memory_bytes) }
    }
}

/// The reason of a task that failed with `onError: continue`.
pub(crate) const IGNORED: &str = "FailureIgnored";

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// Its name.
    pub name: String,
    /// Its exit code; absent when it was skipped, cancelled or ran out of time.
    pub exit_code: Option<i32>,
    /// `Completed`, `Error`, `Continued`, `Skipped`, `TimeoutExceeded`, `TaskRunTimeout` or `TaskRunCancelled`.
    pub reason: &'static str,
    /// The results that the step itself wrote.
    pub results: BTreeMap<String, ParamValue>,
    /// How long it ran.
    pub elapsed: Duration,
    /// What it used.
    pub usage: Usage,
}

/// Why a pipeline task was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SkipReason {
    Stopping,
    Cancelled,
    Stopped,
    ParentSkipped,
    WhenFalse,
    MissingResults,
    TasksTimeout,
    FinallyTimeout,
    EmptyMatrix,
}

impl SkipReason {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Stopping => "PipelineRun was stopping",
            Self::Cancelled => "PipelineRun was gracefully cancelled",
            Self::Stopped => "PipelineRun was gracefully stopped",
            Self::ParentSkipped => "Parent Tasks were skipped",
            Self::WhenFalse => "When Expressions evaluated to false",
            Self::MissingResults => "Results were missing",
            Self::TasksTimeout => "PipelineRun Tasks timeout has been reached",
            Self::FinallyTimeout => "PipelineRun Finally timeout has been reached",
            Self::EmptyMatrix => "Matrix Parameters have an empty array",
        }
    }
}
