//! What became of the run as a whole.

use std::collections::BTreeMap;

use super::known::aggregated;
use super::{Fault, Scheduler, State, Timeout, left_out};
use crate::document::ParamValue;
use crate::engine::Stop;
use crate::error::listed;
use crate::outcome::{Kind, Outcome, SkipReason, Status, TaskOutcome};
use crate::plan::PlannedTask;
use crate::references::{Selector, Target, TaskReference, expressions, task_references};
use crate::variables::Variables;

/// What a result of the Pipeline comes to.
enum Collected {
    Value(ParamValue),
    /// A task that writes a part of it did not succeed.
    LeftOut,
    /// A task succeeded without writing a part of it, or it refers to something else.
    Invalid,
}

impl Scheduler<'_> {
    pub(super) fn conclude(self) -> Outcome {
        let tasks = self.task_outcomes();
        let counts = message(&tasks);
        let failed = |reason: &str, message: String| (Status::Failed, reason.to_owned(), message);
        let (mut pipeline_results, invalid) = self.results();
        let (status, reason, message) = match (&self.fault, self.timeout) {
            (Some(Fault::Abort { reason, message }), _) => {
                pipeline_results.clear();
                failed(reason, message.clone())
            }
            _ if self.stop == Stop::No && !invalid.is_empty() => failed(
                "CouldntGetPipelineResult",
                format!("the tasks did not write what these results need: {}", listed(&invalid)),
            ),
            (_, Some(Timeout::Pipeline | Timeout::Tasks)) => {
                failed("PipelineRunTimeout", format!("the run did not end in time. {counts}"))
            }
            _ if self.stop > Stop::No => failed("Cancelled", counts),
            _ if self.has_failure => failed("Failed", counts),
            (Some(Fault::Invalid { message }), _) => failed("PipelineValidationFailed", message.clone()),
            _ if tasks.iter().any(TaskOutcome::is_failure) => failed("Failed", counts),
            _ if self.plan.left_out.is_some() => failed("Cancelled", counts),
            _ if tasks.iter().any(|task| task.status == Status::Skipped) => {
                (Status::Succeeded, "Completed".to_owned(), counts)
            }
            _ => (Status::Succeeded, "Succeeded".to_owned(), counts),
        };
        Outcome { run_id: self.plan.run_id.clone(), status, reason, message, pipeline_results, tasks }
    }

    fn task_outcomes(&self) -> Vec<TaskOutcome> {
        let is_stopping = self.was_stopping.unwrap_or(self.has_failure) && self.stop == Stop::No;
        let outcomes = |(task, state): (&PlannedTask, &State)| match state {
            State::Ended(ended) => ended.clone(),
            // A cluster judges anew each time it looks: after a failure every task that was left out counts as stopped.
            State::Skipped(_) | State::NotRun if is_stopping && task.kind == Kind::Task => {
                vec![left_out(task, Status::Skipped, SkipReason::Stopping.text())]
            }
            State::Skipped(reason) => vec![left_out(task, Status::Skipped, reason.text())],
            State::Waiting | State::Running { .. } | State::NotRun => vec![left_out(task, Status::NotRun, "")],
        };
        self.plan.tasks.iter().zip(&self.states).flat_map(outcomes).collect()
    }

    /// The Pipeline's results, and the names of those that are invalid.
    fn results(&self) -> (BTreeMap<String, ParamValue>, Vec<String>) {
        let (mut values, mut invalid) = (BTreeMap::new(), Vec::new());
        for result in &self.plan.results {
            match self.collect(&result.value) {
                Collected::Value(value) => drop(values.insert(result.name.clone(), value)),
                Collected::LeftOut => {}
                Collected::Invalid => invalid.push(result.name.clone()),
            }
        }
        (values, invalid)
    }

    fn collect(&self, value: &ParamValue) -> Collected {
        let mut variables = Variables::default();
        let mut is_left_out = false;
        for expression in value.texts().into_iter().flat_map(expressions) {
            let text = format!("$({expression})");
            let [TaskReference { task, target: Target::Result(name, selector), .. }] = &task_references(&text)[..]
            else {
                return Collected::Invalid;
            };
            match (self.written(task, name), selector) {
                (None, _) if self.has_succeeded(task) => return Collected::Invalid,
                (None, _) => is_left_out = true,
                (Some(ParamValue::Text(text)), Selector::Whole | Selector::Star | Selector::Index(_)) => {
                    variables.set(expression, text);
                }
                (Some(list @ ParamValue::List(_)), Selector::Star) => variables.set_whole(expression, list),
                (Some(ParamValue::List(items)), Selector::Whole | Selector::Index(_)) => {
                    let index = if let Selector::Index(index) = selector { *index } else { 0 };
                    let Some(item) = items.get(index) else { return Collected::Invalid };
                    variables.set(expression, item);
                }
                (Some(ParamValue::Map(entries)), Selector::Key(key)) => {
                    let Some(entry) = entries.get(key) else { return Collected::Invalid };
                    variables.set(expression, entry);
                }
                (Some(object @ ParamValue::Map(_)), _) => variables.set_whole(expression, object),
                (Some(_), Selector::Key(_)) => return Collected::Invalid,
            }
        }
        if is_left_out { Collected::LeftOut } else { Collected::Value(variables.value(value)) }
    }

    /// A result of a task that has ended. A cluster gathers those of a matrix only when some task uses one of them.
    fn written(&self, name: &str, result: &str) -> Option<ParamValue> {
        let index = *self.by_name.get(name)?;
        let (task, State::Ended(ended)) = (&self.plan.tasks[index], &self.states[index]) else { return None };
        if task.matrix.is_none() {
            return ended.first()?.results.get(result).cloned();
        }
        let uses = |used: TaskReference| used.task == name && matches!(used.target, Target::Result(..));
        let is_used = self.plan.tasks.iter().flat_map(PlannedTask::inputs).flat_map(task_references).any(uses);
        let values = if is_used { aggregated(ended, result) } else { Vec::new() };
        (!values.is_empty()).then_some(ParamValue::List(values))
    }

    fn has_succeeded(&self, name: &str) -> bool {
        let state = self.by_name.get(name).map(|index| &self.states[*index]);
        matches!(state, Some(State::Ended(ended)) if ended.iter().all(|one| one.status == Status::Succeeded))
    }
}

fn message(tasks: &[TaskOutcome]) -> String {
    let count = |wanted: Status| tasks.iter().filter(|task| task.status == wanted).count();
    let failed = count(Status::Failed);
    let completed = count(Status::Succeeded) + failed;
    format!("tasks completed: {completed} (failed: {failed}), skipped: {}", count(Status::Skipped))
}
