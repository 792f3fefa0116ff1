//! The parts of Argo's API that an export uses. Numbers that Argo takes as number or text are text, as its schema asks.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A workflow that is ready to be submitted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowTemplate {
    /// `argoproj.io/v1alpha1`.
    pub api_version: &'static str,
    /// `WorkflowTemplate`.
    pub kind: &'static str,
    /// Its name, labels and annotations.
    pub metadata: Metadata,
    /// What it does.
    pub spec: WorkflowSpec,
}

/// Name, labels and annotations; of a pod there is no name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metadata {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a workflow does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSpec {
    /// The template that is run.
    pub entrypoint: String,
    /// The template that is run when that one has ended, whatever became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_exit: Option<String>,
    /// The longest that the entrypoint may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<u64>,
    /// What the workflow is given.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub arguments: Parameters,
    /// The account of pods that have none of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Whether pods get the token of their account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automount_service_account_token: Option<bool>,
    /// Who reports for a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<Executor>,
    /// All that can be run.
    pub templates: Vec<Template>,
}

/// Who reports for a pod.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Executor {
    /// The account whose token the executor's own container gets.
    pub service_account_name: String,
}

/// A list of parameters: arguments, inputs or outputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameters {
    /// The list.
    pub parameters: Vec<Parameter>,
}

impl Parameters {
    fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

impl From<Vec<Parameter>> for Parameters {
    fn from(parameters: Vec<Parameter>) -> Self {
        Self { parameters }
    }
}

/// A parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only values allowed.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value when none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Where its value comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
    /// The name under which the whole workflow knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_name: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ValueFrom {
    /// A file that the container wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Another parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// An expression over other parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The value when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// Something that can be run: a pod, or a graph of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Labels and annotations of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// What it takes.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub inputs: Parameters,
    /// What it leaves.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub outputs: Parameters,
    /// A pod of one container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// A pod of one container that runs program text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Container>,
    /// A pod of containers that run one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_set: Option<ContainerSet>,
    /// A graph of tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag: Option<Dag>,
    /// When and how often it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_strategy: Option<RetryStrategy>,
    /// The longest that each attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<String>,
    /// The account of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// User and the like, for all containers of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Value>,
    /// Volumes of the pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Value>,
}

/// Containers that run one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSet {
    /// What all of them mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Value>,
    /// The containers.
    pub containers: Vec<Container>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name, in a set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The containers of its set that it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When to pull the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// The program and its first arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// More arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Program text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The folder it starts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Its environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Value>,
    /// Environment from elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<Value>,
    /// Resource requests and limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// User, capabilities and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Value>,
    /// Volumes it mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Value>,
    /// Block devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_devices: Vec<Value>,
}

/// A graph of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dag {
    /// Whether one failure ends the whole; true when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_fast: Option<bool>,
    /// The tasks.
    pub tasks: Vec<DagTask>,
}

/// A node of the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DagTask {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub template: String,
    /// The tasks it waits for, which must have succeeded or been skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// What must have become of the tasks it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends: Option<String>,
    /// The condition under which it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Fan-out over a list known now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with_items: Vec<Value>,
    /// Fan-out over a JSON list known later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_param: Option<String>,
    /// Which failures the graph goes on after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_on: Option<ContinueOn>,
    /// What the template is given.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub arguments: Parameters,
}

/// Which failures a graph goes on after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ContinueOn {
    /// The pod could not be run.
    pub error: bool,
    /// The program failed.
    pub failed: bool,
}

/// When and how often a template is tried again.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryStrategy {
    /// How often.
    pub limit: String,
    /// After what.
    pub retry_policy: &'static str,
    /// After what of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// How long it waits before.
    pub backoff: Backoff,
}

/// Growing pauses.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backoff {
    /// The first pause.
    pub duration: &'static str,
    /// By what each is longer than the one before.
    pub factor: &'static str,
}
