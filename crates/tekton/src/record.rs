//! What is kept of a run, while it goes on and after it: enough to show it, to compare it with another and to draw it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::ParamValue;
use crate::event::Event;
use crate::outcome::{Kind, Outcome, Status, StepOutcome, TaskOutcome, Usage};
use crate::plan::Plan;

/// The version of the record that this code writes.
const FORMAT_VERSION: u32 = 1;

/// A run, as far as it has come. Times are RFC 3339 in UTC, given by the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Rises when a field changes its meaning.
    pub format_version: u32,
    /// The run's id.
    pub run_id: String,
    /// The Pipeline's name.
    pub pipeline: String,
    /// The file it came from, as the caller named it.
    pub file: String,
    /// The Pipeline's params, defaults included.
    pub params: BTreeMap<String, ParamValue>,
    /// When it started.
    pub started_at: String,
    /// When this record was last written.
    pub updated_at: String,
    /// When it ended; absent while it goes on, and for good when the runner was killed.
    pub finished_at: Option<String>,
    /// How it stands.
    pub state: State,
    /// Tekton's reason for that.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// The Pipeline's results.
    pub pipeline_results: BTreeMap<String, ParamValue>,
    /// The pipeline tasks in the order of the file, `finally` last; one entry per combination of a matrix that has been started.
    pub tasks: Vec<TaskRecord>,
}

/// One pipeline task of a run, or one combination of its matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its name in the Pipeline.
    pub name: String,
    /// Which list it stands in.
    pub kind: Kind,
    /// Which combination, from 0.
    pub matrix_index: Option<usize>,
    /// The pipeline tasks that must have ended before it starts, less those that others among them wait for. A `finally` task
    /// waits for all tasks; they are not listed.
    pub waits_for: Vec<String>,
    /// How it stands.
    pub state: State,
    /// Why; for a skipped task Tekton's sentence.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// 1 and the number of retries used; 0 when it was not started.
    pub attempts: u32,
    /// The params it was given.
    pub params: BTreeMap<String, ParamValue>,
    /// The results it wrote.
    pub results: BTreeMap<String, ParamValue>,
    /// 0, or the exit code of the step that failed.
    pub exit_code: Option<i32>,
    /// Seconds from the start of the run to its own.
    pub started_secs: Option<f64>,
    /// Seconds from its start to its end.
    pub elapsed_secs: f64,
    /// Seconds on a processor, all attempts together.
    pub cpu_secs: f64,
    /// The most memory that one of its processes held at once, resident.
    pub peak_memory_bytes: u64,
    /// Its steps, of the last attempt.
    pub steps: Vec<StepRecord>,
    /// The names of the files that keep its output, one per attempt.
    pub logs: Vec<String>,
}

/// One step of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// Its exit code; absent when it was skipped, cancelled or ran out of time.
    pub exit_code: Option<i32>,
    /// `Completed`, `Error`, `Continued`, `Skipped`, `TimeoutExceeded`, `TaskRunTimeout` or `TaskRunCancelled`.
    pub reason: String,
    /// The results that the step itself wrote.
    pub results: BTreeMap<String, ParamValue>,
    /// Seconds that it ran.
    pub elapsed_secs: f64,
    /// Seconds on a processor.
    pub cpu_secs: f64,
    /// The most memory that one of its processes held at once, resident.
    pub peak_memory_bytes: u64,
}

/// How a run or a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has not been started yet.
    Waiting,
    /// It goes on, or nobody was left to note its end.
    Running,
    /// It did its work.
    Succeeded,
    /// It did not.
    Failed,
    /// It was left out; the reason says why.
    Skipped,
    /// The run ended before it was looked at.
    NotRun,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Running => "Running",
            Self::Succeeded => Status::Succeeded.name(),
            Self::Failed => Status::Failed.name(),
            Self::Skipped => Status::Skipped.name(),
            Self::NotRun => Status::NotRun.name(),
        }
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Succeeded => Self::Succeeded,
            Status::Failed => Self::Failed,
            Status::Skipped => Self::Skipped,
            Status::NotRun => Self::NotRun,
        }
    }
}

