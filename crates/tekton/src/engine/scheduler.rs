//! Which task runs when, and what becomes of the run.

mod conclude;
mod decide;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Stop;
use super::task_run::{Job, Shared};
use crate::document::{ParamValue, TaskSpec};
use crate::event::Event;
use crate::matrix::Combination;
use crate::outcome::{Kind, Outcome, SkipReason, Status, TaskOutcome};
use crate::plan::{Plan, PlannedTask};
use decide::Decision;

/// The state of a pipeline task.
#[derive(Debug)]
enum State {
    Waiting,
    Running {
        combinations: usize,
        ended: Vec<TaskOutcome>,
    },
    Ended(Vec<TaskOutcome>),
    Skipped(SkipReason),
    /// It could not be started; the run says why.
    NotRun,
}

/// What ends a run before its tasks do.
#[derive(Clone, Debug)]
enum Fault {
    /// Nothing more is started, `finally` neither.
    Abort { reason: &'static str, message: String },
    /// No more tasks are started; `finally` runs.
    Invalid { message: String },
}

pub(super) struct Scheduler<'a> {
    plan: &'a Plan,
    shared: Shared,
    states: Vec<State>,
    running: JoinSet<(usize, TaskOutcome)>,
    phase: Kind,
    cancel: watch::Sender<bool>,
    fault: Option<Fault>,
    timeout: Option<Timeout>,
    stop: Stop,
}

/// Which limit of the run has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeout {
    Pipeline,
    Tasks,
    Finally,
}

