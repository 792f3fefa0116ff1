//! One run of a Task: its attempts, and the steps of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::folders::{self, Folders, RESULTS, TEMPORARY, WORKSPACES};
use super::process::cancelled;
use super::step::Places;
use super::{End, Engine, Limits, Options, StepEnd, results, step};
use crate::defaults;
use crate::document::{EnvVar, GoDuration, OnError, ParamValue, Step, StepOnError, TaskSpec, WorkspaceDeclaration};
use crate::error::Error;
use crate::event::{Event, Observer};
use crate::forecast::Explanation;
use crate::outcome::{IGNORED, Kind, Status, StepOutcome, TaskOutcome, Usage};
use crate::plan::{NAMESPACE, is_past_the_end};
use crate::references::{expressions, param_reference};
use crate::substitute;
use crate::variables::Variables;

/// The exit code that a cluster reports for a program that cannot be started and for results that are too large.
const NOT_STARTED: i32 = 1;

/// A Task to run, with the values it is given.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) matrix_index: Option<usize>,
    /// The name of the `TaskRun`, unique in the run.
    pub(super) task_run: String,
    /// The Task's name; `None` when it is embedded.
    pub(super) task_name: Option<String>,
    pub(super) spec: Arc<TaskSpec>,
    pub(super) params: BTreeMap<String, ParamValue>,
    pub(super) workspaces: BTreeSet<String>,
    pub(super) retries: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) ignores_failure: bool,
}

/// What all jobs of a run share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    pub(super) folders: Arc<Folders>,
    /// When the run started.
    pub(super) clock: Instant,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) slots: Arc<Semaphore>,
}

/// What all attempts came to together.
#[derive(Default)]
struct Course {
    attempts: u32,
    /// Since the start of the run.
    started: Option<Duration>,
    elapsed: Duration,
    usage: Usage,
    /// What the last attempt printed.
    log: Option<PathBuf>,
}

/// How an attempt ended.
struct Attempt {
    /// `Succeeded`, `StepFailed`, ...
    reason: &'static str,
    message: String,
    results: BTreeMap<String, ParamValue>,
    exit_code: Option<i32>,
    steps: Vec<StepOutcome>,
}

impl Attempt {
    fn refused(reason: &'static str, message: String) -> Self {
        Self { reason, message, results: BTreeMap::new(), exit_code: None, steps: Vec::new() }
    }

    fn is_success(&self) -> bool {
        self.reason == Status::Succeeded.name()
    }
}

const VALIDATION_FAILED: &str = "TaskRunValidationFailed";
const NOT_CREATED: &str = "PodCreationFailed";
const STEP_FAILED: &str = "StepFailed";
const TIMED_OUT: &str = "TaskRunTimeout";
pub(super) const CANCELLED: &str = "TaskRunCancelled";

impl Job {
    /// Runs the Task until an attempt succeeds, the retries are used up or the run is stopped.
    pub(super) async fn run(self, shared: Shared, cancel: watch::Receiver<bool>) -> TaskOutcome {
        let mut waiting = cancel.clone();
        let slot = tokio::select! {
            slot = shared.slots.clone().acquire_owned() => slot.ok(),
            () = cancelled(&mut waiting) => None,
        };
        if slot.is_none() {
            let refused = Attempt::refused(CANCELLED, "the run was stopped before it started".to_owned());
            return self.outcome(refused, Course { attempts: 1, ..Course::default() });
        }
        let began = Instant::now();
        let mut log = shared.options.log_dir.join(self.log_name(1));
        let mut course = Course { attempts: 1, started: Some(began - shared.clock), ..Course::default() };
        let (task, matrix_index) = (self.name.as_str(), self.matrix_index);
        shared.observer.on_event(&Event::Started { task, matrix_index, log: &log });
        let attempt = loop {
            let attempt = self.attempt(&shared, course.attempts - 1, &log, &cancel).await;
            course.usage = attempt.steps.iter().fold(course.usage, |usage, step| usage.and_then(step.usage));
            if attempt.is_success() || attempt.reason == CANCELLED || course.attempts > self.retries {
                break attempt;
            }
            course.attempts += 1;
            log = shared.options.log_dir.join(self.log_name(course.attempts));
            let (attempt, message) = (course.attempts, attempt.message.as_str());
            shared.observer.on_event(&Event::Retrying { task, matrix_index, attempt, message, log: &log });
        };
        course.elapsed = began.elapsed();
        course.log = Some(log).filter(|log| log.exists());
        self.outcome(attempt, course)
    }