impl RunRecord {
    /// A run that starts now.
    #[must_use]
    pub fn new(plan: &Plan, file: &str, now: &str) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            run_id: plan.run_id().to_owned(),
            pipeline: plan.pipeline().to_owned(),
            file: file.to_owned(),
            params: plan.params().clone(),
            started_at: now.to_owned(),
            updated_at: now.to_owned(),
            finished_at: None,
            state: State::Running,
            reason: "Running".to_owned(),
            message: String::new(),
            pipeline_results: BTreeMap::new(),
            tasks: plan.nodes().map(|node| TaskRecord::waiting(node.name, node.kind, &node.waits_for)).collect(),
        }
    }

    /// Takes note of what happened, `since` the start of the run.
    pub fn note(&mut self, event: &Event<'_>, since: Duration) {
        match event {
            Event::Started { task, matrix_index, log } => {
                let entry = self.entry(task, *matrix_index);
                entry.state = State::Running;
                entry.attempts = 1;
                entry.started_secs = Some(since.as_secs_f64());
                entry.logs.extend(file_name(log));
            }
            Event::Retrying { task, matrix_index, attempt, message, log } => {
                let entry = self.entry(task, *matrix_index);
                entry.attempts = *attempt;
                (*message).clone_into(&mut entry.message);
                entry.logs.extend(file_name(log));
            }
            Event::Ended(outcome) => self.entry(&outcome.name, outcome.matrix_index).end(outcome),
            Event::Stopping { .. } => {}
        }
    }

    /// Takes note of the end of the run.
    pub fn conclude(&mut self, outcome: &Outcome, now: &str) {
        for task in &outcome.tasks {
            self.entry(&task.name, task.matrix_index).end(task);
        }
        self.state = outcome.status.into();
        self.reason.clone_from(&outcome.reason);
        self.message.clone_from(&outcome.message);
        self.pipeline_results.clone_from(&outcome.pipeline_results);
        now.clone_into(&mut self.updated_at);
        self.finished_at = Some(now.to_owned());
    }

    /// The entry of a task, or of one combination of its matrix.
    #[must_use]
    pub fn task(&self, name: &str, matrix_index: Option<usize>) -> Option<&TaskRecord> {
        self.tasks.iter().find(|entry| entry.name == name && entry.matrix_index == matrix_index)
    }

    /// Every value that came from outside or may have been made from one: params, and results.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut ParamValue> {
        let of_tasks = self.tasks.iter_mut().flat_map(|task| task.params.values_mut().chain(task.results.values_mut()));
        self.params.values_mut().chain(self.pipeline_results.values_mut()).chain(of_tasks)
    }

    /// The entry of a task. The first combination of a matrix takes the place of the task that waited.
    fn entry(&mut self, task: &str, matrix_index: Option<usize>) -> &mut TaskRecord {
        let is_it = |entry: &TaskRecord| entry.name == task && entry.matrix_index == matrix_index;
        let index = if let Some(index) = self.tasks.iter().position(is_it) {
            index
        } else if let Some(index) = self
            .tasks
            .iter()
            .position(|entry| entry.name == task && entry.attempts == 0 && entry.matrix_index.is_none())
        {
            self.tasks[index].matrix_index = matrix_index;
            index
        } else {
            let comes_before = |entry: &TaskRecord| entry.name == task && entry.matrix_index < matrix_index;
            let of_task = self.tasks.iter().position(|entry| entry.name == task);
            let after = self.tasks.iter().rposition(comes_before).map(|index| index + 1);
            let index = after.or(of_task).unwrap_or(self.tasks.len());
            let model = of_task.map(|index| &self.tasks[index]);
            let (kind, waits_for) =
                model.map_or((Kind::Task, Vec::new()), |model| (model.kind, model.waits_for.clone()));
            let waits_for: Vec<_> = waits_for.iter().map(String::as_str).collect();
            self.tasks.insert(index, TaskRecord { matrix_index, ..TaskRecord::waiting(task, kind, &waits_for) });
            index
        };
        &mut self.tasks[index]
    }
}

