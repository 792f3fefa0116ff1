//! Rules for the tasks of a Pipeline.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::names::{is_qualified, label, named, unique};
use super::pipeline::Given;
use super::step::{param_use, unknown_param};
use super::task::{self, Surroundings};
use super::texts::{Place, Text, task_inputs};
use crate::document::{Matrix, OnError, Param, ParamSpec, ParamType, ParamValue, PipelineTask, TaskRef};
use crate::error::listed;
use crate::lint::rules::{
    CONFLICTING_FIELDS, EMPTY_MATRIX, FINALLY_ORDER, INVALID_NAME, INVALID_REFERENCE, MALFORMED_REFERENCE,
    MATRIX_LENGTH, MATRIX_RESULT, MATRIX_SIZE, MATRIX_TYPE, MISSING_FIELD, ON_ERROR_RETRIES, RESULT_TYPE,
    UNKNOWN_CONTEXT, UNKNOWN_TASK, UNKNOWN_WORKSPACE, WHEN_EXPRESSION,
};
use crate::lint::{Findings, suggestion};
use crate::matrix::MAX_COMBINATIONS;
use crate::references::{Selector, Target, bracketed, expressions, param_reference, task_reference, whole};

/// The first words of references that a Pipeline may hold.
const PREFIXES: [&str; 6] = ["params", "tasks", "finally", "context", "workspaces", "results"];

/// What a Pipeline may refer to under `context`.
const CONTEXT: [(&str, &[&str]); 3] = [
    ("context.pipelineRun.", &["name", "namespace", "uid"]),
    ("context.pipelineTask.", &["retries"]),
    ("context.pipeline.", &["name"]),
];

/// What the tasks of a Pipeline see of each other.
pub(super) struct Graph<'a> {
    pub(super) params: HashMap<&'a str, &'a ParamSpec>,
    pub(super) given: &'a Given<'a>,
    pub(super) workspaces: BTreeSet<&'a str>,
    pub(super) tasks: BTreeMap<&'a str, &'a PipelineTask>,
    pub(super) finally: BTreeMap<&'a str, &'a PipelineTask>,
}

/// Where a task stands in its Pipeline.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    /// Under `finally`.
    pub(super) is_final: bool,
    /// At the end of its list.
    pub(super) is_last: bool,
}

/// Everything that one task of a Pipeline says about itself and the others.
pub(super) fn check(findings: &mut Findings<'_>, path: &str, task: &PipelineTask, graph: &Graph<'_>, seat: Seat) {
    let field = |name: &str| format!("{path}.{name}");
    label(findings, &field("name"), &task.name);
    body(findings, path, task);
    if task.on_error == Some(OnError::Continue) && task.retries > 0 {
        let message = "got `continue` together with retries, expected one of them";
        findings.add(&ON_ERROR_RETRIES, &field("onError"), message).hint("remove `onError` or `retries`");
    }
    unique(findings, "param", named(&field("params"), &task.params, |param| param.name.as_str()));
    values(findings, &field("params"), &task.params);
    when(findings, path, task);
    workspaces(findings, path, task, graph);
    if let Some(matrix) = &task.matrix {
        check_matrix(findings, path, task, matrix, graph);
    }
    run_after(findings, path, task, graph, seat.is_final);
    for text in task_inputs(path, task) {
        for expression in expressions(text.content) {
            reference(findings, &text, expression, graph, seat);
        }
    }
    if let Some(spec) = &task.task_spec {
        let mut params = graph.given.params.clone();
        params.extend(graph.params.keys());
        if graph.given.is_run {
            params.extend(given(task).map(|param| param.name.as_str()));
        }
        let workspaces = graph.workspaces.union(&graph.given.workspaces).copied();
        let workspaces = workspaces.chain(task.workspaces.iter().map(|binding| binding.name.as_str())).collect();
        task::check(findings, &field("taskSpec"), spec, &Surroundings { is_embedded: true, params, workspaces });
    }
}

/// The params that a task is given, by itself or its matrix.
fn given(task: &PipelineTask) -> impl Iterator<Item = &Param> {
    task.params.iter().chain(task.matrix.iter().flat_map(Matrix::all_params))
}

