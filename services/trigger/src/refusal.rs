//! Why an event starts nothing, in the words and codes of Tekton's interceptors.

use serde::{Serialize, Serializer};
use thiserror::Error;

/// The codes of gRPC that interceptors answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// All is well.
    Ok = 0,
    /// The event, or the trigger's setting, is not what it should be.
    InvalidArgument = 3,
    /// The signature is missing, wrong or too old.
    PermissionDenied = 7,
    /// A fine event, which this trigger does not start a run for.
    FailedPrecondition = 9,
    /// The interceptor itself lacks something.
    Internal = 13,
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// An event that starts nothing: what is wrong, and what to do about it. It never holds a secret, nor the body of an event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}; {hint}")]
pub struct Refusal {
    /// What kind of refusal it is.
    pub code: Code,
    /// What was found, where.
    pub reason: String,
    /// What was expected, or the next action.
    pub hint: String,
}

impl Refusal {
    fn new(code: Code, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), hint: hint.into() }
    }

    pub(crate) fn invalid(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, reason, hint)
    }

    pub(crate) fn denied(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, reason, hint)
    }

    pub(crate) fn unmet(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, hint)
    }

    pub(crate) fn internal(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::Internal, reason, hint)
    }
}
