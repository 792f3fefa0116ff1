//! From a Task to the template of a pod.

use std::collections::BTreeMap;
use std::time::Duration;

use faultline_tekton::document::{GoDuration, OnError, Step, StepOnError, Volume};
use serde_json::{Map, Value, json};

use crate::binding::{Binding, RESULTS};
use crate::document::{Backoff, Container, ContainerSet, Metadata, Parameter, RetryStrategy, Template, ValueFrom};
use crate::error::{Error, Reason};
use crate::model::{Model, Node};
use crate::names;
use crate::options::RetryOn;
use crate::program::program;

/// The volume that results are written to: the root file system may be read-only, and the executor reads volumes.
const RESULTS_VOLUME: &str = "tekton-results";
/// The container whose outputs Argo reads.
const MAIN: &str = "main";
/// The first pause before another attempt, and by what each is longer than the one before.
const BACKOFF: Backoff = Backoff { duration: "10s", factor: "2" };
/// What of a container's security context is the pod's as well, so that Argo's own containers keep to it.
const OF_POD: [&str; 4] = ["runAsGroup", "runAsNonRoot", "runAsUser", "seccompProfile"];

/// The template of a task.
pub(crate) fn template(model: &Model<'_>, node: &Node<'_>, binding: &Binding<'_, '_>) -> Result<Template, Error> {
    check(model, node)?;
    let steps: Vec<Step> = node.spec.steps.iter().map(|step| merged(step, node)).collect();
    let mut containers = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let at = |(field, reason): (&str, Reason)| node.refuse_task(&under(index, field), reason);
        check_step(step, steps.len()).map_err(at)?;
        containers.push(container(model, step, binding, steps.len() == 1).map_err(at)?);
    }
    let has_results = !node.spec.results.is_empty();
    let results_mount = has_results.then(|| json!({"name": RESULTS_VOLUME, "mountPath": RESULTS}));
    let mut template = Template {
        name: node.task.name.clone(),
        metadata: Some(Metadata { labels: labels(model, node), ..Metadata::default() }),
        inputs: binding.inputs.clone().into(),
        outputs: outputs(model, node)?.into(),
        retry_strategy: (node.task.retries > 0).then(|| retry_strategy(model, node.task.retries)),
        active_deadline_seconds: deadline(model, node, &steps)?.map(|seconds| seconds.to_string()),
        service_account_name: service_account(model, node),
        security_context: pod_security(&containers),
        volumes: volumes(node, binding)?,
        ..Template::default()
    };
    if containers.len() > 1 {
        let last = containers.len() - 1;
        let mut before = None;
        for (index, (container, step)) in containers.iter_mut().zip(&steps).enumerate() {
            let name = if index == last { MAIN.to_owned() } else { step_name(step, index) };
            container.dependencies = before.replace(name.clone()).into_iter().collect();
            container.name = Some(name);
        }
        let volume_mounts = results_mount.into_iter().collect();
        template.container_set = Some(ContainerSet { volume_mounts, containers });
    } else if let Some(mut container) = containers.pop() {
        container.volume_mounts.extend(results_mount);
        if container.source.is_some() {
            template.script = Some(container);
        } else {
            template.container = Some(container);
        }
    }
    Ok(template)
}

fn under(index: usize, field: &str) -> String {
    if field.is_empty() { format!("steps[{index}]") } else { format!("steps[{index}].{field}") }
}

/// A name in the set: letters, digits and dashes.
fn step_name(step: &Step, index: usize) -> String {
    let name = step.label(index);
    if name == MAIN { format!("step-{name}") } else { name }
}

/// What of a task has no like in Argo.
fn check(model: &Model<'_>, node: &Node<'_>) -> Result<(), Error> {
    let refused = |field: &str, message: &str, hint: &str| Err(node.refuse_task(field, Reason::new(message, hint)));
    if !node.spec.sidecars.is_empty() {
        return refused("sidecars", "containers beside the steps are not exported", "start what they do as a step");
    }
    if let Some(index) = node.spec.workspaces.iter().position(|workspace| !workspace.optional) {
        let field = format!("workspaces[{index}]");
        return refused(
            &field,
            "workspaces are not exported: who starts a run binds them, which Argo does not know",
            "use artifacts of the object store",
        );
    }
    if !node.task.workspaces.is_empty() {
        let reason = Reason::new("workspaces are not exported", "use artifacts of the object store");
        return Err(node.refuse(model, "workspaces", reason));
    }
    if let Some(index) = node.spec.results.iter().position(|result| result.value.is_some()) {
        return refused(
            &format!("results[{index}].value"),
            "results of steps are not exported",
            "write results of the Task",
        );
    }
    if node.spec.volumes.iter().any(|volume| volume.name == RESULTS_VOLUME) {
        return refused("volumes", "the export has a volume `tekton-results` of its own", "rename the volume");
    }
    if let Some((index, settings)) = model.settings(&node.task.name) {
        let is_more = settings.pod_template.is_some()
            || settings.compute_resources.is_some()
            || settings.metadata.is_some()
            || !settings.step_specs.is_empty()
            || !settings.sidecar_specs.is_empty();
        if is_more {
            let hint = "set them in the Task";
            let reason =
                Reason::new("of what a run sets for a task only timeout and service account are exported", hint);
            return Err(reason.at(model.document, &format!("spec.taskRunSpecs[{index}]")));
        }
    }
    Ok(())
}

