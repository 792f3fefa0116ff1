//! From a request to a plan: params checked, Tasks found, references replaced, the graph drawn.

mod graph;
mod values;
mod workspaces;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::catalog::{Catalog, Entry};
use crate::check;
use crate::document::{
    GoDuration, Matrix, OnError, Param, ParamSpec, ParamType, ParamValue, PipelineResult, PipelineTask, TaskSpec,
    Timeouts, WhenExpression,
};
use crate::error::Error;
use crate::forecast::EXPLAIN_ANNOTATION;
use crate::outcome::{Kind, SkipReason};
use crate::substitute;
use crate::variables::Variables;

pub(crate) use values::{is_past_the_end, misfit};

/// How often the texts of a Pipeline are gone over for tasks that do not start at once.
const MAX_PASSES: usize = 4;

/// The namespace that `$(context.pipelineRun.namespace)` names; there is none on a laptop.
pub(crate) const NAMESPACE: &str = "default";

/// How a run is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The Pipeline's name; needed when the file holds several.
    pub pipeline: Option<String>,
    /// Values for its params; they win over those of a `PipelineRun` in the file.
    pub params: BTreeMap<String, ParamValue>,
    /// The workspaces that are given, each a new empty folder per task.
    pub workspaces: BTreeSet<String>,
    /// Limits; they win over those of a `PipelineRun` in the file.
    pub timeouts: Timeouts,
    /// The run's id, which is its name and uid as well: a lower-case DNS label.
    pub run_id: String,
}

/// A run that can be started.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) run_id: String,
    pub(crate) pipeline: String,
    /// The values of the Pipeline's params.
    pub(crate) params: BTreeMap<String, ParamValue>,
    pub(crate) tasks: Vec<PlannedTask>,
    pub(crate) results: Vec<PipelineResult>,
    pub(crate) limits: Limits,
    /// Why no task is started, only `finally`: the run itself asks for that.
    pub(crate) left_out: Option<SkipReason>,
    /// Text that a cluster finds wrong only once the first task has ended.
    pub(crate) late_refusal: Option<String>,
}

/// One node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// The pipeline task.
    pub name: &'a str,
    /// Which list it stands in.
    pub kind: Kind,
    /// The tasks it waits for, less those that others among them wait for. A `finally` task waits for all tasks; they are not listed.
    pub waits_for: Vec<&'a str>,
}

/// Limits of a run; `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) pipeline: Option<Duration>,
    pub(crate) tasks: Option<Duration>,
    pub(crate) finally: Option<Duration>,
}

/// One node of the graph, its params and context replaced; references to other tasks are still in it.
#[derive(Clone, Debug)]
pub(crate) struct PlannedTask {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The Task's name; `None` when it is embedded.
    pub(crate) task_name: Option<String>,
    pub(crate) spec: TaskSpec,
    pub(crate) params: Vec<Param>,
    pub(crate) when: Vec<WhenExpression>,
    pub(crate) matrix: Option<Matrix>,
    pub(crate) retries: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) ignores_failure: bool,
    /// The Task's workspaces that are given.
    pub(crate) workspaces: BTreeSet<String>,
    /// A workspace that it names and nobody gives.
    pub(crate) unbound: Option<String>,
    /// Indexes of the tasks to wait for.
    pub(crate) parents: Vec<usize>,
    /// The variable by which its step is asked what it would do; `None` when it cannot be asked.
    pub(crate) explain_env: Option<String>,
}

impl PlannedTask {
    /// It does not start with the run.
    fn is_later(&self) -> bool {
        self.kind == Kind::Finally || !self.parents.is_empty()
    }

    /// The texts in which references to other tasks count.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &str> {
        substitute::task_inputs(&self.params, &self.when, self.matrix.as_ref())
    }
}

