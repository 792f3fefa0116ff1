//! Rules for runs, and for what only clusters run: `TaskRun`s and `StepAction`s.

use std::collections::BTreeSet;

use serde_json::Value;

use super::names::{named, unique};
use super::pipeline::{self, Given};
use super::pipeline_task::{task_ref, values};
use super::step;
use super::task::{self, Surroundings};
use super::uses::Uses;
use super::{EMBEDDED, quantity, texts};
use crate::document::{
    GoDuration, Param, PipelineRunSpec, PipelineTask, RunWorkspace, Step, StepActionSpec, TaskRunSpec, TaskSpec,
};
use crate::lint::rules::{
    CONFLICTING_FIELDS, INVALID_VALUE, MISSING_FIELD, RUN_PARAM, TASK_TIMEOUT, TIMEOUT, UNKNOWN_TASK, WORKSPACE_BINDING,
};
use crate::lint::{Findings, suggestion};
use crate::references::{Target, expressions, task_reference};

/// What the `status` of a run may ask for.
const STATUSES: [&str; 4] = ["Cancelled", "CancelledRunFinally", "StoppedRunFinally", "PipelineRunPending"];

/// Everything that a `PipelineRun` says about itself.
pub(super) fn check_pipeline_run(findings: &mut Findings<'_>, spec: &PipelineRunSpec) {
    one_of(findings, ("pipelineRef", spec.pipeline_ref.is_some()), ("pipelineSpec", spec.pipeline_spec.is_some()));
    if let Some(reference) = &spec.pipeline_ref {
        let has_name = reference.name.as_deref().is_some_and(|name| !name.is_empty());
        match (has_name, reference.resolver.is_some()) {
            (false, false) => findings.add(&MISSING_FIELD, "spec.pipelineRef", "got no name").hint("add `name`"),
            (true, true) => {
                let message = "got name together with resolver: the resolver's params name the Pipeline";
                findings.add_at_key(&CONFLICTING_FIELDS, "spec.pipelineRef.name", message).hint("remove one of them");
            }
            _ => {}
        }
    }
    params(findings, &spec.params);
    workspaces(findings, &spec.workspaces);
    timeouts(findings, spec);
    if let Some(status) = spec.status.as_deref().filter(|status| !status.is_empty() && !STATUSES.contains(status)) {
        let message = format!("got `{status}`, expected one of {}", STATUSES.join(", "));
        findings.add(&INVALID_VALUE, "spec.status", message).hint(suggestion(status, STATUSES, "remove it"));
    }
    task_run_specs(findings, spec);
    if let Some(pipeline) = &spec.pipeline_spec {
        // Admission knows all names that stand anywhere in the run; whether they reach the place, the run shows.
        let tasks = pipeline.tasks.iter();
        let of_tasks = tasks.clone().flat_map(|task| &task.params).map(|param| param.name.as_str());
        let of_specs = tasks.filter_map(|task| task.task_spec.as_ref()).flat_map(|spec| &spec.params);
        let own = spec.params.iter().map(|param| param.name.as_str());
        let params = own.chain(of_tasks).chain(of_specs.map(|spec| spec.name.as_str())).collect();
        let workspaces = spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
        pipeline::check(findings, EMBEDDED, pipeline, &Given { is_run: true, params, workspaces });
    }
}

fn one_of(findings: &mut Findings<'_>, first: (&str, bool), second: (&str, bool)) {
    match (first.1, second.1) {
        (true, true) => {
            let message = format!("got {} and {}, expected exactly one of them", first.0, second.0);
            findings.add_at_key(&CONFLICTING_FIELDS, &format!("spec.{}", second.0), message).hint("remove one of them");
        }
        (false, false) => {
            let message = format!("got neither {} nor {}, expected exactly one of them", first.0, second.0);
            findings.add(&MISSING_FIELD, "spec", message).hint(format!("add `{}: {{name: ...}}`", first.0));
        }
        _ => {}
    }
}

fn params(findings: &mut Findings<'_>, params: &[Param]) {
    unique(findings, "param", named("spec.params", params, |param| param.name.as_str()));
    values(findings, "spec.params", params);
    for (index, param) in params.iter().enumerate() {
        let path = format!("spec.params[{index}].value");
        for expression in param.value.texts().into_iter().flat_map(expressions) {
            if task_reference(expression).is_some_and(|reference| matches!(reference.target, Target::Result(..))) {
                let message =
                    format!("`$({expression})` is a result of a task, which is not known when the run starts");
                findings
                    .add_reference(&RUN_PARAM, &path, expression, message)
                    .hint("give the result to a task of the Pipeline");
            }
        }
    }
}

fn workspaces(findings: &mut Findings<'_>, workspaces: &[RunWorkspace]) {
    unique(findings, "workspace", named("spec.workspaces", workspaces, |workspace| workspace.name.as_str()));
    for (index, workspace) in workspaces.iter().enumerate() {
        let kinds: [(&str, &Option<Value>); 7] = [
            ("emptyDir", &workspace.empty_dir),
            ("volumeClaimTemplate", &workspace.volume_claim_template),
            ("persistentVolumeClaim", &workspace.persistent_volume_claim),
            ("configMap", &workspace.config_map),
            ("secret", &workspace.secret),
            ("projected", &workspace.projected),
            ("csi", &workspace.csi),
        ];
        let there = kinds.iter().filter(|(_, kind)| kind.is_some()).count();
        if there != 1 {
            let names = kinds.map(|(name, _)| name).join(", ");
            let message =
                format!("got {there} kinds of storage for `{}`, expected exactly one of {names}", workspace.name);
            findings
                .add(&WORKSPACE_BINDING, &format!("spec.workspaces[{index}]"), message)
                .hint("add `emptyDir: {}` for a folder that is gone after the run");
        }
    }
}