fn body(findings: &mut Findings<'_>, path: &str, task: &PipelineTask) {
    let bodies = [
        ("taskRef", task.task_ref.is_some()),
        ("taskSpec", task.task_spec.is_some()),
        ("pipelineRef", task.pipeline_ref.is_some()),
        ("pipelineSpec", task.pipeline_spec.is_some()),
    ];
    let there: Vec<_> = bodies.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    match there[..] {
        [] => {
            let message = "got neither taskRef nor taskSpec, expected exactly one of them";
            findings.add(&MISSING_FIELD, path, message).hint("add `taskRef: {name: ...}`");
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("got {first} and {second}, expected exactly one of taskRef and taskSpec");
            findings.add_at_key(&CONFLICTING_FIELDS, &format!("{path}.{second}"), message).hint("remove one of them");
        }
    }
    if let Some(reference) = &task.task_ref {
        task_ref(findings, &format!("{path}.taskRef"), reference);
    }
}

/// The name or the resolver of a Task.
pub(super) fn task_ref(findings: &mut Findings<'_>, path: &str, reference: &TaskRef) {
    let name = reference.name.as_deref().unwrap_or_default();
    let is_custom = reference.api_version.is_some() || reference.kind.as_deref().is_some_and(|kind| kind != "Task");
    if is_custom {
        if reference.kind.is_none() {
            findings.add(&MISSING_FIELD, path, "got a custom task without kind").hint("add `kind`");
        }
        if reference.api_version.is_none() && reference.kind.as_deref() != Some("ClusterTask") {
            let message = "got a custom task without apiVersion";
            findings.add(&MISSING_FIELD, path, message).hint("add `apiVersion`, or write `kind: Task`");
        }
    } else if reference.resolver.is_some() && !name.is_empty() {
        let message = "got name together with resolver: the resolver's params name the Task";
        findings.add_at_key(&CONFLICTING_FIELDS, &format!("{path}.name"), message).hint("remove one of them");
    } else if reference.resolver.is_none() && name.is_empty() {
        findings.add(&MISSING_FIELD, path, "got no name, expected the Task's").hint("add `name`");
    } else if reference.resolver.is_none() && !is_qualified(name) && !name.contains("$(") {
        let message =
            format!("got `{name}`, expected letters, digits, `-`, `_` and `.`, a letter or digit at both ends");
        findings.add(&INVALID_NAME, &format!("{path}.name"), message).hint("name a Task");
    }
}

/// Reports odd values of params that are handed on.
pub(super) fn values(findings: &mut Findings<'_>, path: &str, params: &[Param]) {
    for (index, param) in params.iter().enumerate() {
        task::value(findings, &format!("{path}[{index}].value"), &param.value);
    }
}

fn when(findings: &mut Findings<'_>, path: &str, task: &PipelineTask) {
    for (index, when) in task.when.iter().enumerate() {
        let field = format!("{path}.when[{index}]");
        if when.cel.is_some() {
            if when.operator.is_some() || !when.input.is_empty() || !when.values.is_empty() {
                let message = "got cel together with input, operator or values, expected one of the two ways";
                findings.add(&WHEN_EXPRESSION, &field, message).hint("remove one of them");
            }
            continue;
        }
        if when.operator.is_none() {
            let message = "got no operator, expected in or notin";
            findings.add(&WHEN_EXPRESSION, &format!("{field}.operator"), message).hint("add `operator: in`");
        }
        if when.values.is_empty() {
            let message = "got no values, expected at least one";
            findings.add_at_key(&WHEN_EXPRESSION, &format!("{field}.values"), message).hint("add `values: [...]`");
        }
    }
}

fn workspaces(findings: &mut Findings<'_>, path: &str, task: &PipelineTask, graph: &Graph<'_>) {
    let list = format!("{path}.workspaces");
    unique(findings, "workspace", named(&list, &task.workspaces, |binding| binding.name.as_str()));
    let known: Vec<&str> = graph.workspaces.union(&graph.given.workspaces).copied().collect();
    for (index, binding) in task.workspaces.iter().enumerate() {
        let own = binding.workspace.as_deref().filter(|name| !name.is_empty());
        let (field, name) = own.map_or(("name", binding.name.as_str()), |name| ("workspace", name));
        if !known.contains(&name) {
            let message = format!("got the workspace `{name}`, expected one of the Pipeline's: {}", listed(&known));
            let hint = suggestion(name, &known, "declare it under `workspaces` of the Pipeline");
            findings.add(&UNKNOWN_WORKSPACE, &format!("{list}[{index}].{field}"), message).hint(hint);
        }
    }
}

