//! Rules for Pipelines as a whole: names, the graph, results.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::names::{named, unique, unique_by};
use super::pipeline_task::{self, Graph, Seat};
use super::texts::task_inputs;
use super::uses::Uses;
use super::{cycle, task};
use crate::document::{ParamSpec, ParamType, ParamValue, PipelineSpec};
use crate::error::listed;
use crate::lint::rules::{CYCLE, DUPLICATE_RESULT, MISSING_FIELD, PIPELINE_RESULT, RESULT_TYPE, UNKNOWN_TASK};
use crate::lint::{Findings, suggestion};
use crate::references::{Selector, Target, TaskReference, expressions, task_reference, task_references};

/// What a run gives to the Pipeline that stands in it.
#[derive(Default)]
pub(super) struct Given<'a> {
    /// The Pipeline stands in a run.
    pub(super) is_run: bool,
    /// Names of params.
    pub(super) params: BTreeSet<&'a str>,
    /// Names of workspaces.
    pub(super) workspaces: BTreeSet<&'a str>,
}

/// Everything that a Pipeline says about itself.
pub(super) fn check(findings: &mut Findings<'_>, path: &str, spec: &PipelineSpec, given: &Given<'_>) {
    let field = |name: &str| format!("{path}.{name}");
    task::params(findings, &field("params"), &spec.params);
    unique(findings, "workspace", named(&field("workspaces"), &spec.workspaces, |workspace| workspace.name.as_str()));
    if spec.tasks.is_empty() {
        let message = "got no tasks, expected at least one";
        findings
            .add_at_key(&MISSING_FIELD, &field("tasks"), message)
            .hint("add `tasks: [{name: ..., taskRef: {name: ...}}]`");
    }
    let (tasks, finally) = (field("tasks"), field("finally"));
    let names = named(&tasks, &spec.tasks, |task| task.name.as_str());
    let names = names.chain(named(&finally, &spec.finally, |task| task.name.as_str()));
    unique(findings, "task", names.filter(|(_, name)| !name.is_empty()));
    let graph = Graph::new(spec, given);
    for (list, tasks, is_final) in [(&tasks, &spec.tasks, false), (&finally, &spec.finally, true)] {
        for (index, task) in tasks.iter().enumerate() {
            let seat = Seat { is_final, is_last: index + 1 == tasks.len() };
            pipeline_task::check(findings, &format!("{list}[{index}]"), task, &graph, seat);
        }
    }
    check_cycle(findings, &tasks, spec);
    results(findings, &field("results"), spec);
    let uses = Uses::below(findings, path);
    uses.check_params(findings, &field("params"), &spec.params);
    let all: Vec<_> = spec.tasks.iter().chain(&spec.finally).collect();
    uses.check_pipeline_workspaces(
        findings,
        path,
        spec.workspaces.iter().map(|workspace| workspace.name.as_str()),
        &all,
    );
}

impl<'a> Graph<'a> {
    fn new(spec: &'a PipelineSpec, given: &'a Given<'a>) -> Self {
        let params: HashMap<&str, &ParamSpec> = spec.params.iter().map(|param| (param.name.as_str(), param)).collect();
        Self {
            params,
            given,
            workspaces: spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect(),
            tasks: spec.tasks.iter().map(|task| (task.name.as_str(), task)).collect(),
            finally: spec.finally.iter().map(|task| (task.name.as_str(), task)).collect(),
        }
    }
}

fn check_cycle(findings: &mut Findings<'_>, path: &str, spec: &PipelineSpec) {
    let inputs: Vec<Vec<TaskReference>> = spec
        .tasks
        .iter()
        .map(|task| task_inputs("", task).iter().flat_map(|text| task_references(text.content)).collect())
        .collect();
    let used = |index: usize| {
        let results = inputs[index].iter().filter(|one| matches!(one.target, Target::Result(..)));
        results.map(|one| one.task.as_str())
    };
    let waits: Vec<(&str, Vec<&str>)> = spec
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| {
            (task.name.as_str(), task.run_after.iter().map(String::as_str).chain(used(index)).collect())
        })
        .collect();
    let Some(cycle) = cycle::find(&waits) else { return };
    let first = spec.tasks.iter().position(|task| task.name == cycle[0]).unwrap_or_default();
    let waits_by_order = spec.tasks[first].run_after.iter().position(|name| *name == cycle[1]);
    let at = waits_by_order.map_or_else(
        || {
            let texts = task_inputs(&format!("{path}[{first}]"), &spec.tasks[first]);
            let uses = |text: &super::Text<'_>| task_references(text.content).iter().any(|one| one.task == cycle[1]);
            texts.iter().find(|text| uses(text)).map_or_else(|| path.to_owned(), |text| text.path.clone())
        },
        |index| format!("{path}[{first}].runAfter[{index}]"),
    );
    let message = format!("these tasks wait for each other: {}", cycle.join(" -> "));
    findings.add(&CYCLE, &at, message).hint("take one of these references or runAfter away");
}

/// Results of a Pipeline are made of results of its tasks.
fn results(findings: &mut Findings<'_>, path: &str, spec: &PipelineSpec) {
    unique_by(findings, &DUPLICATE_RESULT, "result", named(path, &spec.results, |result| result.name.as_str()));
    let all = spec.tasks.iter().map(|task| ("tasks", task)).chain(spec.finally.iter().map(|task| ("finally", task)));
    let tasks: BTreeMap<(&str, &str), _> = all.map(|(scope, task)| ((scope, task.name.as_str()), task)).collect();
    let hint = "write `$(tasks.<task>.results.<result>)`";
    for (index, result) in spec.results.iter().enumerate() {
        let path = format!("{path}[{index}].value");
        task::value(findings, &path, &result.value);
        let texts = result.value.texts();
        let is_result = |expression: &&str| {
            task_reference(expression).is_some_and(|reference| matches!(reference.target, Target::Result(..)))
        };
        if !texts.iter().any(|text| expressions(text).iter().any(is_result)) {
            let message = "expected a reference such as `$(tasks.<task>.results.<result>)`";
            findings.add(&PIPELINE_RESULT, &path, message).hint(hint);
            continue;
        }
        if let ParamValue::Text(text) = &result.value
            && !text.starts_with("$(")
        {
            let message = "got text before the first reference, expected the reference first";
            findings.add(&PIPELINE_RESULT, &path, message).hint("let a task put the text together");
        }
        for expression in texts.iter().flat_map(|text| expressions(text)) {
            let Some(reference) = task_reference(expression) else { continue };
            if !tasks.contains_key(&(reference.scope, reference.task.as_str())) {
                let known: Vec<&str> =
                    tasks.keys().filter(|(scope, _)| *scope == reference.scope).map(|(_, name)| *name).collect();
                let message = format!("got the task `{}`, expected one of {}", reference.task, listed(&known));
                let hint = suggestion(&reference.task, &known, "name one of the Pipeline's tasks");
                findings.add_reference(&UNKNOWN_TASK, &path, expression, message).hint(hint);
            }
        }
        if let (ParamValue::Text(text), ParamType::Array | ParamType::Object) = (&result.value, result.kind)
            && let [expression] = expressions(text)[..]
            && let Some(TaskReference {
                target: Target::Result(_, Selector::Whole | Selector::Index(_) | Selector::Key(_)),
                ..
            }) = task_reference(expression)
        {
            let kind = result.kind.name();
            let message = format!("the result `{}` is of type {kind}, and its value is a text", result.name);
            findings.add(&RESULT_TYPE, &path, message).hint("add `[*]` to the reference, or change the type");
        }
    }
}
