//! The HTTP service that a listener asks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::decide::{Limits, decide};
use crate::error::TriggerError;
use crate::protocol::{InterceptorRequest, InterceptorResponse};
use crate::refusal::Refusal;
use crate::secrets;
use crate::setting::Trigger;

/// The largest request, in bytes. An event of S3 has a few KiB, EventBridge's have at most 256 KiB, and a push with very many files more.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Requests that are answered at the same time; others wait.
const MAX_CONNECTIONS: usize = 64;
/// The longest that a request may take, from the first byte to the last of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where a probe looks.
const HEALTH: &str = "/healthz";

struct Service {
    limits: Limits,
    secrets: PathBuf,
}

/// Answers until SIGTERM or SIGINT, and what is being asked then too.
pub(crate) async fn serve(address: SocketAddr, limits: Limits, secrets: PathBuf) -> Result<(), TriggerError> {
    let listen = |source| TriggerError::Listen { address: address.to_string(), source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(TriggerError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(TriggerError::Start)?;
    let bound = listener.local_addr().map_err(listen)?;
    tracing::info!(address = %bound, raw_uri = %limits.raw, "listening");

    let (service, places) = (Arc::new(Service { limits, secrets }), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, say: others may be closed in a moment.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let (service, places) = (Arc::clone(&service), Arc::clone(&places));
        connections.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire().await;
            connection(stream, service).await;
        });
    }
    drop(listener);
    tracing::info!(open = connections.len(), "stopping");
    connections.join_all().await;
    Ok(())
}

async fn connection(stream: TcpStream, service: Arc<Service>) {
    let answer = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    // One request each: a listener's are few, and a connection that is never idle needs no further limit.
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    match tokio::time::timeout(TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection broke off"),
        Err(_) => tracing::warn!("a request took longer than {} seconds", TIMEOUT.as_secs()),
    }
}

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, HEALTH) => text(StatusCode::OK, "ok"),
            (&Method::POST, "/") => self.intercept(request.into_body()).await,
            (_, "/") => text(StatusCode::METHOD_NOT_ALLOWED, "expected POST"),
            _ => text(StatusCode::NOT_FOUND, "expected / or /healthz"),
        }
    }

    async fn intercept(&self, body: Incoming) -> Response<Full<Bytes>> {
        let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                tracing::warn!("a request has more than {MAX_BODY_BYTES} bytes");
                return text(StatusCode::PAYLOAD_TOO_LARGE, &format!("at most {MAX_BODY_BYTES} bytes are taken"));
            }
            Err(error) => {
                tracing::debug!(%error, "a request broke off");
                return text(StatusCode::BAD_REQUEST, "the request broke off");
            }
        };
        match serde_json::from_slice(&body) {
            Ok(request) => json(&self.response(&request)),
            Err(error) => {
                tracing::warn!(%error, "no InterceptorRequest");
                text(StatusCode::BAD_REQUEST, &format!("expected an InterceptorRequest of Tekton Triggers: {error}"))
            }
        }
    }

    fn response(&self, request: &InterceptorRequest) -> InterceptorResponse {
        let decided = Trigger::of(&request.interceptor_params).and_then(|trigger| {
            let secrets = secrets::read(&self.secrets, &trigger.what)?;
            decide(&trigger, request, &secrets, &self.limits, Timestamp::now())
        });
        match decided {
            Ok(start) => {
                tracing::info!(run = start.run_name, cause = start.cause, "a run is to be started");
                InterceptorResponse::start(start.extensions())
            }
            Err(refusal) => {
                let Refusal { code, reason, hint } = &refusal;
                tracing::info!(code = ?code, reason, hint, "no run");
                InterceptorResponse::refuse(&refusal)
            }
        }
    }
}

fn json(response: &InterceptorResponse) -> Response<Full<Bytes>> {
    match serde_json::to_vec(response) {
        Ok(body) => full(StatusCode::OK, "application/json", body.into()),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    full(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

fn full(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
