//! What became of the run as a whole.

use std::collections::BTreeMap;

use super::decide::Resolved;
use super::{Fault, Scheduler, State, Timeout, left_out};
use crate::document::ParamValue;
use crate::engine::Stop;
use crate::error::listed;
use crate::outcome::{Kind, Outcome, SkipReason, Status, TaskOutcome};
use crate::plan::PlannedTask;
use crate::references::{Selector, Target, TaskReference, task_references};

impl Scheduler<'_> {
    pub(super) fn conclude(self) -> Outcome {
        let (pipeline_results, unwritten) = self.results();
        let tasks = self.task_outcomes();
        let counts = message(&tasks);
        let failed = |reason: &str, message: String| (Status::Failed, reason.to_owned(), message);
        let (status, reason, message) = match (&self.fault, self.timeout) {
            (Some(Fault::Abort { reason, message }), _) => failed(reason, message.clone()),
            (_, Some(Timeout::Pipeline | Timeout::Tasks)) => {
                failed("PipelineRunTimeout", format!("the run did not end in time. {counts}"))
            }
            _ if self.stop > Stop::No => failed("Cancelled", counts),
            _ if tasks.iter().any(TaskOutcome::is_failure) => failed("Failed", counts),
            (Some(Fault::Invalid { message }), _) => failed("PipelineValidationFailed", message.clone()),
            _ if !unwritten.is_empty() => failed(
                "CouldntGetPipelineResult",
                format!("the tasks did not write what these results need: {}", listed(&unwritten)),
            ),
            _ if tasks.iter().any(|task| task.status == Status::Skipped) => {
                (Status::Succeeded, "Completed".to_owned(), counts)
            }
            _ => (Status::Succeeded, "Succeeded".to_owned(), counts),
        };
        Outcome { run_id: self.plan.run_id.clone(), status, reason, message, pipeline_results, tasks }
    }

    fn task_outcomes(&self) -> Vec<TaskOutcome> {
        let is_stopping = self.has_failure && self.stop == Stop::No && self.timeout.is_none();
        let outcomes = |(task, state): (&PlannedTask, &State)| match state {
            State::Ended(ended) => ended.clone(),
            // A cluster judges anew each time it looks: after a failure every task that was left out counts as stopped.
            State::Skipped(_) if is_stopping && task.kind == Kind::Task => {
                vec![left_out(task, Status::Skipped, SkipReason::Stopping.text())]
            }
            State::Skipped(reason) => vec![left_out(task, Status::Skipped, reason.text())],
            State::Waiting | State::Running { .. } | State::NotRun => vec![left_out(task, Status::NotRun, "")],
        };
        self.plan.tasks.iter().zip(&self.states).flat_map(outcomes).collect()
    }

    /// The Pipeline's results, and the names of those whose tasks ran and did not write them.
    fn results(&self) -> (BTreeMap<String, ParamValue>, Vec<String>) {
        let variables = self.results.all();
        let (mut values, mut unwritten) = (BTreeMap::new(), Vec::new());
        for result in &self.plan.results {
            let references: Vec<_> = result.value.texts().into_iter().flat_map(task_references).collect();
            let resolved: Vec<_> = references.iter().map(|reference| self.resolve(reference)).collect();
            if resolved.iter().any(|one| matches!(one, Resolved::NotRun)) {
                continue;
            }
            let is_whole = resolved.iter().all(|one| matches!(one, Resolved::Yes))
                && references.iter().all(|one| self.is_collected(one));
            if is_whole {
                values.insert(result.name.clone(), variables.value(&result.value));
            } else {
                unwritten.push(result.name.clone());
            }
        }
        (values, unwritten)
    }

    /// A cluster gathers the results of a matrix only when some task uses them.
    fn is_collected(&self, reference: &TaskReference) -> bool {
        let Target::Result(name, Selector::Star) = &reference.target else { return true };
        let has_matrix = self.plan.tasks.iter().any(|task| task.name == reference.task && task.matrix.is_some());
        let is_same = |used: TaskReference| {
            used.task == reference.task && matches!(&used.target, Target::Result(result, _) if result == name)
        };
        !has_matrix || self.plan.tasks.iter().flat_map(PlannedTask::inputs).flat_map(task_references).any(is_same)
    }
}

fn message(tasks: &[TaskOutcome]) -> String {
    let count = |wanted: Status| tasks.iter().filter(|task| task.status == wanted).count();
    let failed = count(Status::Failed);
    let completed = count(Status::Succeeded) + failed;
    format!("tasks completed: {completed} (failed: {failed}), skipped: {}", count(Status::Skipped))
}
