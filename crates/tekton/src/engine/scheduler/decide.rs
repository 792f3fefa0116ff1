//! What is to be done with a waiting task, in the order in which a cluster looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::known::aggregated;
use super::{Fault, Scheduler, State, Timeout, job, with_combination};
use crate::document::{Operator, Param, ParamValue, WhenExpression};
use crate::engine::Stop;
use crate::engine::task_run::Job;
use crate::matrix::{self, NoCombinations};
use crate::outcome::{Kind, SkipReason, Status};
use crate::plan::{PlannedTask, misfit};
use crate::references::{Selector, Target, TaskReference, expressions, param_reference, task_references};
use crate::substitute;
use crate::variables::Variables;

/// What is to be done with a task.
pub(super) enum Decision {
    Wait,
    Skip(SkipReason),
    Start(Vec<Job>),
    Fault(Fault),
}

/// What a reference to a result comes to.
enum Resolved {
    Yes,
    /// The task that writes it did not run.
    NotRun,
    /// The task ran and did not write it.
    NotWritten,
    /// It is a list with fewer items.
    NoSuchItem,
}

impl Scheduler<'_> {
    pub(super) fn decide(&self, index: usize) -> Decision {
        let task = &self.plan.tasks[index];
        match task.kind {
            Kind::Task => self.decide_task(task),
            Kind::Finally => self.decide_finally(task),
        }
    }

    fn decide_task(&self, task: &PlannedTask) -> Decision {
        match &self.fault {
            Some(Fault::Abort { .. }) => return Decision::Wait,
            Some(Fault::Invalid { .. }) => return Decision::Skip(SkipReason::Stopping),
            None => {}
        }
        if self.ends_at_once() {
            return Decision::Wait;
        }
        if self.stop > Stop::No {
            return Decision::Skip(SkipReason::Cancelled);
        }
        if let Some(reason) = self.plan.left_out {
            return Decision::Skip(reason);
        }
        if self.has_failure {
            return Decision::Skip(SkipReason::Stopping);
        }
        let mut parents = task.parents.iter().map(|parent| &self.states[*parent]);
        if parents.clone().any(|parent| matches!(parent, State::Waiting | State::Running { .. })) {
            return Decision::Wait;
        }
        let variables = self.results.all();
        if !holds(task, variables) {
            return Decision::Skip(SkipReason::WhenFalse);
        }
        if parents.any(|parent| matches!(parent, State::Skipped(reason) if *reason != SkipReason::WhenFalse)) {
            return Decision::Skip(SkipReason::ParentSkipped);
        }
        for reference in task.inputs().flat_map(task_references) {
            let Target::Result(name, _) = &reference.target else { continue };
            let producer = &reference.task;
            match self.resolve(&reference) {
                Resolved::Yes => {}
                Resolved::NotRun => return Decision::Skip(SkipReason::MissingResults),
                Resolved::NotWritten if task.ignores_failure => return Decision::Skip(SkipReason::MissingResults),
                Resolved::NotWritten => {
                    let message = format!(
                        "the task `{producer}` ended without writing the result `{name}`, which `{}` uses",
                        task.name
                    );
                    return Decision::Fault(Fault::Invalid { message });
                }
                Resolved::NoSuchItem => return no_such_item(task, &reference),
            }
        }
        if self.timeout == Some(Timeout::Tasks) {
            return Decision::Skip(SkipReason::TasksTimeout);
        }
        self.jobs(task, variables)
    }

    fn decide_finally(&self, task: &PlannedTask) -> Decision {
        if matches!(self.fault, Some(Fault::Abort { .. })) || self.timeout == Some(Timeout::Pipeline) {
            return Decision::Wait;
        }
        if self.timeout == Some(Timeout::Finally) {
            return Decision::Skip(SkipReason::FinallyTimeout);
        }
        for reference in task.inputs().flat_map(task_references) {
            match self.resolve(&reference) {
                Resolved::Yes => {}
                Resolved::NotRun | Resolved::NotWritten => return Decision::Skip(SkipReason::MissingResults),
                Resolved::NoSuchItem => return no_such_item(task, &reference),
            }
        }
        let variables = self.results.all();
        if !holds(task, variables) {
            return Decision::Skip(SkipReason::WhenFalse);
        }
        self.jobs(task, variables)
    }

    /// One job, or one per combination.
    fn jobs(&self, task: &PlannedTask, variables: &Variables) -> Decision {
        if let Some(workspace) = &task.unbound {
            let message = format!("nobody gives the workspace `{workspace}`, which `{}` names", task.name);
            return Decision::Fault(Fault::Abort { reason: "CreateRunFailed", message });
        }
        let mut params = task.params.clone();
        substitute::params(&mut params, variables);
        let lengths = self.matrix_lengths(&params);
        substitute::params(&mut params, &lengths);
        let params: BTreeMap<String, ParamValue> = params.into_iter().map(|param| (param.name, param.value)).collect();
        let mut spec = task.spec.clone();
        if task.task_name.is_none() {
            substitute::task(&mut spec, self.results.in_embedded());
        }
        let matrix = task.matrix.as_ref().filter(|matrix| !matrix.params.is_empty() || !matrix.include.is_empty());
        let combinations = match matrix.map(|matrix| matrix::combinations(matrix, variables)).transpose() {
            Ok(combinations) => combinations,
            Err(reason) => return no_combinations(task, reason),
        };
        let given: Vec<_> = match combinations {
            None => vec![(params.clone(), None)],
            Some(all) => {
                let indexed = all.into_iter().enumerate();
                indexed.map(|(index, combination)| (with_combination(&params, combination), Some(index))).collect()
            }
        };
        if let Some(message) = misfit(task, &params.iter().collect()) {
            return invalid(message);
        }
        let undeclared = |expression: &&str| {
            let known = |name: &str| {
                spec.params.iter().any(|param| param.name == name)
                    || given.iter().any(|(params, _)| params.contains_key(name))
            };
            param_reference(expression).is_some_and(|(name, _)| !known(name))
        };
        if task.task_name.is_none()
            && let Some(expression) =
                spec.steps.iter().flat_map(substitute::step_texts).flat_map(expressions).find(undeclared)
        {
            let message = format!("`$({expression})` in the pipeline task `{}` refers to no param of it", task.name);
            return Decision::Fault(Fault::Abort { reason: "CreateRunFailed", message });
        }
        let spec = Arc::new(spec);
        // A matrix of one combination gives its TaskRun no number.
        let is_numbered = given.len() > 1;
        let job = |(params, index)| job(self.plan, task, &spec, params, index, is_numbered);
        Decision::Start(given.into_iter().map(job).collect())
    }

    /// A task that waits uses an item past the end of a list that the task at `index` has written: a cluster finds that at once.
    pub(super) fn bad_index(&self, index: usize) -> Option<Fault> {
        let State::Ended(ended) = &self.states[index] else { return None };
        let is_list = |value: &ParamValue| matches!(value, ParamValue::List(_));
        if !ended.iter().flat_map(|outcome| outcome.results.values()).any(is_list) {
            return None;
        }
        let producer = &self.plan.tasks[index].name;
        let waiting = self.plan.tasks.iter().zip(&self.states).filter(|(_, state)| matches!(state, State::Waiting));
        let (task, reference) = waiting
            .flat_map(|(task, _)| task.inputs().flat_map(task_references).map(move |reference| (task, reference)))
            .filter(|(_, reference)| reference.task == *producer)
            .find(|(_, reference)| matches!(self.resolve(reference), Resolved::NoSuchItem))?;
        match no_such_item(task, &reference) {
            Decision::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// What a reference to a result comes to now.
    fn resolve(&self, reference: &TaskReference) -> Resolved {
        let Target::Result(name, selector) = &reference.target else { return Resolved::Yes };
        let state = self.by_name.get(reference.task.as_str()).map(|index| &self.states[*index]);
        let Some(State::Ended(ended)) = state else { return Resolved::NotRun };
        let written: Vec<_> = ended.iter().filter_map(|outcome| outcome.results.get(name)).collect();
        let Some(first) = written.first() else { return Resolved::NotWritten };
        match (selector, first) {
            (Selector::Index(index), ParamValue::List(items)) if *index >= items.len() => Resolved::NoSuchItem,
            _ => Resolved::Yes,
        }
    }

    /// What the references of `params` to the length of a matrix stand for. A cluster looks at the first reference of each param only.
    fn matrix_lengths(&self, params: &[Param]) -> Variables {
        let mut variables = Variables::default();
        for param in params {
            let reference = param.value.texts().into_iter().flat_map(task_references).next();
            let Some(TaskReference { task: name, target: Target::MatrixLength(result), .. }) = reference else {
                continue;
            };
            let Some(&index) = self.by_name.get(name.as_str()) else { continue };
            let (task, state) = (&self.plan.tasks[index], &self.states[index]);
            if task.kind == Kind::Task {
                let length = task.matrix.as_ref().map_or(0, matrix::length);
                variables.set(format!("tasks.{name}.matrix.length"), length.to_string());
            }
            if let Some(result) = result {
                let written = if let State::Ended(ended) = state { aggregated(ended, &result).len() } else { 0 };
                variables.set(format!("tasks.{name}.matrix.{result}.length"), written.to_string());
            }
        }
        variables
    }

    /// Statuses and reasons of the tasks, and the status of all together.
    pub(super) fn statuses(&self) -> Variables {
        let mut variables = Variables::default();
        for (task, state) in self.plan.tasks.iter().zip(&self.states).filter(|(task, _)| task.kind == Kind::Task) {
            let (status, reason) = match state {
                State::Ended(ended) => {
                    let decisive = ended.iter().find(|outcome| outcome.status == Status::Failed).or(ended.first());
                    decisive.map_or(("None", ""), |outcome| (outcome.status.name(), outcome.reason.as_str()))
                }
                _ => ("None", ""),
            };
            variables.set(format!("tasks.{}.status", task.name), status);
            variables.set(format!("tasks.{}.reason", task.name), reason);
        }
        let is_failed = self.outcomes(Kind::Task).any(|outcome| outcome.status == Status::Failed);
        let states = self.plan.tasks.iter().zip(&self.states).filter(|(task, _)| task.kind == Kind::Task);
        let is_partial = states.into_iter().any(|(_, state)| matches!(state, State::Skipped(_)));
        let aggregate = match (is_failed, is_partial) {
            (true, _) => "Failed",
            (false, true) => "Completed",
            (false, false) => "Succeeded",
        };
        variables.set("tasks.status", aggregate);
        variables
    }
}

fn holds(task: &PlannedTask, variables: &Variables) -> bool {
    let mut when = task.when.clone();
    substitute::when(&mut when, variables);
    when.iter().all(|WhenExpression { input, operator, values, .. }| match operator {
        Some(Operator::NotIn) => !values.contains(input),
        _ => values.contains(input),
    })
}

fn no_combinations(task: &PlannedTask, reason: NoCombinations) -> Decision {
    match reason {
        NoCombinations::EmptyList => Decision::Skip(SkipReason::EmptyMatrix),
        NoCombinations::WrongType { param, expected, got } => {
            let message = format!("the matrix of `{}` gives {got} for `{param}`, expected {expected}", task.name);
            Decision::Fault(Fault::Abort { reason: "InvalidMatrixParameterTypes", message })
        }
        NoCombinations::TooMany(count) => {
            let most = matrix::MAX_COMBINATIONS;
            invalid(format!("the matrix of `{}` has {count} combinations, expected at most {most}", task.name))
        }
    }
}

fn no_such_item(task: &PlannedTask, reference: &TaskReference) -> Decision {
    let producer = &reference.task;
    invalid(format!("`{}` uses an item past the end of a list that the task `{producer}` wrote", task.name))
}

fn invalid(message: String) -> Decision {
    Decision::Fault(Fault::Abort { reason: "PipelineValidationFailed", message })
}
