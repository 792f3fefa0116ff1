//! The Task and its steps.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::duration::GoDuration;
use super::param::{Param, ParamSpec, ParamType, ParamValue, PropertySpec};

/// What a Task does: its params, results, workspaces and steps. Embedded in a Pipeline it may carry `metadata` as well.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskSpec {
    /// A name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The params it takes.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// The results it writes.
    #[serde(default)]
    pub results: Vec<TaskResult>,
    /// The workspaces it wants.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceDeclaration>,
    /// The steps, run one after the other.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Defaults of every step.
    pub step_template: Option<StepTemplate>,
    /// Volumes; of their kinds only `emptyDir` means anything to plain processes.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Containers beside the steps.
    #[serde(default)]
    pub sidecars: Vec<Sidecar>,
    /// The API of an embedded custom task.
    pub api_version: Option<String>,
    /// The kind of an embedded custom task.
    pub kind: Option<String>,
    /// What an embedded custom task does.
    pub spec: Option<Value>,
    /// Labels and annotations of an embedded Task.
    pub metadata: Option<Value>,
}

/// A result that a Task or one of its steps writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(default, rename = "type")]
    pub kind: ParamType,
    /// What it says.
    pub description: Option<String>,
    /// The keys of an object.
    pub properties: Option<BTreeMap<String, PropertySpec>>,
    /// Where the value comes from when a step writes it.
    pub value: Option<ParamValue>,
}

/// A workspace that a Task wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkspaceDeclaration {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where a cluster mounts it; a plain process learns its folder from `$(workspaces.<name>.path)`.
    pub mount_path: Option<String>,
    /// Nothing is written to it.
    #[serde(default)]
    pub read_only: bool,
    /// The Task runs without it as well.
    #[serde(default)]
    pub optional: bool,
}

/// One process of a Task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Its name; steps without one are called `unnamed-<index>`.
    pub name: Option<String>,
    /// A name for people.
    pub display_name: Option<String>,
    /// The image; a plain process has none.
    pub image: Option<String>,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// More arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Program text, run by its interpreter line or by `/bin/sh -e`.
    pub script: Option<String>,
    /// The folder it starts in.
    pub working_dir: Option<String>,
    /// Its environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Environment from elsewhere.
    #[serde(default)]
    pub env_from: Vec<Value>,
    /// What happens when it fails.
    pub on_error: Option<StepOnError>,
    /// The longest it may run.
    pub timeout: Option<GoDuration>,
    /// The results it writes itself.
    #[serde(default)]
    pub results: Vec<TaskResult>,
    /// Volumes it mounts.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Block devices.
    #[serde(default)]
    pub volume_devices: Vec<Value>,
    /// Workspaces that it alone sees.
    #[serde(default)]
    pub workspaces: Vec<Value>,
    /// A `StepAction`.
    #[serde(rename = "ref")]
    pub action: Option<Value>,
    /// Params of the `StepAction`.
    #[serde(default)]
    pub params: Vec<Param>,
    /// Conditions of the step.
    #[serde(default)]
    pub when: Vec<Value>,
    /// Where standard output is kept.
    pub stdout_config: Option<Value>,
    /// Where standard error is kept.
    pub stderr_config: Option<Value>,
    /// Resource requests and limits; a plain process takes what there is.
    pub compute_resources: Option<Value>,
    /// When to pull the image.
    pub image_pull_policy: Option<String>,
    /// User, capabilities and the like; a plain process runs as its caller.
    pub security_context: Option<Value>,
}

/// Defaults of every step of a Task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StepTemplate {
    /// The image.
    pub image: Option<String>,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// More arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The folder to start in.
    pub working_dir: Option<String>,
    /// Environment that a step's own wins over.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Environment from elsewhere.
    #[serde(default)]
    pub env_from: Vec<Value>,
    /// Volumes to mount.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Block devices.
    #[serde(default)]
    pub volume_devices: Vec<Value>,
    /// Resource requests and limits.
    pub compute_resources: Option<Value>,
    /// When to pull the image.
    pub image_pull_policy: Option<String>,
    /// User, capabilities and the like.
    pub security_context: Option<Value>,
}

/// One environment variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
    /// Where the value comes from on a cluster.
    pub value_from: Option<Value>,
}

/// What a failure of a step or a pipeline task means for what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnError {
    /// Go on.
    Continue,
    /// Stop; the default.
    StopAndFail,
}

/// What a failure of a step means for the steps that follow: said in place, or by a param.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StepOnError {
    /// Said in place.
    Is(OnError),
    /// A reference such as `$(params.on-error)`, or the text that it came to when that is neither word.
    Text(String),
}

impl StepOnError {
    /// What `text` says.
    #[must_use]
    pub fn of(text: String) -> Self {
        match text.as_str() {
            "continue" => Self::Is(OnError::Continue),
            "stopAndFail" => Self::Is(OnError::StopAndFail),
            _ => Self::Text(text),
        }
    }
}

/// The text is no such word and no reference to a param.
#[derive(Debug, thiserror::Error)]
#[error("got `{0}`, expected `continue`, `stopAndFail` or a reference such as `$(params.on-error)`")]
pub struct InvalidOnError(String);

impl TryFrom<String> for StepOnError {
    type Error = InvalidOnError;

