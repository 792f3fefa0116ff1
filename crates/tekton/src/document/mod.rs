//! Tekton v1 documents as types. Unknown fields are errors, as they are on a cluster.

mod decode;
mod duration;
mod param;
mod pipeline;
mod source;
mod task;
mod task_run;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

pub use duration::{GoDuration, InvalidDuration};
pub use param::{Param, ParamSpec, ParamType, ParamValue, PropertySpec};
pub use pipeline::{
    Matrix, MatrixInclude, Operator, PipelineRef, PipelineResult, PipelineRunSpec, PipelineSpec, PipelineTask,
    PipelineWorkspace, RunWorkspace, TaskRef, TaskRunSettings, Timeouts, WhenExpression, WorkspaceBinding,
};
use source::Text;
pub(crate) use source::{Source, is_below};
pub use task::{
    EnvVar, OnError, Sidecar, Step, StepOnError, StepTemplate, TaskResult, TaskSpec, Volume, VolumeMount,
    WorkspaceDeclaration,
};
pub use task_run::{StepActionSpec, TaskRunSpec};

use crate::error::{Error, Problem};
use crate::lint::rules::{
    API_VERSION, DUPLICATE_KEY, INVALID_NAME, MISSING_FIELD, OLD_API_VERSION, RETRIES, Rule, UNKNOWN_KIND,
    UNQUOTED_VALUE, UNSUPPORTED_LOCALLY, YAML_ENCODING, YAML_LIMIT, YAML_SYNTAX,
};
use crate::lint::{Finding, Findings, Severity, suggestion};
use crate::yaml::{self, Fault, Position, RawDocument, SyntaxError};

/// The API version of all kinds but [`StepActionSpec`].
const V1: &str = "tekton.dev/v1";

/// Versions of old, which clusters still serve for some kinds.
const OLD_VERSIONS: [&str; 2] = ["tekton.dev/v1beta1", "tekton.dev/v1alpha1"];

/// The kinds that are read.
const KINDS: [&str; 5] = ["Task", "Pipeline", "PipelineRun", "TaskRun", "StepAction"];

/// Kinds of Tekton that have nothing to check.
const OTHER_KINDS: [&str; 3] = ["CustomRun", "VerificationPolicy", "Run"];

/// The largest file, in bytes; it may hold many documents.
const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The longest name that Tekton takes.
const MAX_NAME: usize = 63;

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// `metadata.name`.
    pub name: String,
    /// What it is.
    pub body: Body,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
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
    /// `kind: TaskRun`.
    TaskRun(Box<TaskRunSpec>),
    /// `kind: StepAction`.
    StepAction(Box<StepActionSpec>),
}

/// All that a file holds, and what is wrong with its text and its fields.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// Each with the fields that could not be read.
    pub(crate) documents: Vec<(Document, Vec<String>)>,
    pub(crate) findings: Vec<Finding>,
    /// Something in it belongs to Tekton, or cannot be told.
    pub(crate) is_tekton: bool,
}

/// The fields that every document has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    #[serde(default, rename = "apiVersion")]
    _api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    #[serde(default, rename = "status")]
    _status: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What is kept of the metadata.
struct Head {
    name: String,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

impl Document {
    /// A fault of the value at `field`, with its place.
    #[must_use]
    pub fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        let position = Some(self.source.value(field).start);
        Problem { file: self.source.file().to_owned(), position, field: field.to_owned(), message: message.into() }
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    /// `Task`, `Pipeline`, ...
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.body {
            Body::Task(_) => "Task",
            Body::Pipeline(_) => "Pipeline",
            Body::PipelineRun(_) => "PipelineRun",
            Body::TaskRun(_) => "TaskRun",
            Body::StepAction(_) => "StepAction",
        }
    }
}

/// The Tekton documents of a file, in its order. Documents of other APIs are left out.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read; [`Error::Document`] when it is no YAML or a document is not what Tekton v1 allows.
pub fn load(file: &Path) -> Result<Vec<Document>, Error> {
    strict(inspect(file)?)
}

