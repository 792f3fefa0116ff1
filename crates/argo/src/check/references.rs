//! Every `{{...}}` stands for something that is there when it is looked at.

use std::collections::BTreeSet;

use serde_json::Value;

use super::graph::ancestors;
use super::{Faults, Workflow, expression, list, tasks, text};

/// What is known of every workflow.
const FACTS: [&str; 6] = ["name", "namespace", "uid", "serviceAccountName", "mainEntrypoint", "creationTimestamp"];
/// What is known of it in its exit handler alone.
const AT_EXIT: [&str; 2] = ["status", "failures"];

/// Who is looked at.
#[derive(Clone, Copy)]
struct Place<'v> {
    template: &'v Value,
    /// The task of the graph.
    task: Option<&'v Value>,
    /// Outputs of the graph, which see all of its tasks.
    is_output: bool,
}

pub(super) fn check(faults: &mut Faults, field: &str, template: &Value, workflow: &Workflow<'_>) {
    let alone = Place { template, task: None, is_output: false };
    for (name, value) in template.as_object().into_iter().flatten() {
        match name.as_str() {
            "dag" => {}
            // Its expression is one without braces, over what became of the last attempt.
            "retryStrategy" => retry(faults, field, value),
            "outputs" => walk(faults, &format!("{field}.outputs"), value, Place { is_output: true, ..alone }, workflow),
            _ => walk(faults, &format!("{field}.{name}"), value, alone, workflow),
        }
    }
    for (index, task) in tasks(template).iter().enumerate() {
        let place = Place { task: Some(task), ..alone };
        walk(faults, &format!("{field}.dag.tasks[{index}]"), task, place, workflow);
    }
}

fn retry(faults: &mut Faults, field: &str, strategy: &Value) {
    let Some(text) = strategy["expression"].as_str() else { return };
    let field = format!("{field}.retryStrategy.expression");
    match expression::paths(text) {
        Err(message) => faults.add(field, message),
        Ok(paths) => {
            let known = ["exitCode", "status", "duration", "message"].map(|name| format!("lastRetry.{name}"));
            if let Some(path) = paths.iter().find(|path| !known.contains(path)) {
                faults.add(field, format!("got `{path}`, expected one of {}", known.join(", ")));
            }
        }
    }
}

fn walk(faults: &mut Faults, field: &str, value: &Value, place: Place<'_>, workflow: &Workflow<'_>) {
    match value {
        Value::String(text) => {
            if place.is_output && field.ends_with("valueFrom.expression") {
                check_expression(faults, field, text, place, workflow);
            } else {
                tags(faults, field, text, place, workflow);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(faults, &format!("{field}[{index}]"), item, place, workflow);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(faults, &format!("{field}.{name}"), value, place, workflow);
            }
        }
        _ => {}
    }
}

/// The tags of a text, found as Argo finds them.
fn tags(faults: &mut Faults, field: &str, text: &str, place: Place<'_>, workflow: &Workflow<'_>) {
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once("{{") {
        let Some((tag, after)) = inside.split_once("}}") else {
            faults.add(field, format!("a tag is not closed in `{text}`"));
            return;
        };
        rest = after;
        if let Some(expression) = tag.strip_prefix('=') {
            check_expression(faults, field, expression, place, workflow);
        } else if let Err(message) = resolve(tag, place, workflow) {
            faults.add(field, format!("`{{{{{tag}}}}}`: {message}"));
        }
    }
}

fn check_expression(faults: &mut Faults, field: &str, text: &str, place: Place<'_>, workflow: &Workflow<'_>) {
    if text.contains('?') {
        faults.add(field, format!("`?` in the expression `{text}`, which some versions of Argo take apart wrongly"));
    }
    match expression::paths(text) {
        Err(message) => faults.add(field, message),
        Ok(paths) => {
            for path in paths {
                if let Err(message) = resolve(&path, place, workflow) {
                    faults.add(field, format!("`{path}` in `{text}`: {message}"));
                }
            }
        }
    }
}

/// Whether a path stands for something at this place.
fn resolve(path: &str, place: Place<'_>, workflow: &Workflow<'_>) -> Result<(), String> {
    let parts: Vec<&str> = path.split('.').collect();
    let known = |names: &BTreeSet<&str>, name: &str, what: &str| {
        if names.contains(name) { Ok(()) } else { Err(format!("there is no {what} `{name}`")) }
    };
    match parts[..] {
        ["inputs", "parameters", name] => {
            let inputs = list(&place.template["inputs"]["parameters"]).iter().map(|input| text(&input["name"]));
            known(&inputs.collect(), name, "input")
        }
        ["workflow", "parameters", name] => known(&workflow.arguments, name, "argument of the workflow"),
        ["workflow", "outputs", "parameters", name] => known(&workflow.globals, name, "output of the workflow"),
        ["workflow", fact] if FACTS.contains(&fact) => Ok(()),
        ["workflow", fact] if AT_EXIT.contains(&fact) => {
            let name = text(&place.template["name"]);
            if workflow.on_exit.contains(name) && !workflow.before.contains(name) {
                return Ok(());
            }
            Err("it is known in the exit handler alone".to_owned())
        }
        ["tasks", task, "outputs", "parameters", output] => of_task(task, output, place, workflow),
        ["item"] => item(None, place),
        ["item", name] => item(Some(name), place),
        ["retries"] if place.task.is_none() && place.template.get("retryStrategy").is_some() => Ok(()),
        ["pod", "name"] if place.task.is_none() && place.template.get("dag").is_none() => Ok(()),
        _ => Err("there is no such thing here".to_owned()),
    }
}

/// An output of another task: one that has ended by then.
fn of_task(task: &str, output: &str, place: Place<'_>, workflow: &Workflow<'_>) -> Result<(), String> {
    let all = tasks(place.template);
    let sees = match place.task {
        Some(own) => ancestors(all, text(&own["name"])).contains(task),
        None => place.is_output,
    };
    let found = all.iter().find(|one| text(&one["name"]) == task);
    let Some(found) = found.filter(|_| sees) else {
        return Err(format!("`{task}` is no task that has ended by then"));
    };
    let template = workflow.templates.get(text(&found["template"]));
    let outputs = template.map(|template| list(&template["outputs"]["parameters"])).unwrap_or_default();
    if outputs.iter().any(|one| text(&one["name"]) == output) {
        return Ok(());
    }
    Err(format!("`{task}` has no output `{output}`"))
}

/// The item of a loop: of one that is there, and with that field.
fn item(field: Option<&str>, place: Place<'_>) -> Result<(), String> {
    let task = place.task.ok_or("there is no loop here")?;
    if task.get("withParam").is_some() {
        return Ok(());
    }
    let items = list(&task["withItems"]);
    let fits = |item: &Value| match field {
        Some(field) => item.get(field).is_some(),
        None => !item.is_object(),
    };
    match items.iter().position(|item| !fits(item)) {
        None if !items.is_empty() => Ok(()),
        None => Err("there is no loop here".to_owned()),
        Some(index) => Err(format!("the item {index} of the loop has no such field")),
    }
}
