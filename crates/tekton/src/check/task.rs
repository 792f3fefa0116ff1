//! Rules for Tasks, alone and embedded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::{is_param_name, is_result_name, named, unique, unique_by};
use super::uses::Uses;
use super::{quantity, step, texts};
use crate::document::{ParamSpec, ParamType, ParamValue, PropertySpec, Sidecar, TaskResult, TaskSpec};
use crate::lint::Findings;
use crate::lint::rules::{
    CONFLICTING_FIELDS, DEFAULT_TYPE, DUPLICATE_RESULT, FEATURE_FLAG, INVALID_NAME, INVALID_VALUE, MISSING_FIELD,
    MISSING_KEY, MOUNT_PATH, OBJECT_PROPERTIES, PLAIN_SCALAR, RESERVED_NAME, RESULT_SIZE, UNKNOWN_FIELD,
    UNQUOTED_VALUE,
};

/// What the results of one step may take, in bytes.
const MAX_RESULT_BYTES: usize = 4096;

/// What the results of all steps of a Task may take together, in bytes.
const MAX_POD_RESULT_BYTES: usize = 3 * MAX_RESULT_BYTES;

/// What a result takes beside its name and value, in bytes.
const RESULT_FRAME_BYTES: usize = 30;

/// Where a Task stands.
#[derive(Default)]
pub(super) struct Surroundings<'a> {
    /// Params and workspaces of the Pipeline reach it.
    pub(super) is_embedded: bool,
    /// Params that it sees beside its own.
    pub(super) params: BTreeSet<&'a str>,
    /// Workspaces that it sees beside its own.
    pub(super) workspaces: BTreeSet<&'a str>,
}

impl Surroundings<'_> {
    pub(super) fn alone() -> Self {
        Self::default()
    }
}

/// Everything that a Task says about itself.
pub(super) fn check(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec, around: &Surroundings<'_>) {
    if is_custom(findings, path, spec, around) {
        return;
    }
    let field = |name: &str| format!("{path}.{name}");
    params(findings, &field("params"), &spec.params);
    if spec.steps.is_empty() {
        findings
            .add_at_key(&MISSING_FIELD, &field("steps"), "got no steps, expected at least one")
            .hint("add `steps: [{name: ..., image: ..., command: [...]}]`");
    }
    results(findings, &field("results"), &spec.results);
    result_size(findings, &field("results"), spec);
    workspaces(findings, path, spec);
    unique(findings, "volume", named(&field("volumes"), &spec.volumes, |volume| volume.name.as_str()));
    let list = field("steps");
    let steps = named(&list, &spec.steps, |step| step.name.as_deref().unwrap_or_default());
    unique(findings, "step", steps.filter(|(_, name)| !name.is_empty()));
    for (index, sidecar) in spec.sidecars.iter().enumerate() {
        check_sidecar(findings, &field(&format!("sidecars[{index}]")), sidecar);
    }
    step::check_all(findings, path, spec, around);
    if let Some(template) = &spec.step_template {
        let path = field("stepTemplate");
        quantity::check(findings, &format!("{path}.computeResources"), template.compute_resources.as_ref());
        step::check_references(findings, &texts::of_template(&path, template), spec, around, None);
    }
    let uses = Uses::below(findings, path);
    uses.check_params(findings, &field("params"), &spec.params);
    uses.check_task_workspaces(findings, path, spec);
}

/// A custom task, which something else than Tekton checks; reports what cannot stand together.
fn is_custom(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec, around: &Surroundings<'_>) -> bool {
    let fields = [
        ("apiVersion", spec.api_version.is_some()),
        ("kind", spec.kind.is_some()),
        ("spec", spec.spec.is_some()),
        ("metadata", spec.metadata.is_some() && !around.is_embedded),
    ];
    for (name, _) in fields.iter().filter(|(_, is_there)| *is_there) {
        let field = format!("{path}.{name}");
        if !around.is_embedded {
            findings.add_at_key(&UNKNOWN_FIELD, &field, format!("unknown field `{name}`")).hint("remove it");
        } else if !spec.steps.is_empty() {
            let message = format!("got `{name}` together with steps: a custom task has no steps");
            findings.add_at_key(&CONFLICTING_FIELDS, &field, message).hint("remove one of them");
        }
    }
    around.is_embedded && spec.steps.is_empty() && spec.api_version.is_some()
}

