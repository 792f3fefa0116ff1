//! Calls of an MLflow server: signed, retried where that can help, and never beyond the time there is.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::credentials::Credentials;
use super::error::MlflowError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take for an answer that is no file.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_ATTEMPTS: u32 = 5;
/// The wait after the first failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait that a server may ask for.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// How much of an answer that is not MLflow's is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// A server and the time that it may cost.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    credentials: Credentials,
    budget: Duration,
    deadline: Instant,
}

/// What MLflow answers where it refuses.
#[derive(serde::Deserialize)]
struct Refusal {
    error_code: String,
    #[serde(default)]
    message: String,
}

/// One attempt that failed.
enum Failed {
    /// Another may succeed, after so long if the server said.
    Passing(MlflowError, Option<Duration>),
    /// None will.
    Lasting(MlflowError),
}

impl Client {
    /// A client of the server at `base`, which ends with a slash. Its time starts now.
    ///
    /// # Errors
    /// [`MlflowError::Setup`].
    pub(crate) fn new(base: Url, credentials: Credentials, budget: Duration) -> Result<Self, MlflowError> {
        // One TLS stack, on ring, for every client of the workspace. An error says that one is installed already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would turn a POST into a GET, or take the credentials elsewhere.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("faultline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| MlflowError::Setup { url: base.to_string(), reason: error.without_url().to_string() })?;
        Ok(Self { http, base, credentials, budget, deadline: Instant::now() + budget })
    }

    /// The server's address, which holds no secret.
    pub(crate) fn url(&self) -> String {
        self.base.to_string()
    }

    /// Asks with a query.
    pub(crate) async fn get<A: DeserializeOwned>(&self, call: &str, query: &[(&str, &str)]) -> Result<A, MlflowError> {
        let response = self.send(call, CALL_TIMEOUT, async || Ok(self.rest(Method::GET, call).query(query))).await?;
        self.answer(call, &response)
    }

    /// Tells with a document.
    pub(crate) async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        call: &str,
        body: &impl Serialize,
    ) -> Result<A, MlflowError> {
        let request = async || Ok(self.rest(method.clone(), call).json(body));
        let response = self.send(call, CALL_TIMEOUT, request).await?;
        self.answer(call, &response)
    }

    /// Tells with a document and takes any answer.
    pub(crate) async fn post(&self, call: &str, body: &impl Serialize) -> Result<(), MlflowError> {
        self.call::<serde_json::Value>(Method::POST, call, body).await.map(drop)
    }

    /// Writes a local file through the server's artifact proxy. Memory does not grow with the file.
    pub(crate) async fn put_file(&self, artifact: &str, file: &Path, media_type: &str) -> Result<(), MlflowError> {
        let call = format!("mlflow-artifacts/artifacts/{artifact}");
        let request = async || {
            let content = tokio::fs::File::open(file).await?;
            let bytes = content.metadata().await?.len();
            let request = self.request(Method::PUT, &call);
            Ok(request.header(CONTENT_LENGTH, bytes).header(CONTENT_TYPE, media_type).body(content))
        };
        // A large file takes its time; a server that stalls is left when all time is over.
        self.send(&call, self.budget, request).await.map(drop)
    }

    fn rest(&self, method: Method, call: &str) -> RequestBuilder {
        self.request(method, &format!("mlflow/{call}"))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "2.0"]).extend(path.split('/'));
        }
        self.credentials.sign(self.http.request(method, url))
    }

    fn answer<A: DeserializeOwned>(&self, call: &str, body: &[u8]) -> Result<A, MlflowError> {
        serde_json::from_slice(body).map_err(|source| MlflowError::Answer {
            call: call.to_owned(),
            url: self.url(),
            source: Box::new(source),
        })
    }

    /// Sends until an attempt succeeds, waiting longer each time, and gives the whole answer.
    async fn send(
        &self,
        call: &str,
        timeout: Duration,
        request: impl AsyncFn() -> std::io::Result<RequestBuilder>,
    ) -> Result<Vec<u8>, MlflowError> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let until = self.deadline.min(Instant::now() + timeout);
            let failed = match tokio::time::timeout_at(until, self.attempt(call, attempt, &request)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(Failed::Lasting(error))) => return Err(error),
                Ok(Err(Failed::Passing(error, asked))) => (error, asked),
                Err(elapsed) => (self.unreachable(call, attempt, elapsed), None),
            };
            let pause = failed.1.map_or(wait, |asked| asked.min(MAX_WAIT));
            if Instant::now() + pause >= self.deadline {
                tracing::warn!(call, url = self.url(), error = %failed.0, "no time is left for another attempt");
                return Err(self.out_of_time(call));
            }
            if attempt == MAX_ATTEMPTS {
                return Err(failed.0);
            }
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
        Err(self.out_of_time(call))
    }

    async fn attempt(
        &self,
        call: &str,
        attempt: u32,
        request: &impl AsyncFn() -> std::io::Result<RequestBuilder>,
    ) -> Result<Vec<u8>, Failed> {
        let passing = |error: reqwest::Error| {
            // The address is told once, by the error around it.
            Failed::Passing(self.unreachable(call, attempt, error.without_url()), None)
        };
        let request = request().await.map_err(|error| Failed::Lasting(self.unreachable(call, attempt, error)))?;
        let response = request.send().await.map_err(passing)?;
        let status = response.status();
        let asked = retry_after(&response);
        let body = response.bytes().await.map_err(passing)?;
        if status.is_success() {
            return Ok(body.into());
        }
        let error = self.refused(call, status, &body);
        let is_passing = status == StatusCode::TOO_MANY_REQUESTS || matches!(status.as_u16(), 500 | 502..=504);
        Err(if is_passing { Failed::Passing(error, asked) } else { Failed::Lasting(error) })
    }

    fn refused(&self, call: &str, status: StatusCode, body: &[u8]) -> MlflowError {
        let (code, message) = match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) => (refusal.error_code, refusal.message),
            Err(_) => (status.canonical_reason().unwrap_or("unknown").to_owned(), text(body)),
        };
        // The first line says it; MLflow adds statements of its database.
        let message = message.lines().next().unwrap_or_default().to_owned();
        MlflowError::Refused { call: call.to_owned(), url: self.url(), status: status.as_u16(), code, message }
    }

    fn unreachable(
        &self,
        call: &str,
        attempts: u32,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> MlflowError {
        MlflowError::Unreachable { call: call.to_owned(), url: self.url(), attempts, source: Box::new(source) }
    }

    fn out_of_time(&self, call: &str) -> MlflowError {
        MlflowError::OutOfTime { call: call.to_owned(), url: self.url(), budget: self.budget }
    }
}

/// How long the server asks to wait, where it says so in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer in words.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_SHOWN_CHARS)
        .collect()
}
