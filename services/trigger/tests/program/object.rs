//! New objects: which start a run, of what, and by which name.

use serde_json::{Value, json};

use crate::bodies::{BUCKET, bridged, noted};
use crate::http::{
    FAILED_PRECONDITION, INVALID_ARGUMENT, Interceptor, OBJECT_SECRET, PERMISSION_DENIED, PUSH_SECRET, signed, with_key,
};

fn on_marker() -> Value {
    json!({"event": "object", "run-prefix": "train", "folder": "training"})
}

fn on_file() -> Value {
    json!({"event": "object", "run-prefix": "train", "folder": "training", "start-on": "file"})
}

fn changed(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[test]
fn a_marker_starts_a_run_of_its_folder() {
    let interceptor = Interceptor::start();
    let ask = |body: &Value| interceptor.ask(&on_marker(), &with_key(), &body.to_string());
    let marker = changed(bridged("line 7/raw/training/Lot 42.complete"), "/detail/object/size", json!(0));
    let answer = ask(&marker);
    assert_eq!(answer.raw_uri().as_deref(), Some("s3://fab-data/line 7/raw/training/Lot 42"));
    let name = answer.run_name();
    assert!(name.starts_with("train-lot-42-"), "{name}");
    assert_eq!(
        answer.0["extensions"]["cause"],
        "object s3://fab-data/line 7/raw/training/Lot 42.complete of version IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    );
    // Files of the batch wait for it, and a marker of no folder is none.
    for key in ["Lot 42/a.csv", ".complete", "Lot 42/.complete", "Lot 42.complete.bak"] {
        ask(&bridged(&format!("line 7/raw/training/{key}"))).refused(FAILED_PRECONDITION, "FOLDER.complete");
    }
}

#[test]
fn an_event_that_is_told_twice_has_one_name() {
    let interceptor = Interceptor::start();
    let ask =
        |body: &Value, headers: &[(&str, String)]| interceptor.ask(&on_marker(), headers, &body.to_string()).run_name();
    let event = bridged("line 7/raw/training/Lot+42.complete");
    let name = ask(&event, &with_key());
    // Sent again: another id and time, and after a retry another order of fields.
    let again =
        changed(changed(event.clone(), "/id", json!("another")), "/time", json!(jiff::Timestamp::now().to_string()));
    assert_eq!(ask(&again, &with_key()), name);
    // The same object by the other way, with its key encoded and its own sequencer.
    let other = noted(&["line+7/raw/training/Lot%2B42.complete"]).to_string();
    let told = interceptor.ask(&on_marker(), &signed(OBJECT_SECRET, &other, 0), &other);
    assert_eq!(told.run_name(), name);
    // What is written anew at the same key is another event, and so is another key whose name reads alike.
    let anew = changed(event.clone(), "/detail/object/version-id", json!("another"));
    assert_ne!(ask(&anew, &with_key()), name);
    let alike = changed(event.clone(), "/detail/object/key", json!("line 7/raw/training/Lot 42.complete"));
    assert_ne!(ask(&alike, &with_key()), name);
}

#[test]
fn a_bucket_without_versions_is_told_apart_by_the_sequencer() {
    let interceptor = Interceptor::start();
    let ask = |event: &Value| interceptor.ask(&on_marker(), &with_key(), &event.to_string());
    let event = changed(bridged("line 7/raw/training/lot.complete"), "/detail/object/version-id", json!("null"));
    let name = ask(&event).run_name();
    assert_eq!(ask(&event).run_name(), name);
    assert_ne!(ask(&changed(event.clone(), "/detail/object/sequencer", json!("00617F0829932AAAAA"))).run_name(), name);
    let mut bare = event;
    for field in ["sequencer", "etag", "version-id"] {
        bare["detail"]["object"].as_object_mut().unwrap().remove(field);
    }
    ask(&bare).refused(INVALID_ARGUMENT, "no version, no sequencer and no entity tag");
}

#[test]
fn every_file_starts_a_run_where_that_is_asked_for() {
    let interceptor = Interceptor::start();
    let ask = |body: &Value| interceptor.ask(&on_file(), &with_key(), &body.to_string());
    for (key, folder) in [
        ("Wafer_01.csv", "s3://fab-data/line 7/raw/training"),
        ("Los 7/Messung + ü%.csv", "s3://fab-data/line 7/raw/training/Los 7"),
    ] {
        let answer = ask(&bridged(&format!("line 7/raw/training/{key}")));
        assert_eq!(answer.raw_uri().as_deref(), Some(folder));
    }
    let encoded = noted(&["line+7/raw/training/Los+7/Messung+%2B+%C3%BC%25.csv"]);
    assert_eq!(ask(&encoded).raw_uri().as_deref(), Some("s3://fab-data/line 7/raw/training/Los 7"));
    ask(&bridged("line 7/raw/training/notes.txt")).refused(FAILED_PRECONDITION, ".csv");
    let empty = changed(bridged("line 7/raw/training/a.csv"), "/detail/object/size", json!(0));
    ask(&empty).refused(FAILED_PRECONDITION, "empty");
}

#[test]
fn objects_of_elsewhere_start_nothing() {
    let interceptor = Interceptor::start();
    let ask = |body: &Value| interceptor.ask(&on_file(), &with_key(), &body.to_string());
    for key in
        ["line 7/raw/prediction/a.csv", "line 7/raw/training.csv", "raw/training/a.csv", "line+7/raw/training/a.csv"]
    {
        ask(&bridged(key)).refused(FAILED_PRECONDITION, "expected one below s3://fab-data/line 7/raw/training/");
    }
    for key in ["line 7/raw/training/", "line 7/raw/training/lot/"] {
        ask(&changed(bridged(key), "/detail/object/size", json!(0))).refused(FAILED_PRECONDITION, "is a folder");
    }
    let foreign = changed(bridged("line 7/raw/training/a.csv"), "/detail/bucket/name", json!("other"));
    ask(&foreign).refused(FAILED_PRECONDITION, "an object of the bucket \"other\"");
    // Keys that Tekton or a store would read as something else.
    for key in ["../a.csv", "x//a.csv", "$(context.pipelineRun.uid)/a.csv", "x\n/a.csv"] {
        ask(&bridged(&format!("line 7/raw/training/{key}"))).refused(INVALID_ARGUMENT, "no run can read");
    }
}

#[test]
fn other_events_and_other_texts_start_nothing() {
    let interceptor = Interceptor::start();
    let ask = |body: &str| interceptor.ask(&on_file(), &with_key(), body);
    let event = || bridged("line 7/raw/training/a.csv");
    let deleted = changed(event(), "/detail-type", json!("Object Deleted"));
    ask(&deleted.to_string()).refused(FAILED_PRECONDITION, "\"Object Deleted\"");
    ask(&changed(event(), "/source", json!("aws.ec2")).to_string()).refused(FAILED_PRECONDITION, "\"aws.ec2\"");
    let removed = changed(noted(&["line+7/raw/training/a.csv"]), "/Records/0/eventName", json!("ObjectRemoved:Delete"));
    ask(&removed.to_string()).refused(FAILED_PRECONDITION, "ObjectRemoved:Delete");
    let test =
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": BUCKET});
    ask(&test.to_string()).refused(FAILED_PRECONDITION, "test event");
    for body in ["", "{", "[]", "null", "{}", "{\"detail-type\": 1}", "\"detail-type\""] {
        ask(body).refused(INVALID_ARGUMENT, "the body is no");
    }
    ask(&changed(event(), "/detail", json!({})).to_string()).refused(INVALID_ARGUMENT, "missing field");
    ask(&changed(event(), "/time", json!("yesterday")).to_string()).refused(INVALID_ARGUMENT, "the body is no");
    ask(&noted(&["line+7/raw/training/%FF.csv"]).to_string()).refused(INVALID_ARGUMENT, "no UTF-8");
}

#[test]
fn a_notification_starts_one_run_at_most() {
    let interceptor = Interceptor::start();
    let ask = |keys: &[&str]| interceptor.ask(&on_marker(), &with_key(), &noted(keys).to_string());
    let (marker, file) = ("line+7/raw/training/a.complete", "line+7/raw/training/a/1.csv");
    assert_eq!(ask(&[file, marker, file]).raw_uri().as_deref(), Some("s3://fab-data/line 7/raw/training/a"));
    assert_eq!(ask(&[marker, marker]).run_name(), ask(&[marker]).run_name());
    ask(&[file, file]).refused(FAILED_PRECONDITION, "FOLDER.complete");
    ask(&[]).refused(FAILED_PRECONDITION, "without records");
    ask(&[marker, "line+7/raw/training/b.complete"]).refused(INVALID_ARGUMENT, "would start 2 runs");
}

#[test]
fn objects_of_long_ago_or_of_the_future_start_nothing() {
    let interceptor = Interceptor::start();
    let ask = |hours: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        let event = changed(bridged("line 7/raw/training/a.complete"), "/time", json!(time.to_string()));
        interceptor.ask(&on_marker(), &with_key(), &event.to_string())
    };
    ask(-47).run_name();
    ask(-49).refused(FAILED_PRECONDITION, "at most 48 hours");
    ask(1).refused(INVALID_ARGUMENT, "in the future");
}

#[test]
fn events_must_be_signed() {
    let interceptor = Interceptor::start();
    let body = bridged("line 7/raw/training/a.complete").to_string();
    let ask = |headers: &[(&str, String)], body: &str| interceptor.ask(&on_marker(), headers, body);
    ask(&signed(OBJECT_SECRET, &body, 0), &body).run_name();
    ask(&[], &body).refused(PERMISSION_DENIED, "Faultline-Signature is missing");
    ask(&[("Faultline-Key", "guessed guessed guessed".to_owned())], &body).refused(PERMISSION_DENIED, "Faultline-Key");
    // Each kind of event has its own secret.
    ask(&[("Faultline-Key", PUSH_SECRET.to_owned())], &body).refused(PERMISSION_DENIED, "Faultline-Key");
    ask(&signed(PUSH_SECRET, &body, 0), &body).refused(PERMISSION_DENIED, "does not fit the body");
    // A byte more is another body.
    ask(&signed(OBJECT_SECRET, &body, 0), &format!("{body} ")).refused(PERMISSION_DENIED, "does not fit the body");
    // What was recorded, sent again later; and what a wrong clock signed.
    ask(&signed(OBJECT_SECRET, &body, 301), &body).refused(PERMISSION_DENIED, "away from now");
    ask(&signed(OBJECT_SECRET, &body, -310), &body).refused(PERMISSION_DENIED, "away from now");
    // A wrong key is not made up for by a signature.
    let both = [with_key(), signed(PUSH_SECRET, &body, 0)].concat();
    ask(&both, &body).run_name();
    let neither = [vec![("Faultline-Key", "guessed".to_owned())], signed(OBJECT_SECRET, &body, 0)].concat();
    ask(&neither, &body).refused(PERMISSION_DENIED, "Faultline-Key");
}
