//! Times of a schedule.

use serde_json::{Value, json};

use crate::http::{
    FAILED_PRECONDITION, INVALID_ARGUMENT, Interceptor, OBJECT_SECRET, PERMISSION_DENIED, SCHEDULE_SECRET, signed,
};

fn weekly() -> Value {
    json!({"event": "schedule", "run-prefix": "retrain", "schedule": "weekly"})
}

fn body(schedule: &str, period: &str) -> String {
    json!({"schedule": schedule, "period": period}).to_string()
}

#[test]
fn a_time_has_one_name_however_often_it_is_told() {
    let interceptor = Interceptor::start();
    let ask = |body: &str| interceptor.ask(&weekly(), &signed(SCHEDULE_SECRET, body, 0), body);
    let name = ask(&body("weekly", "retrain-29401980")).run_name();
    assert!(name.starts_with("retrain-weekly-"), "{name}");
    assert_eq!(ask(&body("weekly", "retrain-29401980")).run_name(), name);
    assert_ne!(ask(&body("weekly", "retrain-29412060")).run_name(), name);
    assert_eq!(ask(&body("weekly", "retrain-29401980")).raw_uri(), None);
    ask(&body("daily", "retrain-29401980")).refused(FAILED_PRECONDITION, "\"daily\"");
    ask(&body("weekly", "$(x)")).refused(INVALID_ARGUMENT, "the period");
}

#[test]
fn a_time_must_be_signed_just_now() {
    let interceptor = Interceptor::start();
    let body = body("weekly", "retrain-29401980");
    let ask = |headers: &[(&str, String)]| interceptor.ask(&weekly(), headers, &body);
    ask(&[]).refused(PERMISSION_DENIED, "is missing");
    // A secret that is sent as it is will do for EventBridge only.
    ask(&[("Faultline-Key", SCHEDULE_SECRET.to_owned())]).refused(PERMISSION_DENIED, "Faultline-Signature is missing");
    ask(&signed(OBJECT_SECRET, &body, 0)).refused(PERMISSION_DENIED, "does not fit");
    ask(&signed(SCHEDULE_SECRET, &body, 400)).refused(PERMISSION_DENIED, "away from now");
}
