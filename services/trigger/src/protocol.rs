//! What Tekton's EventListener asks an interceptor, and what it is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::refusal::{Code, Refusal};

/// One event, as a listener passes it on. Fields that are not needed here are passed over, as a newer Tekton may add some.
#[derive(Debug, Default, Deserialize)]
pub struct InterceptorRequest {
    /// The body as it was sent, to the byte: signatures are made over it.
    #[serde(default)]
    pub body: String,
    /// The headers that came with it.
    #[serde(default)]
    pub header: Headers,
    /// What the trigger in the listener says; see [`crate::Trigger`].
    #[serde(default)]
    pub interceptor_params: Map<String, Value>,
}

/// Headers of a request: names in any case, each with its values.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// The value of a header that may be there once.
    ///
    /// # Errors
    /// When it is there more than once: who reads the first and who reads the last would not agree.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let named = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut values = named.flat_map(|(_, values)| values);
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::denied(format!("the header {name} is there more than once"), "send it once"));
        }
        Ok(first.map(String::as_str))
    }
}

impl<const N: usize> From<[(&str, String); N]> for Headers {
    fn from(headers: [(&str, String); N]) -> Self {
        let mut all = Self::default();
        for (name, value) in headers {
            all.0.entry(name.to_owned()).or_default().push(value);
        }
        all
    }
}

/// The answer to a listener.
#[derive(Debug, Serialize)]
pub struct InterceptorResponse {
    /// What the bindings of the trigger read as `$(extensions.NAME)`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<&'static str, String>,
    /// Whether a run is started.
    #[serde(rename = "continue")]
    pub is_continued: bool,
    /// Why not.
    pub status: Status,
}

/// The reason in an answer.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The kind of it.
    pub code: Code,
    /// The text, which the listener logs.
    pub message: String,
}

impl InterceptorResponse {
    /// A run is to be started with these values.
    #[must_use]
    pub fn start(extensions: BTreeMap<&'static str, String>) -> Self {
        Self { extensions, is_continued: true, status: Status { code: Code::Ok, message: String::new() } }
    }

    /// Nothing is to be started.
    #[must_use]
    pub fn refuse(refusal: &Refusal) -> Self {
        let status = Status { code: refusal.code, message: refusal.to_string() };
        Self { extensions: BTreeMap::new(), is_continued: false, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_in_any_case_and_only_once() {
        let headers = Headers::from([("X-Hub-Signature-256", "a".to_owned()), ("Other", "b".to_owned())]);
        assert_eq!(headers.one("x-hub-signature-256"), Ok(Some("a")));
        assert_eq!(headers.one("missing"), Ok(None));
        let twice = Headers::from([("key", "a".to_owned()), ("Key", "a".to_owned())]);
        assert_eq!(twice.one("Key").unwrap_err().code, Code::PermissionDenied);
    }

    #[test]
    fn answers_are_what_a_listener_reads() {
        let start = InterceptorResponse::start(BTreeMap::from([("run-name", "train-1".to_owned())]));
        assert_eq!(
            serde_json::to_string(&start).unwrap(),
            r#"{"extensions":{"run-name":"train-1"},"continue":true,"status":{"code":0,"message":""}}"#
        );
        let refuse = InterceptorResponse::refuse(&Refusal::denied("no", "sign it"));
        assert_eq!(
            serde_json::to_string(&refuse).unwrap(),
            r#"{"continue":false,"status":{"code":7,"message":"no; sign it"}}"#
        );
    }
}
