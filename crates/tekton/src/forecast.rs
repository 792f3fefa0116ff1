//! What a run would do, told before anything runs.
//!
//! A Task whose metadata has the annotation [`EXPLAIN_ANNOTATION`] promises this of its only step: when the variable that the annotation
//! names is set to a path, the step does no work, writes an explanation to that path and exits with 0.
//!
//! ```json
//! {"action": "run", "reasons": [{"kind": "param", "name": "forest.trees", "before": "100", "now": "200"}]}
//! ```
//!
//! The action is `run`, `reuse` or `run-if-changed`: the last where what the step works on is not made yet. With `reuse` the step writes its results as it would after the work, so that what follows can be asked
//! in turn. Tasks without the annotation always run.

use serde::{Deserialize, Serialize};

use crate::outcome::Kind;

/// The annotation of a Task that explains itself; its value names the variable.
pub const EXPLAIN_ANNOTATION: &str = "faultline.dev/explain-env";

/// What would become of one pipeline task, or of one combination of its matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskForecast {
    /// Its name in the Pipeline.
    pub name: String,
    /// Which list it stands in.
    pub kind: Kind,
    /// Which combination, from 0; absent where there is no matrix, or where its combinations are not known yet.
    pub matrix_index: Option<usize>,
    /// What would become of it.
    pub action: Action,
    /// Why it would run.
    pub reasons: Vec<Reason>,
    /// The tasks that run and on which it hangs.
    pub by: Vec<String>,
}

/// What would become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It does its work.
    Run,
    /// An earlier result stands in.
    Reuse,
    /// It hangs on a task that runs: it does its work if that writes something new.
    RunIfChanged,
    /// Its conditions do not hold, or something that it needs was skipped.
    Skip,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Reuse => "reuse",
            Self::RunIfChanged => "run-if-changed",
            Self::Skip => "skip",
        }
    }
}

/// One difference between the work to be done and the earlier result that is most like it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What differs, in the words of the step, such as `code`, `param` or `input`.
    pub kind: String,
    /// Which of that kind; empty where there is only one.
    pub name: String,
    /// What it was, where it was.
    #[serde(default)]
    pub before: Option<String>,
    /// What it is, where it is.
    #[serde(default)]
    pub now: Option<String>,
}

impl Reason {
    /// A reason of the runner's own.
    pub(crate) fn of(kind: &str, name: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), name: name.into(), before: None, now: None }
    }
}

/// What a step writes when it is asked.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) action: Asked,
    #[serde(default)]
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Asked {
    Run,
    Reuse,
    RunIfChanged,
}
