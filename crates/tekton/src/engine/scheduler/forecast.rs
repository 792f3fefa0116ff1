//! The same decisions as in a run, with tasks that are asked instead of run.

use std::collections::BTreeSet;

use super::decide::Decision;
use super::{Fault, Scheduler, State};
use crate::engine::task_run::Job;
use crate::error::Error;
use crate::forecast::{Action, Asked, Explanation, Reason, TaskForecast};
use crate::outcome::{Kind, TaskOutcome};
use crate::plan::PlannedTask;

/// What is known of a task so far.
#[derive(Clone, Debug, Default)]
struct Known {
    runs: bool,
    /// The running tasks on which it hangs.
    by: BTreeSet<usize>,
}

impl Scheduler<'_> {
    /// What would become of every task, in the order of the file.
    pub(in crate::engine) async fn forecast(mut self) -> Result<Vec<TaskForecast>, Error> {
        let mut known = vec![Known::default(); self.plan.tasks.len()];
        let mut forecasts: Vec<Vec<TaskForecast>> = vec![Vec::new(); self.plan.tasks.len()];
        for phase in [Kind::Task, Kind::Finally] {
            if phase == Kind::Finally {
                self.begin_finally();
            }
            for index in self.in_order(phase) {
                let by = self.causes(index, &known);
                let found = self.look_ahead(index, &by).await?;
                // A task that can tell no more itself is what hangs the tasks after it.
                let may_run = |one: &TaskForecast| {
                    one.action == Action::Run || one.action == Action::RunIfChanged && one.by.is_empty()
                };
                known[index] = Known { runs: found.iter().any(may_run), by };
                forecasts[index] = found;
            }
        }
        Ok(forecasts.into_iter().flatten().collect())
    }

    async fn look_ahead(&mut self, index: usize, by: &BTreeSet<usize>) -> Result<Vec<TaskForecast>, Error> {
        let task = &self.plan.tasks[index];
        let one = |action, reasons| vec![forecast(task, None, action, reasons)];
        if !by.is_empty() {
            let Some(_) = task.explain_env else { return Ok(one(Action::Run, vec![mute()])) };
            let by = by.iter().map(|cause| self.plan.tasks[*cause].name.clone()).collect();
            return Ok(vec![TaskForecast { by, ..forecast(task, None, Action::RunIfChanged, Vec::new()) }]);
        }
        match self.decide(index) {
            Decision::Skip(reason) => {
                self.settle(index, State::Skipped(reason));
                Ok(one(Action::Skip, vec![Reason::of("skip", reason.text())]))
            }
            // Nothing stops the run before it starts, so this task would be reached, and fail.
            Decision::Wait => Ok(one(Action::Run, Vec::new())),
            Decision::Fault(Fault::Abort { message, .. } | Fault::Invalid { message }) => {
                Ok(one(Action::Run, vec![Reason::of("fault", message)]))
            }
            Decision::Start(jobs) => {
                let Some(variable) = &task.explain_env else { return Ok(one(Action::Run, vec![mute()])) };
                let answers = self.ask(jobs, variable).await?;
                let found = answers.iter().map(|(explanation, outcome)| {
                    let action = match explanation.action {
                        Asked::Run => Action::Run,
                        Asked::Reuse => Action::Reuse,
                        Asked::RunIfChanged => Action::RunIfChanged,
                    };
                    forecast(task, outcome.matrix_index, action, explanation.reasons.clone())
                });
                let found: Vec<_> = found.collect();
                if found.iter().all(|one| one.action == Action::Reuse) {
                    let ended: Vec<_> = answers.into_iter().map(|(_, outcome)| outcome).collect();
                    self.results.add(task, &ended);
                    self.settle(index, State::Ended(ended));
                }
                Ok(found)
            }
        }
    }

    async fn ask(&self, jobs: Vec<Job>, variable: &str) -> Result<Vec<(Explanation, TaskOutcome)>, Error> {
        let asked: Vec<_> = jobs
            .into_iter()
            .map(|job| tokio::spawn(job.explain(variable.to_owned(), self.shared.clone(), self.cancel.subscribe())))
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.await.map_err(|error| Error::Asking { source: error.into() })??);
        }
        Ok(answers)
    }

    /// The tasks of a phase, each after those that it waits for.
    fn in_order(&self, phase: Kind) -> Vec<usize> {
        let mut open: Vec<usize> = self.plan.tasks.iter().map(|task| task.parents.len()).collect();
        let mut ready: BTreeSet<usize> = (0..open.len()).filter(|index| open[*index] == 0).collect();
        let mut ordered = Vec::with_capacity(open.len());
        while let Some(index) = ready.pop_first() {
            ordered.push(index);
            for child in &self.children[index] {
                open[*child] -= 1;
                if open[*child] == 0 {
                    ready.insert(*child);
                }
            }
        }
        ordered.retain(|index| self.plan.tasks[*index].kind == phase);
        ordered
    }

    /// The running tasks on which a task hangs; a `finally` task hangs on all tasks.
    fn causes(&self, index: usize, known: &[Known]) -> BTreeSet<usize> {
        let task = &self.plan.tasks[index];
        let of_graph = || (0..known.len()).filter(|other| self.plan.tasks[*other].kind == Kind::Task).collect();
        let waits_for: Vec<usize> = if task.kind == Kind::Finally { of_graph() } else { task.parents.clone() };
        let causes = waits_for.into_iter().flat_map(|parent| {
            let Known { runs, by } = &known[parent];
            if *runs { BTreeSet::from([parent]) } else { by.clone() }
        });
        causes.collect()
    }
}

fn mute() -> Reason {
    Reason::of("always", "the task does not explain itself")
}

fn forecast(task: &PlannedTask, matrix_index: Option<usize>, action: Action, reasons: Vec<Reason>) -> TaskForecast {
    TaskForecast { name: task.name.clone(), kind: task.kind, matrix_index, action, reasons, by: Vec::new() }
}