impl TaskRecord {
    fn waiting(name: &str, kind: Kind, waits_for: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            matrix_index: None,
            waits_for: waits_for.iter().map(|name| (*name).to_owned()).collect(),
            state: State::Waiting,
            reason: String::new(),
            message: String::new(),
            attempts: 0,
            params: BTreeMap::new(),
            results: BTreeMap::new(),
            exit_code: None,
            started_secs: None,
            elapsed_secs: 0.0,
            cpu_secs: 0.0,
            peak_memory_bytes: 0,
            steps: Vec::new(),
            logs: Vec::new(),
        }
    }

    fn end(&mut self, outcome: &TaskOutcome) {
        let Usage { cpu, peak_memory_bytes } = outcome.usage;
        self.state = outcome.status.into();
        self.reason.clone_from(&outcome.reason);
        self.message.clone_from(&outcome.message);
        self.attempts = outcome.attempts;
        self.params.clone_from(&outcome.params);
        self.results.clone_from(&outcome.results);
        self.exit_code = outcome.exit_code;
        self.started_secs = outcome.started.map(|started| started.as_secs_f64());
        self.elapsed_secs = outcome.elapsed.as_secs_f64();
        self.cpu_secs = cpu.as_secs_f64();
        self.peak_memory_bytes = peak_memory_bytes;
        self.steps = outcome.steps.iter().map(StepRecord::from).collect();
    }
}

impl From<&StepOutcome> for StepRecord {
    fn from(step: &StepOutcome) -> Self {
        Self {
            name: step.name.clone(),
            exit_code: step.exit_code,
            reason: step.reason.to_owned(),
            results: step.results.clone(),
            elapsed_secs: step.elapsed.as_secs_f64(),
            cpu_secs: step.usage.cpu.as_secs_f64(),
            peak_memory_bytes: step.usage.peak_memory_bytes,
        }
    }
}

fn file_name(log: &std::path::Path) -> Option<String> {
    log.file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Catalog, Request};

    const PIPELINE: &str = "
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  params: [{name: who, default: me}]
  tasks:
  - {name: a, taskSpec: {steps: [{image: i, command: [x]}]}}
  - {name: m, runAfter: [a], taskSpec: {steps: [{image: i, command: [x]}]}}
  - {name: z, runAfter: [a, m], taskSpec: {steps: [{image: i, command: [x]}]}}
";

    fn record() -> RunRecord {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        std::fs::write(&file, PIPELINE).unwrap();
        let request = Request { run_id: "r".into(), ..Request::default() };
        let plan = Plan::new(&Catalog::open(&file).unwrap(), &request).unwrap();
        RunRecord::new(&plan, "p.yaml", "2026-01-01T00:00:00Z")
    }

    fn names(record: &RunRecord) -> Vec<String> {
        let name = |task: &TaskRecord| format!("{}{:?}", task.name, task.matrix_index);
        record.tasks.iter().map(name).collect()
    }

    #[test]
    fn a_new_record_knows_params_and_graph() {
        let record = record();
        assert_eq!(record.params["who"], "me".into());
        let waits: Vec<_> = record.tasks.iter().map(|task| task.waits_for.join(",")).collect();
        assert_eq!(waits, ["", "a", "m"]);
        assert!(record.tasks.iter().all(|task| task.state == State::Waiting));
    }

    #[test]
    fn combinations_take_the_place_of_their_task_in_their_order() {
        let mut record = record();
        for index in [1, 0, 2] {
            let (task, log) = ("m", Path::new("/l/m.log"));
            record.note(&Event::Started { task, matrix_index: Some(index), log }, Duration::from_secs(1));
        }
        assert_eq!(names(&record), ["aNone", "mSome(0)", "mSome(1)", "mSome(2)", "zNone"]);
        assert_eq!(record.tasks[1].waits_for, ["a"]);
        assert_eq!((record.tasks[3].started_secs, record.tasks[3].logs.clone()), (Some(1.0), vec!["m.log".to_owned()]));
    }

    #[test]
    fn a_record_survives_its_json() {
        let record = record();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<RunRecord>(&json).unwrap(), record);
    }
}