/// Names, types and defaults of declared params.
pub(super) fn params(findings: &mut Findings<'_>, path: &str, specs: &[ParamSpec]) {
    unique(findings, "param", named(path, specs, |spec| spec.name.as_str()));
    for (index, spec) in specs.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (kind, is_object) = (spec.kind(), spec.kind() == ParamType::Object);
        if !spec.name.is_empty() && !is_param_name(&spec.name, is_object) {
            let dot = if is_object { "" } else { ", `.`" };
            let message =
                format!("got `{}`, expected letters, digits, `-`, `_`{dot}, a letter or `_` first", spec.name);
            findings.add(&INVALID_NAME, &format!("{path}.name"), message).hint("choose a name such as `source-uri`");
        }
        if is_object {
            properties(findings, &path, "param", &spec.name, spec.properties.as_ref());
        }
        if !spec.allowed.is_empty() {
            let message = "`enum` is refused unless the cluster sets `enable-param-enum`";
            findings
                .add_at_key(&FEATURE_FLAG, &format!("{path}.enum"), message)
                .hint("set the feature flag, or check the value in a step");
            unique(
                findings,
                "value",
                spec.allowed.iter().enumerate().map(|(at, value)| (format!("{path}.enum[{at}]"), value.as_str())),
            );
        }
        let Some(default) = &spec.default else { continue };
        let field = format!("{path}.default");
        value(findings, &field, default);
        if default.kind() != kind {
            let message = format!("got {} as the default, expected {}", default.kind().name(), kind.name());
            findings.add(&DEFAULT_TYPE, &field, message).hint("change the type or the default");
            continue;
        }
        let is_listed = |text: &str| spec.allowed.iter().any(|allowed| allowed == text);
        if let ParamValue::Text(text) = default
            && !spec.allowed.is_empty()
            && !is_listed(text)
        {
            let message = format!("got `{text}` as the default, expected one of the values of `enum`");
            findings.add(&INVALID_VALUE, &field, message).hint("add it to `enum`, or change it");
        }
        let missing = spec.missing_keys(Some(default));
        if !missing.is_empty() {
            let message = format!(
                "the default lacks the declared keys {}: a run that does not give them fails",
                crate::error::listed(&missing)
            );
            findings.add(&MISSING_KEY, &field, message).hint("add them to the default");
        }
    }
}

/// Keys of an object param or result.
fn properties(
    findings: &mut Findings<'_>,
    path: &str,
    what: &str,
    name: &str,
    properties: Option<&BTreeMap<String, PropertySpec>>,
) {
    let Some(properties) = properties else {
        findings
            .add(&OBJECT_PROPERTIES, path, format!("the object {what} `{name}` has no properties, expected its keys"))
            .hint("add `properties: {key: {type: string}}`");
        return;
    };
    for (key, property) in properties {
        let path = format!("{path}.properties.{key}");
        if !is_param_name(key, true) {
            let message = format!("got the key `{key}`, expected letters, digits, `-` and `_`, a letter or `_` first");
            findings.add_at_key(&INVALID_NAME, &path, message).hint("rename it");
        }
        if property.kind != ParamType::String {
            let message = format!("the key `{key}` is of type {}, expected string", property.kind.name());
            findings
                .add(&OBJECT_PROPERTIES, &format!("{path}.type"), message)
                .hint("only texts can stand in an object");
        }
    }
}