impl<'a> Scheduler<'a> {
    pub(super) fn new(plan: &'a Plan, shared: Shared) -> Self {
        Self {
            plan,
            shared,
            states: plan.tasks.iter().map(|_| State::Waiting).collect(),
            running: JoinSet::new(),
            phase: Kind::Task,
            cancel: watch::Sender::new(false),
            fault: None,
            timeout: None,
            stop: Stop::No,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<Stop>) -> Outcome {
        let started = Instant::now();
        let whole = self.plan.limits.pipeline.map(|limit| started + limit);
        self.phase(self.plan.limits.tasks, whole, &mut stop).await;
        if self.runs_finally() {
            self.phase = Kind::Finally;
            self.cancel = watch::Sender::new(false);
            self.phase(self.plan.limits.finally, whole, &mut stop).await;
        }
        self.conclude()
    }

    fn runs_finally(&self) -> bool {
        !matches!(self.fault, Some(Fault::Abort { .. }))
            && self.timeout != Some(Timeout::Pipeline)
            && self.stop < Stop::Now
    }

    /// Runs the tasks, or the `finally` tasks, until none runs and none can be started.
    async fn phase(&mut self, limit: Option<Duration>, whole: Option<Instant>, stop: &mut watch::Receiver<Stop>) {
        let own = limit.map(|limit| Instant::now() + limit);
        let mut may_stop = true;
        loop {
            self.schedule();
            if self.running.is_empty() {
                return;
            }
            let is_open =
                self.timeout.is_none() || (self.phase == Kind::Finally && self.timeout == Some(Timeout::Tasks));
            tokio::select! {
                Some(ended) = self.running.join_next() => {
                    if let Ok((index, outcome)) = ended {
                        self.record(index, outcome);
                    }
                }
                changed = stop.changed(), if may_stop => match changed {
                    Ok(()) => { let wish = *stop.borrow_and_update(); self.halt(wish); }
                    Err(_) => may_stop = false,
                },
                () = until(whole), if is_open && whole.is_some() => self.run_out(Timeout::Pipeline),
                () = until(own), if is_open && own.is_some() => {
                    self.run_out(if self.phase == Kind::Task { Timeout::Tasks } else { Timeout::Finally });
                }
            }
        }
    }

    /// Looks at every waiting task of the phase until nothing changes.
    fn schedule(&mut self) {
        loop {
            let mut has_changed = false;
            for index in 0..self.plan.tasks.len() {
                let task = &self.plan.tasks[index];
                if task.kind != self.phase || !matches!(self.states[index], State::Waiting) {
                    continue;
                }
                match self.decide(index) {
                    Decision::Wait => continue,
                    Decision::Skip(reason) => self.skip(index, reason),
                    Decision::Start(jobs) => self.start(index, jobs),
                    Decision::Fault(fault) => {
                        self.states[index] = State::NotRun;
                        self.fail(fault);
                    }
                }
                has_changed = true;
            }
            if !has_changed {
                return;
            }
        }
    }

    fn skip(&mut self, index: usize, reason: SkipReason) {
        self.states[index] = State::Skipped(reason);
        let task = &self.plan.tasks[index];
        self.shared.observer.on_event(&Event::Ended(&left_out(task, Status::Skipped, reason.text())));
    }

    fn start(&mut self, index: usize, jobs: Vec<Job>) {
        self.states[index] = State::Running { combinations: jobs.len(), ended: Vec::new() };
        for job in jobs {
            let run = job.run(self.shared.clone(), self.cancel.subscribe());
            self.running.spawn(async move { (index, run.await) });
        }
    }

    fn record(&mut self, index: usize, outcome: TaskOutcome) {
        self.shared.observer.on_event(&Event::Ended(&outcome));
        if let State::Running { combinations, ended } = &mut self.states[index] {
            ended.push(outcome);
            if ended.len() == *combinations {
                let mut ended = std::mem::take(ended);
                ended.sort_by_key(|outcome| outcome.matrix_index);
                self.states[index] = State::Ended(ended);
            }
        }
        if let Some(expression) = &self.plan.late_refusal
            && self.fault.is_none()
        {
            let message =
                format!("`$({expression})` starts with no known word, expected params, tasks, context or workspaces");
            self.fail(Fault::Abort { reason: "PipelineValidationFailed", message });
        }
    }

    fn fail(&mut self, fault: Fault) {
        if matches!(fault, Fault::Abort { .. }) {
            self.cancel.send_replace(true);
        }
        self.fault.get_or_insert(fault);
    }

    fn run_out(&mut self, timeout: Timeout) {
        self.timeout = Some(timeout);
        self.cancel_running();
    }

    fn halt(&mut self, wish: Stop) {
        if wish > self.stop {
            self.stop = wish;
            self.cancel_running();
        }
    }

    fn cancel_running(&self) {
        self.shared.observer.on_event(&Event::Stopping { grace: self.shared.options.grace });
        self.cancel.send_replace(true);
    }

    /// A task of the graph has failed, and the Pipeline does not look over it.
    fn has_failure(&self) -> bool {
        self.outcomes(Kind::Task).any(TaskOutcome::is_failure)
    }

    /// All runs of tasks of a kind that have ended.
    fn outcomes(&self, kind: Kind) -> impl Iterator<Item = &TaskOutcome> {
        let of_kind = self.plan.tasks.iter().zip(&self.states).filter(move |(task, _)| task.kind == kind);
        of_kind.flat_map(|(_, state)| match state {
            State::Ended(ended) | State::Running { ended, .. } => ended.as_slice(),
            _ => &[],
        })
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The outcome of a task that was not run.
fn left_out(task: &PlannedTask, status: Status, reason: &str) -> TaskOutcome {
    TaskOutcome {
        name: task.name.clone(),
        kind: task.kind,
        matrix_index: None,
        status,
        reason: reason.to_owned(),
        message: String::new(),
        attempts: 0,
        params: BTreeMap::new(),
        results: BTreeMap::new(),
        exit_code: None,
        steps: Vec::new(),
        elapsed: Duration::ZERO,
        log: None,
        is_ignored: false,
    }
}

/// The job of a task, or of one combination of its matrix.
fn job(
    plan: &Plan,
    task: &PlannedTask,
    spec: &Arc<TaskSpec>,
    params: BTreeMap<String, ParamValue>,
    index: Option<usize>,
) -> Job {
    let suffix = index.map_or_else(String::new, |index| format!("-{index}"));
    Job {
        name: task.name.clone(),
        kind: task.kind,
        matrix_index: index,
        task_run: format!("{}-{}{suffix}", plan.run_id, task.name),
        task_name: task.task_name.clone(),
        spec: spec.as_ref().clone(),
        params,
        workspaces: task.workspaces.clone(),
        retries: task.retries,
        timeout: task.timeout,
        ignores_failure: task.ignores_failure,
    }
}

/// The params of a combination on top of those that all share.
fn with_combination(shared: &BTreeMap<String, ParamValue>, combination: Combination) -> BTreeMap<String, ParamValue> {
    let mut params = shared.clone();
    params.extend(combination.into_iter().map(|(name, text)| (name, ParamValue::Text(text))));
    params
}
