//! What the stage tells an MLflow server, and what becomes of the run when that says no.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::fixture::Fixture;

/// A server that refuses everybody. Gives its address, and what it is asked.
fn refusing() -> (String, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let uri = format!("http://{}/proxied", listener.local_addr().unwrap());
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 64 << 10];
            let read = stream.read(&mut head).unwrap();
            tell.send(String::from_utf8_lossy(&head[..read]).to_lowercase()).unwrap();
            let body = "You are not authenticated.";
            let length = body.len();
            write!(stream, "HTTP/1.1 401 UNAUTHORIZED\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
                .unwrap();
        }
    });
    (uri, told)
}

#[test]
fn credentials_go_to_the_server_and_nowhere_else() {
    // The user and the password in base64.
    let basic = "authorization: basic bwu6cgxhbnrlza==";
    let user = [("MLFLOW_TRACKING_USERNAME", "me"), ("MLFLOW_TRACKING_PASSWORD", "planted")];
    for (variables, header) in
        [(&user[..], basic), (&[("MLFLOW_TRACKING_TOKEN", "planted")], "authorization: bearer planted")]
    {
        let (uri, asked) = refusing();
        let fixture = Fixture::new();
        fixture.training();
        let output = fixture.report_with(&[&format!("--tracking-uri={uri}")], variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "the run is none of the server's: {stderr}");
        let asked = asked.recv().unwrap();
        assert!(asked.starts_with("get /proxied/api/2.0/mlflow/") && asked.contains(header), "{asked}");

        for expected in ["WARN", "status 401", &uri, "hint: ", "MLFLOW_TRACKING_TOKEN"] {
            assert!(stderr.contains(expected), "{expected:?} is not in {stderr}");
        }
        let (_, manifest) = &fixture.manifests()[0];
        assert_eq!(manifest.facts["tracking"], "behind");
        for left in [stderr.into_owned(), format!("{manifest:?}")] {
            assert!(!left.contains("planted") && !left.to_lowercase().contains("bwu6cgxhbnrlza"), "{left}");
        }
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_shown() {
    let fixture = Fixture::new();
    let output = fixture.report(&["--tracking-uri=http://me:planted@localhost/x?y=planted"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("http://...@localhost/x") && !stderr.contains("planted"), "{stderr}");
}

#[test]
fn credentials_that_cannot_be_sent_fail_no_run() {
    let fixture = Fixture::new();
    let output = fixture.report_with(&["--tracking-uri=http://localhost"], &[("MLFLOW_TRACKING_USERNAME", "planted")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("MLFLOW_TRACKING_PASSWORD is not") && !stderr.contains("planted"), "{stderr}");
    assert_eq!(fixture.manifests()[0].1.facts["tracking"], "behind");
}