/// What of a step has no like in Argo: the field, and why.
fn check_step(step: &Step, count: usize) -> Result<(), (&'static str, Reason)> {
    let fields = [
        (
            "onError",
            matches!(&step.on_error, Some(StepOnError::Is(OnError::Continue) | StepOnError::Text(_))),
            "a failure of a step that is ignored",
        ),
        ("timeout", step.timeout.is_some() && count > 1, "a timeout of one step among others"),
        ("results", !step.results.is_empty(), "results of steps"),
        ("ref", step.action.is_some(), "a StepAction"),
        ("params", !step.params.is_empty(), "params of a StepAction"),
        ("when", !step.when.is_empty(), "conditions of one step"),
        ("workspaces", !step.workspaces.is_empty(), "workspaces of one step"),
        ("stdoutConfig", step.stdout_config.is_some(), "redirected output"),
        ("stderrConfig", step.stderr_config.is_some(), "redirected output"),
    ];
    match fields.into_iter().find(|(_, is_used, _)| *is_used) {
        None => Ok(()),
        Some((field, _, what)) => {
            let message = format!("Argo's containers have nothing like it: {what}");
            Err((field, Reason::new(message, "make the step a Task of its own")))
        }
    }
}

/// The step with the template's fields wherever it has none of its own.
fn merged(step: &Step, node: &Node<'_>) -> Step {
    let template = node.spec.step_template.as_ref();
    let mut merged = step.over(template);
    let Some(template) = template else { return merged };
    let mounts = |path: &str| step.volume_mounts.iter().any(|mount| mount.mount_path == path);
    let inherited = template.volume_mounts.iter().filter(|mount| !mounts(&mount.mount_path)).cloned();
    merged.volume_mounts = inherited.chain(step.volume_mounts.iter().cloned()).collect();
    merged.env_from = template.env_from.iter().chain(&step.env_from).cloned().collect();
    merged.volume_devices = template.volume_devices.iter().chain(&step.volume_devices).cloned().collect();
    merged.image_pull_policy = merged.image_pull_policy.or_else(|| template.image_pull_policy.clone());
    merged.compute_resources = over(merged.compute_resources, template.compute_resources.as_ref());
    merged.security_context = over(merged.security_context, template.security_context.as_ref());
    merged
}

/// An object with the fields of another wherever it has none of its own.
fn over(own: Option<Value>, template: Option<&Value>) -> Option<Value> {
    match (own, template) {
        (Some(Value::Object(mut fields)), Some(Value::Object(inherited))) => {
            for (name, value) in inherited {
                let merged = over(fields.remove(name), Some(value));
                fields.extend(merged.map(|merged| (name.clone(), merged)));
            }
            Some(Value::Object(fields))
        }
        (own, template) => own.or_else(|| template.cloned()),
    }
}

