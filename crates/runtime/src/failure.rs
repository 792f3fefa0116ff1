//! Errors as people meet them: what failed, why, what to do next, and the exit code.

use std::error::Error;
use std::fmt::Write as _;

use faultline_contract::{ExitCode, Explain};
use faultline_store::StoreError;

/// What to do about a disk that is full or gives no access.
pub const SCRATCH_HINT: &str = "check space and rights of the folder given by --scratch-dir";

/// Why a step ended without committing.
#[derive(Debug)]
pub struct Failure {
    code: ExitCode,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_unforeseen: bool,
}

impl Failure {
    /// A failure with a lowercase fragment as its message.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, source: None, is_unforeseen: false }
    }

    /// A contradiction in flags, params or what is already committed.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, message)
    }

    /// A defect of the program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Internal, message)
    }

    /// Adds the next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Takes over an error that explains itself.
    pub fn from_explained(error: &impl Explain) -> Self {
        Self {
            code: error.exit_code(),
            message: error.to_string(),
            hint: error.hint(),
            source: cause(error),
            is_unforeseen: false,
        }
    }

    /// Says that a step before this one must run first, where nothing is wrong but that it has not yet.
    #[must_use]
    pub(crate) fn unforeseen(mut self) -> Self {
        self.is_unforeseen = true;
        self
    }

    /// Whether it hangs on a step that has not run.
    pub(crate) fn is_unforeseen(&self) -> bool {
        self.is_unforeseen
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        self.code
    }

    /// The text for stderr: `error:`, `caused by:` lines, `hint:`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        let mut next = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(source) = next {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "caused by: {source}");
            next = source.source();
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }
}

/// Turns the errors of the crates below into the frame's own.
pub trait Explained<T> {
    /// The value, or a failure with the error's exit code, hint and causes.
    ///
    /// # Errors
    /// The error, taken over.
    fn explained(self) -> Result<T, Failure>;
}

impl<T, E: Explain> Explained<T> for Result<T, E> {
    fn explained(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::from_explained(&error))
    }
}

/// The chain below an error, kept as text: the error itself is taken apart and its source cannot be moved out.
fn cause(error: &dyn Error) -> Option<Box<dyn Error + Send + Sync>> {
    let source = error.source()?;
    Some(Box::new(Cause { message: source.to_string(), source: cause(source) }))
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Cause {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from_explained(&error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(source: std::io::Error) -> Self {
        Self::new(ExitCode::Temporary, "the local file system failed").caused_by(source).hint(SCRATCH_HINT)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_why_and_what_next() {
        let root = std::io::Error::other("disk on fire");
        let failure = Failure::configuration("read the params").caused_by(root).hint("try --params-uri builtin://demo");
        assert_eq!(
            failure.render(),
            "error: read the params\ncaused by: disk on fire\nhint: try --params-uri builtin://demo\n"
        );
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    impl Explain for Outer {
        fn exit_code(&self) -> ExitCode {
            ExitCode::Usage
        }
    }

    #[test]
    fn keeps_the_chain_of_an_error_that_explains_itself() {
        let failure = Failure::from_explained(&Outer(std::io::Error::other("inner")));
        assert_eq!(
            (failure.code(), failure.render()),
            (ExitCode::Usage, "error: outer\ncaused by: inner\n".to_owned())
        );
    }
}
