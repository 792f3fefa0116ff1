//! Rules for Tasks.

use std::collections::{BTreeSet, HashMap};

use super::{Place, is_label};
use crate::document::{ParamSpec, ParamType, Step, TaskSpec};
use crate::error::{Error, listed};
use crate::references::{expressions, param_reference};
use crate::substitute::step_texts;

/// What a Task may refer to beside its own params.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// It stands alone: everything it uses is declared in it.
    Alone,
    /// It stands in a Pipeline, whose params reach it.
    Embedded,
}

pub(super) fn check(place: Place<'_>, path: &str, spec: &TaskSpec, scope: Scope) -> Result<(), Error> {
    let field = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    params(place, &field("params"), &spec.params)?;
    if spec.steps.is_empty() {
        return Err(place.fault(&field("steps"), "got no steps, expected at least one"));
    }
    for (index, result) in spec.results.iter().enumerate() {
        if result.kind == ParamType::Object && result.properties.is_none() {
            let message = format!("the object result `{}` has no properties, expected its keys", result.name);
            return Err(place.fault(&field(&format!("results[{index}]")), message));
        }
    }
    unique(place, &field("workspaces"), "workspace", spec.workspaces.iter().map(|workspace| workspace.name.as_str()))?;
    unique(place, &field("volumes"), "volume", spec.volumes.iter().map(|volume| volume.name.as_str()))?;
    let named = spec.steps.iter().filter_map(|step| step.name.as_deref()).filter(|name| !name.is_empty());
    unique(place, &field("steps"), "step", named)?;
    if let Some(index) = spec.sidecars.iter().position(|sidecar| sidecar["image"].as_str().is_none_or(str::is_empty)) {
        return Err(place.fault(&field(&format!("sidecars[{index}]")), "got no image, expected one"));
    }
    let has_template_image = spec.step_template.as_ref().is_some_and(|template| template.image.is_some());
    for (index, step) in spec.steps.iter().enumerate() {
        let path = field(&format!("steps[{index}]"));
        if let Some(name) = step.name.as_deref().filter(|name| !name.is_empty() && !is_label(name)) {
            return Err(place.fault(&format!("{path}.name"), not_a_label(name)));
        }
        if step.image.is_none() && step.action.is_none() && !has_template_image {
            return Err(
                place.fault(&path, "got no image, expected one (a plain process ignores it, a cluster does not)")
            );
        }
        if step.script.is_some() && !step.command.is_empty() {
            return Err(place.fault(&format!("{path}.script"), "got script and command, expected one of them"));
        }
        references(place, &path, step, spec, scope)?;
    }
    Ok(())
}

/// Names, types and defaults of declared params.
pub(super) fn params(place: Place<'_>, path: &str, specs: &[ParamSpec]) -> Result<(), Error> {
    unique(place, path, "param", specs.iter().map(|spec| spec.name.as_str()))?;
    for (index, spec) in specs.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !is_param_name(&spec.name) {
            let message = format!(
                "got `{}`, expected letters, digits, `-`, `_` and `.`, starting with a letter or `_`",
                spec.name
            );
            return Err(place.fault(&format!("{path}.name"), message));
        }
        if spec.kind() == ParamType::Object && spec.properties.is_none() {
            let message = format!("the object param `{}` has no properties, expected its keys", spec.name);
            return Err(place.fault(&path, message));
        }
        if let Some(default) = spec.default.as_ref().filter(|default| default.kind() != spec.kind()) {
            let message = format!("got {} as the default, expected {}", default.kind().name(), spec.kind().name());
            return Err(place.fault(&format!("{path}.default"), message));
        }
    }
    Ok(())
}

/// References of a step to params and to the context.
fn references(place: Place<'_>, path: &str, step: &Step, spec: &TaskSpec, scope: Scope) -> Result<(), Error> {
    let declared: HashMap<&str, &ParamSpec> = spec.params.iter().map(|param| (param.name.as_str(), param)).collect();
    for text in step_texts(step) {
        if text.contains("$(params.$(") {
            return Err(place.fault(path, "`$(params.$(...))` is a reference inside a reference, expected a name"));
        }
        for expression in expressions(text) {
            if let Some((name, selector)) = param_reference(expression) {
                match declared.get(name) {
                    Some(param) => {
                        object_reference(param, selector, expression).map_err(|message| place.fault(path, message))?;
                    }
                    None if scope == Scope::Alone => {
                        let known: Vec<_> = spec.params.iter().map(|param| param.name.as_str()).collect();
                        let message =
                            format!("`$({expression})` refers to an unknown param, known: {}", listed(&known));
                        return Err(place.fault(path, message));
                    }
                    None => {}
                }
            }
            if let Some(name) =
                expression.strip_prefix("context.task.").filter(|name| !["name", "retry-count"].contains(name))
            {
                let message = format!("`$(context.task.{name})` does not exist, known: name, retry-count");
                return Err(place.fault(path, message));
            }
        }
    }
    Ok(())
}

/// What is wrong with a reference to an object: whole in a text, or to a key that it does not declare.
pub(super) fn object_reference(param: &ParamSpec, selector: &str, expression: &str) -> Result<(), String> {
    let Some(properties) = param.properties.as_ref().filter(|_| param.kind() == ParamType::Object) else {
        return Ok(());
    };
    if selector.is_empty() {
        return Err(format!("`$({expression})` is an object, expected one of its keys"));
    }
    let known: Vec<_> = properties.keys().collect();
    match selector.strip_prefix('.') {
        Some(key) if !properties.contains_key(key) => {
            Err(format!("`$({expression})` refers to an unknown key, known: {}", listed(&known)))
        }
        _ => Ok(()),
    }
}

/// Refuses a name that stands twice in a list, and an empty one.
pub(super) fn unique<'a>(
    place: Place<'_>,
    path: &str,
    what: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        if name.is_empty() {
            return Err(place.fault(&format!("{path}[{index}]"), format!("got a {what} without a name")));
        }
        if !seen.insert(name) {
            return Err(place.fault(&format!("{path}[{index}]"), format!("the {what} `{name}` stands here twice")));
        }
    }
    Ok(())
}

pub(super) fn not_a_label(name: &str) -> String {
    format!("got `{name}`, expected at most 63 lower-case letters, digits and `-`")
}

fn is_param_name(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_inner)
}