fn container(
    model: &Model<'_>,
    step: &Step,
    binding: &Binding<'_, '_>,
    is_alone: bool,
) -> Result<Container, (&'static str, Reason)> {
    let text = |field: &'static str, text: Option<&String>| {
        text.map(|text| binding.text(text)).transpose().map_err(|reason| (field, reason))
    };
    let image = text("image", step.image.as_ref())?;
    let program = program(step, binding, is_alone)?;
    let mut env = Vec::new();
    for variable in &step.env {
        let mut fields = Map::from_iter([("name".to_owned(), json!(variable.name))]);
        match &variable.value_from {
            Some(from) => {
                fields.insert("valueFrom".to_owned(), texts(from, binding).map_err(|reason| ("env", reason))?)
            }
            None => fields
                .insert("value".to_owned(), json!(binding.text(&variable.value).map_err(|reason| ("env", reason))?)),
        };
        env.push(Value::Object(fields));
    }
    let values = |field: &'static str, values: &[Value]| {
        values
            .iter()
            .map(|value| texts(value, binding))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| (field, reason))
    };
    let value = |field: &'static str, value: Option<&Value>| {
        value.map(|value| texts(value, binding)).transpose().map_err(|reason| (field, reason))
    };
    let mut volume_mounts = Vec::new();
    for mount in &step.volume_mounts {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
        let optional = |text: Option<&String>| text.map(|text| json!(text));
        add("name", Some(json!(mount.name)));
        add("mountPath", Some(json!(mount.mount_path)));
        add("subPath", optional(mount.sub_path.as_ref()));
        add("subPathExpr", optional(mount.sub_path_expr.as_ref()));
        add("readOnly", mount.read_only.map(Value::Bool));
        add("recursiveReadOnly", optional(mount.recursive_read_only.as_ref()));
        add("mountPropagation", optional(mount.mount_propagation.as_ref()));
        let mount = texts(&Value::Object(fields), binding).map_err(|reason| ("volumeMounts", reason))?;
        volume_mounts.push(mount);
    }
    Ok(Container {
        image: image.map(|image| model.options.images.get(&image).cloned().unwrap_or(image)),
        image_pull_policy: step.image_pull_policy.clone(),
        command: program.command,
        args: program.args,
        source: program.source,
        working_dir: text("workingDir", step.working_dir.as_ref())?,
        env,
        env_from: values("envFrom", &step.env_from)?,
        resources: value("computeResources", step.compute_resources.as_ref())?.map(quantities),
        security_context: value("securityContext", step.security_context.as_ref())?,
        volume_mounts,
        volume_devices: values("volumeDevices", &step.volume_devices)?,
        ..Container::default()
    })
}

