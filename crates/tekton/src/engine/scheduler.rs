//! Which task runs when, and what becomes of the run.

mod conclude;
mod decide;
mod forecast;
mod known;

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use known::Results;

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
    /// Indexes by name.
    by_name: HashMap<&'a str, usize>,
    /// Who waits for whom.
    children: Vec<Vec<usize>>,
    /// How many parents of each task have not ended.
    open_parents: Vec<usize>,
    /// The waiting tasks that are to be looked at.
    pending: BTreeSet<usize>,
    results: Results,
    running: JoinSet<(usize, TaskOutcome)>,
    phase: Kind,
    cancel: watch::Sender<bool>,
    /// A task of the graph has failed with all its combinations ended, and the Pipeline does not look over it.
    has_failure: bool,
    fault: Option<Fault>,
    timeout: Option<Timeout>,
    /// Whether a task had failed when a timeout ended the run at once.
    was_stopping: Option<bool>,
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
        let mut children = vec![Vec::new(); plan.tasks.len()];
        for (index, task) in plan.tasks.iter().enumerate() {
            for parent in &task.parents {
                children[*parent].push(index);
            }
        }
        Self {
            plan,
            shared,
            states: plan.tasks.iter().map(|_| State::Waiting).collect(),
            by_name: plan.tasks.iter().enumerate().map(|(index, task)| (task.name.as_str(), index)).collect(),
            children,
            open_parents: plan.tasks.iter().map(|task| task.parents.len()).collect(),
            pending: BTreeSet::new(),
            results: Results::default(),
            running: JoinSet::new(),
            phase: Kind::Task,
            cancel: watch::Sender::new(false),
            has_failure: false,
            fault: None,
            timeout: None,
            was_stopping: None,
            stop: Stop::No,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<Stop>) -> Outcome {
        let whole = self.plan.limits.pipeline.map(|limit| self.shared.clock + limit);
        self.phase(self.plan.limits.tasks, whole, &mut stop).await;
        if self.runs_finally() {
            self.begin_finally();
            self.cancel = watch::Sender::new(false);
            self.phase(self.plan.limits.finally, whole, &mut stop).await;
        }
        self.conclude()
    }

    /// All tasks of the graph have been settled: from now on it is the turn of `finally`.
    fn begin_finally(&mut self) {
        self.phase = Kind::Finally;
        self.results.add_statuses(self.statuses());
    }

    fn runs_finally(&self) -> bool {
        !matches!(self.fault, Some(Fault::Abort { .. }))
            && self.timeout != Some(Timeout::Pipeline)
            && self.stop < Stop::Now
    }

    /// Runs the tasks, or the `finally` tasks, until none runs and none can be started.
    async fn phase(&mut self, limit: Option<Duration>, whole: Option<Instant>, stop: &mut watch::Receiver<Stop>) {
        let own = limit.map(|limit| Instant::now() + limit);
        self.look_at_all();
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

    /// Every waiting task of the phase is to be looked at: something has changed that concerns them all.
    fn look_at_all(&mut self) {
        let is_waiting =
            |index: &usize| self.plan.tasks[*index].kind == self.phase && matches!(self.states[*index], State::Waiting);
        self.pending = (0..self.states.len()).filter(is_waiting).collect();
    }

    /// Looks at the waiting tasks for which something has changed, in the order of the file, until nothing changes.
    fn schedule(&mut self) {
        while let Some(index) = self.pending.pop_first() {
            match self.decide(index) {
                Decision::Wait => {}
                Decision::Skip(reason) => self.skip(index, reason),
                Decision::Start(jobs) => self.start(index, jobs),
                Decision::Fault(fault) => {
                    self.settle(index, State::NotRun);
                    self.fail(fault);
                }
            }
        }
    }

    /// A task has come to its end, one way or another: those that waited for nothing else are to be looked at.
    fn settle(&mut self, index: usize, state: State) {
        self.states[index] = state;
        for child in &self.children[index] {
            self.open_parents[*child] -= 1;
            if self.open_parents[*child] == 0 {
                self.pending.insert(*child);
            }
        }
    }

    fn skip(&mut self, index: usize, reason: SkipReason) {
        self.settle(index, State::Skipped(reason));
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
                let task = &self.plan.tasks[index];
                let is_failed = ended.iter().any(|outcome| outcome.status == Status::Failed);
                self.results.add(task, &ended);
                self.settle(index, State::Ended(ended));
                if is_failed && task.kind == Kind::Task && !task.ignores_failure && !self.has_failure {
                    self.has_failure = true;
                    self.look_at_all();
                }
            }
        }
        if let Some(fault) = self.bad_index(index)
            && self.fault.is_none()
        {
            self.fail(fault);
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
        self.look_at_all();
    }

    fn run_out(&mut self, timeout: Timeout) {
        self.timeout = Some(timeout);
        if self.phase == Kind::Task && self.ends_at_once() {
            self.was_stopping = Some(self.has_failure);
        }
        self.look_at_all();
        self.cancel_running();
    }

    fn halt(&mut self, wish: Stop) {
        if wish > self.stop {
            self.stop = wish;
            self.look_at_all();
            self.cancel_running();
        }
    }

    fn cancel_running(&self) {
        self.shared.observer.on_event(&Event::Stopping { grace: self.shared.options.grace });
        self.cancel.send_replace(true);
    }

    /// A timeout has ended the run, without `finally` and without another look at the tasks that wait.
    fn ends_at_once(&self) -> bool {
        let has_finally = self.plan.tasks.iter().any(|task| task.kind == Kind::Finally);
        self.timeout == Some(Timeout::Pipeline) || (self.timeout == Some(Timeout::Tasks) && !has_finally)
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
    TaskOutcome::left_out(&task.name, task.kind, status, reason)
}

/// The job of a task, or of one combination of its matrix.
fn job(
    plan: &Plan,
    task: &PlannedTask,
    spec: &Arc<TaskSpec>,
    params: BTreeMap<String, ParamValue>,
    index: Option<usize>,
    is_numbered: bool,
) -> Job {
    let suffix = index.filter(|_| is_numbered).map_or_else(String::new, |index| format!("-{index}"));
    Job {
        name: task.name.clone(),
        kind: task.kind,
        matrix_index: index,
        task_run: format!("{}-{}{suffix}", plan.run_id, task.name),
        task_name: task.task_name.clone(),
        spec: Arc::clone(spec),
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
