//! What a cluster would not admit, and what plain processes do not have.

mod pipeline;
mod task;
mod unsupported;

use crate::document::{Document, PipelineSpec, TaskSpec};
use crate::error::Error;

/// Checks the document that holds the Pipeline.
pub(crate) fn document(document: &Document, pipeline: &PipelineSpec, is_embedded: bool) -> Result<(), Error> {
    let root = if is_embedded { "spec.pipelineSpec" } else { "spec" };
    let place = Place { document, root };
    pipeline::check(place, pipeline)?;
    unsupported::pipeline(place, pipeline)
}

/// Checks a Task that stands in a document of its own.
pub(crate) fn task_document(document: &Document, spec: &TaskSpec) -> Result<(), Error> {
    let place = Place { document, root: "spec" };
    task::check(place, "", spec, task::Scope::Alone)?;
    unsupported::task(place, "", spec)
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
