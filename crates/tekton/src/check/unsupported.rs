//! What plain processes do not have: named, never ignored.

use serde_json::Value;

use crate::document::{PipelineRunSpec, PipelineSpec, PipelineTask, Step, TaskRef, TaskSpec, VolumeMount};
use crate::lint::Findings;
use crate::lint::rules::UNSUPPORTED_LOCALLY;

/// Where a container has its temporary files.
const TEMPORARY_FILES: &str = "/tmp";

/// What the linter says after each of these.
const HINT: &str = "a cluster runs it; `faultline run` does not";

fn report(findings: &mut Findings<'_>, path: &str, what: &str) {
    findings.add_at_key(&UNSUPPORTED_LOCALLY, path, format!("unsupported: {what}")).hint(HINT);
}

pub(super) fn run(findings: &mut Findings<'_>, spec: &PipelineRunSpec) {
    if spec.pipeline_ref.as_ref().is_some_and(|reference| reference.resolver.is_some()) {
        report(findings, "spec.pipelineRef.resolver", "a resolver; put the Pipeline into the same file");
    }
    for (index, _) in spec.workspaces.iter().enumerate().filter(|(_, workspace)| workspace.empty_dir.is_none()) {
        report(findings, &format!("spec.workspaces[{index}]"), "any workspace but emptyDir");
    }
}

pub(super) fn pipeline(findings: &mut Findings<'_>, path: &str, spec: &PipelineSpec) {
    for (list, tasks) in [("tasks", &spec.tasks), ("finally", &spec.finally)] {
        for (index, task) in tasks.iter().enumerate() {
            pipeline_task(findings, &format!("{path}.{list}[{index}]"), task);
        }
    }
}

fn pipeline_task(findings: &mut Findings<'_>, path: &str, task: &PipelineTask) {
    let field = |name: &str| format!("{path}.{name}");
    for (name, is_there) in
        [("pipelineRef", task.pipeline_ref.is_some()), ("pipelineSpec", task.pipeline_spec.is_some())]
    {
        if is_there {
            report(findings, &field(name), "a Pipeline inside a Pipeline");
        }
    }
    if let Some(reference) = &task.task_ref {
        task_ref(findings, &field("taskRef"), reference);
    }
    for (index, _) in task.when.iter().enumerate().filter(|(_, when)| when.cel.is_some()) {
        report(findings, &field(&format!("when[{index}].cel")), "CEL; use input, operator and values");
    }
    if let Some(spec) = &task.task_spec {
        self::task(findings, &field("taskSpec"), spec);
    }
}

fn task_ref(findings: &mut Findings<'_>, path: &str, reference: &TaskRef) {
    if reference.resolver.is_some() {
        report(findings, &format!("{path}.resolver"), "a resolver; copy the Task into tasks/ beside the file");
    }
    let is_custom = reference.api_version.as_deref().is_some_and(|version| version != "tekton.dev/v1");
    if is_custom || reference.kind.as_deref().is_some_and(|kind| kind != "Task") {
        report(findings, path, "a custom task");
    }
}

pub(super) fn task(findings: &mut Findings<'_>, path: &str, spec: &TaskSpec) {
    let field = |name: &str| format!("{path}.{name}");
    if spec.api_version.is_some() || spec.kind.is_some() {
        report(findings, path, "a custom task");
        return;
    }
    if !spec.sidecars.is_empty() {
        report(findings, &field("sidecars"), "containers beside the steps");
    }
    for (index, _) in spec.volumes.iter().enumerate().filter(|(_, volume)| volume.empty_dir.is_none()) {
        report(findings, &field(&format!("volumes[{index}]")), "any volume but emptyDir");
    }
    let of_template = spec.step_template.as_ref().map_or(0, |template| template.command.len());
    if let Some(template) = &spec.step_template {
        mounts(findings, &field("stepTemplate"), &template.volume_mounts);
    }
    for (index, one) in spec.steps.iter().enumerate() {
        step(findings, &field(&format!("steps[{index}]")), one, of_template);
    }
}

fn step(findings: &mut Findings<'_>, path: &str, step: &Step, of_template: usize) {
    let field = |name: &str| format!("{path}.{name}");
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
    for (name, _, what) in uses.iter().filter(|(_, is_used, _)| *is_used) {
        report(findings, &field(name), what);
    }
    mounts(findings, path, &step.volume_mounts);
    if step.command.len() + of_template == 0 && step.script.is_none() && step.action.is_none() {
        report(findings, &field("command"), "a step without command and script, which takes the image's own");
    }
    for (index, _) in step.env.iter().enumerate().filter(|(_, var)| needs_cluster(var.value_from.as_ref())) {
        let what = "a value from the cluster; mark the secretKeyRef or configMapKeyRef `optional: true` and set the variable yourself";
        report(findings, &field(&format!("env[{index}].valueFrom")), what);
    }
}

/// A volume at any path but that of temporary files, for which a plain process has `TMPDIR`.
fn mounts(findings: &mut Findings<'_>, path: &str, mounts: &[VolumeMount]) {
    let is_elsewhere = |mount: &VolumeMount| mount.mount_path.trim_end_matches('/') != TEMPORARY_FILES;
    for (index, _) in mounts.iter().enumerate().filter(|(_, mount)| is_elsewhere(mount)) {
        let what = "a volume at a path of its own; only /tmp is stood in for, by TMPDIR; use a workspace";
        report(findings, &format!("{path}.volumeMounts[{index}].mountPath"), what);
    }
}

fn needs_cluster(source: Option<&Value>) -> bool {
    let fields = source.and_then(Value::as_object);
    fields.is_some_and(|source| {
        source.get("secretKeyRef").or_else(|| source.get("configMapKeyRef")).is_none_or(|key| key["optional"] != true)
    })
}
