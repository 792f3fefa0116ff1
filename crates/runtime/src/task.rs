//! The Tekton Task of a step, generated from the step's own declaration.
//!
//! `pipelines/tasks/<stage>.yaml` is this text; a test in every step compares the two, so a flag or a result cannot be missing
//! from the Task, and a Task cannot name one that the binary does not have.

use std::fmt::Write as _;

use clap::Arg;

use crate::access;
use crate::options;
use crate::results::{self, STANDARD_RESULTS};
use crate::step::{ResultKind, Step};

/// Flags that the engine or the machine sets, and a pipeline does not.
const NOT_PARAMS: &[&str] = &[
    "metrics-path",
    "scratch-dir",
    "explain-path",
    access::FLAG,
    "image-digest",
    "s3-endpoint-url",
    "s3-path-style",
    "s3-encryption",
    "s3-kms-key-id",
    "help",
    "version",
];

/// The variable twin of `--explain-path`. A runner that reads the annotation sets it to ask what the step would do.
const EXPLAIN_VARIABLE: &str = "FAULTLINE_EXPLAIN_PATH";

/// The Task as YAML.
#[must_use]
pub fn task_yaml<S: Step>() -> String {
    let mut command = options::command::<S>(env!("CARGO_PKG_VERSION"));
    command.build();
    let params: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(|long| !NOT_PARAMS.contains(&long) && !is_result_path(long)))
        .collect();
    let mut yaml = format!(
        "# Generated from the declaration in steps/{name}; change it there and run `./dev generate`.\n\
         apiVersion: tekton.dev/v1\n\
         kind: Task\n\
         metadata:\n  name: {name}\n  labels:\n    app.kubernetes.io/part-of: faultline\n    app.kubernetes.io/component: {name}\n  \
         annotations:\n    faultline.dev/explain-env: {EXPLAIN_VARIABLE}\n\
         spec:\n  description: {about}\n  params:\n",
        name = S::NAME,
        about = quoted(S::ABOUT),
    );
    let mut line = |text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(yaml, "{text}");
    };
    for arg in &params {
        line(format!("    - name: {}", long(arg)));
        line(format!("      description: {}", quoted(&arg.get_help().map(ToString::to_string).unwrap_or_default())));
        line("      type: string".to_owned());
        if !arg.is_required_set() {
            let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
            line(format!("      default: {}", quoted(&default.unwrap_or_default())));
        }
    }
    line("  results:".to_owned());
    for spec in STANDARD_RESULTS.iter().chain(S::RESULTS) {
        line(format!("    - name: {}", spec.name));
        line(format!("      description: {}", quoted(spec.about)));
        line(format!("      type: {}", type_of(spec.kind)));
    }
    line("  steps:".to_owned());
    line(format!("    - name: {}", S::NAME));
    line(format!("      image: faultline/{}", S::NAME));
    line(format!("      command: [{}]", quoted(S::NAME)));
    line("      args:".to_owned());
    for arg in &params {
        line(format!("        - --{long}=$(params.{long})", long = long(arg)));
    }
    for spec in STANDARD_RESULTS.iter().chain(S::RESULTS) {
        line(format!("        - --{}=$(results.{}.path)", results::flag(spec), spec.name));
    }
    if !S::SECRETS.is_empty() {
        line("      env:".to_owned());
    }
    for (secret, variable) in S::SECRETS.iter().flat_map(|secret| secret.variables.iter().map(move |one| (secret, one)))
    {
        line(format!(
            "        - name: {variable}\n          valueFrom:\n            secretKeyRef:\n              name: {}\n              \
             key: {variable}\n              optional: true",
            secret.name
        ));
    }
    let resources = S::RESOURCES;
    line(format!(
        "      computeResources:\n        requests:\n          cpu: {}\n          memory: {}\n        limits:\n          memory: {}",
        resources.cpu, resources.memory, resources.memory
    ));
    line(SECURITY.to_owned());
    yaml
}

/// A result's type, and what belongs to it.
fn type_of(kind: ResultKind) -> &'static str {
    match kind {
        ResultKind::String => "string",
        ResultKind::Array => "array",
        ResultKind::Artifact => {
            "object\n      properties:\n        uri: {type: string}\n        digest: {type: string}\n        isBuildArtifact: {type: string}"
        }
    }
}

/// Restricted pod security, and the only place that can be written: scratch space.
const SECURITY: &str = "      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      volumeMounts:
        - name: scratch
          mountPath: /tmp
  volumes:
    - name: scratch
      emptyDir: {}";

fn is_result_path(long: &str) -> bool {
    long.starts_with("result-") && long.ends_with("-path")
}

fn long(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// A double-quoted YAML scalar; JSON's quoting is YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
