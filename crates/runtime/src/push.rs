//! The way of metrics to a Pushgateway.

use std::error::Error;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{ByteStream, error::Error as StreamError};
use faultline_contract::ServerUri;
use faultline_metrics::{Group, render};
use thiserror::Error;
use url::Url;

/// How long all of it may take: nobody waits for metrics.
const BUDGET: Duration = Duration::from_secs(5);
/// What the path of a Pushgateway says before the job's name.
const JOB: [&str; 2] = ["metrics", "job"];
/// The job of metrics whose address names none.
const DEFAULT_JOB: &str = "faultline";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How much of an answer is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// The metrics did not arrive.
#[derive(Debug, Error)]
pub(crate) enum PushError {
    /// No server can be there.
    #[error("the address {reason}, expected http(s)://HOST[:PORT][/PATH][/metrics/job/JOB]")]
    Address { reason: &'static str },
    /// No request can be made of it.
    #[error("no request can be made of the metrics")]
    Request(#[source] HttpError),
    /// No answer came.
    #[error("the Pushgateway cannot be reached")]
    Unreachable(#[source] ConnectorError),
    /// The answer did not come to its end.
    #[error("the Pushgateway ended its answer {status} early")]
    Torn {
        status: u16,
        #[source]
        source: StreamError,
    },
    /// No answer came in time.
    #[error("the Pushgateway did not answer within {} s", BUDGET.as_secs())]
    Silent,
    /// The server wants none of it.
    #[error("the Pushgateway answered {status}: {text}")]
    Refused { status: u16, text: String },
}

/// Pushes each group under its labels; nothing at all when no address is given.
///
/// A metric that is pushed replaces all samples of that name in its group, and leaves the others: what a failed attempt cannot tell stays
/// as the last good one told it.
pub(crate) async fn push(uri: &ServerUri, groups: &[Group]) -> Result<(), PushError> {
    let Some(address) = uri.address().map_err(|reason| PushError::Address { reason })? else { return Ok(()) };
    // The client that the store of S3 has too, so that no program carries a second one. It follows no redirect, which would turn the POST into a GET.
    let client = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
    let all = async {
        for group in groups {
            send(&client, place(&address, group), render(std::slice::from_ref(group))).await?;
        }
        Ok(())
    };
    tokio::time::timeout(BUDGET, all).await.unwrap_or(Err(PushError::Silent))
}

/// What stands at the bottom of an error.
pub(crate) fn root_cause(error: &PushError) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

async fn send(client: &Connector, to: Url, text: String) -> Result<(), PushError> {
    let mut request = HttpRequest::new(SdkBody::from(text));
    request.set_method("POST").and_then(|()| request.set_uri(to.as_str())).map_err(PushError::Request)?;
    request.headers_mut().insert("content-type", TEXT);
    let answer = client.call(request).await.map_err(PushError::Unreachable)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let status = status.as_u16();
    // What is shown stands at the beginning.
    let torn = |source| PushError::Torn { status, source };
    let start = ByteStream::new(answer.into_body()).try_next().await.map_err(torn)?.unwrap_or_default();
    let start = String::from_utf8_lossy(&start);
    let text = start.lines().next().unwrap_or_default().chars().take(MAX_SHOWN_CHARS).collect();
    Err(PushError::Refused { status, text })
}

/// Where a group is pushed to: the job, unless the address names one, and the group's labels.
fn place(address: &Url, group: &Group) -> Url {
    let mut url = address.clone();
    let names_job = address.path_segments().is_some_and(|mut segments| {
        let (mut before, [metrics, job]) = ("", JOB);
        segments.any(|segment| std::mem::replace(&mut before, segment) == metrics && segment == job)
    });
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
        if !names_job {
            segments.extend(JOB).push(DEFAULT_JOB);
        }
        for (label, value) in &group.labels {
            segments.push(label).push(value);
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_a_group_are_its_place() {
        let group =
            Group { labels: vec![("pipeline", "train".to_owned()), ("step", "a/b".to_owned())], samples: vec![] };
        for (address, expected) in [
            ("http://host:9091", "http://host:9091/metrics/job/faultline/pipeline/train/step/a%2Fb"),
            ("http://host/push/", "http://host/push/metrics/job/faultline/pipeline/train/step/a%2Fb"),
            ("http://host/metrics/job/dev", "http://host/metrics/job/dev/pipeline/train/step/a%2Fb"),
            ("http://host/metrics/job/dev/site/x", "http://host/metrics/job/dev/site/x/pipeline/train/step/a%2Fb"),
        ] {
            let address: ServerUri = address.parse().unwrap();
            assert_eq!(place(&address.address().unwrap().unwrap(), &group).as_str(), expected);
        }
    }

    #[tokio::test]
    async fn no_address_is_nobody_and_a_wrong_one_says_what_was_expected() {
        push(&ServerUri::default(), &[]).await.unwrap();
        let error = push(&"http://me:planted@host".parse().unwrap(), &[]).await.unwrap_err().to_string();
        assert!(error.contains("user or a password") && !error.contains("planted"), "{error}");
    }
}
