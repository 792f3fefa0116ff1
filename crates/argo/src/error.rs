//! Why a Pipeline has no WorkflowTemplate.

use faultline_tekton::document::Document;
use faultline_tekton::{Error as TektonError, Position, Problem};
use thiserror::Error;

/// A Pipeline that cannot be exported.
#[derive(Debug, Error)]
pub enum Error {
    /// The documents are not what a cluster with Tekton would run.
    #[error(transparent)]
    Tekton(#[from] TektonError),
    /// Argo Workflows has nothing that does the same.
    #[error("express {place} in Argo Workflows: {message}", place = place(.problem), message = .problem.message)]
    Refused {
        /// What of the Pipeline, and why.
        problem: Box<Problem>,
        /// What to do about it.
        hint: String,
    },
    /// What was made does not hold together: a defect of the export.
    #[error("export the Pipeline `{pipeline}`: {fault}")]
    Unsound {
        /// The Pipeline.
        pipeline: String,
        /// The first fault that the checks found.
        fault: String,
    },
}

impl Error {
    /// The next action for the reader, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tekton(error) => error.hint(),
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::Unsound { .. } => None,
        }
    }
}

fn place(problem: &Problem) -> String {
    let at = problem.position.map_or_else(String::new, |Position { line, column }| format!(":{line}:{column}"));
    let colon = if problem.field.is_empty() { "" } else { ": " };
    format!("{}{at}{colon}{}", problem.file.display(), problem.field)
}

/// Why something cannot be expressed, before it is known where it stands.
#[derive(Debug)]
pub(crate) struct Reason {
    message: String,
    hint: String,
}

impl Reason {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// The refusal of what stands at `field`.
    pub(crate) fn at(self, document: &Document, field: &str) -> Error {
        Error::Refused { problem: Box::new(document.problem(field, self.message)), hint: self.hint }
    }
}
