//! The service itself: what it takes, what it tells, how it ends.

use serde_json::json;

use crate::bodies::bridged;
use crate::http::{
    INTERNAL, INVALID_ARGUMENT, Interceptor, OBJECT_SECRET, PERMISSION_DENIED, PUSH_SECRET, SCHEDULE_SECRET, replace,
    signed, with_key,
};

#[test]
fn only_requests_of_a_listener_are_taken() {
    let interceptor = Interceptor::start();
    assert_eq!(interceptor.send("GET /healthz HTTP/1.1", b""), (200, "ok\n".to_owned()));
    assert_eq!(interceptor.send("GET / HTTP/1.1", b"").0, 405);
    assert_eq!(interceptor.send("POST /other HTTP/1.1", b"{}").0, 404);
    for body in ["", "{", "1", "{\"body\": 1}", "{\"header\": {\"a\": \"b\"}}"] {
        let (status, text) = interceptor.send("POST / HTTP/1.1", body.as_bytes());
        assert!(status == 400 && text.contains("InterceptorRequest"), "{body}: {status} {text}");
    }
    assert_eq!(interceptor.send("POST / HTTP/1.1", &[0xff; 10]).0, 400);
}

#[test]
fn a_huge_body_is_refused_and_the_next_request_is_answered() {
    let interceptor = Interceptor::start();
    let (status, text) = interceptor.send("POST / HTTP/1.1", &vec![b' '; (1 << 20) + 1]);
    assert!(status == 413 && text.contains("1048576"), "{status} {text}");
    // A large one that is allowed.
    let params = json!({"event": "object", "run-prefix": "train"});
    let mut event = bridged("line 7/raw/a.complete");
    event["detail"]["padding"] = json!("x".repeat(900_000));
    interceptor.ask(&params, &with_key(), &event.to_string()).run_name();
    assert_eq!(interceptor.send("GET /healthz HTTP/1.1", b"").0, 200);
}

#[test]
fn a_trigger_that_is_set_up_wrong_is_told_so() {
    let interceptor = Interceptor::start();
    for params in [json!({}), json!({"event": "mail"}), json!({"event": "object", "run-prefix": "train", "typo": 1})] {
        interceptor.ask(&params, &with_key(), "{}").refused(INVALID_ARGUMENT, "the trigger is not set up right");
    }
}

#[test]
fn secrets_are_changed_without_a_restart() {
    let interceptor = Interceptor::start();
    let params = json!({"event": "object", "run-prefix": "train"});
    let body = bridged("line 7/raw/a.complete").to_string();
    let ask = |secret: &str| interceptor.ask(&params, &signed(secret, &body, 0), &body);
    let new = "the next secret of objects";
    ask(new).refused(PERMISSION_DENIED, "does not fit");
    // Both count while senders are changed.
    replace(interceptor.secrets.path(), "object", &format!("{new}\n{OBJECT_SECRET}\n"));
    ask(new).run_name();
    ask(OBJECT_SECRET).run_name();
    replace(interceptor.secrets.path(), "object", new);
    ask(OBJECT_SECRET).refused(PERMISSION_DENIED, "does not fit");
    // One that is empty, short or missing is no reason to take everything.
    for text in ["", "short"] {
        replace(interceptor.secrets.path(), "object", text);
        ask(text).refused(INTERNAL, "object events cannot be checked");
    }
    std::fs::remove_file(interceptor.secrets.path().join("object")).unwrap();
    ask(OBJECT_SECRET).refused(INTERNAL, "object events cannot be checked");
}

#[test]
fn logs_tell_what_was_decided_and_no_secret() {
    let interceptor = Interceptor::start();
    let params = json!({"event": "object", "run-prefix": "train"});
    let body = bridged("line 7/raw/a.complete").to_string();
    let name = interceptor.ask(&params, &with_key(), &body).run_name();
    interceptor.ask(&params, &[("Faultline-Key", PUSH_SECRET.to_owned())], &body).refused(PERMISSION_DENIED, "");
    let logs = interceptor.stop();
    assert!(logs.contains(&name) && logs.contains("no run") && logs.contains("stopping"), "{logs}");
    for secret in [OBJECT_SECRET, SCHEDULE_SECRET, PUSH_SECRET, "requester"] {
        assert!(!logs.contains(secret), "{logs}");
    }
}
