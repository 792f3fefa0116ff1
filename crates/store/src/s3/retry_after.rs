//! The standard header with which a service, or what stands before it, asks for a pause. (The SDK knows only that of AWS.)

use std::time::Duration;

use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{RetryClassifierPriority, RetryReason};

const HEADER: &str = "retry-after";

/// Lets a failure that is repeated anyway wait as long as the answer asks; the client bounds that wait.
#[derive(Debug)]
pub(super) struct RetryAfter;

impl ClassifyRetry for RetryAfter {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let header = context.response().and_then(|response| response.headers().get(HEADER));
        let seconds = header.and_then(|text| text.trim().parse().ok());
        match (previous, seconds) {
            (RetryAction::RetryIndicated(RetryReason::RetryableError { kind, retry_after: None }), Some(seconds)) => {
                let retry_after = Some(Duration::from_secs(seconds));
                RetryAction::RetryIndicated(RetryReason::RetryableError { kind: *kind, retry_after })
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Retry-After"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
