//! A Pipeline with its Tasks, as it is looked at while it is exported.

use std::collections::BTreeSet;

use faultline_tekton::document::{
    Document, Matrix, OnError, ParamType, ParamValue, PipelineRunSpec, PipelineSpec, PipelineTask, TaskRunSettings,
    TaskSpec,
};
use faultline_tekton::references::{Target, task_references, whole};
use faultline_tekton::{Catalog, Entry, ParamSpec};

use crate::error::{Error, Reason};
use crate::options::Options;

/// A Pipeline with its Tasks.
pub(crate) struct Model<'a> {
    pub(crate) document: &'a Document,
    pub(crate) spec: &'a PipelineSpec,
    pub(crate) run: Option<&'a PipelineRunSpec>,
    pub(crate) is_embedded: bool,
    pub(crate) options: &'a Options,
    /// Those of `finally` stand last.
    pub(crate) nodes: Vec<Node<'a>>,
}

/// A pipeline task with its Task.
pub(crate) struct Node<'a> {
    pub(crate) task: &'a PipelineTask,
    /// Where it stands, such as `spec.tasks[0]`.
    pub(crate) field: String,
    pub(crate) is_final: bool,
    /// The Task's name; `None` when it is embedded.
    pub(crate) task_name: Option<&'a str>,
    pub(crate) spec: &'a TaskSpec,
    /// The document in which the Task stands.
    pub(crate) home: &'a Document,
    /// Where it stands there.
    pub(crate) home_field: String,
}

impl<'a> Model<'a> {
    /// Finds the Tasks.
    pub(crate) fn new(catalog: &'a Catalog, entry: Entry<'a>, options: &'a Options) -> Result<Self, Error> {
        let Entry { document, pipeline, run, is_embedded } = entry;
        let root = if is_embedded { "spec.pipelineSpec" } else { "spec" };
        let mut nodes = Vec::new();
        for (list, tasks, is_final) in [("tasks", &pipeline.tasks, false), ("finally", &pipeline.finally, true)] {
            for (index, task) in tasks.iter().enumerate() {
                let field = format!("{root}.{list}[{index}]");
                nodes.push(node(catalog, document, task, field, is_final)?);
            }
        }
        Ok(Self { document, spec: pipeline, run, is_embedded, options, nodes })
    }

    /// The field of the Pipeline, such as `params`.
    pub(crate) fn field(&self, name: &str) -> String {
        format!("{}.{name}", if self.is_embedded { "spec.pipelineSpec" } else { "spec" })
    }

    /// The tasks before `finally`.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| !node.is_final)
    }

    /// The tasks of `finally`.
    pub(crate) fn finals(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.is_final)
    }

    /// The task called `name`, before `finally`.
    pub(crate) fn task(&self, name: &str) -> Option<&Node<'a>> {
        self.tasks().find(|node| node.task.name == name)
    }

    /// The Pipeline's param.
    pub(crate) fn param(&self, name: &str) -> Option<&'a ParamSpec> {
        self.spec.params.iter().find(|spec| spec.name == name)
    }

    /// What the run sets for a task.
    pub(crate) fn settings(&self, task: &str) -> Option<(usize, &'a TaskRunSettings)> {
        self.run?.task_run_specs.iter().enumerate().find(|(_, settings)| settings.pipeline_task_name == task)
    }

    /// The results of a task that something in the Pipeline uses.
    pub(crate) fn used_results(&self, task: &str) -> BTreeSet<String> {
        let inputs = self.nodes.iter().flat_map(|node| node.inputs().map(str::to_owned).collect::<Vec<_>>());
        let references = inputs.flat_map(|text| task_references(&text)).filter(|one| one.task == task);
        let used = references.filter_map(|one| match one.target {
            Target::Result(name, _) | Target::MatrixLength(Some(name)) => Some(name),
            Target::MatrixLength(None) | Target::Status => None,
        });
        used.collect()
    }
}

impl<'a> Node<'a> {
    /// The refusal of a field of the pipeline task.
    pub(crate) fn refuse(&self, model: &Model<'_>, field: &str, reason: Reason) -> Error {
        reason.at(model.document, &self.under(field))
    }

    /// The refusal of a field of the Task.
    pub(crate) fn refuse_task(&self, field: &str, reason: Reason) -> Error {
        reason.at(self.home, &format!("{}.{field}", self.home_field))
    }

    /// The path of a field of the pipeline task.
    pub(crate) fn under(&self, field: &str) -> String {
        if field.is_empty() { self.field.clone() } else { format!("{}.{field}", self.field) }
    }

