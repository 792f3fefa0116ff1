//! What MLflow shows of a run, and that nothing happens twice.

use faultline_testkit::servers::MlflowServer;
use serde_json::{Value, json};

use crate::rest::{Rest, tag, value};
use crate::story::Story;

fn named<'a>(runs: &'a [Value], name: &str) -> &'a Value {
    runs.iter().find(|run| run["info"]["run_name"] == name).unwrap_or_else(|| panic!("no run {name} in {runs:?}"))
}

#[tokio::test]
async fn a_run_is_shown_with_its_candidates_and_shown_once() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    let version = story.trained("one").await;
    story.promote("one", version).await;
    let done = story.reconcile(&rest.uri, Some("one")).await.unwrap();
    assert_eq!((done.runs_written, done.versions_made), (1, 1));
    assert!(story.behind().await.is_empty());

    let everything = rest.everything().await;
    let names: Vec<_> = everything.runs.iter().map(|run| run["info"]["run_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["one", "pooled-forest", "pooled-logistic"]);
    let run = named(&everything.runs, "one");
    assert_eq!((&run["info"]["status"], &run["info"]["end_time"]), (&json!("FINISHED"), &json!(1_767_225_602_500_u64)));
    assert_eq!(value(&run["data"]["params"], "cluster.nested.deep"), Some(json!("[1,2]")));
    assert_eq!(value(&run["data"]["metrics"], "validate.rows_in"), Some(json!(60.0)));
    assert_eq!(value(&run["data"]["metrics"], "holdout.average_precision"), Some(json!(0.4123)));
    assert_eq!(value(&run["data"]["metrics"], "holdout.roc_auc"), Some(json!("NaN")), "a figure that is absent");
    for (key, expected) in [
        ("faultline.model", "wafer"),
        ("faultline.seed", "7"),
        ("faultline.verdict", "promote"),
        ("mlflow.source.git.commit", "abc"),
    ] {
        assert_eq!(tag(run, key).as_deref(), Some(expected), "{key}");
    }
    assert!(
        tag(run, "faultline.step_key.train/pooled-forest").is_some() && tag(run, "faultline.schema_sha256").is_some()
    );
    assert_eq!(run["inputs"]["dataset_inputs"][0]["dataset"]["source"], json!(r#"{"uri":"s3://fab/raw/"}"#));
    for (path, content) in [
        ("bundle/models/pooled/forest.parquet", "model of one"),
        ("report.html", "<html>the page</html>"),
        ("pictures/elbow.html", "<html>the elbow</html>"),
    ] {
        assert_eq!(rest.artifact(run, path).await, content);
    }

    let candidate = named(&everything.runs, "pooled-forest");
    assert_eq!(tag(candidate, "mlflow.parentRunId").unwrap(), run["info"]["run_id"].as_str().unwrap());
    assert_eq!(value(&candidate["data"]["params"], "max_depth"), Some(json!("4")));
    let folds = &everything.folds[1]["metrics"];
    let steps: Vec<_> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|fold| (fold["step"].as_u64().unwrap_or(0), fold["value"].clone()))
        .collect();
    assert_eq!(steps, [(0, json!(0.6)), (1, json!(0.7))]);

    let known = &everything.versions[0];
    assert_eq!(known["run_id"], run["info"]["run_id"]);
    let description = known["description"].as_str().unwrap();
    let bundle = story.registry.versions().await.unwrap()[0].bundle_sha256.unwrap();
    for expected in
        ["run: `one`", "1 files, sha256 ", &bundle.to_string(), "average precision on rows held out: 0.4123"]
    {
        assert!(description.contains(expected), "{expected} is not in {description}");
    }

    let done = story.reconcile(&rest.uri, Some("one")).await.unwrap();
    assert_eq!((done.runs_written, done.versions_made), (0, 0));
    assert_eq!(rest.everything().await, everything);
}

#[tokio::test]
async fn what_was_broken_off_is_finished_and_what_was_lost_is_made_again() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    story.trained("one").await;
    story.reconcile(&rest.uri, Some("one")).await.unwrap();
    let before = rest.everything().await;

    // As if the last calls of each run had never come.
    for run in &before.runs {
        let id = &run["info"]["run_id"];
        rest.post("runs/delete-tag", json!({"run_id": id, "key": "faultline.mirrored"})).await;
        rest.post("runs/update", json!({"run_id": id, "status": "RUNNING"})).await;
    }
    let done = story.reconcile(&rest.uri, None).await.unwrap();
    assert_eq!((done.runs_written, done.versions_made), (1, 0));
    assert_eq!(rest.everything().await, before);

    // Somebody has thrown the run away, with a version that points at it.
    rest.post("runs/delete", json!({"run_id": named(&before.runs, "one")["info"]["run_id"]})).await;
    let done = story.reconcile(&rest.uri, None).await.unwrap();
    assert_eq!((done.runs_written, done.versions_made), (1, 1));
    let after = rest.everything().await;
    assert_eq!((after.runs.len(), after.versions.len(), after.artifacts.len()), (3, 1, before.artifacts.len()));
    let parent = &named(&after.runs, "one")["info"]["run_id"];
    assert_eq!(after.versions[0]["run_id"], *parent);
    assert_eq!(tag(named(&after.runs, "pooled-forest"), "mlflow.parentRunId").as_deref(), parent.as_str());
}

#[tokio::test]
async fn a_run_that_was_refused_is_failed_until_it_is_taken_up_again() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    story.refused("one").await;
    story.reconcile(&rest.uri, Some("one")).await.unwrap();
    let runs = rest.runs().await;
    assert_eq!((runs.len(), &runs[0]["info"]["status"]), (1, &json!("FAILED")));
    assert_eq!(tag(&runs[0], "faultline.rejection.validate").as_deref(), Some("too many files were refused"));

    story.trained("one").await;
    story.reconcile(&rest.uri, Some("one")).await.unwrap();
    let runs = rest.runs().await;
    assert_eq!((runs.len(), &named(&runs, "one")["info"]["status"]), (3, &json!("FINISHED")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_leave_what_one_leaves() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story) = (Rest::of(&server), Story::new().await);
    for run in ["one", "two"] {
        let version = story.trained(run).await;
        story.promote(run, version).await;
    }
    let (a, b, c) = (
        story.reconcile(&rest.uri, Some("one")),
        story.reconcile(&rest.uri, Some("two")),
        story.reconcile(&rest.uri, Some("two")),
    );
    let (a, b, c) = tokio::join!(a, b, c);
    // Whoever is told that others interfere leaves the rest to them.
    for done in [&a, &b, &c] {
        assert!(done.is_ok(), "{done:?}");
    }
    let everything = rest.everything().await;
    let names: Vec<_> = everything.runs.iter().map(|run| run["info"]["run_name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["one", "pooled-forest", "pooled-forest", "pooled-logistic", "pooled-logistic", "two"],
        "one run per pipeline run and per candidate"
    );
    let parents =
        ["one", "two"].map(|name| named(&everything.runs, name)["info"]["run_id"].as_str().unwrap().to_owned());
    for run in everything.runs.iter().filter(|run| run["info"]["run_name"].as_str().unwrap().starts_with("pooled")) {
        let of = usize::from(tag(run, "faultline.run_id").as_deref() == Some("two"));
        assert_eq!(tag(run, "mlflow.parentRunId").as_deref(), Some(parents[of].as_str()));
    }
    let versions: Vec<_> = everything
        .versions
        .iter()
        .map(|known| (tag(known, "faultline.version").unwrap(), known["run_id"].clone()))
        .collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    for (version, run_id) in versions {
        assert_eq!(run_id, *parents[version.parse::<usize>().unwrap() - 1]);
    }
    assert_eq!(everything.aliases.into_iter().collect::<Vec<_>>(), [("champion".to_owned(), "2".to_owned())]);
    assert!(story.behind().await.is_empty());
}

#[tokio::test]
async fn two_stores_under_one_name_are_told_apart() {
    let Some(server) = MlflowServer::start() else { return };
    let (rest, story, other) = (Rest::of(&server), Story::new().await, Story::new().await);
    story.trained("one").await;
    story.reconcile(&rest.uri, Some("one")).await.unwrap();
    let version = other.trained("stranger").await;
    other.promote("stranger", version).await;
    let error = other.reconcile(&rest.uri, Some("stranger")).await.unwrap_err().to_string();
    assert!(error.contains("of the run one there, and of stranger in the store"), "{error}");
    assert!(!rest.aliases().await.contains_key("champion"), "the aliases stay the first store's");
}