/// Reports unquoted values that YAML reads as something else than text.
pub(super) fn value(findings: &mut Findings<'_>, path: &str, value: &ParamValue) {
    let read = match value {
        ParamValue::Text(text) => text.as_str(),
        ParamValue::List(_) | ParamValue::Map(_) => return,
    };
    let written = findings.source().typed_scalar(path).map(str::to_owned);
    let inside = findings.source().typed_below(path);
    if let Some(path) = inside {
        let message = format!("something in this value is not quoted, so that all of it becomes the text `{read}`");
        findings.add(&UNQUOTED_VALUE, &path, message).hint("quote every item");
        return;
    }
    let Some(written) = written else { return };
    let hint = format!("write \"{written}\" if that is meant");
    if written == read {
        findings.add(&PLAIN_SCALAR, path, format!("`{written}` without quotes is no text for YAML")).hint(hint);
        return;
    }
    let message = match written.as_str() {
        "" => "got nothing, which is read as an empty text".to_owned(),
        written => format!("`{written}` without quotes is read as `{read}`"),
    };
    findings.add(&UNQUOTED_VALUE, path, message).hint(hint);
}

fn results(findings: &mut Findings<'_>, path: &str, results: &[TaskResult]) {
    unique_by(findings, &DUPLICATE_RESULT, "result", named(path, results, |result| result.name.as_str()));
    for (index, result) in results.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !result.name.is_empty() && !is_result_name(&result.name) {
            let message = format!(
                "got `{}`, expected letters, digits, `-`, `_` and `.`, a letter or digit at both ends",
                result.name
            );
            findings.add(&INVALID_NAME, &format!("{path}.name"), message).hint("rename it");
        }
        if result.kind == ParamType::Object {
            properties(findings, &path, "result", &result.name, result.properties.as_ref());
        }
    }
}

/// Steps report their results through 4096 bytes each, less when there are many steps.
fn result_size(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec) {
    let limit = (MAX_POD_RESULT_BYTES / spec.steps.len().max(1)).min(MAX_RESULT_BYTES);
    let taken: usize = spec.results.iter().map(|result| result.name.len() + RESULT_FRAME_BYTES).sum();
    if taken > limit / 2 {
        let message = format!(
            "{} results take {taken} bytes before they hold anything, and a step of this Task can report {limit}",
            spec.results.len()
        );
        findings
            .add(&RESULT_SIZE, path, message)
            .hint("write large or many values to a workspace or store, and report where they are");
    }
}

fn workspaces(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec) {
    let list = format!("{path}.workspaces");
    unique(findings, "workspace", named(&list, &spec.workspaces, |workspace| workspace.name.as_str()));
    let mounts = spec.steps.iter().flat_map(|step| &step.volume_mounts);
    let mounts = mounts.chain(spec.step_template.iter().flat_map(|template| &template.volume_mounts));
    let mut taken: BTreeSet<String> = mounts.map(|mount| clean(&mount.mount_path)).collect();
    for (index, workspace) in spec.workspaces.iter().enumerate() {
        let own = workspace.mount_path.as_deref().filter(|path| !path.is_empty());
        let mount_path = own.map_or_else(|| format!("/workspace/{}", workspace.name), clean);
        let is_twin = spec.workspaces[..index].iter().any(|other| other.name == workspace.name);
        if !taken.insert(mount_path.clone()) && !is_twin {
            let message = format!("the path `{mount_path}` is mounted twice");
            findings.add(&MOUNT_PATH, &format!("{list}[{index}].mountPath"), message).hint("choose another mountPath");
        }
    }
}

/// A path without doubled and trailing slashes.
fn clean(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"))
}

fn check_sidecar(findings: &mut Findings<'_>, path: &str, sidecar: &Sidecar) {
    if sidecar.image.as_deref().is_none_or(str::is_empty) {
        findings.add(&MISSING_FIELD, &format!("{path}.image"), "got no image, expected one").hint("add `image`");
    }
    if sidecar.name.as_deref() == Some("tekton-log-results") {
        let message = "the name `tekton-log-results` is Tekton's own";
        findings.add(&RESERVED_NAME, &format!("{path}.name"), message).hint("rename it");
    }
    if sidecar.script.is_some() && !sidecar.command.is_empty() {
        let message = "got script and command, expected one of them";
        findings.add_at_key(&CONFLICTING_FIELDS, &format!("{path}.script"), message).hint("remove one of them");
    }
    quantity::check(findings, &format!("{path}.computeResources"), sidecar.compute_resources.as_ref());
}

/// The text of `name` in a loosely typed value.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