    /// Asks the only step what it would do: the outcome holds the results that an earlier result gives.
    pub(super) async fn explain(
        mut self,
        variable: String,
        shared: Shared,
        cancel: watch::Receiver<bool>,
    ) -> Result<(Explanation, TaskOutcome), Error> {
        let path = shared.folders.root().join(format!("{}.explanation", self.task_run));
        let value = path.display().to_string();
        if let Some(step) = Arc::make_mut(&mut self.spec).steps.first_mut() {
            step.env.push(EnvVar { name: variable, value, value_from: None });
        }
        self.retries = 0;
        let outcome = self.run(shared, cancel).await;
        let unexplained = |message| Error::Unexplained {
            task: outcome.name.clone(),
            message,
            exit_code: outcome.exit_code,
            log: outcome.log.clone(),
        };
        if outcome.status != Status::Succeeded {
            return Err(unexplained(format!("{}: {}", outcome.reason, outcome.message)));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| unexplained(format!("it wrote no explanation to {}: {error}", path.display())))?;
        let explanation = serde_json::from_str(&text)
            .map_err(|error| unexplained(format!("its explanation cannot be read: {error}")))?;
        Ok((explanation, outcome))
    }

    fn log_name(&self, attempt: u32) -> String {
        let index = self.matrix_index.map_or_else(String::new, |index| format!("-{index}"));
        let attempt = if attempt > 1 { format!(".attempt-{attempt}") } else { String::new() };
        format!("{}{index}{attempt}.log", self.name)
    }

    fn outcome(self, attempt: Attempt, course: Course) -> TaskOutcome {
        let status = if attempt.is_success() { Status::Succeeded } else { Status::Failed };
        let is_ignored = status == Status::Failed && self.ignores_failure && attempt.reason != CANCELLED;
        TaskOutcome {
            name: self.name,
            kind: self.kind,
            matrix_index: self.matrix_index,
            status,
            reason: if is_ignored && attempt.reason == STEP_FAILED { IGNORED } else { attempt.reason }.to_owned(),
            message: attempt.message,
            attempts: course.attempts,
            params: self.params,
            results: attempt.results,
            exit_code: attempt.exit_code,
            steps: attempt.steps,
            started: course.started,
            elapsed: course.elapsed,
            usage: course.usage,
            log: course.log,
            is_ignored,
        }
    }

    async fn attempt(&self, shared: &Shared, retry: u32, log: &Path, cancel: &watch::Receiver<bool>) -> Attempt {
        let folder = match shared.folders.take(&format!("{}.{retry}", self.task_run)) {
            Ok(folder) => folder,
            Err(error) => return not_created(shared.folders.root(), &error),
        };
        let steps = match self.prepare(&folder, retry) {
            Ok(steps) => steps,
            Err(refused) => return refused,
        };
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut progress = Progress {
            folder: &folder,
            task_run: &self.task_run,
            spec: &self.spec,
            deadline,
            done: Vec::new(),
            variables: Variables::default(),
            stopped: None,
        };
        for (index, step) in steps.into_iter().enumerate() {
            progress.step(index, step, shared, log, cancel).await;
        }
        let attempt = progress.finish(self);
        shared.folders.give_back(folder);
        attempt
    }

    /// The steps with everything replaced but what earlier steps have yet to write.
    fn prepare(&self, folder: &Path, retry: u32) -> Result<Vec<Step>, Attempt> {
        let invalid = |message| Attempt::refused(VALIDATION_FAILED, message);
        let unbound =
            |workspace: &&WorkspaceDeclaration| !workspace.optional && !self.workspaces.contains(&workspace.name);
        if let Some(workspace) = self.spec.workspaces.iter().find(unbound) {
            return Err(invalid(format!("the workspace `{}` is required but was not given", workspace.name)));
        }
        let values = defaults::of_task(&self.spec.params, &self.params);
        let params = Variables::of_params(&values);
        let is_undeclared = |expression: &&str| {
            param_reference(expression).is_some_and(|(name, _)| !self.spec.params.iter().any(|spec| spec.name == name))
        };
        let others = self.variables(folder, retry).map_err(|error| not_created(folder, &error))?;
        let mut steps: Vec<_> =
            self.spec.steps.iter().map(|step| step.over(self.spec.step_template.as_ref())).collect();
        for step in &mut steps {
            if let Some(expression) =
                substitute::step_texts(step).flat_map(expressions).find(|one| is_past_the_end(one, &values))
            {
                return Err(invalid(format!("`$({expression})` is past the end of the list")));
            }
            substitute::step(step, &params);
            if let Some(expression) = substitute::step_texts(step).flat_map(expressions).find(is_undeclared) {
                return Err(Attempt::refused(
                    NOT_CREATED,
                    format!("`$({expression})` refers to a param that the Task does not declare"),
                ));
            }
            substitute::step(step, &others);
            if let Some(StepOnError::Text(text)) = &step.on_error {
                let message = format!("the step got `{text}` as onError, expected continue or stopAndFail");
                return Err(Attempt::refused(NOT_CREATED, message));
            }
        }
        Ok(steps)
    }

