//! What is declared and nothing uses.

use std::collections::BTreeSet;

use crate::document::{ParamSpec, PipelineTask, TaskSpec};
use crate::lint::Findings;
use crate::lint::rules::{UNUSED_PARAM, UNUSED_WORKSPACE};
use crate::references::{param_reference, workspace_reference};
use crate::substitute::step_texts;

/// Names of params and workspaces that are referred to below a path.
pub(super) struct Uses {
    params: BTreeSet<String>,
    workspaces: BTreeSet<String>,
}

impl Uses {
    pub(super) fn below(findings: &Findings<'_>, path: &str) -> Self {
        let (mut params, mut workspaces) = (BTreeSet::new(), BTreeSet::new());
        for expression in findings.source().references_below(path) {
            params.extend(param_reference(expression).map(|(name, _)| name.to_owned()));
            workspaces.extend(workspace_reference(expression).map(|(name, _)| name.to_owned()));
        }
        Self { params, workspaces }
    }

    /// Reports params that nothing refers to.
    pub(super) fn check_params(&self, findings: &mut Findings<'_>, path: &str, specs: &[ParamSpec]) {
        let mut seen = BTreeSet::from([""]);
        for (index, spec) in specs.iter().enumerate().filter(|(_, spec)| !self.params.contains(&spec.name)) {
            if !seen.insert(spec.name.as_str()) {
                continue;
            }
            let message = format!("the param `{}` is declared, and nothing uses it", spec.name);
            findings.add(&UNUSED_PARAM, &format!("{path}[{index}].name"), message).hint("use it, or remove it");
        }
    }

    /// Reports workspaces of a Task that no step refers to or mounts.
    pub(super) fn check_task_workspaces(&self, findings: &mut Findings<'_>, path: &str, spec: &TaskSpec) {
        // One with a path of its own is used by whoever knows that path.
        let mut seen = BTreeSet::from([""]);
        let fixed = |path: &Option<String>| path.is_some();
        for (index, workspace) in spec.workspaces.iter().enumerate().filter(|(_, one)| !fixed(&one.mount_path)) {
            let default_path = format!("/workspace/{}", workspace.name);
            let mut names = spec.steps.iter().flat_map(|step| &step.workspaces).filter_map(|one| one["name"].as_str());
            let is_used = self.workspaces.contains(&workspace.name)
                || names.any(|name| name == workspace.name)
                || spec.steps.iter().flat_map(step_texts).any(|text| text.contains(&default_path));
            if seen.insert(workspace.name.as_str()) && !is_used {
                let message = format!("the workspace `{}` is declared, and nothing uses it", workspace.name);
                let hint = format!("use `$(workspaces.{}.path)`, or remove it", workspace.name);
                findings.add(&UNUSED_WORKSPACE, &format!("{path}.workspaces[{index}].name"), message).hint(hint);
            }
        }
    }

    /// Reports workspaces of a Pipeline that no task is given.
    pub(super) fn check_pipeline_workspaces<'a>(
        &self,
        findings: &mut Findings<'_>,
        path: &str,
        names: impl Iterator<Item = &'a str>,
        tasks: &[&PipelineTask],
    ) {
        let bound: BTreeSet<&str> = tasks
            .iter()
            .flat_map(|task| &task.workspaces)
            .map(|binding| binding.workspace.as_deref().unwrap_or(&binding.name))
            .collect();
        let mut seen = BTreeSet::from([""]);
        for (index, name) in names.enumerate() {
            // Embedded Tasks see the workspaces of their Pipeline without being given them.
            if seen.insert(name) && !bound.contains(name) && !self.workspaces.contains(name) {
                let message = format!("the workspace `{name}` is declared, and no task is given it");
                findings
                    .add(&UNUSED_WORKSPACE, &format!("{path}.workspaces[{index}].name"), message)
                    .hint("give it to a task under `workspaces`, or remove it");
            }
        }
    }
}