impl Plan {
    /// Plans a run.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] for a Pipeline that is not there, [`Error::Document`] for a document that a cluster would not admit or
    /// that needs what plain processes do not have, [`Error::Refused`] when the request does not fit the Pipeline.
    pub fn new(catalog: &Catalog, request: &Request) -> Result<Self, Error> {
        let entry = catalog.entry(request.pipeline.as_deref())?;
        check::support(entry.document, entry.pipeline)?;
        let timeouts = timeouts(entry, request)?;
        let values = values::of_pipeline(entry, &request.params)?;
        let given = workspaces::of_pipeline(entry, request)?;
        let mut tasks = Vec::new();
        for (kind, list) in [(Kind::Task, &entry.pipeline.tasks), (Kind::Finally, &entry.pipeline.finally)] {
            for task in list {
                let mut planned = planned(catalog, task, kind)?;
                if let Some(timeout) = timeout_of_run(entry, &task.name) {
                    planned.timeout = timeout.limit();
                }
                tasks.push(planned);
            }
        }
        values::check_indexes(entry, &tasks, &values)?;
        let passes = [
            Variables::of_params(&values),
            context(entry, request),
            workspaces::variables(&entry.pipeline.workspaces, &given),
        ];
        for task in &mut tasks {
            replace(task, &passes);
        }
        graph::link(&mut tasks, &entry.pipeline.tasks, &entry.pipeline.finally);
        // A cluster goes over a Pipeline of its own again each time it looks, so that text which values bring in is replaced as well, but
        // not in the tasks that have started by then.
        let brings_in = values.values().flat_map(ParamValue::texts).any(|text| text.contains("$("));
        for task in tasks.iter_mut().filter(|task| brings_in && !entry.is_embedded && task.is_later()) {
            for _ in 1..MAX_PASSES {
                replace(task, &passes);
            }
        }
        let listed = entry.pipeline.tasks.iter().chain(&entry.pipeline.finally);
        for (task, listed) in tasks.iter_mut().zip(listed) {
            count_retries(task);
            workspaces::bind(task, &listed.workspaces, &given);
        }
        values::check_tasks(&tasks)?;
        graph::check_results(&tasks, &entry.pipeline.results)?;
        workspaces::check_optional(entry, &tasks)?;
        let inputs = tasks.iter().filter(|_| !entry.is_embedded).flat_map(PlannedTask::inputs);
        let late_refusal = inputs.into_iter().find_map(values::foreign_reference);
        Ok(Self {
            run_id: request.run_id.clone(),
            pipeline: entry.document.name.clone(),
            params: values,
            results: entry.pipeline.results.clone(),
            tasks,
            limits: limits(timeouts),
            left_out: left_out(entry)?,
            late_refusal,
        })
    }

    /// Names of the pipeline tasks, `finally` last.
    pub fn task_names(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(|task| task.name.as_str())
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The Pipeline's name.
    #[must_use]
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The values of the Pipeline's params, defaults included.
    #[must_use]
    pub fn params(&self) -> &BTreeMap<String, ParamValue> {
        &self.params
    }

    /// The graph: the pipeline tasks in the order of the file, `finally` last.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let nearest = graph::nearest_parents(&self.tasks);
        self.tasks.iter().zip(nearest).map(|(task, parents)| Node {
            name: &task.name,
            kind: task.kind,
            waits_for: parents.into_iter().map(|parent| self.tasks[parent].name.as_str()).collect(),
        })
    }
}

fn planned(catalog: &Catalog, task: &PipelineTask, kind: Kind) -> Result<PlannedTask, Error> {
    let name = task.task_ref.as_ref().and_then(|reference| reference.name.clone());
    let (spec, explain_env) = match (&task.task_spec, &name) {
        (Some(spec), _) => (spec.clone(), spec.annotation(EXPLAIN_ANNOTATION)),
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            let (document, spec) = catalog.task(name).ok_or_else(|| catalog.missing_task(name))?;
            check::used_task(document, spec)?;
            (spec.clone(), document.annotations.get(EXPLAIN_ANNOTATION).map(String::as_str))
        }
    };
    Ok(PlannedTask {
        explain_env: explain_env.filter(|_| spec.steps.len() == 1).map(str::to_owned),
        name: task.name.clone(),
        kind,
        task_name: if task.task_spec.is_some() { None } else { name },
        spec,
        params: task.params.clone(),
        when: task.when.clone(),
        matrix: task.matrix.clone(),
        retries: task.retries,
        timeout: task.timeout.and_then(GoDuration::limit),
        ignores_failure: task.on_error == Some(OnError::Continue),
        workspaces: BTreeSet::new(),
        unbound: None,
        parents: Vec::new(),
    })
}

