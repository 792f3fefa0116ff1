//! What a cluster would not admit, and what plain processes do not have.

mod pipeline;
mod pipeline_run;
mod task;
mod unsupported;

use crate::document::{Body, Document, PipelineSpec, TaskSpec};
use crate::error::Error;

/// Where a Pipeline stands inside a `PipelineRun`.
const EMBEDDED: &str = "spec.pipelineSpec";

/// Refuses a document that a cluster would not admit.
pub(crate) fn admit(document: &Document) -> Result<(), Error> {
    let place = Place { document, root: "spec" };
    match &document.body {
        Body::Task(spec) => task::check(place, "", spec, task::Scope::Alone),
        Body::Pipeline(spec) => pipeline::check(place, spec),
        Body::PipelineRun(spec) => pipeline_run::check(place, spec),
    }
}

/// Refuses a Pipeline that needs what plain processes do not have.
pub(crate) fn support(document: &Document, pipeline: &PipelineSpec) -> Result<(), Error> {
    let root = if matches!(document.body, Body::PipelineRun(_)) { EMBEDDED } else { "spec" };
    unsupported::pipeline(Place { document, root }, pipeline)
}

/// Refuses a Task that a cluster would not admit or that needs what plain processes do not have.
pub(crate) fn used_task(document: &Document, spec: &TaskSpec) -> Result<(), Error> {
    admit(document)?;
    unsupported::task(Place { document, root: "spec" }, "", spec)
}

/// A part of a document.
#[derive(Clone, Copy)]
struct Place<'a> {
    document: &'a Document,
    root: &'a str,
}

impl Place<'_> {
    /// The fault of the field at `path`, which is relative to the root.
    fn fault(&self, path: &str, message: impl Into<String>) -> Error {
        let path = if path.is_empty() { self.root.to_owned() } else { format!("{}.{path}", self.root) };
        self.document.source().problem(&path, message).into()
    }

    /// A field that plain processes cannot honour.
    fn unsupported(&self, path: &str, what: &str) -> Error {
        self.fault(path, format!("unsupported: {what}"))
    }
}

/// A DNS label: at most 63 of a-z, 0-9 and `-`, starting and ending with a letter or digit.
fn is_label(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(is_inner) && !name.starts_with('-') && !name.ends_with('-')
}
