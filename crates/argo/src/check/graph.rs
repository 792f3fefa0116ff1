//! The tasks of a graph: who waits for whom, what they run and what they hand it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Faults, Workflow, expression, is_name, list, tasks, text};

/// What can become of a task, as conditions name it.
const RESULTS: [&str; 8] =
    ["Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"];

pub(super) fn check(faults: &mut Faults, field: &str, template: &Value, workflow: &Workflow<'_>) {
    let Some(dag) = template.get("dag") else { return };
    let field = format!("{field}.dag.tasks");
    let tasks = list(&dag["tasks"]);
    if tasks.is_empty() {
        faults.add(&field, "got no tasks");
    }
    let names = faults.names(&field, tasks, is_name);
    let uses_depends = tasks.iter().any(|task| task.get("depends").is_some());
    for (index, task) in tasks.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let name = text(&task["name"]);
        let parents = parents(task);
        for parent in parents.iter().filter(|parent| !names.contains(**parent)) {
            faults.add(&field, format!("`{name}` waits for `{parent}`, which is no task of the graph"));
        }
        let is_in_graph = !parents.is_empty() || tasks.iter().any(|other| self::parents(other).contains(name));
        if is_in_graph && name.starts_with(|c: char| c.is_ascii_digit()) {
            faults.add(format!("{field}.name"), "a task with dependencies begins with no digit");
        }
        if uses_depends && (task.get("dependencies").is_some() || task.get("continueOn").is_some()) {
            faults.add(&field, "`dependencies` or `continueOn` in a graph with `depends`");
        }
        if let Some(condition) = task["depends"].as_str()
            && let Err(message) = condition_of(condition)
        {
            faults.add(format!("{field}.depends"), message);
        }
        loops(faults, &field, task);
        call(faults, &field, task, workflow);
    }
    if let Some(name) = cycle(tasks) {
        faults.add(&field, format!("`{name}` waits for itself"));
    }
}

/// At most one loop, over something.
fn loops(faults: &mut Faults, field: &str, task: &Value) {
    let loops: Vec<&str> =
        ["withItems", "withParam", "withSequence"].into_iter().filter(|one| task.get(one).is_some()).collect();
    if loops.len() > 1 {
        faults.add(field, format!("got {}, expected one loop", loops.join(" and ")));
    }
    if task.get("withItems").is_some_and(|items| list(items).is_empty()) {
        faults.add(format!("{field}.withItems"), "got no items");
    }
}

/// The template is there, and is handed what it takes.
fn call(faults: &mut Faults, field: &str, task: &Value, workflow: &Workflow<'_>) {
    let name = text(&task["template"]);
    let Some(template) = workflow.templates.get(name) else {
        faults.add(format!("{field}.template"), format!("got `{name}`, expected one of the templates"));
        return;
    };
    let arguments = list(&task["arguments"]["parameters"]);
    let given = faults.names(&format!("{field}.arguments.parameters"), arguments, super::is_parameter);
    for (index, argument) in arguments.iter().enumerate().filter(|(_, argument)| argument["value"].as_str().is_none()) {
        let at = format!("{field}.arguments.parameters[{index}].value");
        faults.add(at, format!("got {}, expected a text", argument["value"]));
    }
    let inputs = list(&template["inputs"]["parameters"]);
    for argument in given.iter().filter(|name| !inputs.iter().any(|input| text(&input["name"]) == **name)) {
        faults
            .add(format!("{field}.arguments"), format!("got `{argument}`, which the template `{name}` does not take"));
    }
    let is_open = |input: &&Value| input.get("default").is_none() && input.get("value").is_none();
    for input in inputs.iter().filter(is_open).map(|input| text(&input["name"])) {
        if !given.contains(input) {
            faults.add(
                format!("{field}.arguments"),
                format!("no value for `{input}`, which the template `{name}` requires"),
            );
        }
    }
}

/// The tasks that a task waits for.
pub(super) fn parents(task: &Value) -> BTreeSet<&str> {
    let named = list(&task["dependencies"]).iter().map(text);
    let in_condition = task["depends"].as_str().map(names_of).unwrap_or_default();
    named.chain(in_condition).collect()
}

/// The names in a condition.
fn names_of(condition: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let words = condition.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    words.map(|word| word.split('.').next().unwrap_or(word)).collect()
}

/// The condition is made of results of tasks, `&&`, `||`, `!` and parentheses.
fn condition_of(condition: &str) -> Result<(), String> {
    let operand = |word: &str| match word.split_once('.') {
        Some((_, result)) if RESULTS.contains(&result) => Ok(()),
        Some((_, result)) => Err(format!("got the result `{result}`, expected one of {}", RESULTS.join(", "))),
        None => Ok(()),
    };
    expression::boolean(condition, &operand)
}

/// All tasks that a task waits for, directly or through others.
pub(super) fn ancestors<'v>(tasks: &'v [Value], name: &str) -> BTreeSet<&'v str> {
    let by_name: BTreeMap<&str, &'v Value> = tasks.iter().map(|task| (text(&task["name"]), task)).collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<&'v str> =
        by_name.get(name).copied().map(|task| parents(task).into_iter().collect()).unwrap_or_default();
    while let Some(parent) = open.pop() {
        if found.insert(parent) {
            open.extend(by_name.get(parent).copied().map(parents).unwrap_or_default());
        }
    }
    found
}

fn cycle(tasks: &[Value]) -> Option<&str> {
    tasks.iter().map(|task| text(&task["name"])).find(|name| ancestors(tasks, name).contains(name))
}

/// No template runs itself.
pub(super) fn check_recursion(faults: &mut Faults, workflow: &Workflow<'_>) {
    for (name, template) in &workflow.templates {
        let (mut seen, mut open) = (BTreeSet::new(), vec![*template]);
        while let Some(template) = open.pop() {
            for called in tasks(template).iter().map(|task| text(&task["template"])) {
                if called == *name {
                    faults.add("spec.templates", format!("the template `{name}` runs itself"));
                    return;
                }
                if seen.insert(called) {
                    open.extend(workflow.templates.get(called));
                }
            }
        }
    }
}