    fn try_from(text: String) -> Result<Self, InvalidOnError> {
        match Self::of(text) {
            Self::Text(text) if !text.starts_with("$(params") => Err(InvalidOnError(text)),
            on_error => Ok(on_error),
        }
    }
}

/// A container beside the steps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sidecar {
    /// Its name.
    pub name: Option<String>,
    /// The image.
    pub image: Option<String>,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// More arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Program text.
    pub script: Option<String>,
    /// The folder it starts in.
    pub working_dir: Option<String>,
    /// Its environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Environment from elsewhere.
    #[serde(default)]
    pub env_from: Vec<Value>,
    /// Ports it listens on.
    #[serde(default)]
    pub ports: Vec<Value>,
    /// Volumes it mounts.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Block devices.
    #[serde(default)]
    pub volume_devices: Vec<Value>,
    /// Workspaces it sees.
    #[serde(default)]
    pub workspaces: Vec<Value>,
    /// Resource requests and limits.
    pub compute_resources: Option<Value>,
    /// What is done when it starts and stops.
    pub lifecycle: Option<Value>,
    /// How it is seen to be alive.
    pub liveness_probe: Option<Value>,
    /// How it is seen to be ready.
    pub readiness_probe: Option<Value>,
    /// How it is seen to have started.
    pub startup_probe: Option<Value>,
    /// When to pull the image.
    pub image_pull_policy: Option<String>,
    /// When it is started again.
    pub restart_policy: Option<String>,
    /// User, capabilities and the like.
    pub security_context: Option<Value>,
    /// It has a standard input.
    pub stdin: Option<bool>,
    /// Its standard input is closed after the first use.
    pub stdin_once: Option<bool>,
    /// Where its last words are read.
    pub termination_message_path: Option<String>,
    /// How its last words are read.
    pub termination_message_policy: Option<String>,
    /// It has a terminal.
    pub tty: Option<bool>,
}

/// A volume of a Task; of its source only the most usual kinds are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// A folder that lives as long as the Task.
    pub empty_dir: Option<Value>,
    /// Files of a ConfigMap.
    pub config_map: Option<Value>,
    /// Files of a Secret.
    pub secret: Option<Value>,
    /// Files of several such.
    pub projected: Option<Value>,
    /// A volume of a driver.
    pub csi: Option<Value>,
    /// A volume that is there already.
    pub persistent_volume_claim: Option<Value>,
}

/// Where a step sees a volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VolumeMount {
    /// The volume.
    pub name: String,
    /// The path in the step.
    pub mount_path: String,
    /// A folder in the volume.
    pub sub_path: Option<String>,
    /// The same, with variables of the environment.
    pub sub_path_expr: Option<String>,
    /// Nothing is written to it.
    pub read_only: Option<bool>,
    /// Nothing is written to what is mounted in it.
    pub recursive_read_only: Option<String>,
    /// Whether mounts made later are seen.
    pub mount_propagation: Option<String>,
}

impl TaskSpec {
    /// An annotation of an embedded Task.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.as_ref()?.get("annotations")?.get(name)?.as_str()
    }
}

impl Step {
    /// The name that statuses and references use.
    #[must_use]
    pub fn label(&self, index: usize) -> String {
        self.name.as_ref().filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| format!("unnamed-{index}"))
    }

    /// The step with the template's fields wherever it has none of its own.
    #[must_use]
    pub fn over(&self, template: Option<&StepTemplate>) -> Self {
        let Some(template) = template else { return self.clone() };
        let mut step = self.clone();
        let inherited = template.env.iter().filter(|var| !self.env.iter().any(|own| own.name == var.name));
        step.env = inherited.chain(&self.env).cloned().collect();
        step.image = step.image.or_else(|| template.image.clone());
        step.working_dir = step.working_dir.or_else(|| template.working_dir.clone());
        if step.command.is_empty() && step.script.is_none() {
            step.command.clone_from(&template.command);
        }
        if step.args.is_empty() {
            step.args.clone_from(&template.args);
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_step_wins_over_its_template() {
        let template: StepTemplate = serde_json::from_value(json!({
            "env": [{"name": "A", "value": "t"}, {"name": "B", "value": "t"}], "command": ["sh"], "workingDir": "/t"
        }))
        .unwrap();
        let step: Step =
            serde_json::from_value(json!({"env": [{"name": "B", "value": "own"}], "workingDir": "/s"})).unwrap();
        let merged = step.over(Some(&template));
        let env: Vec<_> = merged.env.iter().map(|var| (var.name.as_str(), var.value.as_str())).collect();
        assert_eq!(env, [("A", "t"), ("B", "own")]);
        assert_eq!((merged.command, merged.working_dir.as_deref()), (vec!["sh".to_owned()], Some("/s")));
    }

    #[test]
    fn unknown_fields_and_words_are_refused() {
        assert!(serde_json::from_value::<Step>(json!({"bogus": 1})).is_err());
        assert!(serde_json::from_value::<Step>(json!({"onError": "ignore"})).is_err());
        let by_param: Step = serde_json::from_value(json!({"onError": "$(params.e)"})).unwrap();
        assert_eq!(by_param.on_error, Some(StepOnError::Text("$(params.e)".into())));
        assert!(serde_json::from_value::<Step>(json!({"args": [3]})).is_err());
    }
}
