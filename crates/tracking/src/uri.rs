//! The flag `--tracking-uri`: empty, or the address of an MLflow server.

/// What `--tracking-uri` was given: empty for the store alone, else the address of an MLflow server that mirrors it.
///
/// [`Registry::of_flags`](crate::Registry::of_flags) and [`Mlflow::new`](crate::Mlflow::new) check it.
pub use faultline_contract::ServerUri as TrackingUri;
use reqwest::Url;

use crate::error::TrackingError;

/// The address of the MLflow server, with a trailing slash; none for the store alone.
pub(crate) fn server(uri: &TrackingUri) -> Result<Option<Url>, TrackingError> {
    uri.address().map_err(|reason| TrackingError::UnsupportedUri { uri: uri.to_string(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_is_refused_and_shows_no_secret() {
        let uri: TrackingUri = "http://me:planted@host".parse().unwrap();
        let error = server(&uri).unwrap_err();
        let told = format!("{error} {} {error:?}", error.hint());
        assert!(!told.contains("planted") && told.contains("--tracking-uri"), "{told}");
    }
}
