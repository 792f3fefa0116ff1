//! Work that computes or waits, off the threads that serve requests.

use crate::Failure;

/// Runs `work` on a thread of its own, so that signals and requests are still served meanwhile.
///
/// # Errors
/// Those of `work`, and an internal failure when it ends abnormally.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| Failure::internal("the step's work ended abnormally").caused_by(source))?
}
