//! Who waits for whom.

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
