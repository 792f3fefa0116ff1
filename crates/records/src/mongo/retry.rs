//! Requests that are sent again while the server is away.

use std::time::Duration;

use crate::error::RecordsError;
use crate::mongo::failure::Place;

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How requests to one database are sent.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) place: Place,
    /// The longest that one request may take: the driver itself waits for an answer without end.
    pub(crate) deadline: Duration,
}

impl Retry {
    /// The answer to a request that may be repeated without harm. One that meets a passing condition is sent again.
    pub(crate) async fn send<T>(
        &self,
        action: &'static str,
        request: impl AsyncFn() -> mongodb::error::Result<T>,
    ) -> Result<T, RecordsError> {
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            let error = match tokio::time::timeout(self.deadline, request()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => self.place.failed(action, &error),
                Err(_) => self.place.silent(action, self.deadline),
            };
            let RecordsError::Unavailable { uri, source, .. } = &error else { return Err(error) };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::warn!(%uri, action, attempt, %source, "the database of records is unavailable; trying again");
            faultline_metrics::retried(faultline_metrics::Service::Records);
            tokio::time::sleep(pause).await;
            attempt += 1;
            pause *= 2;
        }
    }
}