fn timeouts(findings: &mut Findings<'_>, spec: &PipelineRunSpec) {
    let limit = |timeout: Option<GoDuration>| timeout.and_then(GoDuration::limit);
    let Some(whole) = spec.timeouts.whole() else { return };
    let (tasks, finally) = (limit(spec.timeouts.tasks), limit(spec.timeouts.finally));
    let parts = spec.timeouts.parts();
    let is_default = if spec.timeouts.pipeline.is_some() { "" } else { " (the default)" };
    if parts > whole {
        let field = if tasks.is_some() { "spec.timeouts.tasks" } else { "spec.timeouts.finally" };
        let message = format!(
            "got tasks and finally of {} together, expected at most {}{is_default}, the pipeline's",
            GoDuration::from(parts),
            GoDuration::from(whole)
        );
        findings.add(&TIMEOUT, field, message).hint("raise `pipeline`, or lower the others");
    }
    for (name, given, limit) in [("tasks", spec.timeouts.tasks, tasks), ("finally", spec.timeouts.finally, finally)] {
        if given.is_some() && limit.is_none() {
            let message =
                format!("got no limit (0), expected at most {}{is_default}, the pipeline's", GoDuration::from(whole));
            findings
                .add(&TIMEOUT, &format!("spec.timeouts.{name}"), message)
                .hint("leave it out, or set `pipeline` to 0 as well");
        }
    }
    let Some(pipeline) = &spec.pipeline_spec else { return };
    for (list, tasks, part) in [("tasks", &pipeline.tasks, tasks), ("finally", &pipeline.finally, finally)] {
        let most = part.unwrap_or(whole);
        let longer = |task: &&(usize, &PipelineTask)| limit(task.1.timeout).is_some_and(|own| own > most);
        let tasks: Vec<_> = tasks.iter().enumerate().collect();
        for (index, task) in tasks.iter().filter(longer) {
            let own = task.timeout.map(|own| own.to_string()).unwrap_or_default();
            let message = format!("`{}` may take {own}, the run {}{is_default}", task.name, GoDuration::from(most));
            let path = format!("{EMBEDDED}.{list}[{index}].timeout");
            findings.add(&TASK_TIMEOUT, &path, message).hint("lower it, or raise the timeouts of the run");
        }
    }
}

fn task_run_specs(findings: &mut Findings<'_>, spec: &PipelineRunSpec) {
    let known: Option<BTreeSet<&str>> = spec
        .pipeline_spec
        .as_ref()
        .map(|pipeline| pipeline.tasks.iter().chain(&pipeline.finally).map(|task| task.name.as_str()).collect());
    for (index, one) in spec.task_run_specs.iter().enumerate() {
        let path = format!("spec.taskRunSpecs[{index}]");
        quantity::check(findings, &format!("{path}.computeResources"), one.compute_resources.as_ref());
        let name = one.pipeline_task_name.as_str();
        if let Some(known) = known.as_ref().filter(|known| !known.contains(name)) {
            let known: Vec<&str> = known.iter().copied().collect();
            let message = format!("got the task `{name}`, expected one of {}", crate::error::listed(&known));
            let hint = suggestion(name, &known, "name one of the Pipeline's tasks");
            findings.add(&UNKNOWN_TASK, &format!("{path}.pipelineTaskName"), message).hint(hint);
        }
    }
}

/// Everything that a `TaskRun` says about itself.
pub(super) fn check_task_run(findings: &mut Findings<'_>, spec: &TaskRunSpec) {
    one_of(findings, ("taskRef", spec.task_ref.is_some()), ("taskSpec", spec.task_spec.is_some()));
    if let Some(reference) = &spec.task_ref {
        task_ref(findings, "spec.taskRef", reference);
    }
    params(findings, &spec.params);
    workspaces(findings, &spec.workspaces);
    quantity::check(findings, "spec.computeResources", spec.compute_resources.as_ref());
    if let Some(task) = &spec.task_spec {
        let around = Surroundings {
            is_embedded: true,
            params: spec.params.iter().map(|param| param.name.as_str()).collect(),
            workspaces: spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect(),
        };
        task::check(findings, "spec.taskSpec", task, &around);
    }
}

/// Everything that a `StepAction` says about itself.
pub(super) fn check_step_action(findings: &mut Findings<'_>, spec: &StepActionSpec) {
    if spec.image.as_deref().is_none_or(str::is_empty) {
        findings.add(&MISSING_FIELD, "spec.image", "got no image, expected one").hint("add `image`");
    }
    if spec.script.is_some() && !spec.command.is_empty() {
        let message = "got script and command, expected one of them";
        findings.add_at_key(&CONFLICTING_FIELDS, "spec.script", message).hint("remove one of them");
    }
    task::params(findings, "spec.params", &spec.params);
    let step = Step {
        image: spec.image.clone(),
        command: spec.command.clone(),
        args: spec.args.clone(),
        script: spec.script.clone(),
        env: spec.env.clone(),
        ..Step::default()
    };
    // A StepAction refers to its params and results as a Task of one step does.
    let as_task = TaskSpec {
        params: spec.params.clone(),
        results: spec.results.clone(),
        steps: vec![step],
        ..TaskSpec::default()
    };
    let texts = texts::of_step("spec", &as_task.steps[0]);
    step::check_references(findings, &texts, &as_task, &Surroundings::alone(), None);
    let uses = Uses::below(findings, "spec");
    uses.check_params(findings, "spec.params", &spec.params);
}
