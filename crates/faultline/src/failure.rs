//! How a command that cannot do its work says so.

use std::error::Error;
use std::fmt;

use faultline_contract::ExitCode;

/// What failed, why, what to do next, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ExitCode,
    /// What was tried, fit to follow "failed to".
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure without a cause below it.
    pub(crate) fn new(code: ExitCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: Some(hint.into()) }
    }

    /// A failure and the errors below it.
    pub(crate) fn of(code: ExitCode, error: &dyn Error, hint: Option<String>) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect();
        Self { code, message: error.to_string(), causes, hint }
    }

    pub(crate) const fn code(&self) -> ExitCode {
        self.code
    }
}

impl From<faultline_tekton::Error> for Failure {
    fn from(error: faultline_tekton::Error) -> Self {
        let code = match &error {
            faultline_tekton::Error::Read { .. } => ExitCode::InputMissing,
            faultline_tekton::Error::State { .. } => ExitCode::Internal,
            error if error.is_usage() => ExitCode::Usage,
            _ => ExitCode::Configuration,
        };
        Self::of(code, &error, error.hint())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: failed to {}", self.message)?;
        for cause in &self.causes {
            writeln!(f, "caused by: {cause}")?;
        }
        self.hint.as_ref().map_or(Ok(()), |hint| writeln!(f, "hint: {hint}"))
    }
}
