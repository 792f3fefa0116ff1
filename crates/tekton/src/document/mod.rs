//! Tekton v1 documents as types. Unknown fields are errors, as they are on a cluster.

mod duration;
mod param;
mod pipeline;
mod task;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use duration::{GoDuration, InvalidDuration};
pub use param::{Param, ParamSpec, ParamType, ParamValue, PropertySpec};
pub use pipeline::{
    Matrix, MatrixInclude, Operator, PipelineRef, PipelineResult, PipelineRunSpec, PipelineSpec, PipelineTask,
    PipelineWorkspace, RunWorkspace, TaskRef, Timeouts, WhenExpression, WorkspaceBinding,
};
pub use task::{EnvVar, OnError, Step, StepTemplate, TaskResult, TaskSpec, Volume, VolumeMount, WorkspaceDeclaration};

use crate::error::{Error, Problem};
use crate::yaml::{self, Positions, RawDocument};

/// The only API version read.
const API_VERSION: &str = "tekton.dev/v1";

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// `metadata.name`.
    pub name: String,
    /// What it is.
    pub body: Body,
    source: Source,
}

/// What a document is.
#[derive(Clone, Debug)]
pub enum Body {
    /// `kind: Task`.
    Task(Box<TaskSpec>),
    /// `kind: Pipeline`.
    Pipeline(Box<PipelineSpec>),
    /// `kind: PipelineRun`.
    PipelineRun(Box<PipelineRunSpec>),
}

/// Where a document came from, to place problems in it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    file: PathBuf,
    positions: Positions,
}

impl Source {
    /// A problem of the field at `path`, with its line and column.
    pub(crate) fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        let (file, position) = (self.file.clone(), self.positions.find(path));
        Problem { file, position, field: path.to_owned(), message: message.into() }
    }
}

/// The fields that every document has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
}

impl Document {
    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }
}

/// The Tasks, Pipelines and `PipelineRun`s of a file, in its order. Documents of other APIs are left out.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read; [`Error::Document`] when it is no YAML or a document is not what Tekton v1 allows.
pub fn load(file: &Path) -> Result<Vec<Document>, Error> {
    let text = std::fs::read_to_string(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
    parse(file, &text)
}

/// The documents in `text`, which came from `file`.
///
/// # Errors
///
/// [`Error::Document`] when it is no YAML or a document is not what Tekton v1 allows.
pub fn parse(file: &Path, text: &str) -> Result<Vec<Document>, Error> {
    let documents = yaml::read(text).map_err(|error| Problem {
        file: file.to_owned(),
        position: Some(error.position),
        field: String::new(),
        message: format!("the YAML is broken: {}", error.message),
    })?;
    let documents = documents.into_iter().map(|raw| document(file, raw)).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.into_iter().flatten().collect())
}

fn document(file: &Path, raw: RawDocument) -> Result<Option<Document>, Error> {
    let source = Source { file: file.to_owned(), positions: raw.positions };
    let mut envelope: Envelope = decode(raw.value.clone(), "", &source)?;
    if !envelope.api_version.starts_with("tekton.dev/") {
        return Ok(None);
    }
    if envelope.api_version != API_VERSION {
        let message = format!("got `{}`, expected `{API_VERSION}`", envelope.api_version);
        return Err(source.problem("apiVersion", message).into());
    }
    if let Some(key) = raw.value.as_object().and_then(|fields| {
        fields.keys().find(|key| !["apiVersion", "kind", "metadata", "spec", "status"].contains(&key.as_str()))
    }) {
        return Err(source.problem(key, "unknown field, expected apiVersion, kind, metadata or spec").into());
    }
    let spec = envelope.spec.take();
    let body = match envelope.kind.as_str() {
        "Task" => Body::Task(Box::new(decode(spec, "spec", &source)?)),
        "Pipeline" => Body::Pipeline(Box::new(decode(spec, "spec", &source)?)),
        "PipelineRun" => Body::PipelineRun(Box::new(decode(spec, "spec", &source)?)),
        other => {
            let message = format!("got `{other}`, expected Task, Pipeline or PipelineRun");
            return Err(source.problem("kind", message).into());
        }
    };
    let Metadata { name, generate_name } = envelope.metadata;
    let name = name.or_else(|| generate_name.map(|prefix| prefix.trim_end_matches('-').to_owned()));
    let name = name.ok_or_else(|| source.problem("metadata", "got no name, expected metadata.name"))?;
    if !is_subdomain(&name) {
        let message = format!("got `{name}`, expected lower-case letters, digits, `-` and `.`");
        return Err(source.problem("metadata.name", message).into());
    }
    Ok(Some(Document { name, body, source }))
}

fn decode<T: DeserializeOwned>(value: Value, root: &str, source: &Source) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = match (root, path.as_str()) {
            ("", ".") => String::new(),
            (root, ".") => root.to_owned(),
            ("", path) => path.to_owned(),
            (root, path) => format!("{root}.{path}"),
        };
        source.problem(&path, error.inner().to_string()).into()
    })
}

fn is_subdomain(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    name.len() <= 253 && name.chars().all(is_inner) && !name.starts_with(['-', '.']) && !name.ends_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(Path::new("p.yaml"), text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_fields_name_file_line_and_known_fields() {
        let text = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n  - name: a\n    bogus: 1\n";
        let error = error(text);
        assert!(
            error.starts_with("read p.yaml:7:5: spec.tasks[0].bogus: unknown field `bogus`, expected one of"),
            "{error}"
        );
    }

    #[test]
    fn wrong_types_and_names_are_refused() {
        let head = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n";
        assert!(error(&format!("{head}  params:\n  - name: n\n")).contains("p.yaml:6:5: spec.params[0].name"));
        assert!(error("apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: Big}\nspec: {}\n").contains("`Big`"));
        assert!(error("apiVersion: tekton.dev/v2\nkind: Task\n").contains("expected `tekton.dev/v1`"));
        assert!(error("apiVersion: tekton.dev/v1\nkind: Trask\n").contains("expected Task, Pipeline"));
    }

    #[test]
    fn other_apis_are_left_out() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {}\n";
        let documents = parse(Path::new("p.yaml"), text).unwrap();
        assert_eq!(documents.len(), 1);
        assert!(matches!(documents[0].body, Body::Task(_)));
    }
}
