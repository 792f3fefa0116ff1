//! Calls of an MLflow server: signed, retried where that can help, and never beyond the time there is.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;
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

/// What a request carries.
enum Content<'a> {
    Query(&'a [(&'a str, &'a str)]),
    Json(&'a Value),
    /// A file with its media type.
    File(&'a Path, &'a str),
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
        let answer = self.send(Method::GET, &format!("mlflow/{call}"), Content::Query(query)).await?;
        self.answer(call, &answer)
    }

    /// Tells with a document.
    pub(crate) async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        call: &str,
        body: &Value,
    ) -> Result<A, MlflowError> {
        let answer = self.send(method, &format!("mlflow/{call}"), Content::Json(body)).await?;
        self.answer(call, &answer)
    }

    /// Tells with a document and takes any answer.
    pub(crate) async fn post(&self, call: &str, body: &Value) -> Result<(), MlflowError> {
        self.call::<Value>(Method::POST, call, body).await.map(drop)
    }

    /// Writes a local file through the server's artifact proxy. Memory does not grow with the file.
    pub(crate) async fn put_file(&self, artifact: &str, file: &Path, media_type: &str) -> Result<(), MlflowError> {
        let path = format!("mlflow-artifacts/artifacts/{artifact}");
        self.send(Method::PUT, &path, Content::File(file, media_type)).await.map(drop)
    }

    async fn request(&self, method: Method, path: &str, content: &Content<'_>) -> std::io::Result<RequestBuilder> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "2.0"]).extend(path.split('/'));
        }
        let request = self.credentials.sign(self.http.request(method, url));
        Ok(match content {
            Content::Query(query) => request.query(query),
            Content::Json(body) => request.json(body),
            Content::File(file, media_type) => {
                let file = tokio::fs::File::open(file).await?;
                let bytes = file.metadata().await?.len();
                request.header(CONTENT_LENGTH, bytes).header(CONTENT_TYPE, *media_type).body(file)
            }
        })
    }

    fn answer<A: DeserializeOwned>(&self, call: &str, body: &[u8]) -> Result<A, MlflowError> {
        serde_json::from_slice(body).map_err(|source| MlflowError::Answer {
            call: call.to_owned(),
            url: self.url(),
            source: Box::new(source),
        })
    }

    /// Sends until an attempt succeeds, waiting longer each time, and gives the whole answer.
    async fn send(&self, method: Method, call: &str, content: Content<'_>) -> Result<Vec<u8>, MlflowError> {
        let timeout = match content {
            Content::Query(_) | Content::Json(_) => CALL_TIMEOUT,
            // A large file takes its time; a server that stalls is left when all time is over.
            Content::File(..) => self.budget,
        };
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let until = self.deadline.min(Instant::now() + timeout);
            let sent = tokio::time::timeout_at(until, self.attempt(method.clone(), call, &content, attempt)).await;
            let (error, asked) = match sent {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(Failed::Lasting(error))) => return Err(error),
                Ok(Err(Failed::Passing(error, asked))) => (error, asked),
                Err(elapsed) => (self.unreachable(call, attempt, elapsed), None),
            };
            let pause = asked.map_or(wait, |asked| asked.min(MAX_WAIT));
            if Instant::now() + pause >= self.deadline {
                tracing::warn!(call, url = self.url(), %error, "no time is left for another attempt");
                return Err(self.out_of_time(call));
            }
            if attempt == MAX_ATTEMPTS {
                return Err(error);
            }
            faultline_metrics::retried(faultline_metrics::Service::Tracking);
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
        Err(self.out_of_time(call))
    }

    async fn attempt(
        &self,
        method: Method,
        call: &str,
        content: &Content<'_>,
        attempt: u32,
    ) -> Result<Vec<u8>, Failed> {
        let passing = |error: reqwest::Error| {
            // The address is told once, by the error around it.
            Failed::Passing(self.unreachable(call, attempt, error.without_url()), None)
        };
        let request = self.request(method, call, content).await;
        let request = request.map_err(|error| Failed::Lasting(self.unreachable(call, attempt, error)))?;
        let response = request.send().await.map_err(passing)?;
        let status = response.status();
        let asked = retry_after(&response);
        let body = response.bytes().await.map_err(passing)?;
        if status.is_success() {
            return Ok(body.into());
        }
        let error = self.refused(call, status, &body);
        Err(if is_passing(&error) { Failed::Passing(error, asked) } else { Failed::Lasting(error) })
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

/// Whether the same call may succeed a moment later.
fn is_passing(error: &MlflowError) -> bool {
    match error {
        MlflowError::Refused { status: 429 | 500 | 502..=504, .. } => true,
        // So MLflow calls what its database refuses: two clients have written the same at once, and one of them was second.
        MlflowError::Refused { status: 400, code, .. } => code == "BAD_REQUEST",
        _ => false,
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
