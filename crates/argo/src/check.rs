//! What holds a `WorkflowTemplate` together, beyond its schema: names, references, the graph.
//!
//! Argo finds much of this only when a workflow is submitted, or when it comes to the task.

mod expression;
mod graph;
mod references;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `spec.templates[1].dag.tasks[0].template`.
    pub field: String,
    /// What was got and what was expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All faults of a document, in its order.
#[must_use]
pub fn check(document: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    for (field, expected) in [("apiVersion", "argoproj.io/v1alpha1"), ("kind", "WorkflowTemplate")] {
        if document[field] != expected {
            faults.add(field, format!("got {}, expected {expected}", document[field]));
        }
    }
    let name = text(&document["metadata"]["name"]);
    if !is_subdomain(name) {
        faults.add("metadata.name", format!("got `{name}`, expected lower-case letters, digits, `-` and `.`"));
    }
    let workflow = Workflow::new(&document["spec"]);
    workflow.check(&mut faults);
    faults.0
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault { field: field.into(), message: message.into() });
    }

    /// Names of a list: each is valid and stands once.
    pub(crate) fn names<'v>(
        &mut self,
        field: &str,
        items: &'v [Value],
        is_valid: fn(&str) -> bool,
    ) -> BTreeSet<&'v str> {
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let name = text(&item["name"]);
            if !is_valid(name) {
                self.add(format!("{field}[{index}].name"), format!("got `{name}`, which is no valid name"));
            }
            if !seen.insert(name) {
                self.add(format!("{field}[{index}].name"), format!("`{name}` stands here twice"));
            }
        }
        seen
    }
}

/// A workflow, and what in it can be referred to.
pub(crate) struct Workflow<'v> {
    spec: &'v Value,
    pub(crate) arguments: BTreeSet<&'v str>,
    pub(crate) templates: BTreeMap<&'v str, &'v Value>,
    /// Templates that are run before the exit handler, and by it.
    pub(crate) before: BTreeSet<&'v str>,
    pub(crate) on_exit: BTreeSet<&'v str>,
    /// Names under which outputs are known to the whole workflow.
    pub(crate) globals: BTreeSet<&'v str>,
}

impl<'v> Workflow<'v> {
    fn new(spec: &'v Value) -> Self {
        let templates: BTreeMap<_, _> =
            list(&spec["templates"]).iter().map(|template| (text(&template["name"]), template)).collect();
        let outputs = templates.values().copied().flat_map(|template| list(&template["outputs"]["parameters"]));
        Self {
            spec,
            arguments: list(&spec["arguments"]["parameters"]).iter().map(|one| text(&one["name"])).collect(),
            before: reached(&templates, spec["entrypoint"].as_str()),
            on_exit: reached(&templates, spec["onExit"].as_str()),
            globals: outputs.filter_map(|output| output["globalName"].as_str()).collect(),
            templates,
        }
    }

    fn check(&self, faults: &mut Faults) {
        let spec = self.spec;
        faults.names("spec.arguments.parameters", list(&spec["arguments"]["parameters"]), is_parameter);
        for (index, argument) in list(&spec["arguments"]["parameters"]).iter().enumerate() {
            let allowed = list(&argument["enum"]);
            if !allowed.is_empty() && !argument["value"].is_null() && !allowed.contains(&argument["value"]) {
                let message = format!("got {}, which is not among the values allowed", argument["value"]);
                faults.add(format!("spec.arguments.parameters[{index}].value"), message);
            }
        }
        faults.names("spec.templates", list(&spec["templates"]), is_name);
        for (field, is_required) in [("entrypoint", true), ("onExit", false)] {
            let name = spec[field].as_str();
            if name.map_or(is_required, |name| !self.templates.contains_key(name)) {
                faults.add(format!("spec.{field}"), format!("got {}, expected one of the templates", spec[field]));
            }
        }
        if spec["automountServiceAccountToken"] == false && text(&spec["executor"]["serviceAccountName"]).is_empty() {
            faults.add("spec.executor.serviceAccountName", "pods have no token, and nobody else reports for them");
        }
        if let Some(seconds) = spec.get("activeDeadlineSeconds").filter(|value| value.as_u64().is_none_or(|n| n == 0)) {
            faults.add("spec.activeDeadlineSeconds", format!("got {seconds}, expected a number above 0"));
        }
        for (index, template) in list(&spec["templates"]).iter().enumerate() {
            let field = format!("spec.templates[{index}]");
            let name = text(&template["name"]);
            if !self.before.contains(name) && !self.on_exit.contains(name) {
                faults.add(&field, format!("nothing runs the template `{name}`"));
            }
            template::check(faults, &field, template);
            graph::check(faults, &field, template, self);
            references::check(faults, &field, template, self);
        }
        graph::check_recursion(faults, self);
    }
}

/// The templates that `start` runs, itself among them.
fn reached<'v>(templates: &BTreeMap<&'v str, &'v Value>, start: Option<&'v str>) -> BTreeSet<&'v str> {
    let (mut reached, mut open) = (BTreeSet::new(), Vec::from_iter(start));
    while let Some(name) = open.pop() {
        if let Some(template) = templates.get(name).copied().filter(|_| reached.insert(name)) {
            open.extend(tasks(template).iter().map(|task| text(&task["template"])));
        }
    }
    reached
}

/// The tasks of a graph.
pub(crate) fn tasks(template: &Value) -> &[Value] {
    list(&template["dag"]["tasks"])
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The name of a template or a task.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The name of a parameter.
pub(crate) fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_subdomain(name: &str) -> bool {
    let is_part = |part: &str| is_name(part) && !part.ends_with('-') && !part.chars().any(|c| c.is_ascii_uppercase());
    name.len() <= 253 && name.split('.').all(is_part)
}
