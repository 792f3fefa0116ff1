//! Requests that are sent again by us, beside those that the SDK repeats.

use std::time::Duration;

use crate::error::StoreError;

/// The first wait before a repetition; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Why a request did not succeed.
pub(super) enum Interrupted {
    /// It may go well the next time: the body broke off, or came damaged, or another request was in the way.
    Midway(StoreError),
    /// Asking again is of no use, or was done already.
    Finally(StoreError),
}

/// Asks until it goes well, at most so many times.
pub(super) async fn repeated<T, F>(attempts: u32, mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Interrupted>>,
{
    let (mut left, mut wait) = (attempts, FIRST_WAIT);
    loop {
        left -= 1;
        match ask().await {
            Ok(done) => return Ok(done),
            Err(Interrupted::Midway(_)) if left > 0 => {
                faultline_metrics::retried(faultline_metrics::Service::Store);
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(Interrupted::Midway(error) | Interrupted::Finally(error)) => return Err(error),
        }
    }
}
