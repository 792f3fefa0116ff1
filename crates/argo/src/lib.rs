#![doc = include_str!("../README.md")]

mod binding;
mod calls;
pub mod check;
mod content;
pub mod document;
mod error;
mod fan_out;
mod graph;
mod model;
mod names;
mod options;
mod pod;
mod program;
mod results;
mod scope;
mod when;
mod yaml;

use std::collections::BTreeMap;

use faultline_tekton::document::{GoDuration, ParamType, ParamValue};
use faultline_tekton::{Catalog, Entry, ParamSpec};
use serde_json::Value;

pub use check::check;
pub use error::Error;
pub use options::{Options, RetryOn};
pub use yaml::to_yaml;

use document::{Executor, Metadata, Parameter, Template, WorkflowSpec, WorkflowTemplate};
use error::Reason;
use model::Model;
use scope::PipelineNames;

/// The annotation under which Argo shows what a workflow is for.
const DESCRIPTION: &str = "workflows.argoproj.io/description";

/// The `WorkflowTemplate` that does what the Pipeline does.
///
/// # Errors
///
/// [`Error::Tekton`] when a Task is missing or one that a cluster would not admit; [`Error::Refused`] when Argo has nothing that does the
/// same as some part of the Pipeline.
pub fn export(catalog: &Catalog, entry: Entry<'_>, options: &Options) -> Result<WorkflowTemplate, Error> {
    let model = Model::new(catalog, entry, options)?;
    pod::check_run(&model)?;
    check_workspaces(&model)?;
    let (tasks, mut templates) = graph::tasks(&model)?;
    let (finals, of_finals) = graph::finals(&model)?;
    templates.extend(of_finals);
    let entrypoint = free_name("tasks", &templates);
    let on_exit = (!finals.tasks.is_empty()).then(|| free_name("finally", &templates));
    let outputs = results::outputs(&model)?.into();
    let handler = on_exit.clone().map(|name| Template { name, dag: Some(finals), ..Template::default() });
    let graph = Template { name: entrypoint.clone(), outputs, dag: Some(tasks), ..Template::default() };
    let exported = WorkflowTemplate {
        api_version: "argoproj.io/v1alpha1",
        kind: "WorkflowTemplate",
        metadata: Metadata {
            name: Some(model.document.name.clone()),
            labels: model.document.labels.clone(),
            annotations: annotations(&model),
        },
        spec: WorkflowSpec {
            entrypoint,
            on_exit,
            active_deadline_seconds: deadline(&model)?,
            arguments: arguments(&model)?.into(),
            service_account_name: account_of_run(&model),
            automount_service_account_token: options.executor_account.as_ref().map(|_| false),
            executor: options.executor_account.clone().map(|service_account_name| Executor { service_account_name }),
            templates: [graph].into_iter().chain(handler).chain(templates).collect(),
        },
    };
    let fault =
        serde_json::to_value(&exported).map(|value| check(&value).into_iter().next().map(|fault| fault.to_string()));
    match fault.unwrap_or_else(|error| Some(error.to_string())) {
        Some(fault) => Err(Error::Unsound { pipeline: model.document.name.clone(), fault }),
        None => Ok(exported),
    }
}

/// The document as JSON.
///
/// # Errors
///
/// When it cannot be printed, which no document that [`export`] makes is.
pub fn to_json(template: &WorkflowTemplate) -> Result<Value, serde_json::Error> {
    serde_json::to_value(template)
}

/// Refuses workspaces that a run must bind.
fn check_workspaces(model: &Model<'_>) -> Result<(), Error> {
    match model.spec.workspaces.iter().position(|workspace| !workspace.optional) {
        None => Ok(()),
        Some(index) => {
            let message = "workspaces are not exported: who starts a run binds them, which Argo does not know";
            let reason = Reason::new(message, "use artifacts of the object store");
            Err(reason.at(model.document, &model.field(&format!("workspaces[{index}]"))))
        }
    }
}

/// A name that no template has.
fn free_name(wanted: &str, templates: &[Template]) -> String {
    let mut name = wanted.to_owned();
    while templates.iter().any(|template| template.name == name) {
        name.push_str("-graph");
    }
    name
}