/// The documents in `text`, which came from `file`.
///
/// # Errors
///
/// [`Error::Document`] when it is no YAML or a document is not what Tekton v1 allows.
pub fn parse(file: &Path, text: &str) -> Result<Vec<Document>, Error> {
    strict(inspect_text(file, text.to_owned()))
}

fn strict(inspected: Inspected) -> Result<Vec<Document>, Error> {
    // What cannot be read cannot be run either, though a cluster takes it.
    let refuses = |finding: &Finding| {
        finding.severity() == Severity::Error
            || [&OLD_API_VERSION, &RETRIES, &UNSUPPORTED_LOCALLY].contains(&finding.rule)
    };
    match inspected.findings.into_iter().find(refuses) {
        Some(finding) => Err(Problem::from(finding).into()),
        None => Ok(inspected.documents.into_iter().map(|(document, _)| document).collect()),
    }
}

/// Reads a file past all its faults.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read.
pub(crate) fn inspect(file: &Path) -> Result<Inspected, Error> {
    let failed = |source| Error::Read { path: file.to_owned(), source };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("got more than {MAX_FILE_BYTES} bytes in one file");
        return Ok(of_text(file, &YAML_LIMIT, Position { line: 1, column: 1 }, message, "split it", None));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(inspect_text(file, text)),
        Err(error) => Ok(not_utf8(file, error.as_bytes(), error.utf8_error().valid_up_to())),
    }
}

fn not_utf8(file: &Path, bytes: &[u8], at: usize) -> Inspected {
    let (before, rest) = bytes.split_at(at);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let line = before.split(|byte| *byte == b'\n').count();
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    let byte = rest.first().copied().unwrap_or_default();
    let message = format!("got the byte 0x{byte:02X} (byte {at} of the file), which is not UTF-8");
    of_text(file, &YAML_ENCODING, Position { line, column }, message, "save the file as UTF-8", None)
}

/// A file of which only a fault of its text is known.
fn of_text(
    file: &Path,
    rule: &'static Rule,
    position: Position,
    message: String,
    hint: &str,
    source_line: Option<String>,
) -> Inspected {
    let hint = Some(hint.to_owned());
    let finding =
        Finding { rule, file: file.to_owned(), position, end: None, field: String::new(), message, hint, source_line };
    Inspected { documents: Vec::new(), findings: vec![finding], is_tekton: true }
}

/// Reads text past all its faults.
pub(crate) fn inspect_text(file: &Path, text: String) -> Inspected {
    let text = Arc::new(Text::new(text));
    let contents = yaml::read(text.as_str());
    let mut inspected = Inspected::default();
    for SyntaxError { kind, position, message } in contents.faults {
        let (rule, hint) = match kind {
            Fault::Syntax => (&YAML_SYNTAX, "mend the YAML; `kubectl` would not read it either"),
            Fault::DuplicateKey => (&DUPLICATE_KEY, "keep one of the two"),
            Fault::Limit => (&YAML_LIMIT, "split the document, or write less into it"),
        };
        inspected
            .findings
            .extend(of_text(file, rule, position, message, hint, text.quoted_line(position.line)).findings);
        inspected.is_tekton = true;
    }
    for raw in contents.documents {
        document(file, &text, raw, &mut inspected);
    }
    inspected
}

fn document(file: &Path, text: &Arc<Text>, raw: RawDocument, inspected: &mut Inspected) {
    let RawDocument { value, positions, renamed_keys } = raw;
    let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind) = (word("apiVersion"), word("kind"));
    // A document without apiVersion is of Tekton when its kind is.
    let is_tekton = version.starts_with("tekton.dev/") || (version.is_empty() && KINDS.contains(&kind.as_str()));
    if !is_tekton {
        return;
    }
    inspected.is_tekton = true;
    let references = Arc::new(source::references(&value));
    let source = Source { file: file.to_owned(), text: Arc::clone(text), positions: Arc::new(positions), references };
    let mut findings = Findings::new(&source);
    for (path, written) in renamed_keys {
        let key = path.rsplit('.').next().unwrap_or_default();
        let message = format!("the key `{written}` without quotes is read as `{key}`");
        findings.add_at_key(&UNQUOTED_VALUE, &path, message).hint(format!("write \"{written}\""));
    }
    let read = if is_checked(&version, &kind, &mut findings) { body(value, &mut findings) } else { None };
    let unread = findings.unread().to_vec();
    inspected.findings.append(&mut findings.into_list());
    if let Some((head, body)) = read {
        let Head { name, annotations, labels } = head;
        inspected.documents.push((Document { name, body, annotations, labels, source }, unread));
    }
}

