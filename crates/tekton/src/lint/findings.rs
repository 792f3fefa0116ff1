//! What the linter reports, and the list that checks add to.

use std::path::PathBuf;

use super::rules::Rule;
use crate::document::{Source, is_below};
use crate::error::Problem;
use crate::yaml::{Extent, Position};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A cluster refuses the document.
    Error,
    /// A cluster takes the document, but the run fails or does something else than is written.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One fault, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked for.
    pub rule: &'static Rule,
    /// The file.
    pub file: PathBuf,
    /// Where it begins.
    pub position: Position,
    /// Behind its last character.
    pub end: Option<Position>,
    /// The field, such as `spec.tasks[1].params[0].value`; empty for the whole document.
    pub field: String,
    /// What was got and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line it stands in.
    pub source_line: Option<String>,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.rule.severity
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        let Finding { file, position, field, message, .. } = finding;
        Self { file, position: Some(position), field, message }
    }
}

/// What was found in one document.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    source: &'a Source,
    list: Vec<Finding>,
    /// Fields that could not be read: what follows from that is no finding of its own.
    unread: Vec<String>,
}

/// A finding just added, unless it only follows from another.
pub(crate) struct Added<'a>(Option<&'a mut Finding>);

impl Added<'_> {
    /// Says what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) {
        if let Some(finding) = self.0 {
            finding.hint = Some(hint.into());
        }
    }
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(source: &'a Source) -> Self {
        Self { source, list: Vec::new(), unread: Vec::new() }
    }

    pub(crate) fn into_list(self) -> Vec<Finding> {
        self.list
    }

    pub(crate) const fn source(&self) -> &'a Source {
        self.source
    }

    /// Fields that could not be read.
    pub(crate) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Leaves out what is found at or below `path` from now on.
    pub(crate) fn skip(&mut self, path: &str) {
        self.unread.push(path.to_owned());
    }

    /// Adds a fault of the value at `path`.
    pub(crate) fn add(&mut self, rule: &'static Rule, path: &str, message: impl Into<String>) -> Added<'_> {
        self.push(rule, path, self.source.value(path), message.into())
    }

    /// Adds a fault of the field at `path` itself, whatever its value.
    pub(crate) fn add_at_key(&mut self, rule: &'static Rule, path: &str, message: impl Into<String>) -> Added<'_> {
        self.push(rule, path, self.source.key(path), message.into())
    }

    /// Adds a fault of the reference `$(expression)` inside the text at `path`.
    pub(crate) fn add_reference(
        &mut self,
        rule: &'static Rule,
        path: &str,
        expression: &str,
        message: impl Into<String>,
    ) -> Added<'_> {
        self.push(rule, path, self.source.reference(path, expression), message.into())
    }

    fn push(&mut self, rule: &'static Rule, path: &str, extent: Extent, message: String) -> Added<'_> {
        if self.unread.iter().any(|above| is_below(path, above)) {
            return Added(None);
        }
        self.list.push(self.source.finding(rule, path, extent, message));
        Added(self.list.last_mut())
    }
}