    /// Context, workspaces and the paths of results.
    fn variables(&self, folder: &Path, retry: u32) -> std::io::Result<Variables> {
        let mut variables = Variables::default();
        // A referenced Task is read once, with the count of its first attempt; an embedded one is read for each.
        let retry = if self.task_name.is_some() { 0 } else { retry };
        variables.set("context.task.retry-count", retry.to_string());
        variables.set("context.task.name", self.task_name.as_ref().unwrap_or(&self.task_run));
        variables.set("context.taskRun.name", &self.task_run);
        variables.set("context.taskRun.uid", &self.task_run);
        variables.set("context.taskRun.namespace", NAMESPACE);
        let declared = self.spec.workspaces.iter().map(|workspace| &workspace.name);
        for name in declared.chain(&self.workspaces) {
            let is_bound = self.workspaces.contains(name);
            let path = folder.join(WORKSPACES).join(name);
            if is_bound {
                std::fs::create_dir_all(&path)?;
            }
            let path = if is_bound { path.display().to_string() } else { String::new() };
            variables.set(format!("workspaces.{name}.path"), path);
            variables.set(format!("workspaces.{name}.bound"), is_bound.to_string());
            if is_bound {
                variables.set(format!("workspaces.{name}.claim"), "");
                variables.set(format!("workspaces.{name}.volume"), "");
            }
        }
        if !self.spec.results.is_empty() {
            folders::make(&results_folder(folder))?;
        }
        for result in &self.spec.results {
            variables.set_path(
                "results",
                &result.name,
                &results_folder(folder).join(&result.name).display().to_string(),
            );
        }
        Ok(variables)
    }
}

fn not_created(folder: &Path, error: &std::io::Error) -> Attempt {
    Attempt::refused(NOT_CREATED, format!("make the scratch folder {}: {error}", folder.display()))
}

fn results_folder(folder: &Path) -> PathBuf {
    folder.join(RESULTS)
}

/// An attempt under way.
struct Progress<'a> {
    folder: &'a Path,
    task_run: &'a str,
    spec: &'a TaskSpec,
    deadline: Option<Instant>,
    done: Vec<StepOutcome>,
    /// Results of the steps so far.
    variables: Variables,
    /// Why no further step runs.
    stopped: Option<Stopped>,
}

struct Stopped {
    reason: &'static str,
    message: String,
    exit_code: Option<i32>,
    keeps_results: bool,
    /// The reason of the steps that follow.
    rest: &'static str,
}