/// The document is of a kind and version that is read; reports what is not.
fn is_checked(version: &str, kind: &str, findings: &mut Findings<'_>) -> bool {
    if OTHER_KINDS.contains(&kind) {
        return false;
    }
    let is_old = OLD_VERSIONS.contains(&version);
    if !KINDS.contains(&kind) {
        let message = format!("got `{kind}`, expected Task, Pipeline, PipelineRun, TaskRun or StepAction");
        findings.add(&UNKNOWN_KIND, "kind", message).hint(suggestion(kind, KINDS, "use a kind that Tekton has"));
        return false;
    }
    let expected = if kind == "StepAction" { OLD_VERSIONS[0] } else { V1 };
    if version == V1 || (kind == "StepAction" && is_old) {
        return true;
    }
    let message = format!("got `{version}`, expected `{expected}`");
    let rule = if is_old { &OLD_API_VERSION } else { &API_VERSION };
    findings.add(rule, "apiVersion", message).hint(format!("write `apiVersion: {expected}`"));
    false
}

fn body(value: Value, findings: &mut Findings<'_>) -> Option<(Head, Body)> {
    let mut envelope: Envelope = decode::decode(value, "", findings)?;
    let annotations = std::mem::take(&mut envelope.metadata.annotations);
    let labels = std::mem::take(&mut envelope.metadata.labels);
    let head = Head { name: name(envelope.metadata, findings), annotations, labels };
    let spec = match envelope.spec.take() {
        Value::Null => Value::Object(serde_json::Map::new()),
        spec => spec,
    };
    let body = match envelope.kind.as_str() {
        "Task" => Body::Task(Box::new(decode::decode(spec, "spec", findings)?)),
        "Pipeline" => Body::Pipeline(Box::new(decode::decode(spec, "spec", findings)?)),
        "PipelineRun" => Body::PipelineRun(Box::new(decode::decode(spec, "spec", findings)?)),
        "TaskRun" => Body::TaskRun(Box::new(decode::decode(spec, "spec", findings)?)),
        _ => Body::StepAction(Box::new(decode::decode(spec, "spec", findings)?)),
    };
    Some((head, body))
}

fn name(metadata: Metadata, findings: &mut Findings<'_>) -> String {
    let Metadata { name, generate_name, .. } = metadata;
    let from_prefix = generate_name.map(|prefix| prefix.trim_end_matches('-').to_owned());
    let (field, name) = if name.is_some() { ("metadata.name", name) } else { ("metadata.generateName", from_prefix) };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        findings
            .add(&MISSING_FIELD, "metadata", "got no name, expected metadata.name")
            .hint("add `metadata: {name: ...}`");
        return String::new();
    };
    if !is_subdomain(&name) {
        let message = format!(
            "got `{name}`, expected at most {MAX_NAME} lower-case letters, digits, `-` and `.`, a letter or digit at both ends"
        );
        findings.add(&INVALID_NAME, field, message).hint("choose a name such as `build-image`");
    }
    name
}

/// A DNS subdomain: labels with a dot between them.
fn is_subdomain(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(is_inner) && !part.starts_with('-') && !part.ends_with('-');
    name.len() <= MAX_NAME && name.split('.').all(is_part)
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
        assert!(
            error(&format!("{head}  params:\n  - name: n\n"))
                .contains("p.yaml:6:11: spec.params[0].name: `n` without quotes")
        );
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
