//! Who waits for whom.

use std::collections::BTreeSet;

use crate::document::{PipelineResult, PipelineTask};
use crate::error::{Error, listed};
use crate::outcome::Kind;
use crate::plan::PlannedTask;
use crate::references::{Target, TaskReference, task_references};

/// Sets the parents of every task: `runAfter`, and the tasks whose results it uses. A `finally` task waits for all tasks anyway.
pub(super) fn link(tasks: &mut [PlannedTask], dag: &[PipelineTask], finally: &[PipelineTask]) {
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    let run_after = dag.iter().chain(finally).map(|task| &task.run_after);
    for (task, run_after) in tasks.iter_mut().zip(run_after) {
        if task.kind == Kind::Finally {
            continue;
        }
        let references = task.inputs().flat_map(task_references);
        let used = references.filter(|one| matches!(one.target, Target::Result(..))).map(|one| one.task);
        let mut parents: Vec<usize> = run_after
            .iter()
            .cloned()
            .chain(used)
            .filter_map(|name| names.iter().position(|known| *known == name))
            .collect();
        parents.sort_unstable();
        parents.dedup();
        task.parents = parents;
    }
}

/// The parents of every task less those that it waits for anyway through another parent: the edges that a picture needs.
pub(super) fn nearest_parents(tasks: &[PlannedTask]) -> Vec<Vec<usize>> {
    let ancestors = ancestors(tasks);
    let nearest = |task: &PlannedTask| {
        let is_nearest = |parent: &&usize| !task.parents.iter().any(|other| ancestors[*other].contains(*parent));
        task.parents.iter().filter(is_nearest).copied().collect()
    };
    tasks.iter().map(nearest).collect()
}

/// All tasks that each task waits for, directly or through others.
fn ancestors(tasks: &[PlannedTask]) -> Vec<BTreeSet<usize>> {
    let mut known: Vec<Option<BTreeSet<usize>>> = vec![None; tasks.len()];
    for start in 0..tasks.len() {
        let mut open = vec![start];
        while let Some(&index) = open.last() {
            let unknown: Vec<_> = tasks[index].parents.iter().filter(|parent| known[**parent].is_none()).collect();
            if known[index].is_some() || unknown.is_empty() {
                let parents = tasks[index].parents.iter();
                let of_parent =
                    |parent: &usize| known[*parent].iter().flatten().copied().chain([*parent]).collect::<Vec<_>>();
                let all = parents.flat_map(of_parent).collect();
                known[index].get_or_insert(all);
                open.pop();
            } else {
                open.extend(unknown);
            }
        }
    }
    known.into_iter().map(Option::unwrap_or_default).collect()
}

/// Refuses references to results that the Task does not declare.
pub(super) fn check_results(tasks: &[PlannedTask], results: &[PipelineResult]) -> Result<(), Error> {
    let refused = |reason, user: String, reference: &TaskReference, name: &str, known: Vec<&str>| Error::Refused {
        reason,
        message: format!(
            "{user} uses the result `{name}` of the task `{}`, expected one of {}",
            reference.task,
            listed(&known)
        ),
        hint: "declare the result in the Task, or correct its name".to_owned(),
        is_usage: false,
    };
    let undeclared = |reference: &TaskReference| {
        let Target::Result(name, _) = &reference.target else { return None };
        let task = tasks.iter().find(|task| task.name == reference.task)?;
        let known: Vec<_> = task.spec.results.iter().map(|result| result.name.as_str()).collect();
        (!known.contains(&name.as_str())).then(|| (name.clone(), known))
    };
    for task in tasks {
        for reference in task.inputs().flat_map(task_references) {
            if let Some((name, known)) = undeclared(&reference) {
                let user = format!("the pipeline task `{}`", task.name);
                return Err(refused("InvalidTaskResultReference", user, &reference, &name, known));
            }
        }
    }
    for result in results {
        for reference in result.value.texts().into_iter().flat_map(task_references) {
            if let Some((name, known)) = undeclared(&reference) {
                let user = format!("the pipeline result `{}`", result.name);
                return Err(refused("InvalidPipelineResultReference", user, &reference, &name, known));
            }
        }
    }
    Ok(())
}
