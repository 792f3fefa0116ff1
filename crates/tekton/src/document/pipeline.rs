//! The Pipeline, its tasks, and the `PipelineRun`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::duration::GoDuration;
use super::param::{Param, ParamSpec, ParamType, ParamValue};
use super::task::{OnError, TaskSpec};

/// The time a run may take when nothing else is said, as on a cluster.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// A graph of tasks and the tasks that follow it in any case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineSpec {
    /// A name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The params it takes.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// The workspaces it wants.
    #[serde(default)]
    pub workspaces: Vec<PipelineWorkspace>,
    /// The tasks, in any order; their references make the graph.
    #[serde(default)]
    pub tasks: Vec<PipelineTask>,
    /// The tasks that run when all others have ended, whatever came of them.
    #[serde(default)]
    pub finally: Vec<PipelineTask>,
    /// The results of the whole.
    #[serde(default)]
    pub results: Vec<PipelineResult>,
}

/// A workspace that a Pipeline wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineWorkspace {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The Pipeline runs without it as well.
    #[serde(default)]
    pub optional: bool,
}

/// A result of a Pipeline, made of results of its tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineResult {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(default, rename = "type")]
    pub kind: ParamType,
    /// What it says.
    pub description: Option<String>,
    /// References to results of tasks.
    pub value: ParamValue,
}

/// One node of the graph.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineTask {
    /// Its name in the Pipeline.
    #[serde(default)]
    pub name: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The Task by name.
    pub task_ref: Option<TaskRef>,
    /// The Task in place.
    pub task_spec: Option<TaskSpec>,
    /// Values for the Task's params.
    #[serde(default)]
    pub params: Vec<Param>,
    /// Conditions; all must hold.
    #[serde(default)]
    pub when: Vec<WhenExpression>,
    /// Fan-out over params.
    pub matrix: Option<Matrix>,
    /// Tasks to wait for beside those whose results are used.
    #[serde(default)]
    pub run_after: Vec<String>,
    /// How often a failure is tried again.
    #[serde(default)]
    pub retries: u32,
    /// The longest all attempts may take together.
    pub timeout: Option<GoDuration>,
    /// What its failure means for the run.
    pub on_error: Option<OnError>,
    /// Which workspaces of the Pipeline it is given.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceBinding>,
    /// A Pipeline in the Pipeline.
    pub pipeline_ref: Option<Value>,
    /// A Pipeline in the Pipeline, in place.
    pub pipeline_spec: Option<Value>,
}

/// A Task by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRef {
    /// The name.
    pub name: Option<String>,
    /// `Task`, the default.
    pub kind: Option<String>,
    /// The API of a custom task.
    pub api_version: Option<String>,
    /// A resolver that fetches it from elsewhere.
    pub resolver: Option<String>,
    /// Params of the resolver.
    #[serde(default)]
    pub params: Vec<Param>,
}

impl TaskRef {
    /// A Task by its name, not a custom task or one from elsewhere.
    #[must_use]
    pub fn is_task(&self) -> bool {
        self.resolver.is_none() && self.api_version.is_none() && self.kind.as_deref().is_none_or(|kind| kind == "Task")
    }
}

/// A condition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenExpression {
    /// The text that is looked up.
    #[serde(default)]
    pub input: String,
    /// How.
    pub operator: Option<Operator>,
    /// The texts to look among.
    #[serde(default)]
    pub values: Vec<String>,
    /// An expression in CEL, an alpha feature.
    pub cel: Option<String>,
}

/// How the input of a condition relates to its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// It is among them.
    In,
    /// It is not among them.
    NotIn,
}

/// Fan-out: one run of the Task per combination.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Params whose values are combined with each other.
    #[serde(default)]
    pub params: Vec<Param>,
    /// Combinations that are added to or extend those.
    #[serde(default)]
    pub include: Vec<MatrixInclude>,
}

