//! Rules for Pipelines.

use std::collections::{BTreeMap, BTreeSet};

use super::task::{not_a_label, object_reference, params, unique};
use super::{Place, is_label, task};
use crate::document::{OnError, ParamSpec, ParamType, ParamValue, PipelineSpec, PipelineTask};
use crate::error::{Error, listed};
use crate::matrix::MAX_COMBINATIONS;
use crate::references::{Selector, Target, expressions, param_reference, task_references};
use crate::substitute::task_inputs;

pub(super) fn check(place: Place<'_>, spec: &PipelineSpec) -> Result<(), Error> {
    params(place, "params", &spec.params)?;
    unique(place, "workspaces", "workspace", spec.workspaces.iter().map(|workspace| workspace.name.as_str()))?;
    if spec.tasks.is_empty() {
        return Err(place.fault("tasks", "got no tasks, expected at least one"));
    }
    let names = spec.tasks.iter().map(|task| task.name.as_str());
    unique(place, "tasks", "task", names.clone().filter(|name| !name.is_empty()))?;
    let all = names.chain(spec.finally.iter().map(|task| task.name.as_str()));
    unique(place, "finally", "task", all.filter(|name| !name.is_empty()))?;
    for (list, tasks) in [("tasks", &spec.tasks), ("finally", &spec.finally)] {
        for (index, task) in tasks.iter().enumerate() {
            let path = format!("{list}[{index}]");
            pipeline_task(place, &path, task, spec)?;
            param_references(place, &path, task, &spec.params)?;
            task_uses(place, &path, task, spec, list == "finally")?;
        }
    }
    cycle(place, spec)?;
    results(place, spec)
}

fn pipeline_task(place: Place<'_>, path: &str, task: &PipelineTask, spec: &PipelineSpec) -> Result<(), Error> {
    let field = |name: &str| format!("{path}.{name}");
    if !is_label(&task.name) {
        return Err(place.fault(&field("name"), not_a_label(&task.name)));
    }
    let has_body = task.pipeline_ref.is_some() || task.pipeline_spec.is_some();
    if task.task_ref.is_some() == task.task_spec.is_some() && !has_body {
        return Err(place.fault(path, "expected exactly one of taskRef and taskSpec"));
    }
    if task.on_error == Some(OnError::Continue) && task.retries > 0 {
        return Err(place.fault(&field("onError"), "got `continue` together with retries, expected one of them"));
    }
    for (index, when) in task.when.iter().enumerate().filter(|(_, when)| when.cel.is_none()) {
        let field = field(&format!("when[{index}]"));
        if when.operator.is_none() {
            return Err(place.fault(&field, "got no operator, expected in or notin"));
        }
        if when.values.is_empty() {
            return Err(place.fault(&field, "got no values, expected at least one"));
        }
        if let Some(expression) =
            expressions(&when.input).into_iter().find(|one| one.starts_with("params") && one.ends_with("[*]"))
        {
            return Err(place.fault(&field, format!("`$({expression})` is a list, expected a text as input")));
        }
    }
    let workspaces: Vec<_> = spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    for (index, binding) in task.workspaces.iter().enumerate() {
        let name = binding.workspace.as_deref().unwrap_or(&binding.name);
        if !workspaces.contains(&name) {
            let message =
                format!("got the workspace `{name}`, expected one of the Pipeline's: {}", listed(&workspaces));
            return Err(place.fault(&field(&format!("workspaces[{index}]")), message));
        }
    }
    if let Some(matrix) = &task.matrix {
        let names = matrix.params.iter().chain(&task.params).map(|param| param.name.as_str());
        unique(place, &field("matrix.params"), "param", names)?;
        let lengths =
            matrix.params.iter().map(|param| if let ParamValue::List(items) = &param.value { items.len() } else { 1 });
        let count: usize = lengths.product();
        if count > MAX_COMBINATIONS {
            return Err(
                place.fault(&field("matrix"), format!("got {count} combinations, expected at most {MAX_COMBINATIONS}"))
            );
        }
    }
    task.task_spec.as_ref().map_or(Ok(()), |spec| task::check(place, &field("taskSpec"), spec, task::Scope::Embedded))
}