fn check_matrix(findings: &mut Findings<'_>, path: &str, task: &PipelineTask, matrix: &Matrix, graph: &Graph<'_>) {
    let field = format!("{path}.matrix");
    if matrix.params.is_empty() && matrix.include.is_empty() {
        let message = "got neither params nor include: the task runs once, as if it had no matrix";
        findings.add_at_key(&EMPTY_MATRIX, &field, message).hint("remove the matrix, or give it params");
    }
    let own: Vec<_> = named(&format!("{field}.params"), &matrix.params, |param| param.name.as_str()).collect();
    let list = format!("{path}.params");
    let outside = named(&list, &task.params, |param| param.name.as_str())
        .filter(|(_, name)| matrix.params.iter().any(|param| param.name == *name));
    unique(findings, "param", own.into_iter().chain(outside));
    for (index, include) in matrix.include.iter().enumerate() {
        let path = format!("{field}.include[{index}].params");
        unique(findings, "param", named(&path, &include.params, |param| param.name.as_str()));
        values(findings, &path, &include.params);
        for (at, param) in include.params.iter().enumerate() {
            if let ParamValue::List(_) | ParamValue::Map(_) = param.value {
                let message =
                    format!("got {} for `{}`, expected string: the run fails", param.value.kind().name(), param.name);
                findings
                    .add(&MATRIX_TYPE, &format!("{path}[{at}].value"), message)
                    .hint("an include names one combination");
            }
        }
    }
    let mut count = 1_usize;
    for (index, param) in matrix.params.iter().enumerate() {
        let path = format!("{field}.params[{index}].value");
        match &param.value {
            ParamValue::List(items) => count = count.saturating_mul(items.len().max(1)),
            ParamValue::Text(text) if is_list(text, graph) => {}
            other => {
                let message =
                    format!("got {} for `{}`, expected array: the run fails", other.kind().name(), param.name);
                findings.add(&MATRIX_TYPE, &path, message).hint("write a list, or refer to one with `[*]`");
            }
        }
    }
    let count = count.max(matrix.include.len());
    if count > MAX_COMBINATIONS {
        let message = format!("got {count} combinations, expected at most {MAX_COMBINATIONS}");
        findings
            .add_at_key(&MATRIX_SIZE, &field, message)
            .hint("give fewer values, or raise `default-max-matrix-combinations-count` of the cluster");
    }
}

/// The text is a reference to a list as a whole.
fn is_list(text: &str, graph: &Graph<'_>) -> bool {
    let Some(expression) = whole(text) else { return false };
    match param_reference(expression) {
        Some((name, "" | "[*]")) => graph.params.get(name).is_none_or(|param| param.kind() == ParamType::Array),
        Some(_) => false,
        None => expression.ends_with("[*]"),
    }
}

fn run_after(findings: &mut Findings<'_>, path: &str, task: &PipelineTask, graph: &Graph<'_>, is_final: bool) {
    if is_final && !task.run_after.is_empty() {
        let message = "a finally task runs after all tasks, expected no runAfter";
        findings.add_at_key(&FINALLY_ORDER, &format!("{path}.runAfter"), message).hint("remove it");
        return;
    }
    for (index, name) in task.run_after.iter().enumerate() {
        if !graph.tasks.contains_key(name.as_str()) {
            unknown_task(findings, (&format!("{path}.runAfter[{index}]"), None), name, graph, false);
        }
    }
}

/// Reports a task that is not among `tasks`.
fn unknown_task(
    findings: &mut Findings<'_>,
    (path, expression): (&str, Option<&str>),
    name: &str,
    graph: &Graph<'_>,
    is_final: bool,
) {
    let known: Vec<&str> = graph.tasks.keys().copied().collect();
    let (rule, message, hint) = if graph.finally.contains_key(name) {
        let when = if is_final { "side by side with this one" } else { "after all tasks" };
        let message = format!("got the task `{name}`, which runs in finally, {when}");
        (&FINALLY_ORDER, message, "use a task of `tasks`, or move one of the two".to_owned())
    } else {
        let message = format!("got the task `{name}`, expected one of {}", listed(&known));
        (&UNKNOWN_TASK, message, suggestion(name, &known, "name one of the Pipeline's tasks"))
    };
    match expression {
        Some(expression) => findings.add_reference(rule, path, expression, message).hint(hint),
        None => findings.add(rule, path, message).hint(hint),
    }
}

fn reference(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, graph: &Graph<'_>, seat: Seat) {
    let first = expression.split(['.', '[']).next().unwrap_or_default();
    if !PREFIXES.contains(&first) {
        let message =
            format!("`$({expression})` starts with no known word, expected params, tasks, context or workspaces");
        findings
            .add_reference(&INVALID_REFERENCE, &text.path, expression, message)
            .hint("for a variable of the shell write `${NAME}`");
        return;
    }
    if let Some((name, selector)) = param_reference(expression) {
        match graph.params.get(name) {
            Some(param) => param_use(findings, text, param, selector, expression),
            None if graph.given.params.contains(name) => {}
            None => {
                let known = graph.params.keys().chain(&graph.given.params).copied();
                unknown_param(findings, text, name, expression, known);
            }
        }
        return;
    }
    if first == "context" {
        // Admission looks at the params of the last task alone.
        context(findings, text, expression, seat.is_last && !text.path.contains("].when["));
    }
    if first == "tasks" || first == "finally" {
        task_use(findings, text, expression, graph, seat.is_final);
    }
}