    /// The matrix, unless it is empty.
    pub(crate) fn matrix(&self) -> Option<&'a Matrix> {
        self.task.matrix.as_ref().filter(|matrix| !matrix.params.is_empty() || !matrix.include.is_empty())
    }

    /// How many of the lists that its matrix combines are known only while the workflow runs.
    pub(crate) fn late_lists(&self) -> usize {
        let is_late = |value: &ParamValue| match value {
            ParamValue::Text(_) => true,
            ParamValue::List(items) => spliced(items).is_some(),
            ParamValue::Map(_) => false,
        };
        self.matrix().map_or(0, |matrix| matrix.params.iter().filter(|param| is_late(&param.value)).count())
    }

    /// The fan-out takes more than one level.
    pub(crate) fn is_nested(&self) -> bool {
        let late = self.late_lists();
        late > 1 || (late == 1 && self.matrix().is_some_and(|matrix| matrix.params.len() > 1))
    }

    /// A failure of it is no failure of the run.
    pub(crate) fn ignores_failure(&self) -> bool {
        self.task.on_error == Some(OnError::Continue)
    }

    /// A cluster may leave it out by its condition.
    pub(crate) fn may_be_skipped(&self) -> bool {
        !self.task.when.is_empty()
    }

    /// A cluster may leave it out because there is nothing to fan out over.
    pub(crate) fn may_be_empty(&self) -> bool {
        self.late_lists() > 0
    }

    /// The type of a result.
    pub(crate) fn result(&self, name: &str) -> Result<ParamType, Reason> {
        let results = &self.spec.results;
        let known = || results.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        results.iter().find(|one| one.name == name).map(|one| one.kind).ok_or_else(|| {
            let task = &self.task.name;
            let message = format!("got the result `{name}` of the task `{task}`, which declares: {}", known());
            Reason::new(message, "declare the result in the Task, or correct its name")
        })
    }

    /// The texts of params, conditions and matrix: those in which a reference makes a dependency.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &'a str> {
        let task = self.task;
        let in_matrix = task.matrix.iter().flat_map(Matrix::all_params);
        let in_values = task.params.iter().chain(in_matrix).flat_map(|param| param.value.texts());
        let in_when = task.when.iter().flat_map(|one| one.values.iter().chain([&one.input]).map(String::as_str));
        in_values.chain(in_when)
    }
}

/// The only item of a list, when it stands for a whole list itself.
pub(crate) fn spliced(items: &[String]) -> Option<&str> {
    let [item] = items else { return None };
    whole(item).filter(|inside| inside.ends_with("[*]")).map(|_| item.as_str())
}

fn node<'a>(
    catalog: &'a Catalog,
    document: &'a Document,
    task: &'a PipelineTask,
    field: String,
    is_final: bool,
) -> Result<Node<'a>, Error> {
    let refused = |name: &str, what: &str, hint: &str| Reason::new(what, hint).at(document, &format!("{field}.{name}"));
    for (name, is_there) in
        [("pipelineRef", task.pipeline_ref.is_some()), ("pipelineSpec", task.pipeline_spec.is_some())]
    {
        if is_there {
            return Err(refused(name, "a Pipeline inside a Pipeline is not exported", "write its tasks out"));
        }
    }
    if let Some(spec) = &task.task_spec {
        if spec.api_version.is_some() || spec.kind.is_some() {
            return Err(refused("taskSpec", "Argo has no custom tasks of Tekton's", "use a Task"));
        }
        let home_field = format!("{field}.taskSpec");
        return Ok(Node { task, field, is_final, task_name: None, spec, home: document, home_field });
    }
    let reference = task.task_ref.as_ref();
    if reference.is_some_and(|one| one.resolver.is_some()) {
        let hint = "copy the Task into tasks/ beside the file";
        return Err(refused("taskRef.resolver", "what a resolver fetches is not known here", hint));
    }
    let is_custom = |version: &str| version != "tekton.dev/v1";
    if reference.is_some_and(|one| {
        one.api_version.as_deref().is_some_and(is_custom) || one.kind.as_deref().is_some_and(|kind| kind != "Task")
    }) {
        return Err(refused("taskRef", "Argo has no custom tasks of Tekton's", "use a Task"));
    }
    let name = reference.and_then(|one| one.name.as_deref()).unwrap_or_default();
    let (home, spec) = catalog.admitted_task(name)?;
    Ok(Node { task, field, is_final, task_name: Some(name), spec, home, home_field: "spec".to_owned() })
}
