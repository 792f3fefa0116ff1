//! Errors that know what a process that ends with them tells its caller.

use std::error::Error;

use crate::ExitCode;

/// An error that knows its exit code and the next action.
pub trait Explain: Error + Send + Sync + Sized + 'static {
    /// The exit code of a process that ends with this error.
    fn exit_code(&self) -> ExitCode;

    /// The next action, with the exact flag or command.
    fn hint(&self) -> Option<String> {
        None
    }
}
