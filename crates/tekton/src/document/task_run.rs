//! The `TaskRun` and the `StepAction`: read by the linter, not run.

use serde::Deserialize;
use serde_json::Value;

use super::duration::GoDuration;
use super::param::{Param, ParamSpec};
use super::pipeline::{RunWorkspace, TaskRef};
use super::task::{EnvVar, TaskResult, TaskSpec, VolumeMount};

/// A request to run a Task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRunSpec {
    /// The Task by name.
    pub task_ref: Option<TaskRef>,
    /// The Task in place.
    pub task_spec: Option<TaskSpec>,
    /// Values for its params.
    #[serde(default)]
    pub params: Vec<Param>,
    /// What its workspaces are.
    #[serde(default)]
    pub workspaces: Vec<RunWorkspace>,
    /// How often a failure is tried again.
    #[serde(default)]
    pub retries: u32,
    /// The longest it may take.
    pub timeout: Option<GoDuration>,
    /// The account it runs as.
    pub service_account_name: Option<String>,
    /// Settings of its pod.
    pub pod_template: Option<Value>,
    /// Resources per step.
    #[serde(default)]
    pub step_specs: Vec<Value>,
    /// Resources per sidecar.
    #[serde(default)]
    pub sidecar_specs: Vec<Value>,
    /// Resources of the whole.
    pub compute_resources: Option<Value>,
    /// Where it stops to be looked at.
    pub debug: Option<Value>,
    /// `TaskRunCancelled`.
    pub status: Option<String>,
    /// Why it was cancelled.
    pub status_message: Option<String>,
    /// Who runs it.
    pub managed_by: Option<String>,
}

/// A step that several Tasks share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StepActionSpec {
    /// What it is for.
    pub description: Option<String>,
    /// The image.
    pub image: Option<String>,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// More arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Program text.
    pub script: Option<String>,
    /// The folder it starts in.
    pub working_dir: Option<String>,
    /// The params it takes.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// The results it writes.
    #[serde(default)]
    pub results: Vec<TaskResult>,
    /// User, capabilities and the like.
    pub security_context: Option<Value>,
    /// Volumes it mounts; their names come from params.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
}