impl Matrix {
    /// The params of all combinations: those that are combined, then those of the includes.
    pub fn all_params(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().chain(self.include.iter().flat_map(|include| &include.params))
    }
}

/// A named combination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixInclude {
    /// Its name.
    pub name: Option<String>,
    /// Its values.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// Which workspace of the Pipeline a task is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkspaceBinding {
    /// The Task's name for it.
    pub name: String,
    /// The Pipeline's name for it, when it differs.
    pub workspace: Option<String>,
    /// A folder in it; in a new empty workspace one is as good as another.
    pub sub_path: Option<String>,
}

/// A request to run a Pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineRunSpec {
    /// The Pipeline by name.
    pub pipeline_ref: Option<PipelineRef>,
    /// The Pipeline in place.
    pub pipeline_spec: Option<PipelineSpec>,
    /// Values for its params.
    #[serde(default)]
    pub params: Vec<Param>,
    /// What its workspaces are.
    #[serde(default)]
    pub workspaces: Vec<RunWorkspace>,
    /// Limits of the whole.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Service account and pod settings; a plain process has neither.
    pub task_run_template: Option<Value>,
    /// The same per task.
    #[serde(default)]
    pub task_run_specs: Vec<TaskRunSettings>,
    /// `Cancelled` and the like.
    pub status: Option<String>,
    /// Who runs it.
    pub managed_by: Option<String>,
}

/// What a run sets for one of its tasks. Of all of it a plain process has only the timeout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRunSettings {
    /// The pipeline task.
    #[serde(default)]
    pub pipeline_task_name: String,
    /// The longest each attempt may take, in place of what the Pipeline says.
    pub timeout: Option<GoDuration>,
    /// The identity of its pod.
    pub service_account_name: Option<String>,
    /// Settings of its pod.
    pub pod_template: Option<Value>,
    /// Settings of its steps.
    #[serde(default)]
    pub step_specs: Vec<Value>,
    /// Settings of its sidecars.
    #[serde(default)]
    pub sidecar_specs: Vec<Value>,
    /// Labels and annotations.
    pub metadata: Option<Value>,
    /// Resource requests and limits of all of it.
    pub compute_resources: Option<Value>,
}

/// A Pipeline by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineRef {
    /// The name.
    pub name: Option<String>,
    /// The API version.
    pub api_version: Option<String>,
    /// A resolver that fetches it from elsewhere.
    pub resolver: Option<String>,
    /// Params of the resolver.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// What a workspace of a run is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunWorkspace {
    /// The Pipeline's name for it.
    pub name: String,
    /// A folder in it.
    pub sub_path: Option<String>,
    /// A new empty folder per task.
    pub empty_dir: Option<Value>,
    /// A new volume for the run.
    pub volume_claim_template: Option<Value>,
    /// A volume that is there already.
    pub persistent_volume_claim: Option<Value>,
    /// Files of a ConfigMap.
    pub config_map: Option<Value>,
    /// Files of a Secret.
    pub secret: Option<Value>,
    /// Files of several such.
    pub projected: Option<Value>,
    /// A volume of a driver.
    pub csi: Option<Value>,
}

/// Limits of a run; absent means the default, zero means none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Of the whole, `finally` included; one hour by default.
    pub pipeline: Option<GoDuration>,
    /// Of the tasks.
    pub tasks: Option<GoDuration>,
    /// Of the `finally` tasks.
    pub finally: Option<GoDuration>,
}

impl Timeouts {
    /// The limit of the whole; `None` is no limit.
    #[must_use]
    pub fn whole(&self) -> Option<Duration> {
        self.pipeline.map_or(Some(DEFAULT_TIMEOUT), GoDuration::limit)
    }

    /// What tasks and `finally` are given together.
    #[must_use]
    pub fn parts(&self) -> Duration {
        let length = |timeout: Option<GoDuration>| timeout.and_then(GoDuration::limit).unwrap_or_default();
        length(self.tasks) + length(self.finally)
    }
}
