//! `trigger post`, and the interceptor that understands it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

use serde_json::json;

use crate::http::{Interceptor, SCHEDULE_SECRET};

fn post(url: &str, secret: &str, period: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schedule");
    std::fs::write(&file, secret).unwrap();
    Command::new(env!("CARGO_BIN_EXE_trigger"))
        .args(["post", "--url", url, "--schedule", "weekly", "--period", period, "--secret-file"])
        .arg(&file)
        .output()
        .unwrap()
}

/// The headers and the body of a request.
type Heard = (Vec<(String, String)>, String);

/// What a listener gets: headers and body, of one request that is answered with a status.
fn listener(status: &'static str) -> (String, thread::JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let headers: Vec<(String, String)> = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse::<usize>().unwrap();
            if body.len() == length {
                stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).unwrap();
                return (headers, body.to_owned());
            }
        }
    });
    (url, taken)
}

#[test]
fn what_is_posted_is_what_the_interceptor_takes() {
    let interceptor = Interceptor::start();
    let (url, taken) = listener("202 Accepted");
    let output = post(&url, SCHEDULE_SECRET, "retrain-29401980");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stderr).contains(SCHEDULE_SECRET));
    let (headers, body) = taken.join().unwrap();
    assert_eq!(body, r#"{"schedule":"weekly","period":"retrain-29401980"}"#);
    let headers: Vec<(&str, String)> = headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let params = json!({"event": "schedule", "run-prefix": "retrain", "schedule": "weekly"});
    interceptor.ask(&params, &headers, &body).run_name();
}

#[test]
fn failures_say_whether_to_try_again() {
    for (status, code) in [("503 Service Unavailable", 75), ("404 Not Found", 69)] {
        let (url, taken) = listener(status);
        let output = post(&url, SCHEDULE_SECRET, "p");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains("hint: "), "{status}: {output:?}");
        taken.join().unwrap();
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, secret, period, code, expected) in [
        (format!("http://{free}/"), SCHEDULE_SECRET, "p", 75, "cannot be reached"),
        (format!("http://{free}/"), "short", "p", 77, "fewer than 20 bytes"),
        (format!("http://{free}/"), SCHEDULE_SECRET, "a b", 2, "the period of the event is no name"),
    ] {
        let output = post(&url, secret, period);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(expected) && text.contains("hint: "), "{text}");
    }
}