fn param_references(place: Place<'_>, path: &str, task: &PipelineTask, specs: &[ParamSpec]) -> Result<(), Error> {
    for text in task_inputs(&task.params, &task.when, task.matrix.as_ref()) {
        for expression in expressions(text) {
            let first = expression.split(['.', '[']).next().unwrap_or_default();
            if !["params", "tasks", "finally", "context", "workspaces", "results"].contains(&first) {
                let message = format!(
                    "`$({expression})` starts with no known word, expected params, tasks, context or workspaces"
                );
                return Err(place.fault(path, message));
            }
            let Some((name, selector)) = param_reference(expression) else { continue };
            let Some(param) = specs.iter().find(|spec| spec.name == name) else {
                if place.root != "spec" {
                    continue;
                }
                let known: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
                let message = format!("`$({expression})` refers to an unknown param, known: {}", listed(&known));
                return Err(place.fault(path, message));
            };
            object_reference(param, selector, expression).map_err(|message| place.fault(path, message))?;
            let is_whole = text.len() == expression.len() + 3;
            if param.kind() == ParamType::Array && matches!(selector, "" | "[*]") && !is_whole {
                return Err(place.fault(path, format!("`$({expression})` is a list in the middle of a text")));
            }
        }
    }
    Ok(())
}

/// Uses of other tasks: they exist, come earlier, and give what is asked of them.
fn task_uses(
    place: Place<'_>,
    path: &str,
    task: &PipelineTask,
    spec: &PipelineSpec,
    is_final: bool,
) -> Result<(), Error> {
    let known: Vec<_> = spec.tasks.iter().map(|task| task.name.as_str()).collect();
    let unknown = |name: &str| format!("got the task `{name}`, expected one of {}", listed(&known));
    for (index, name) in task.run_after.iter().enumerate() {
        if is_final {
            return Err(
                place.fault(&format!("{path}.runAfter"), "a finally task runs after all tasks, expected no runAfter")
            );
        }
        if !known.contains(&name.as_str()) {
            return Err(place.fault(&format!("{path}.runAfter[{index}]"), unknown(name)));
        }
    }
    let texts = || task_inputs(&task.params, &task.when, task.matrix.as_ref());
    if !is_final && texts().any(|text| text.contains("$(tasks.status)")) {
        return Err(place.fault(path, "`$(tasks.status)` is known only to finally tasks"));
    }
    for reference in texts().flat_map(task_references) {
        let Some(used) = spec.tasks.iter().find(|task| task.name == reference.task) else {
            return Err(place.fault(path, unknown(&reference.task)));
        };
        if reference.target == Target::Status && !is_final {
            return Err(place.fault(path, format!("the status of `{}` is known only to finally tasks", used.name)));
        }
        if let (Some(_), Target::Result(name, selector)) = (&used.matrix, &reference.target) {
            if *selector != Selector::Star {
                let message =
                    format!("`{}` has a matrix, expected its result as `$(tasks.{0}.results.{name}[*])`", used.name);
                return Err(place.fault(path, message));
            }
            let result = used.task_spec.iter().flat_map(|spec| &spec.results).find(|result| result.name == *name);
            if result.is_some_and(|result| result.kind != ParamType::String) {
                let message = format!("the result `{name}` of `{}`, which has a matrix, is no string", used.name);
                return Err(place.fault(path, message));
            }
        }
    }
    Ok(())
}

fn cycle(place: Place<'_>, spec: &PipelineSpec) -> Result<(), Error> {
    let mut waits: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for task in &spec.tasks {
        let texts = task_inputs(&task.params, &task.when, task.matrix.as_ref());
        let used =
            texts.flat_map(task_references).filter(|one| matches!(one.target, Target::Result(..))).map(|one| one.task);
        waits.insert(&task.name, task.run_after.iter().cloned().chain(used).collect());
    }
    while let Some(free) =
        waits.iter().find(|(_, on)| on.iter().all(|name| !waits.contains_key(name.as_str()))).map(|(name, _)| *name)
    {
        waits.remove(free);
    }
    if waits.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = waits.into_keys().collect();
    Err(place.fault("tasks", format!("these tasks wait for each other: {}", listed(&names))))
}

fn results(place: Place<'_>, spec: &PipelineSpec) -> Result<(), Error> {
    for (index, result) in spec.results.iter().enumerate() {
        let path = format!("results[{index}].value");
        let texts = result.value.texts();
        let references: Vec<_> = texts.iter().flat_map(|text| task_references(text)).collect();
        let of_results = |reference: &&crate::references::TaskReference| matches!(reference.target, Target::Result(..));
        let Some(first) = references.iter().find(of_results) else {
            return Err(place.fault(&path, "expected a reference such as `$(tasks.<task>.results.<result>)`"));
        };
        if let ParamValue::Text(text) = &result.value
            && !text.starts_with("$(")
        {
            return Err(place.fault(
                &path,
                format!("got text before the reference to `{}`, expected the reference first", first.task),
            ));
        }
        let all = spec.tasks.iter().chain(&spec.finally);
        let known: Vec<_> = all.map(|task| task.name.as_str()).collect();
        if let Some(unknown) = references.iter().find(|reference| !known.contains(&reference.task.as_str())) {
            return Err(
                place.fault(&path, format!("got the task `{}`, expected one of {}", unknown.task, listed(&known)))
            );
        }
    }
    Ok(())
}
