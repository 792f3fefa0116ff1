//! Which workspaces are given, and to whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Entry;
use crate::document::{PipelineWorkspace, TaskSpec, WorkspaceBinding};
use crate::error::Error;
use crate::plan::{PlannedTask, Request};
use crate::references::expressions;
use crate::substitute;
use crate::variables::Variables;

/// The workspaces that are given; one that the Pipeline does not declare does no harm.
pub(super) fn of_pipeline(entry: Entry<'_>, request: &Request) -> Result<BTreeSet<String>, Error> {
    let mut bound = request.workspaces.clone();
    bound.extend(entry.run.iter().flat_map(|run| &run.workspaces).map(|workspace| workspace.name.clone()));
    let is_missing = |workspace: &&PipelineWorkspace| !workspace.optional && !bound.contains(&workspace.name);
    if let Some(missing) = entry.pipeline.workspaces.iter().find(is_missing) {
        return Err(Error::Refused {
            reason: "InvalidWorkspaceBindings",
            message: format!("got no workspace `{}`, which the Pipeline requires", missing.name),
            hint: format!("add -w {}=emptyDir", missing.name),
            is_usage: true,
        });
    }
    Ok(bound)
}

/// Whether each workspace of the Pipeline is given.
pub(super) fn variables(declared: &[PipelineWorkspace], bound: &BTreeSet<String>) -> Variables {
    let mut variables = Variables::default();
    for name in declared.iter().map(|workspace| &workspace.name).chain(bound) {
        variables.set(format!("workspaces.{name}.bound"), bound.contains(name).to_string());
    }
    variables
}

/// Gives a task the workspaces that its pipeline task lists and, when it is embedded, those that its steps name.
pub(super) fn bind(task: &mut PlannedTask, listed: &[WorkspaceBinding], bound: &BTreeSet<String>) {
    let source = |binding: &WorkspaceBinding| binding.workspace.as_ref().unwrap_or(&binding.name).clone();
    let mut bindings: BTreeMap<String, String> =
        listed.iter().map(|binding| (binding.name.clone(), source(binding))).collect();
    if task.task_name.is_none() {
        for name in used_workspaces(&task.spec) {
            bindings.entry(name.clone()).or_insert(name);
        }
    }
    let is_optional = |name: &String| task.spec.workspaces.iter().any(|one| one.name == *name && one.optional);
    let unbound = bindings.iter().find(|(name, source)| !bound.contains(*source) && !is_optional(name));
    task.unbound = unbound.map(|(_, source)| source.clone());
    task.workspaces = bindings.into_iter().filter(|(_, source)| bound.contains(source)).map(|(name, _)| name).collect();
}

/// Refuses a Task that requires a workspace which the Pipeline can do without.
pub(super) fn check_optional(entry: Entry<'_>, tasks: &[PlannedTask]) -> Result<(), Error> {
    let is_optional = |name: &str| entry.pipeline.workspaces.iter().any(|one| one.optional && one.name == name);
    let listed = entry.pipeline.tasks.iter().chain(&entry.pipeline.finally).zip(tasks);
    for (task, planned) in listed {
        let required = |name: &str| planned.spec.workspaces.iter().any(|one| !one.optional && one.name == name);
        let is_wrong = |binding: &&WorkspaceBinding| {
            binding.workspace.as_deref().is_some_and(is_optional) && required(&binding.name)
        };
        if let Some(binding) = task.workspaces.iter().find(is_wrong) {
            return Err(Error::Refused {
                reason: "RequiredWorkspaceMarkedOptional",
                message: format!(
                    "the Task of `{}` requires the workspace `{}`, which is optional",
                    task.name, binding.name
                ),
                hint: "make the workspace of the Pipeline required, or that of the Task optional".to_owned(),
                is_usage: false,
            });
        }
    }
    Ok(())
}

/// The workspaces that the steps of an embedded Task name: they need not be declared.
fn used_workspaces(spec: &TaskSpec) -> BTreeSet<String> {
    let steps = spec.steps.iter().map(|step| step.over(spec.step_template.as_ref()));
    let texts: Vec<String> =
        steps.flat_map(|step| substitute::step_texts(&step).map(str::to_owned).collect::<Vec<_>>()).collect();
    let references = texts.iter().flat_map(|text| expressions(text));
    references.filter_map(|one| Some(one.strip_prefix("workspaces.")?.split_once('.')?.0.to_owned())).collect()
}
