//! What can be wrong with a pipeline file or with the way a run is asked for.

use std::path::PathBuf;

use thiserror::Error;

use crate::yaml::Position;

/// A pipeline file or a request that cannot be run.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The document is not what Tekton v1 allows.
    #[error("{0}")]
    Document(Box<Problem>),
    /// A name that is not among those known.
    #[error("find {kind} `{name}` in {place}: known: {}", listed(known))]
    Unknown {
        /// `Pipeline`, `param`, `workspace`, ...
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// Where it was sought.
        place: String,
        /// The names that exist there.
        known: Vec<String>,
    },
    /// The file holds several Pipelines, or none, and the request names none.
    #[error("choose a Pipeline in {place}: got no name, expected one of {}", listed(known))]
    NoneChosen {
        /// The file.
        place: String,
        /// The Pipelines in it.
        known: Vec<String>,
    },
    /// The request does not fit the Pipeline, in the words and with the reason of Tekton.
    #[error("start the run ({reason}): {message}")]
    Refused {
        /// Tekton's reason, such as `ParameterMissing`.
        reason: &'static str,
        /// What was got and what was expected.
        message: String,
        /// What to do next.
        hint: String,
        /// The fault lies in the command line rather than in the file.
        is_usage: bool,
    },
    /// A step that should have explained itself did not.
    #[error("ask the task `{task}` what it would do: {message}")]
    Unexplained {
        /// The pipeline task.
        task: String,
        /// What happened instead.
        message: String,
        /// The exit code of its step.
        exit_code: Option<i32>,
        /// What it printed.
        log: Option<PathBuf>,
    },
    /// Asking the steps what they would do was broken off.
    #[error("ask the tasks what they would do")]
    Asking {
        /// What the system said.
        source: std::io::Error,
    },
    /// The runner's own folders could not be made or written.
    #[error("{action} {}", path.display())]
    State {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// One fault of one document, with its place.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("read {place}: {message}", place = self.place())]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line and column, where they are known.
    pub position: Option<Position>,
    /// The field, such as `spec.tasks[0].params[1].value`; empty for the whole document.
    pub field: String,
    /// What was got and what was expected.
    pub message: String,
}

impl Problem {
    fn place(&self) -> String {
        let file = self.file.display();
        let at = self.position.map_or_else(String::new, |Position { line, column }| format!(":{line}:{column}"));
        let colon = if self.field.is_empty() { "" } else { ": " };
        format!("{file}{at}{colon}{}", self.field)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Document(Box::new(problem))
    }
}

impl Error {
    /// The next action for the reader, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::Unknown { kind, .. } => Some(format!("use one of the known names, or declare the {kind}")),
            Self::NoneChosen { known, .. } if known.is_empty() => Some("name a file that holds a Pipeline".to_owned()),
            Self::NoneChosen { .. } => Some("add --pipeline NAME".to_owned()),
            Self::Document(_) => Some("the fields and their meaning: https://tekton.dev/docs/pipelines/".to_owned()),
            Self::Read { .. } | Self::State { .. } | Self::Asking { .. } => None,
            Self::Unexplained { .. } => Some("see what it printed; the run itself would meet the same".to_owned()),
        }
    }
}

/// `a, b, c`, or `none`.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_column_and_field() {
        let problem = Problem {
            file: "p.yaml".into(),
            position: Some(Position { line: 3, column: 5 }),
            field: "spec.tasks[0]".into(),
            message: "unknown field `bogus`".into(),
        };
        assert_eq!(Error::from(problem).to_string(), "read p.yaml:3:5: spec.tasks[0]: unknown field `bogus`");
    }

    #[test]
    fn known_names_are_listed() {
        let known = vec!["train".to_owned(), "predict".to_owned()];
        let error = Error::Unknown { kind: "Pipeline", name: "trian".into(), place: "p.yaml".into(), known };
        assert_eq!(error.to_string(), "find Pipeline `trian` in p.yaml: known: train, predict");
    }
}
