//! From a list of pipeline tasks to a graph.
//!
//! What must have become of the tasks before differs between the two systems, and so a task waits for more than names:
//!
//! - A task that was left out by its condition lets those go on that only come after it, and leaves out those that use its results. Argo
//!   calls the first Skipped, and what follows from a `depends` that does not hold Omitted.
//! - A task that had nothing to fan out over leaves out all that follow. Argo calls it Skipped as well.
//! - A failure that is ignored lets all go on.

use std::collections::{BTreeMap, BTreeSet};

use faultline_tekton::references::{Target, task_references};

use crate::binding::Binding;
use crate::calls::{Calls, calls};
use crate::document::{ContinueOn, Dag, DagTask, Template};
use crate::error::{Error, Reason};
use crate::fan_out::loops;
use crate::model::{Model, Node};
use crate::names;
use crate::pod;
use crate::when;

/// That one task waits for another.
struct Edge<'m, 'a> {
    parent: &'m Node<'a>,
    /// It uses the other's results, and does not only come after it.
    uses_results: bool,
}

/// A task with those that it waits for.
struct Placed<'m, 'a> {
    node: &'m Node<'a>,
    edges: Vec<Edge<'m, 'a>>,
}

/// Goes on after any failure.
const GO_ON: ContinueOn = ContinueOn { error: true, failed: true };

/// The graph of all tasks before `finally`, and their templates.
pub(crate) fn tasks(model: &Model<'_>) -> Result<(Dag, Vec<Template>), Error> {
    let mut placed = Vec::new();
    for node in model.tasks() {
        placed.push(Placed { node, edges: edges(model, node)? });
    }
    check_conditions(model, &placed)?;
    let parents: BTreeSet<&str> =
        placed.iter().flat_map(|one| &one.edges).map(|edge| edge.parent.task.name.as_str()).collect();
    let needs_depends = placed.iter().flat_map(|one| &one.edges).any(|edge| !edge.is_plain());
    let (mut tasks, mut templates) = (Vec::new(), Vec::new());
    for Placed { node, edges } in &placed {
        let is_parent = parents.contains(node.task.name.as_str());
        if is_parent || !edges.is_empty() {
            names::check_task(&node.task.name).map_err(|reason| node.refuse(model, "name", reason))?;
        }
        let mut task = task(model, node, &mut templates)?;
        if needs_depends {
            let conditions: Vec<String> = edges.iter().map(Edge::condition).collect();
            task.depends = (!conditions.is_empty()).then(|| conditions.join(" && "));
            if node.ignores_failure() && !is_parent {
                let message = "a failure that is ignored at the end of a graph that needs `depends` elsewhere: Argo has no `continueOn` beside it";
                let hint = "let another task run after this one, or remove `onError`";
                return Err(node.refuse(model, "onError", Reason::new(message, hint)));
            }
        } else {
            task.dependencies = edges.iter().map(|edge| edge.parent.task.name.clone()).collect();
            task.continue_on = node.ignores_failure().then_some(GO_ON);
        }
        tasks.push(task);
    }
    Ok((Dag { fail_fast: None, tasks }, templates))
}

/// The graph of the tasks of `finally`, which wait for none of each other, and their templates.
pub(crate) fn finals(model: &Model<'_>) -> Result<(Dag, Vec<Template>), Error> {
    let (mut tasks, mut templates) = (Vec::new(), Vec::new());
    for node in model.finals() {
        let mut task = task(model, node, &mut templates)?;
        task.continue_on = node.ignores_failure().then_some(GO_ON);
        tasks.push(task);
    }
    Ok((Dag { fail_fast: Some(false), tasks }, templates))
}

/// A task without its edges; its templates are added to `templates`.
fn task(model: &Model<'_>, node: &Node<'_>, templates: &mut Vec<Template>) -> Result<DagTask, Error> {
    let loops = loops(model, node)?;
    let binding = Binding::new(model, node, &loops)?;
    let Calls { mut first, around } =
        calls(&node.task.name, &binding.arguments, &loops).map_err(|reason| node.refuse(model, "matrix", reason))?;
    first.when = when::condition(model, node)?;
    templates.extend(around);
    templates.push(pod::template(model, node, &binding)?);
    Ok(first)
}