fn annotations(model: &Model<'_>) -> BTreeMap<String, String> {
    let description = model.spec.description.as_ref().map(|text| (DESCRIPTION.to_owned(), text.trim().to_owned()));
    description.into_iter().collect()
}

/// How long the tasks may take. The deadline of a workflow does not bind its exit handler, as Tekton's of the tasks does not bind `finally`.
fn deadline(model: &Model<'_>) -> Result<Option<u64>, Error> {
    let timeouts = model.run.map(|run| run.timeouts).unwrap_or_default();
    let whole = timeouts.pipeline.map_or(model.options.timeout, GoDuration::limit);
    let of_finally = timeouts.finally.and_then(GoDuration::limit).unwrap_or_default();
    let limit = match timeouts.tasks {
        Some(tasks) => tasks.limit(),
        None => whole.map(|whole| whole.saturating_sub(of_finally)),
    };
    limit.map(pod::seconds).transpose().map_err(|reason| reason.at(model.document, "spec.timeouts"))
}

/// The account of all pods that have none of their own.
fn account_of_run(model: &Model<'_>) -> Option<String> {
    let template = model.run?.task_run_template.as_ref()?;
    template.get("serviceAccountName")?.as_str().map(str::to_owned)
}

/// What the workflow is given: the Pipeline's params. A list or an object is JSON.
fn arguments(model: &Model<'_>) -> Result<Vec<Parameter>, Error> {
    let mut arguments: Vec<Parameter> = Vec::new();
    for (index, spec) in model.spec.params.iter().enumerate() {
        let field = model.field(&format!("params[{index}]"));
        let at = |reason: Reason| reason.at(model.document, &field);
        let name = names::parameter(&spec.name);
        if arguments.iter().any(|other| other.name == name) {
            let message = format!("two params come to the name `{name}` in Argo, which has no dots in names");
            return Err(at(Reason::new(message, "rename one of them")));
        }
        let given = model.run.and_then(|run| run.params.iter().find(|param| param.name == spec.name));
        let value = given.map(|param| &param.value).or(spec.default.as_ref());
        let value = value.map(|value| argument(model, spec, value)).transpose().map_err(at)?;
        let (description, allowed) = (spec.description.clone(), spec.allowed.clone());
        arguments.push(Parameter { name, description, allowed, value, ..Parameter::default() });
    }
    Ok(arguments)
}

fn argument(model: &Model<'_>, spec: &ParamSpec, value: &ParamValue) -> Result<String, Reason> {
    if value.kind() != spec.kind() {
        let message = format!("got {} for `{}`, expected {}", value.kind().name(), spec.name, spec.kind().name());
        return Err(Reason::new(message, "correct the value, or the type of the param"));
    }
    let names = PipelineNames { model, is_final: false, retries: None };
    let text = |text: &str| {
        let content = names.text(text)?;
        let known = content.as_text().map(str::to_owned).ok_or_else(|| {
            let message = format!("the value of `{}` builds on another: Argo does not look into arguments", spec.name);
            Reason::new(message, "write the value, or join the two where they are used")
        })?;
        content::literal(&known)?;
        Ok(known)
    };
    let json = |value: Value| value.to_string();
    match value {
        ParamValue::Text(value) => text(value),
        ParamValue::List(items) => {
            let items: Vec<String> = items.iter().map(|item| text(item)).collect::<Result<_, _>>()?;
            Ok(json(items.into()))
        }
        ParamValue::Map(entries) => {
            let entry = |(key, value): (&String, &String)| Ok::<_, Reason>((key.clone(), Value::String(text(value)?)));
            let mut keys = match &spec.default {
                Some(ParamValue::Map(defaults)) if spec.kind() == ParamType::Object => {
                    defaults.iter().map(entry).collect::<Result<serde_json::Map<_, _>, Reason>>()?
                }
                _ => serde_json::Map::new(),
            };
            keys.extend(entries.iter().map(entry).collect::<Result<Vec<_>, Reason>>()?);
            Ok(json(Value::Object(keys)))
        }
    }
}
