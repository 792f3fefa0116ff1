//! Rules for the steps of a Task.

use std::collections::{BTreeSet, HashMap};

use super::names::label;
use super::quantity;
use super::task::{self, Surroundings};
use super::texts::{self, Place, Text};
use crate::document::{OnError, ParamSpec, ParamType, ParamValue, Step, StepOnError, TaskSpec};
use crate::error::listed;
use crate::lint::rules::{
    CONFLICTING_FIELDS, INDEX_RANGE, INVALID_REFERENCE, LIST_IN_TEXT, MALFORMED_REFERENCE, MISSING_FIELD,
    OBJECT_IN_TEXT, ODD_SELECTOR, RESERVED_NAME, RESULT_PATH, SCRIPT_INJECTION, STEP_REFERENCE,
    UNDECLARED_SCRIPT_RESULT, UNKNOWN_CONTEXT, UNKNOWN_PARAM, UNKNOWN_PARAM_KEY, UNKNOWN_VOLUME, UNKNOWN_WORKSPACE,
    WORKSPACE_REFERENCE,
};
use crate::lint::{Findings, suggestion};
use crate::references::{bracketed, expressions, param_reference, workspace_reference};

/// What a step may refer to under `context.task` and `context.taskRun`.
const CONTEXT: [(&str, &[&str]); 2] =
    [("context.taskRun.", &["name", "namespace", "uid"]), ("context.task.", &["name", "retry-count"])];

/// What a volume of Tekton's own begins with.
const RESERVED_VOLUME: &str = "tekton-internal-";

/// Checks all steps of a Task.
pub(super) fn check_all(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec, around: &Surroundings<'_>) {
    let has_template_image = spec.step_template.as_ref().is_some_and(|template| template.image.is_some());
    for (index, step) in spec.steps.iter().enumerate() {
        let path = format!("{path}.steps[{index}]");
        if let Some(name) = step.name.as_deref().filter(|name| !name.is_empty() && !name.contains("$(")) {
            label(findings, &format!("{path}.name"), name);
        }
        match &step.action {
            Some(_) => with_action(findings, &path, step),
            None if !has_template_image && step.image.as_deref().is_none_or(str::is_empty) => {
                let message = "got no image, expected one (a plain process ignores it, a cluster does not)";
                findings.add(&MISSING_FIELD, &format!("{path}.image"), message).hint("add `image`");
            }
            None => {}
        }
        if step.action.is_none() && !step.params.is_empty() {
            let message = "got params without ref: only a StepAction takes params";
            findings
                .add_at_key(&CONFLICTING_FIELDS, &format!("{path}.params"), message)
                .hint("declare them in the Task");
        }
        if step.script.as_deref().is_some_and(|script| !script.is_empty()) && !step.command.is_empty() {
            let message = "got script and command, expected one of them";
            findings.add_at_key(&CONFLICTING_FIELDS, &format!("{path}.script"), message).hint("remove one of them");
        }
        for (at, param) in step.params.iter().enumerate() {
            task::value(findings, &format!("{path}.params[{at}].value"), &param.value);
        }
        mounts(findings, &path, step, spec);
        step_workspaces(findings, &path, step, spec);
        quantity::check(findings, &format!("{path}.computeResources"), step.compute_resources.as_ref());
        check_references(findings, &texts::of_step(&path, step), spec, around, Some(index));
    }
}

fn with_action(findings: &mut Findings<'_>, path: &str, step: &Step) {
    let fields = [
        ("image", step.image.is_some()),
        ("command", !step.command.is_empty()),
        ("args", !step.args.is_empty()),
        ("script", step.script.is_some()),
        ("env", !step.env.is_empty()),
        ("volumeMounts", !step.volume_mounts.is_empty()),
        ("results", !step.results.is_empty()),
    ];
    for (name, _) in fields.iter().filter(|(_, is_there)| *is_there) {
        let message = format!("got {name} together with ref: the StepAction brings its own");
        findings.add_at_key(&CONFLICTING_FIELDS, &format!("{path}.{name}"), message).hint("remove one of them");
    }
}