impl Progress<'_> {
    async fn step(
        &mut self,
        index: usize,
        mut step: Step,
        shared: &Shared,
        log: &Path,
        cancel: &watch::Receiver<bool>,
    ) {
        let name = step.label(index);
        if let Some(stopped) = &self.stopped {
            self.done.push(StepOutcome {
                name,
                exit_code: None,
                reason: stopped.rest,
                results: BTreeMap::new(),
                elapsed: Duration::ZERO,
                usage: Usage::default(),
            });
            return;
        }
        let own = self.folder.join("steps").join(&name);
        let mut paths = Variables::default();
        for result in &step.results {
            paths.set_path("step.results", &result.name, &own.join(&result.name).display().to_string());
        }
        // The path can be referred to, but on a cluster no step can read the file of another; here it never exists.
        for (index, other) in self.spec.steps.iter().enumerate() {
            let label = other.label(index);
            let path = self.folder.join("steps").join(&label).join("exit-code");
            paths.set(format!("steps.{label}.exitCode.path"), path.display().to_string());
        }
        substitute::step(&mut step, &paths);
        let beside = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let (script, scratch) = (beside("script"), beside(TEMPORARY));
        let places = Places { folder: self.folder, script: &script, scratch: &scratch, log };
        let folders = || if step.results.is_empty() { Ok(()) } else { std::fs::create_dir_all(&own) };
        let launch = folders::make(&scratch)
            .and_then(|()| folders())
            .and_then(|()| step::launch(&step, &self.variables, self.task_run, &name, places))
            .map_err(|error| format!("prepare the step `{name}`: {error}"));
        let began = Instant::now();
        let own_deadline = step.timeout.and_then(GoDuration::limit).map(|limit| began + limit);
        let deadline = [self.deadline, own_deadline].into_iter().flatten().min();
        let is_own = own_deadline.is_some() && deadline == own_deadline;
        let limits = Limits { deadline, cancel: cancel.clone(), grace: shared.options.grace };
        let end = match launch {
            Ok(launch) => shared.engine.execute(&launch, limits).await.map_err(|error| error.to_string()),
            Err(message) => Err(message),
        };
        let elapsed = began.elapsed();
        self.record(name, &step, &own, end, is_own);
        if let Some(done) = self.done.last_mut() {
            done.elapsed = elapsed;
        }
    }

    fn record(&mut self, name: String, step: &Step, own: &Path, end: Result<StepEnd, String>, is_own_deadline: bool) {
        let usage = end.as_ref().map(|end| end.usage).unwrap_or_default();
        let end = end.map(|end| end.end);
        let texts = results::read(own, &step.results);
        let (values, _) = results::typed(&step.results, &texts);
        for (result, value) in &values {
            self.variables.set_result("steps", &name, result, value);
        }
        let too_large = results::is_too_large(&results::read(&results_folder(self.folder), &self.spec.results));
        let mut stop = |reason, message, exit_code, keeps_results, rest| {
            self.stopped = Some(Stopped { reason, message, exit_code, keeps_results, rest });
        };
        let (exit_code, reason) = match end {
            Ok(End::TimedOut) if is_own_deadline => {
                stop(STEP_FAILED, format!("the step `{name}` ran past its timeout"), None, true, "Skipped");
                (None, "TimeoutExceeded")
            }
            Ok(End::TimedOut) => {
                stop(TIMED_OUT, format!("the step `{name}` ran past the timeout of the task"), None, false, TIMED_OUT);
                (None, TIMED_OUT)
            }
            Ok(End::Cancelled) => {
                stop(CANCELLED, format!("the step `{name}` was stopped with the run"), None, false, CANCELLED);
                (None, CANCELLED)
            }
            Ok(End::Exited(_)) if too_large => {
                let message =
                    format!("the step `{name}` wrote results that do not fit into the 4096 bytes a cluster allows");
                stop(STEP_FAILED, message, Some(NOT_STARTED), false, "Skipped");
                (Some(NOT_STARTED), "Error")
            }
            Ok(End::Exited(0)) => (Some(0), "Completed"),
            Ok(End::Exited(code)) if step.on_error == Some(StepOnError::Is(OnError::Continue)) => {
                (Some(code), "Continued")
            }
            Ok(End::Exited(code)) => {
                stop(STEP_FAILED, format!("the step `{name}` exited with code {code}"), Some(code), true, "Skipped");
                (Some(code), "Error")
            }
            Err(message) => {
                stop(STEP_FAILED, message, Some(NOT_STARTED), true, "Skipped");
                (Some(NOT_STARTED), "Error")
            }
        };
        self.done.push(StepOutcome { name, exit_code, reason, results: values, elapsed: Duration::ZERO, usage });
    }

    fn finish(self, job: &Job) -> Attempt {
        let mut texts = results::read(&results_folder(self.folder), &job.spec.results);
        for result in &job.spec.results {
            if let Some(ParamValue::Text(value)) = &result.value {
                let text = self.variables.text(value);
                if text != *value {
                    texts.insert(result.name.clone(), text);
                }
            }
        }
        let (results, fault) = results::typed(&job.spec.results, &texts);
        let steps = self.done;
        match (self.stopped, fault) {
            (Some(stopped), _) => {
                let results = if stopped.keeps_results { results } else { BTreeMap::new() };
                Attempt {
                    reason: stopped.reason,
                    message: stopped.message,
                    results,
                    exit_code: stopped.exit_code,
                    steps,
                }
            }
            (None, Some(message)) => Attempt { reason: VALIDATION_FAILED, message, results, exit_code: None, steps },
            (None, None) => {
                Attempt { reason: Status::Succeeded.name(), message: String::new(), results, exit_code: Some(0), steps }
            }
        }
    }
}
