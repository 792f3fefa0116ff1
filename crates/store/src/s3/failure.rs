//! From the answers of an S3 service to errors that say what to do.

use std::error::Error;
use std::path::Path;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::repeat::Interrupted;
use crate::error::{Action, Cause, StoreError};

/// Codes of an answer that means: who are you?
const UNKNOWN_CALLER: [&str; 6] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "AuthorizationHeaderMissing",
];

const CLOCK_HINT: &str =
    "set the clock of this machine: requests are signed with the time, and the service knows another";

/// What is asked, of which object or folder: everything that an error needs.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) action: Action,
    pub(super) uri: String,
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Request {
    /// Sorts a failed request by what the caller can do.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let Some(status) = status else { return self.unanswered(error) };
        let text = answer(status, &code, error.as_service_error().and_then(ProvideErrorMetadata::message));
        match (status, code.as_str()) {
            (_, "NoSuchBucket") => self.invalid(
                format!("there is no bucket {}", self.bucket),
                "create the bucket, or correct the name in the URI".to_owned(),
            ),
            (_, "NoSuchKey" | "NotFound") | (404, _) => {
                StoreError::NotFound { action: self.action, uri: self.uri.clone() }
            }
            (412, _) if self.action == Action::Read => self.corrupt("the object was replaced while it was read".into()),
            (412, _) => StoreError::AlreadyExists { action: self.action, uri: self.uri.clone() },
            (_, "RequestTimeTooSkewed") => self.denied(CLOCK_HINT.to_owned(), text.into()),
            (401, _) => self.denied(self.credentials_hint(), text.into()),
            (_, code) if UNKNOWN_CALLER.contains(&code) => self.denied(self.credentials_hint(), text.into()),
            (403, _) => self.denied(self.policy_hint(), text.into()),
            (_, "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch") => self.corrupt(text.into()),
            (408 | 409 | 425 | 429 | 500..=599, _) | (_, "RequestTimeout" | "SlowDown") => {
                self.unavailable(text.into())
            }
            (301 | 307 | 308, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => self.invalid(
                format!("the bucket is in another region: {text}"),
                "set AWS_REGION to the region of the bucket".to_owned(),
            ),
            _ => self.invalid(
                format!("the store refused the request: {text}"),
                "check AWS_REGION, AWS_ENDPOINT_URL_S3 and the bucket's settings".to_owned(),
            ),
        }
    }

    /// A failed write: it may go well the next time if another one was in its way, so that nothing is decided yet, or if it came damaged.
    pub(super) fn not_written<E>(&self, error: &SdkError<E, HttpResponse>) -> Interrupted
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let is_conflict = error.raw_response().is_some_and(|response| response.status().as_u16() == 409);
        match self.failed(error) {
            error @ StoreError::Corrupt { .. } => Interrupted::Midway(error),
            error if is_conflict => Interrupted::Midway(error),
            error => Interrupted::Finally(error),
        }
    }

    /// A failure before any answer: no credentials, no connection, no time left.
    fn unanswered(&self, error: &(dyn Error + 'static)) -> StoreError {
        let text = chain(error);
        if text.contains("credential") || text.contains("identity") {
            return self.denied(self.credentials_hint(), text.into());
        }
        self.unavailable(text.into())
    }

    /// A body that broke off, or did not match its checksum.
    pub(super) fn broke_off(&self, error: impl Error + Send + Sync + 'static) -> StoreError {
        let text = chain(&error);
        if text.contains("checksum") {
            return self.corrupt(text.into());
        }
        self.unavailable(text.into())
    }

    /// A body must be as long as its header said.
    pub(super) fn check_length(&self, expected: Option<i64>, got: u64) -> Result<(), StoreError> {
        match expected {
            Some(expected) if u64::try_from(expected).is_ok_and(|expected| got < expected) => {
                Err(self.unavailable(format!("the connection ended after {got} of {expected} bytes").into()))
            }
            Some(expected) if u64::try_from(expected) != Ok(got) => {
                Err(self.corrupt(format!("got {got} bytes of {expected}").into()))
            }
            _ => Ok(()),
        }
    }

    /// A failure of the local file that takes part in the request.
    pub(super) fn failed_locally(&self, path: &Path, source: std::io::Error) -> StoreError {
        StoreError::Io { action: self.action, uri: self.uri.clone(), path: path.display().to_string(), source }
    }

    pub(super) fn corrupt(&self, source: Cause) -> StoreError {
        StoreError::Corrupt { action: self.action, uri: self.uri.clone(), source }
    }

    pub(super) fn unavailable(&self, source: Cause) -> StoreError {
        StoreError::Unavailable {
            action: self.action,
            uri: self.uri.clone(),
            hint: "check that the service runs and can be reached (AWS_ENDPOINT_URL_S3, AWS_REGION), then run again"
                .to_owned(),
            source,
        }
    }

    pub(super) fn invalid(&self, reason: String, hint: String) -> StoreError {
        StoreError::Invalid { action: self.action, uri: self.uri.clone(), reason, hint }
    }

    fn denied(&self, hint: String, source: Cause) -> StoreError {
        StoreError::PermissionDenied { action: self.action, uri: self.uri.clone(), hint, source }
    }

    /// The line of an IAM policy that would allow the request.
    fn policy_hint(&self) -> String {
        let Self { bucket, key, .. } = self;
        let (right, resource) = match self.action {
            Action::List => ("s3:ListBucket", format!("arn:aws:s3:::{bucket}")),
            Action::Write => ("s3:PutObject", format!("arn:aws:s3:::{bucket}/{key}")),
            Action::Delete => ("s3:DeleteObject", format!("arn:aws:s3:::{bucket}/{key}")),
            Action::Open | Action::Read | Action::Inspect => ("s3:GetObject", format!("arn:aws:s3:::{bucket}/{key}")),
        };
        format!("allow {right} on {resource} for these credentials")
    }

    fn credentials_hint(&self) -> String {
        format!(
            "give credentials that are known for the bucket {} and not expired: AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the pod or machine",
            self.bucket
        )
    }
}

/// One line: status, code and message.
fn answer(status: u16, code: &str, message: Option<&str>) -> String {
    let mut text = format!("HTTP {status}");
    for part in [code, message.unwrap_or_default()] {
        if !part.is_empty() {
            text.push(' ');
            text.push_str(part);
        }
    }
    text
}

/// One line from an error and its causes; the SDK's own texts say little each.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