fn mounts(findings: &mut Findings<'_>, path: &str, step: &Step, spec: &TaskSpec) {
    let known: Vec<&str> = spec.volumes.iter().map(|volume| volume.name.as_str()).collect();
    for (index, mount) in step.volume_mounts.iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        if mount.mount_path.starts_with("/tekton/") && !mount.mount_path.starts_with("/tekton/home") {
            let message = format!("got the path `{}`: everything below /tekton/ is Tekton's own", mount.mount_path);
            findings.add(&RESERVED_NAME, &format!("{path}.mountPath"), message).hint("choose another path");
        }
        if mount.name.starts_with(RESERVED_VOLUME) {
            let message = format!("got `{}`: names that begin with `{RESERVED_VOLUME}` are Tekton's own", mount.name);
            findings.add(&RESERVED_NAME, &format!("{path}.name"), message).hint("rename it");
        } else if !known.contains(&mount.name.as_str()) && !mount.name.contains("$(") {
            let message =
                format!("the volume `{}` does not exist, and the run fails; known: {}", mount.name, listed(&known));
            findings.add(&UNKNOWN_VOLUME, &format!("{path}.name"), message).hint(suggestion(
                &mount.name,
                &known,
                "declare it under `volumes`",
            ));
        }
    }
}

fn step_workspaces(findings: &mut Findings<'_>, path: &str, step: &Step, spec: &TaskSpec) {
    let known: Vec<&str> = spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    for (index, workspace) in step.workspaces.iter().enumerate() {
        let name = task::text(workspace, "name");
        if !known.contains(&name) {
            let message = format!("got the workspace `{name}`, expected one of the Task's: {}", listed(&known));
            let hint = suggestion(name, &known, "declare it under `workspaces` of the Task");
            findings.add(&UNKNOWN_WORKSPACE, &format!("{path}.workspaces[{index}].name"), message).hint(hint);
        }
    }
}

/// Checks the references in texts of the step at `index`, or of the template.
pub(super) fn check_references(
    findings: &mut Findings<'_>,
    texts: &[Text<'_>],
    spec: &TaskSpec,
    around: &Surroundings<'_>,
    index: Option<usize>,
) {
    let declared: HashMap<&str, &ParamSpec> = spec.params.iter().map(|param| (param.name.as_str(), param)).collect();
    for text in texts {
        if text.content.contains("$(params.$(") {
            let message = "`$(params.$(...))` is a reference inside a reference, expected a name";
            findings
                .add(&INVALID_REFERENCE, &text.path, message)
                .hint("references are not looked at twice; name the param itself");
            continue;
        }
        for expression in expressions(text.content) {
            if let Some((name, selector)) = param_reference(expression) {
                match declared.get(name) {
                    Some(param) => param_use(findings, text, param, selector, expression),
                    None if around.params.contains(name) => {}
                    None => {
                        unknown_param(findings, text, name, expression, declared.keys().chain(&around.params).copied());
                    }
                }
            } else if expression.starts_with("context.") {
                context(findings, text, expression, around);
            } else if expression.starts_with("results.") || expression.starts_with("results[") {
                result_path(findings, text, expression, spec);
            } else if let Some((name, _)) = workspace_reference(expression) {
                workspace(findings, text, name, expression, spec, around);
            } else if let Some(index) = index {
                step_reference(findings, text, expression, spec, index);
            }
        }
    }
}

/// Reports a reference to a param that is not declared.
pub(super) fn unknown_param<'n>(
    findings: &mut Findings<'_>,
    text: &Text<'_>,
    name: &str,
    expression: &str,
    known: impl Iterator<Item = &'n str>,
) {
    let known: Vec<&str> = known.collect::<BTreeSet<_>>().into_iter().collect();
    let message = format!("`$({expression})` refers to an unknown param, known: {}", listed(&known));
    let hint = suggestion(name, &known, "declare it under `params`");
    findings.add_reference(&UNKNOWN_PARAM, &text.path, expression, message).hint(hint);
}