fn context(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, is_refused: bool) {
    let found = CONTEXT.iter().find_map(|(prefix, known)| Some((expression.strip_prefix(prefix)?, *known)));
    match found {
        Some((name, known)) if known.contains(&name) => {}
        Some((name, known)) => {
            let rule = if is_refused { &UNKNOWN_CONTEXT } else { &MALFORMED_REFERENCE };
            let message = format!("`$({expression})` does not exist, known: {}", listed(known));
            let hint = suggestion(name, known, "use one of the known variables");
            findings.add_reference(rule, &text.path, expression, message).hint(hint);
        }
        // The Task that the text is given to replaces these.
        None if expression.starts_with("context.task") => {}
        None => {
            let message = format!("`$({expression})` stays as it is: there is no such variable");
            findings.add_reference(&MALFORMED_REFERENCE, &text.path, expression, message).hint(
                "known: context.pipeline.name, context.pipelineRun.{name,namespace,uid}, context.pipelineTask.retries",
            );
        }
    }
}

/// Uses of other tasks: they exist, come earlier, and give what is asked of them.
fn task_use(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, graph: &Graph<'_>, is_final: bool) {
    if expression == "tasks.status" {
        if !is_final {
            let message = "`$(tasks.status)` is known only to finally tasks";
            findings.add_reference(&FINALLY_ORDER, &text.path, expression, message).hint("move this task to finally");
        }
        return;
    }
    let Some(reference) = task_reference(expression) else {
        let message = format!("`$({expression})` stays as it is: it is no reference to a task that Tekton knows");
        let hint = match bracketed(expression, "tasks") {
            Some((task, _)) => {
                format!("write `$(tasks.{task}.results.<result>)`; a name in brackets does not work here")
            }
            None => "write `$(tasks.<task>.results.<result>)`".to_owned(),
        };
        findings.add_reference(&MALFORMED_REFERENCE, &text.path, expression, message).hint(hint);
        return;
    };
    let name = reference.task.as_str();
    let Some(used) = graph.tasks.get(name) else {
        unknown_task(findings, (&text.path, Some(expression)), name, graph, is_final);
        return;
    };
    match &reference.target {
        Target::Status if !is_final => {
            let message = format!("the status of `{name}` is known only to finally tasks");
            findings.add_reference(&FINALLY_ORDER, &text.path, expression, message).hint("move this task to finally");
        }
        Target::Result(result, selector) if used.matrix.is_some() => {
            matrix_result(findings, text, expression, used, (result, selector));
        }
        Target::MatrixLength(_) if used.matrix.is_none() => {
            let message = format!("`{name}` has no matrix, its length is 0");
            findings
                .add_reference(&MATRIX_LENGTH, &text.path, expression, message)
                .hint("name a task that has a matrix");
        }
        _ => {}
    }
}

fn matrix_result(
    findings: &mut Findings<'_>,
    text: &Text<'_>,
    expression: &str,
    used: &PipelineTask,
    (result, selector): (&str, &Selector),
) {
    let name = &used.name;
    if *selector != Selector::Star {
        let message = format!("`{name}` has a matrix, expected its result as `$(tasks.{name}.results.{result}[*])`");
        findings
            .add_reference(&MATRIX_RESULT, &text.path, expression, message)
            .hint(format!("write `$(tasks.{name}.results.{result}[*])`"));
        return;
    }
    let declared = used.task_spec.iter().flat_map(|spec| &spec.results).find(|one| one.name == result);
    if let Some(declared) = declared.filter(|declared| declared.kind != ParamType::String) {
        let message = format!(
            "the result `{result}` of `{name}`, which has a matrix, is of type {}, expected string",
            declared.kind.name()
        );
        findings
            .add_reference(&MATRIX_RESULT, &text.path, expression, message)
            .hint("let each combination write one text");
    }
    if text.place == Place::Text || !text.is_whole(expression) {
        let message = format!("`$({expression})` is a list in the middle of a text");
        findings
            .add_reference(&RESULT_TYPE, &text.path, expression, message)
            .hint("let it stand alone as the value of a param of type array");
    }
}
