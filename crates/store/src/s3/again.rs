//! Counts the requests that the SDK sends again.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use faultline_metrics::{Service, retried};

/// Looks at every attempt of every request.
#[derive(Debug)]
pub(super) struct Again;

impl Intercept for Again {
    fn name(&self) -> &'static str {
        "Again"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            retried(Service::Store);
        }
        Ok(())
    }
}
