//! What time it is at the service, as the headers of its answers tell.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

const HEADER: &str = "date";

/// Notes the time of the last answer to the request that it is put on.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<Mutex<Option<SystemTime>>>);

impl Clock {
    /// The time of the answer; none when it did not tell.
    pub(super) fn time(&self) -> Option<SystemTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let text = context.response().headers().get(HEADER);
        let time = text.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        let time = time.and_then(|time| SystemTime::try_from(time).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
        Ok(())
    }
}