/// Those that a task waits for, each once: `runAfter`, and the tasks whose results it uses.
fn edges<'m, 'a>(model: &'m Model<'a>, node: &Node<'a>) -> Result<Vec<Edge<'m, 'a>>, Error> {
    let references: Vec<_> = node.inputs().flat_map(task_references).collect();
    let used = references.iter().filter(|one| matches!(one.target, Target::Result(..)));
    let used: BTreeSet<&str> = used.map(|one| one.task.as_str()).collect();
    let after = node.task.run_after.iter().map(String::as_str);
    let mut seen = BTreeSet::new();
    let names = after.chain(used.iter().copied()).filter(|name| seen.insert(*name));
    let edges: Vec<Edge<'_, '_>> =
        names.filter_map(|name| Some(Edge { parent: model.task(name)?, uses_results: used.contains(name) })).collect();
    let counted = references.iter().filter(|one| matches!(one.target, Target::MatrixLength(Some(_))));
    let mut stray = counted.filter(|one| !edges.iter().any(|edge| edge.parent.task.name == one.task));
    if let Some(reference) = stray.next() {
        let message = format!("the results of `{}` are counted, and the task does not wait for it", reference.task);
        return Err(node.refuse(model, "", Reason::new(message, "name it under `runAfter`")));
    }
    Ok(edges)
}

impl Edge<'_, '_> {
    /// Argo's `dependencies` says the same: succeeded or skipped.
    fn is_plain(&self) -> bool {
        !(self.parent.may_be_empty() || (self.uses_results && self.parent.may_be_skipped()))
    }

    /// What must have become of the parent.
    fn condition(&self) -> String {
        let Self { parent, uses_results } = self;
        let name = &parent.task.name;
        let mut allowed = vec![format!("{name}.Succeeded")];
        if parent.may_be_skipped() {
            match (uses_results, parent.matrix().is_some()) {
                // A loop whose turns are all left out has succeeded.
                (true, true) => allowed[0] = format!("({name}.Succeeded && {name}.AnySucceeded)"),
                (false, false) => allowed.push(format!("{name}.Skipped")),
                _ => {}
            }
        }
        if parent.ignores_failure() {
            allowed.extend([format!("{name}.Failed"), format!("{name}.Errored")]);
        }
        if allowed.len() == 1 { allowed.remove(0) } else { format!("({})", allowed.join(" || ")) }
    }
}

/// Refuses conditions whose answer others would have to know although the task was left out for another reason.
///
/// Tekton looks at the condition first: if it does not hold, those that only come after go on. Argo looks at it last.
fn check_conditions(model: &Model<'_>, placed: &[Placed<'_, '_>]) -> Result<(), Error> {
    let only_after = |name: &str| {
        placed.iter().any(|one| one.edges.iter().any(|edge| edge.parent.task.name == name && !edge.uses_results))
    };
    let by_name: BTreeMap<&str, &Placed<'_, '_>> =
        placed.iter().map(|one| (one.node.task.name.as_str(), one)).collect();
    for Placed { node, .. } in placed {
        if !node.may_be_skipped() || !only_after(&node.task.name) {
            continue;
        }
        let why = if node.may_be_empty() {
            "has a matrix that may be empty"
        } else if may_be_omitted(&node.task.name, &by_name, &mut BTreeSet::new()) {
            "waits for one that may be left out"
        } else {
            continue;
        };
        let message = format!(
            "a task with a condition {why}, and others come after it: in Tekton the condition decides alone whether those go on, Argo does not look at it then"
        );
        let hint = "let the others use a result of the task, or wait for the tasks before it as well";
        return Err(node.refuse(model, "when", Reason::new(message, hint)));
    }
    Ok(())
}

/// Something before it may leave a task out.
fn may_be_omitted<'m>(
    name: &'m str,
    placed: &BTreeMap<&'m str, &'m Placed<'m, '_>>,
    seen: &mut BTreeSet<&'m str>,
) -> bool {
    let Some(one) = placed.get(name).filter(|_| seen.insert(name)) else { return false };
    one.edges.iter().any(|edge| !edge.is_plain() || may_be_omitted(&edge.parent.task.name, placed, seen))
}
