//! Pushes.

use serde_json::{Value, json};

use crate::bodies::{COMMIT, push};
use crate::http::{
    FAILED_PRECONDITION, INVALID_ARGUMENT, Interceptor, OBJECT_SECRET, PERMISSION_DENIED, PUSH_SECRET, of_github,
    signed,
};

const PINNED: &str = "argocd/overlays/development/kustomization.yaml";

fn on_push() -> Value {
    json!({
        "event": "push", "run-prefix": "retrain", "repository": "fab/faultline", "branch": "main",
        "paths": ["argocd/overlays/development/"]
    })
}

#[test]
fn a_commit_has_one_name() {
    let interceptor = Interceptor::start();
    let ask = |event: &Value| {
        let body = event.to_string();
        interceptor.ask(&on_push(), &of_github(PUSH_SECRET, &body, "push"), &body)
    };
    let event = push("refs/heads/main", &[PINNED, "docs/a.md"]);
    let answer = ask(&event);
    let name = answer.run_name();
    assert!(name.starts_with("retrain-6113728f27ae-"), "{name}");
    assert_eq!(answer.0["extensions"]["cause"], format!("push of {COMMIT} to main of fab/faultline"));
    assert_eq!((answer.raw_uri(), ask(&event).run_name()), (None, name.clone()));
    let mut next = event.clone();
    next["after"] = json!("0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c");
    assert_ne!(ask(&next).run_name(), name);

    ask(&push("refs/heads/topic", &[PINNED])).refused(FAILED_PRECONDITION, "refs/heads/topic");
    ask(&push("refs/tags/main", &[PINNED])).refused(FAILED_PRECONDITION, "refs/tags/main");
    ask(&push("refs/heads/main", &["docs/a.md"])).refused(FAILED_PRECONDITION, "nothing of interest");
    let mut fork = event.clone();
    fork["repository"]["full_name"] = json!("stranger/faultline");
    ask(&fork).refused(FAILED_PRECONDITION, "stranger/faultline");
    let mut gone = event;
    gone["deleted"] = json!(true);
    ask(&gone).refused(FAILED_PRECONDITION, "was deleted");
    ask(&json!({"zen": "Design for failure."})).refused(INVALID_ARGUMENT, "the body is no push");
}

#[test]
fn a_push_must_be_signed_as_github_does() {
    let interceptor = Interceptor::start();
    let body = push("refs/heads/main", &[PINNED]).to_string();
    let ask = |headers: &[(&str, String)]| interceptor.ask(&on_push(), headers, &body);
    ask(&of_github(PUSH_SECRET, &body, "push")).run_name();
    ask(&[]).refused(PERMISSION_DENIED, "X-Hub-Signature-256 is missing");
    ask(&of_github(OBJECT_SECRET, &body, "push")).refused(PERMISSION_DENIED, "does not fit");
    ask(&signed(PUSH_SECRET, &body, 0)).refused(PERMISSION_DENIED, "X-Hub-Signature-256 is missing");
    ask(&[("X-Hub-Signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6".to_owned())])
        .refused(PERMISSION_DENIED, "X-Hub-Signature-256 is missing");
    ask(&[("X-Hub-Signature-256", "sha256=zz".to_owned())]).refused(PERMISSION_DENIED, "is no signature");
    ask(&of_github(PUSH_SECRET, &body, "ping")).refused(FAILED_PRECONDITION, "\"ping\"");
}
