//! What plain processes do not have: refused by name, never ignored.

use serde_json::Value;

use super::Place;
use crate::document::{PipelineSpec, PipelineTask, TaskSpec};
use crate::error::Error;

pub(super) fn pipeline(place: Place<'_>, spec: &PipelineSpec) -> Result<(), Error> {
    for (list, tasks) in [("tasks", &spec.tasks), ("finally", &spec.finally)] {
        for (index, task) in tasks.iter().enumerate() {
            pipeline_task(place, &format!("{list}[{index}]"), task)?;
        }
    }
    Ok(())
}

fn pipeline_task(place: Place<'_>, path: &str, task: &PipelineTask) -> Result<(), Error> {
    let field = |name: &str| format!("{path}.{name}");
    if task.pipeline_ref.is_some() {
        return Err(place.unsupported(&field("pipelineRef"), "a Pipeline inside a Pipeline"));
    }
    if task.pipeline_spec.is_some() {
        return Err(place.unsupported(&field("pipelineSpec"), "a Pipeline inside a Pipeline"));
    }
    if let Some(reference) = &task.task_ref {
        if reference.resolver.is_some() {
            return Err(
                place.unsupported(&field("taskRef.resolver"), "a resolver; copy the Task into tasks/ beside the file")
            );
        }
        let is_custom = reference.api_version.as_deref().is_some_and(|version| version != "tekton.dev/v1");
        if is_custom || reference.kind.as_deref().is_some_and(|kind| kind != "Task") {
            return Err(place.unsupported(&field("taskRef"), "a custom task"));
        }
    }
    if let Some(index) = task.when.iter().position(|when| when.cel.is_some()) {
        return Err(place.unsupported(&field(&format!("when[{index}].cel")), "CEL; use input, operator and values"));
    }
    if let Some(index) = task.workspaces.iter().position(|binding| binding.sub_path.is_some()) {
        return Err(place.unsupported(&field(&format!("workspaces[{index}].subPath")), "a folder inside a workspace"));
    }
    task.task_spec.as_ref().map_or(Ok(()), |spec| self::task(place, &field("taskSpec"), spec))
}

pub(super) fn task(place: Place<'_>, path: &str, spec: &TaskSpec) -> Result<(), Error> {
    let field = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if !spec.sidecars.is_empty() {
        return Err(place.unsupported(&field("sidecars"), "containers beside the steps"));
    }
    if let Some(index) = spec.volumes.iter().position(|volume| volume.empty_dir.is_none()) {
        return Err(place.unsupported(&field(&format!("volumes[{index}]")), "any volume but emptyDir"));
    }
    for (index, step) in spec.steps.iter().enumerate() {
        let field = |name: &str| field(&format!("steps[{index}].{name}"));
        let uses: [(&str, bool, &str); 8] = [
            ("envFrom", !step.env_from.is_empty(), "environment from a ConfigMap or Secret; name each variable in env"),
            ("volumeDevices", !step.volume_devices.is_empty(), "block devices"),
            ("workspaces", !step.workspaces.is_empty(), "workspaces of one step"),
            ("ref", step.action.is_some(), "a StepAction; write the step out"),
            ("params", !step.params.is_empty(), "params of a StepAction"),
            ("when", !step.when.is_empty(), "conditions of one step"),
            ("stdoutConfig", step.stdout_config.is_some(), "redirected output"),
            ("stderrConfig", step.stderr_config.is_some(), "redirected output"),
        ];
        if let Some((name, _, what)) = uses.iter().find(|(_, is_used, _)| *is_used) {
            return Err(place.unsupported(&field(name), what));
        }
        let of_template = spec.step_template.as_ref().map_or(0, |template| template.command.len());
        if step.command.len() + of_template == 0 && step.script.is_none() {
            return Err(
                place.unsupported(&field("command"), "a step without command and script, which takes the image's own")
            );
        }
        let needs_cluster = |value: &Option<Value>| {
            let fields = value.as_ref().and_then(Value::as_object);
            fields.is_some_and(|source| {
                source
                    .get("secretKeyRef")
                    .or_else(|| source.get("configMapKeyRef"))
                    .is_none_or(|key| key["optional"] != true)
            })
        };
        if let Some(at) = step.env.iter().position(|var| needs_cluster(&var.value_from)) {
            let what = "a value from the cluster; mark the secretKeyRef or configMapKeyRef `optional: true` and set the variable yourself";
            return Err(place.unsupported(&field(&format!("env[{at}].valueFrom")), what));
        }
    }
    Ok(())
}