/// Reports a use of a declared param that does not fit its type.
pub(super) fn param_use(
    findings: &mut Findings<'_>,
    text: &Text<'_>,
    param: &ParamSpec,
    selector: &str,
    expression: &str,
) {
    let name = &param.name;
    let is_whole = text.is_whole(expression);
    let takes_list = is_whole && matches!(text.place, Place::Item | Place::Value);
    let takes_object = is_whole && text.place == Place::Value;
    if text.place == Place::Script {
        let message = format!("the value of `{name}` becomes a part of the program text");
        findings
            .add_reference(&SCRIPT_INJECTION, &text.path, expression, message)
            .hint(format!("hand it over in env: {{name: ..., value: $({expression})}}, and use the variable"));
    }
    match param.kind() {
        ParamType::String if !selector.is_empty() => {
            let message = format!("`$({expression})` stays as it is: `{name}` is a text and has no parts");
            findings
                .add_reference(&ODD_SELECTOR, &text.path, expression, message)
                .hint(format!("write `$(params.{name})`"));
        }
        ParamType::Array if matches!(selector, "" | "[*]") && !takes_list => {
            let message = format!("`$({expression})` is a list in the middle of a text");
            findings
                .add_reference(&LIST_IN_TEXT, &text.path, expression, message)
                .hint(format!("let it stand alone as an item of a list, or take one item: `$(params.{name}[0])`"));
        }
        ParamType::Array if selector.is_empty() => {
            let message = format!("`$({expression})` is a list, which is written with `[*]`");
            findings
                .add_reference(&ODD_SELECTOR, &text.path, expression, message)
                .hint(format!("write `$(params.{name}[*])`"));
        }
        ParamType::Array if selector.starts_with('.') => {
            let message = format!("`$({expression})` stays as it is: `{name}` is a list and has no keys");
            findings
                .add_reference(&ODD_SELECTOR, &text.path, expression, message)
                .hint(format!("write `$(params.{name}[0])`"));
        }
        ParamType::Array => {
            let index =
                selector.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|index| index.parse().ok());
            let length = param.default.as_ref().map_or(0, |default| default.texts().len());
            if let (Some(index), Some(ParamValue::List(_))) = (index, &param.default)
                && length <= index
            {
                let message = format!(
                    "`$({expression})` is past the end of the default, which has {length} items: such a run fails"
                );
                findings
                    .add_reference(&INDEX_RANGE, &text.path, expression, message)
                    .hint("use a lower index, or a longer default");
            }
        }
        ParamType::Object => object_use(findings, text, param, selector, expression, takes_object),
        ParamType::String => {}
    }
}

fn object_use(
    findings: &mut Findings<'_>,
    text: &Text<'_>,
    param: &ParamSpec,
    selector: &str,
    expression: &str,
    takes_object: bool,
) {
    let Some(properties) = &param.properties else { return };
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    match selector.strip_prefix('.') {
        Some(key) if !properties.contains_key(key) => {
            let message = format!("`$({expression})` refers to an unknown key, known: {}", listed(&known));
            let hint = suggestion(key, &known, "declare it under `properties`");
            findings.add_reference(&UNKNOWN_PARAM_KEY, &text.path, expression, message).hint(hint);
        }
        None if selector.is_empty() || (selector == "[*]" && !takes_object) => {
            let message = format!("`$({expression})` is an object, expected one of its keys");
            let key = known.first().copied().unwrap_or("key");
            findings
                .add_reference(&OBJECT_IN_TEXT, &text.path, expression, message)
                .hint(format!("take one of its keys: `$(params.{}.{key})`", param.name));
        }
        _ => {}
    }
}

fn context(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, around: &Surroundings<'_>) {
    for (prefix, known) in CONTEXT {
        if let Some(name) = expression.strip_prefix(prefix) {
            if !known.contains(&name) {
                let message = format!("`$({expression})` does not exist, known: {}", listed(known));
                let hint = suggestion(name, known, "use one of the known variables");
                findings.add_reference(&UNKNOWN_CONTEXT, &text.path, expression, message).hint(hint);
            }
            return;
        }
    }
    if !around.is_embedded {
        let message = format!("`$({expression})` stays as it is: a Task does not see it");
        findings
            .add_reference(&MALFORMED_REFERENCE, &text.path, expression, message)
            .hint("declare a param, and let the Pipeline give it this value");
    }
}

