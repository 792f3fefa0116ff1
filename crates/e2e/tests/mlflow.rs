//! The pipelines with a real MLflow server beside them: it shows what the store has, and its absence changes nothing.

use std::fs;

use anyhow::{Context, Result};
use faultline_contract::Digest;
use faultline_e2e::mlflow::{aliases, ask, runs};
use faultline_e2e::{Pipelines, Press, differences, digests, manifests};
use faultline_testkit::servers::MlflowServer;
use serde_json::Value;

/// What the report of a run says of the mirror.
fn tracking(press: &Press, run: &str) -> Result<Value> {
    let manifests = manifests(&press.folder().join("root"), run)?;
    let report =
        manifests.iter().find(|manifest| manifest.step.as_str() == "report").context("the run has a report")?;
    Ok(report.facts["tracking"].clone())
}

#[test]
fn mlflow_shows_what_the_store_has_and_its_absence_changes_nothing() -> Result<()> {
    let Some(mut server) = MlflowServer::start() else { return Ok(()) };
    let press = Press::new()?;
    let root = press.folder().join("root");
    let schema = press.schema().display().to_string();
    let alone = press.folder().join("alone");
    let pipelines = |root: &std::path::Path| {
        Ok::<_, anyhow::Error>(Pipelines::at(root.display().to_string())?.param("schema-uri", &schema))
    };
    pipelines(&alone)?.train("train", &press.training())?.succeeded()?;
    let tracked = pipelines(&root)?.param("tracking-uri", &server.uri());
    tracked.train("train", &press.training())?.succeeded()?;
    assert_eq!(differences(&digests(&alone, "train")?, &digests(&root, "train")?), Vec::<String>::new());
    assert_eq!(tracking(&press, "train")?, "mirrored");

    let shown = runs(&server)?;
    let candidates = manifests(&root, "train")?.iter().filter(|manifest| manifest.step.as_str() == "train").count();
    assert_eq!((shown.len(), shown["train"].len()), (candidates + 1, 1));
    assert_eq!(aliases(&server)?, [("champion".to_owned(), "1".to_owned())]);
    let place = shown["train"][0]["info"]["artifact_uri"].as_str().unwrap_or_default().to_owned();
    let bundle = root.join("models/wafer/versions/1");
    let index: Value = serde_json::from_slice(&fs::read(bundle.join("bundle.json"))?)?;
    let files = index["files"].as_array().context("a bundle has files")?;
    assert!(files.len() > 4, "{files:?}");
    for file in files.iter().map(|file| file["path"].as_str().unwrap_or_default()).chain(["bundle.json"]) {
        let path = place.replacen("mlflow-artifacts:/", "/api/2.0/mlflow-artifacts/artifacts/", 1);
        let there = ask(&server, "GET", &format!("{path}/bundle/{file}"), "")?;
        assert_eq!(Digest::of(&there), Digest::of(&fs::read(bundle.join(file))?), "{file}");
    }

    server.kill();
    tracked.clone().param("seed", "8").train("missed", &press.training())?.succeeded()?;
    assert_eq!(tracking(&press, "missed")?, "behind");
    server.restart();
    // The finished run once more has nothing else to do.
    tracked.clone().param("seed", "8").train("missed", &press.training())?.succeeded()?;
    assert_eq!(runs(&server)?.get("missed").map(Vec::len), Some(1));
    tracked.predict("predict", &press.prediction())?.succeeded()?;
    assert_eq!(tracking(&press, "predict")?, "mirrored");
    let shown = runs(&server)?;
    for run in ["train", "missed", "predict"] {
        assert_eq!(shown.get(run).map(Vec::len), Some(1), "{run}");
    }

    let champion: Value = serde_json::from_slice(&fs::read(root.join("models/wafer/champion.json"))?)?;
    let mut expected = vec![("champion".to_owned(), champion["version"].to_string())];
    if champion["version"] == 1 {
        expected.insert(0, ("challenger".to_owned(), "2".to_owned()));
    }
    assert_eq!(aliases(&server)?, expected);
    Ok(())
}
