//! A server that is down, slow, broken or unwilling. The store never minds.

use std::net::TcpListener;
use std::time::Duration;

use faultline_contract::{ExitCode, Explain as _};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::MlflowServer;
use faultline_tracking::{MlflowError, TrackingError};

use crate::loopback::{Loopback, answer};
use crate::rest::Rest;
use crate::story::Story;

const REFUSAL: &str = r#"{"error_code": "PERMISSION_DENIED", "message": "no right\nSELECT secrets"}"#;

/// The failure of a run's reconciliation, which leaves the run to be come back to.
async fn failure(uri: &str, budget: Duration) -> MlflowError {
    let story = Story::new().await;
    story.trained("one").await;
    let error = story.reconcile_within(uri, Some("one"), budget).await.unwrap_err();
    assert_eq!(story.behind().await, ["one"]);
    match error {
        TrackingError::Mlflow(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_a_server_that_was_down_has_missed_is_written_by_the_next_run() {
    let Some(mut server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    story.trained("one").await;
    story.reconcile(&rest.uri, Some("one")).await.unwrap();
    server.kill();

    let version = story.trained("two").await;
    story.promote("two", version).await;
    story.refused("broken").await;
    for run in ["two", "broken"] {
        let error = story.reconcile(&rest.uri, Some(run)).await.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Temporary);
        assert!(error.to_string().contains(&rest.uri), "{error}");
    }
    assert_eq!(story.behind().await, ["broken", "two"]);

    server.restart();
    story.trained("three").await;
    story.reconcile(&rest.uri, Some("three")).await.unwrap();
    assert!(story.behind().await.is_empty());
    let runs = rest.runs().await;
    let pipelines: Vec<_> = runs.iter().filter_map(|run| run["info"]["run_name"].as_str()).collect();
    for run in ["one", "two", "three", "broken"] {
        assert!(pipelines.contains(&run), "{run} is not among {pipelines:?}");
    }
    assert_eq!(rest.versions().await.len(), 3);
    let aliases: Vec<_> = rest.aliases().await.into_iter().collect();
    assert_eq!(aliases, [("challenger".to_owned(), "3".to_owned()), ("champion".to_owned(), "2".to_owned())]);
}

#[tokio::test]
async fn a_note_that_comes_while_an_earlier_one_is_seen_to_stays() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    let port = rest.uri.rsplit(':').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(port);
    story.trained("one").await;
    // By the fourth request the notes are listed; the wait after it leaves the time for another one.
    proxy.set(vec![Rule::new("", "", Fault::Answer(503, "retry-after: 3\r\n", "")).after(3).times(1)]);
    let uri = proxy.uri();
    let (done, ()) = tokio::join!(story.reconcile(&uri, Some("one")), async {
        while !proxy.take_requests().iter().any(|seen| seen.met_fault) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        story.reconcile_within(&format!("http://{nobody}"), Some("one"), Duration::from_secs(1)).await.unwrap_err();
    });
    done.unwrap();
    assert_eq!(story.behind().await, ["one"], "the second note is left for the next run");
    story.reconcile(&rest.uri, None).await.unwrap();
    assert!(story.behind().await.is_empty());
}

#[tokio::test]
async fn a_server_that_nobody_listens_at_is_named() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let error = failure(&format!("http://127.0.0.1:{port}/proxied"), Duration::from_mins(2)).await;
    assert!(matches!(error, MlflowError::Unreachable { .. }), "{error:?}");
    let told = format!("{error}; {}", error.hint());
    assert!(told.contains(&format!("http://127.0.0.1:{port}/proxied/health")), "{told}");
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_time_there_is() {
    let server = Loopback::answering(&[""]).await;
    let error = failure(&server.uri, Duration::from_secs(2)).await;
    assert!(matches!(error, MlflowError::OutOfTime { .. }), "{error:?}");
    assert_eq!(error.exit_code(), ExitCode::Temporary);
    assert!(error.hint().contains("--tracking-budget-secs"), "{error}");
}

#[tokio::test]
async fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let (busy, broken) =
        (answer("429 Too Many", "Retry-After: 1\r\n", ""), answer("500 Broken", "", "<html>oh</html>"));
    let server = Loopback::answering(&[&busy, &broken, &answer("403 Forbidden", "", REFUSAL)]).await;
    let error = failure(&server.uri, Duration::from_mins(2)).await;
    assert_eq!(server.asked().len(), 3, "{:?}", server.asked());
    assert_eq!(error.exit_code(), ExitCode::Permission);
    let told = error.to_string();
    assert!(told.contains("status 403, PERMISSION_DENIED: no right") && !told.contains("SELECT"), "{told}");
}

#[tokio::test]
async fn a_server_that_stays_broken_is_left() {
    let server = Loopback::answering(&[&answer("503 Away", "", "<html>\n  come   back</html>")]).await;
    let error = failure(&server.uri, Duration::from_mins(2)).await;
    assert_eq!(server.asked().len(), 5);
    assert_eq!(error.exit_code(), ExitCode::Temporary);
    assert!(error.to_string().contains("status 503") && error.to_string().contains("come back"), "{error}");
}

#[tokio::test]
async fn a_wait_beyond_the_time_there_is_is_not_begun() {
    let server = Loopback::answering(&[&answer("503 Away", "Retry-After: 3600\r\n", "")]).await;
    let error = failure(&server.uri, Duration::from_secs(10)).await;
    assert!(matches!(error, MlflowError::OutOfTime { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn something_else_than_mlflow_is_told_apart() {
    let page = Loopback::answering(&[&answer("200 OK", "", "<html>hello</html>")]).await;
    let error = failure(&page.uri, Duration::from_mins(2)).await;
    assert!(matches!(error, MlflowError::Answer { .. }) && error.hint().contains("--tracking-uri"), "{error:?}");

    let elsewhere = Loopback::answering(&[&answer("301 Moved", "Location: http://127.0.0.1:1/\r\n", "")]).await;
    let error = failure(&elsewhere.uri, Duration::from_mins(2)).await;
    assert!(matches!(error, MlflowError::Refused { status: 301, .. }), "{error:?}");
    assert_eq!(elsewhere.asked(), ["GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=wafer HTTP/1.1"]);
}