fn result_path(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, spec: &TaskSpec) {
    let Some((name, _)) = bracketed(expression, "results") else { return };
    let known: Vec<&str> = spec.results.iter().map(|result| result.name.as_str()).collect();
    if known.contains(&name) {
        return;
    }
    let hint = suggestion(name, &known, "declare it under `results`");
    let known = listed(&known);
    // Only scripts are looked at on admission.
    if text.place == Place::Script {
        let message = format!("`$({expression})` refers to an unknown result, known: {known}");
        findings.add_reference(&UNDECLARED_SCRIPT_RESULT, &text.path, expression, message).hint(hint);
    } else {
        let message = format!("`$({expression})` stays as it is: the Task has no such result, known: {known}");
        findings.add_reference(&RESULT_PATH, &text.path, expression, message).hint(hint);
    }
}

fn workspace(
    findings: &mut Findings<'_>,
    text: &Text<'_>,
    name: &str,
    expression: &str,
    spec: &TaskSpec,
    around: &Surroundings<'_>,
) {
    let own = spec.workspaces.iter().map(|workspace| workspace.name.as_str());
    let known: Vec<&str> = own.chain(around.workspaces.iter().copied()).collect();
    if !known.contains(&name) {
        let message =
            format!("`$({expression})` stays as it is: there is no such workspace, known: {}", listed(&known));
        let hint = suggestion(name, &known, "declare it under `workspaces`");
        findings.add_reference(&WORKSPACE_REFERENCE, &text.path, expression, message).hint(hint);
    }
}

/// References to other steps, and of a step to its own results.
fn step_reference(findings: &mut Findings<'_>, text: &Text<'_>, expression: &str, spec: &TaskSpec, index: usize) {
    if let Some(name) = expression.strip_prefix("step.results.").and_then(|rest| rest.strip_suffix(".path")) {
        let known: Vec<&str> = spec.steps[index].results.iter().map(|result| result.name.as_str()).collect();
        if !known.contains(&name) && spec.steps[index].action.is_none() {
            let is_refused = text.place == Place::Script && !known.is_empty();
            let rule = if is_refused { &UNDECLARED_SCRIPT_RESULT } else { &RESULT_PATH };
            let message = format!("`$({expression})`: the step has no such result, known: {}", listed(&known));
            let hint = suggestion(name, &known, "declare it under `results` of the step");
            findings.add_reference(rule, &text.path, expression, message).hint(hint);
        }
        return;
    }
    let Some(rest) = expression.strip_prefix("steps.") else { return };
    let Some((name, what)) = rest.split_once('.') else { return };
    let labels: Vec<String> = spec.steps.iter().enumerate().map(|(at, step)| step.label(at)).collect();
    let known: Vec<&str> = labels.iter().map(String::as_str).collect();
    let bare = name.strip_prefix("step-").filter(|_| !known.contains(&name)).unwrap_or(name);
    let Some(at) = known.iter().position(|label| *label == bare) else {
        let message = format!("`$({expression})` stays as it is: there is no such step, known: {}", listed(&known));
        let hint = suggestion(name, &known, "name one of the steps before this one");
        findings.add_reference(&STEP_REFERENCE, &text.path, expression, message).hint(hint);
        return;
    };
    let used = &spec.steps[at];
    let result = what.strip_prefix("results.").map(|rest| rest.split(['.', '[']).next().unwrap_or_default());
    let problem = if at >= index {
        Some("that step does not come before this one".to_owned())
    } else if let Some(result) = result {
        let known: Vec<&str> = used.results.iter().map(|result| result.name.as_str()).collect();
        let is_known = known.contains(&result) || used.action.is_some();
        (!is_known).then(|| format!("that step has no such result, known: {}", listed(&known)))
    } else if what == "exitCode.path" {
        let goes_on = used.on_error.as_ref().is_some_and(|one| *one != StepOnError::Is(OnError::StopAndFail));
        (!goes_on).then(|| "the file is written only when that step fails with `onError: continue`".to_owned())
    } else if ["outputs", "inputs"].contains(&what.split('.').next().unwrap_or_default()) {
        None
    } else {
        Some("expected results.<name> or exitCode.path".to_owned())
    };
    if let Some(problem) = problem {
        findings
            .add_reference(&STEP_REFERENCE, &text.path, expression, format!("`$({expression})`: {problem}"))
            .hint("use what an earlier step of this Task gives");
    }
}
