//! Errors of the crates below, with the exit code and hint of the command line.

use std::error::Error;
use std::path::Path;

use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::Error as TektonError;

use crate::run::progress::last_lines;

/// A pipeline file or a request that cannot be run.
pub(crate) fn tekton(error: &TektonError) -> Failure {
    let code = match error {
        TektonError::Read { .. } => ExitCode::InputMissing,
        TektonError::State { .. } => ExitCode::Temporary,
        TektonError::Unexplained { exit_code, .. } => exit_code
            .and_then(ExitCode::from_code)
            .filter(|code| *code != ExitCode::Usage)
            .unwrap_or(ExitCode::Internal),
        TektonError::Asking { .. } => ExitCode::Internal,
        TektonError::Unknown { .. } | TektonError::NoneChosen { .. } | TektonError::Refused { is_usage: true, .. } => {
            ExitCode::Usage
        }
        TektonError::Document(_) | TektonError::Refused { .. } => ExitCode::Configuration,
    };
    if let TektonError::Unexplained { task, log: Some(log), .. } = error {
        last_lines(task, log);
    }
    let hint = error.hint();
    with_hint(Failure::new(code, error.to_string()), hint, error)
}

/// A local file that could not be read or written.
pub(crate) fn file(action: &str, path: &Path, error: std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => ExitCode::InputMissing,
        std::io::ErrorKind::PermissionDenied => ExitCode::Permission,
        _ => ExitCode::Temporary,
    };
    Failure::new(code, format!("{action} {}", path.display())).caused_by(error).hint("check the path and its rights")
}

/// Adds the hint, and the causes of `error`, whose own text the failure has already.
fn with_hint(mut failure: Failure, hint: Option<String>, error: &dyn Error) -> Failure {
    let causes: Vec<_> =
        std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect();
    if !causes.is_empty() {
        failure = failure.caused_by(std::io::Error::other(causes.join(": ")));
    }
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