/// A value with the references of all its texts replaced.
fn texts(value: &Value, binding: &Binding<'_, '_>) -> Result<Value, Reason> {
    Ok(match value {
        Value::String(text) => Value::String(binding.text(text)?),
        Value::Array(items) => items.iter().map(|item| texts(item, binding)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Ok::<_, Reason>((name.clone(), texts(value, binding)?));
            Value::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// Requests and limits, with every quantity as text.
fn quantities(resources: Value) -> Value {
    match resources {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, quantities(value))).collect(),
        Value::Number(number) => Value::String(number.to_string()),
        other => other,
    }
}

/// The labels of the pod: the Task's, and those that Tekton adds, which network policies and logs go by.
fn labels(model: &Model<'_>, node: &Node<'_>) -> BTreeMap<String, String> {
    let mut labels = if node.task_name.is_some() { node.home.labels.clone() } else { BTreeMap::new() };
    labels.insert("tekton.dev/pipeline".to_owned(), model.document.name.clone());
    labels.insert("tekton.dev/pipelineTask".to_owned(), node.task.name.clone());
    labels.extend(node.task_name.map(|name| ("tekton.dev/task".to_owned(), name.to_owned())));
    labels
}

/// What the Task writes. A result that nothing uses may be missing.
fn outputs(model: &Model<'_>, node: &Node<'_>) -> Result<Vec<Parameter>, Error> {
    let used = model.used_results(&node.task.name);
    let mut outputs: Vec<Parameter> = Vec::new();
    for (index, result) in node.spec.results.iter().enumerate() {
        let name = names::parameter(&result.name);
        if outputs.iter().any(|other| other.name == name) {
            let message = format!("two results come to the name `{name}` in Argo, which has no dots in names");
            return Err(node.refuse_task(&format!("results[{index}]"), Reason::new(message, "rename one of them")));
        }
        let default = (!used.contains(&result.name)).then(String::new);
        let value_from =
            ValueFrom { path: Some(format!("{RESULTS}/{}", result.name)), default, ..ValueFrom::default() };
        let description = result.description.clone();
        outputs.push(Parameter { name, description, value_from: Some(value_from), ..Parameter::default() });
    }
    Ok(outputs)
}

fn retry_strategy(model: &Model<'_>, retries: u32) -> RetryStrategy {
    let expression = match model.options.retry_on {
        RetryOn::Any => None,
        RetryOn::ExitCode(code) => Some(format!("asInt(lastRetry.exitCode) == {code}")),
    };
    RetryStrategy { limit: retries.to_string(), retry_policy: "Always", expression, backoff: BACKOFF }
}

/// How long each attempt may take, in seconds. The deadline of the workflow does not bind its exit handler.
fn deadline(model: &Model<'_>, node: &Node<'_>, steps: &[Step]) -> Result<Option<u64>, Error> {
    let of_run = model.settings(&node.task.name).and_then(|(_, settings)| settings.timeout);
    let limit = |timeout: Option<GoDuration>| timeout.and_then(GoDuration::limit);
    let of_step = if let [step] = steps { limit(step.timeout) } else { None };
    let of_finally = model.run.and_then(|run| run.timeouts.finally.or(run.timeouts.pipeline));
    let of_finally = of_finally.map_or(model.options.timeout, GoDuration::limit).filter(|_| node.is_final);
    let limits = [limit(of_run.or(node.task.timeout)), of_step, of_finally];
    let Some(shortest) = limits.into_iter().flatten().min() else { return Ok(None) };
    seconds(shortest).map(Some).map_err(|reason| node.refuse(model, "timeout", reason))
}

/// Whole seconds.
pub(crate) fn seconds(limit: Duration) -> Result<u64, Reason> {
    if limit.subsec_nanos() == 0 {
        return Ok(limit.as_secs());
    }
    Err(Reason::new(format!("got a timeout of {limit:?}, and Argo counts in whole seconds"), "round it up"))
}

fn service_account(model: &Model<'_>, node: &Node<'_>) -> Option<String> {
    let of_run = model.settings(&node.task.name).and_then(|(_, settings)| settings.service_account_name.clone());
    let of_options = || model.options.service_accounts.get(&node.task.name).cloned();
    let of_task = || node.task_name.filter(|_| model.options.account_per_task).map(str::to_owned);
    of_run.or_else(of_options).or_else(of_task)
}

/// What all containers ask for, as the pod's.
fn pod_security(containers: &[Container]) -> Option<Value> {
    let of = |container: &Container, field: &str| container.security_context.as_ref()?.get(field).cloned();
    let (first, others) = containers.split_first()?;
    let shared = OF_POD.into_iter().filter_map(|field| {
        let value = of(first, field)?;
        others.iter().all(|other| of(other, field).as_ref() == Some(&value)).then(|| (field.to_owned(), value))
    });
    let shared: Map<String, Value> = shared.collect();
    (!shared.is_empty()).then_some(Value::Object(shared))
}

fn volumes(node: &Node<'_>, binding: &Binding<'_, '_>) -> Result<Vec<Value>, Error> {
    let mut volumes = Vec::new();
    for (index, volume) in node.spec.volumes.iter().enumerate() {
        let at = |reason| node.refuse_task(&format!("volumes[{index}]"), reason);
        volumes.push(texts(&source(volume).map_err(at)?, binding).map_err(at)?);
    }
    if !node.spec.results.is_empty() {
        volumes.push(json!({"name": RESULTS_VOLUME, "emptyDir": {}}));
    }
    Ok(volumes)
}

fn source(volume: &Volume) -> Result<Value, Reason> {
    let kinds = [
        ("emptyDir", &volume.empty_dir),
        ("configMap", &volume.config_map),
        ("secret", &volume.secret),
        ("projected", &volume.projected),
        ("csi", &volume.csi),
        ("persistentVolumeClaim", &volume.persistent_volume_claim),
    ];
    let found = kinds.into_iter().find_map(|(kind, source)| Some((kind, source.as_ref()?)));
    let (kind, source) = found.ok_or_else(|| {
        let message =
            "got a volume of another kind than emptyDir, configMap, secret, projected, csi or persistentVolumeClaim";
        Reason::new(message, "use one of these")
    })?;
    Ok(Value::Object(Map::from_iter([("name".to_owned(), json!(volume.name)), (kind.to_owned(), source.clone())])))
}

/// Refuses what a `PipelineRun` asks for and Argo has not.
pub(crate) fn check_run(model: &Model<'_>) -> Result<(), Error> {
    let Some(run) = model.run else { return Ok(()) };
    let refused = |field: &str, message: &str, hint: &str| Err(Reason::new(message, hint).at(model.document, field));
    if run.status.is_some() {
        return refused("spec.status", "the run asks not to be started, or to be cut short", "remove the status");
    }
    let of_template = run.task_run_template.as_ref().and_then(Value::as_object);
    if of_template.is_some_and(|fields| fields.keys().any(|field| field != "serviceAccountName")) {
        return refused(
            "spec.taskRunTemplate",
            "of the template only the service account is exported",
            "set it in the Tasks",
        );
    }
    if run.managed_by.is_some() {
        return refused("spec.managedBy", "the run is another controller's", "remove the field");
    }
    Ok(())
}
