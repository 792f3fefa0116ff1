//! Starting the program, and asking it as a listener does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use faultline_service_trigger::{GITHUB_SIGNATURE, KEY, SIGNATURE, Secret, TIMESTAMP, sign};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

pub(crate) const OBJECT_SECRET: &str = "a secret of objects, a secret";
pub(crate) const SCHEDULE_SECRET: &str = "a secret of schedules, a secret";
pub(crate) const PUSH_SECRET: &str = "a secret of pushes, a secret";

/// A running program; it ends when this is dropped.
pub(crate) struct Interceptor {
    child: Child,
    pub(crate) address: String,
    pub(crate) secrets: TempDir,
    /// Open, so that the program can go on logging.
    logs: BufReader<ChildStderr>,
}

impl Interceptor {
    pub(crate) fn start() -> Self {
        let secrets = tempfile::tempdir().unwrap();
        for (kind, secret) in [("object", OBJECT_SECRET), ("schedule", SCHEDULE_SECRET), ("push", PUSH_SECRET)] {
            std::fs::write(secrets.path().join(kind), format!("{secret}\n")).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_trigger"))
            .args(["serve", "--listen", "127.0.0.1:0", "--raw-uri", "s3://fab-data/line 7/raw", "--secrets-dir"])
            .arg(secrets.path())
            .env_remove("FAULTLINE_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut logs = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        logs.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(told["message"], "listening", "{line}");
        Self { child, address: told["address"].as_str().unwrap().to_owned(), secrets, logs }
    }

    /// The status and the body of the answer to any request.
    pub(crate) fn send(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .write_all(format!("{head}\r\nhost: trigger\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())
            .unwrap();
        // A server that refuses a large body may close before all of it is sent.
        let _ = stream.write_all(body);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The answer to an `InterceptorRequest`.
    pub(crate) fn ask(&self, params: &Value, headers: &[(&str, String)], body: &str) -> Answer {
        // A listener's are in Go's canonical form, each with a list.
        let header: BTreeMap<&str, Vec<&String>> = headers.iter().map(|(name, value)| (*name, vec![value])).collect();
        let request = json!({
            "body": body,
            "header": header,
            "extensions": {},
            "interceptor_params": params,
            "context": {
                "event_url": "/", "event_id": "dc3d9f4a-3b4e-4d6e-9a43-2d0d10ef7a5c",
                "trigger_id": "namespaces/faultline-development/triggers/train-on-batch"
            }
        });
        let (status, answer) = self.send("POST / HTTP/1.1", request.to_string().as_bytes());
        assert_eq!(status, 200, "{answer}");
        Answer(serde_json::from_str(&answer).unwrap())
    }

    /// Asks it to stop, and gives what it logged.
    pub(crate) fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut logged = String::new();
        self.logs.read_to_string(&mut logged).unwrap();
        assert!(self.child.wait().unwrap().success(), "{logged}");
        logged
    }
}

impl Drop for Interceptor {
    fn drop(&mut self) {
        // It has ended already where a test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a listener is answered.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl Answer {
    pub(crate) fn run_name(&self) -> String {
        assert_eq!(self.0["continue"], true, "{}", self.0);
        assert_eq!(self.0["status"]["code"], 0, "{}", self.0);
        self.0["extensions"]["run-name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn raw_uri(&self) -> Option<String> {
        self.run_name();
        self.0["extensions"].get("raw-uri").map(|uri| uri.as_str().unwrap().to_owned())
    }

    /// Asserts that nothing is started, with this code of gRPC and a text that has this in it.
    pub(crate) fn refused(&self, code: u8, text: &str) {
        let (status, message) = (&self.0["status"], self.0["status"]["message"].as_str().unwrap());
        assert!(self.0["continue"] == false && self.0.get("extensions").is_none(), "{}", self.0);
        assert!(status["code"] == code && message.contains(text), "expected {code} and {text:?}, got {}", self.0);
    }
}

pub(crate) const INVALID_ARGUMENT: u8 = 3;
pub(crate) const PERMISSION_DENIED: u8 = 7;
pub(crate) const FAILED_PRECONDITION: u8 = 9;
pub(crate) const INTERNAL: u8 = 13;

/// EventBridge's header.
pub(crate) fn with_key() -> Vec<(&'static str, String)> {
    vec![(KEY, OBJECT_SECRET.to_owned())]
}

/// Our own signature, made `age` seconds ago.
pub(crate) fn signed(secret: &str, body: &str, age: i64) -> Vec<(&'static str, String)> {
    let seconds = jiff::Timestamp::now().as_second() - age;
    let value = sign(&Secret::new(secret.as_bytes()), seconds, body.as_bytes());
    vec![(SIGNATURE, value), (TIMESTAMP, seconds.to_string())]
}

/// GitHub's headers, signed by what is not our code.
pub(crate) fn of_github(secret: &str, body: &str, event: &str) -> Vec<(&'static str, String)> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let value = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    vec![(GITHUB_SIGNATURE, value), ("X-Github-Event", event.to_owned())]
}

/// Puts other secrets in place, as a changed Secret does.
pub(crate) fn replace(folder: &Path, kind: &str, text: &str) {
    std::fs::write(folder.join(kind), text).unwrap();
}