fn timeouts(entry: Entry<'_>, request: &Request) -> Result<Timeouts, Error> {
    let of_file = entry.run.map(|run| run.timeouts).unwrap_or_default();
    let timeouts = Timeouts {
        pipeline: request.timeouts.pipeline.or(of_file.pipeline),
        tasks: request.timeouts.tasks.or(of_file.tasks),
        finally: request.timeouts.finally.or(of_file.finally),
    };
    let parts = timeouts.parts();
    match timeouts.whole() {
        Some(whole) if parts > whole => Err(Error::Refused {
            reason: "InvalidTimeouts",
            message: format!("got tasks and finally of {parts:?} together, expected at most {whole:?}, the pipeline's"),
            hint: "raise --timeouts pipeline=..., or lower the others".to_owned(),
            is_usage: true,
        }),
        _ => Ok(timeouts),
    }
}

/// The timeout that the run sets for one task.
fn timeout_of_run(entry: Entry<'_>, task: &str) -> Option<GoDuration> {
    entry.run?.task_run_specs.iter().find(|settings| settings.pipeline_task_name == task)?.timeout
}

/// What the `status` of the run says about its tasks.
fn left_out(entry: Entry<'_>) -> Result<Option<SkipReason>, Error> {
    let never = |reason, what: &str| Error::Refused {
        reason,
        message: format!("the run asks not to be started: {what}"),
        hint: "remove spec.status from the run".to_owned(),
        is_usage: false,
    };
    match entry.run.and_then(|run| run.status.as_deref()) {
        Some("Cancelled") => Err(never("Cancelled", "it is cancelled")),
        Some("PipelineRunPending") => Err(never("PipelineRunPending", "it waits until somebody releases it")),
        Some("CancelledRunFinally") => Ok(Some(SkipReason::Cancelled)),
        Some("StoppedRunFinally") => Ok(Some(SkipReason::Stopped)),
        _ => Ok(None),
    }
}

/// Of tasks and finally the one that is not given gets what the other leaves.
fn limits(timeouts: Timeouts) -> Limits {
    let pipeline = timeouts.whole();
    let rest = |other: Option<GoDuration>| Some(pipeline?.saturating_sub(other?.limit()?));
    let own = |timeout: Option<GoDuration>| timeout.and_then(GoDuration::limit);
    Limits {
        pipeline,
        tasks: own(timeouts.tasks).or_else(|| rest(timeouts.finally)),
        finally: own(timeouts.finally).or_else(|| rest(timeouts.tasks)),
    }
}

fn context(entry: Entry<'_>, request: &Request) -> Variables {
    let mut context = Variables::default();
    let pipeline = if entry.is_embedded { &request.run_id } else { &entry.document.name };
    context.set("context.pipeline.name", pipeline);
    context.set("context.pipelineRun.name", &request.run_id);
    context.set("context.pipelineRun.uid", &request.run_id);
    context.set("context.pipelineRun.namespace", NAMESPACE);
    context
}

/// Replaces params, the context and what is known of workspaces, one after the other: a value that names a context is replaced once more.
fn replace(task: &mut PlannedTask, passes: &[Variables]) {
    for variables in passes {
        substitute::params(&mut task.params, variables);
        substitute::when(&mut task.when, variables);
        if let Some(matrix) = &mut task.matrix {
            substitute::matrix(matrix, variables);
        }
        if task.task_name.is_none() && task.params.is_empty() {
            substitute::task(&mut task.spec, variables);
        } else if task.task_name.is_none() {
            let mut variables = variables.clone();
            variables.hide(&task.params);
            substitute::task(&mut task.spec, &variables);
        }
    }
}

/// Replaces the count of retries, which is known to params only.
fn count_retries(task: &mut PlannedTask) {
    let mut variables = Variables::default();
    variables.set("context.pipelineTask.retries", task.retries.to_string());
    substitute::params(&mut task.params, &variables);
}

/// The declared type of a Task's param.
pub(crate) fn declared_type(spec: &TaskSpec, name: &str) -> Option<ParamType> {
    spec.params.iter().find(|param| param.name == name).map(ParamSpec::kind)
}
