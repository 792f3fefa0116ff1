//! The pipelines with a real MLflow server beside them: it shows what the store has, and its absence changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use faultline_contract::Digest;
use faultline_e2e::{Pipelines, Press, differences, digests, manifests};
use faultline_testkit::servers::MlflowServer;
use serde_json::{Value, json};

/// One request to the server; the body of the answer.
fn ask(server: &MlflowServer, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
    let uri = server.uri();
    let host = uri.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("an answer has a head")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    ensure!(head.lines().next().is_some_and(|line| line.contains(" 200 ")), "{method} {path}: {head}");
    Ok(answer.split_off(end))
}

fn rest(server: &MlflowServer, method: &str, call: &str, body: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&ask(server, method, &format!("/api/2.0/mlflow/{call}"), body)?)?)
}

/// The active runs of the experiment by name; the candidates of all runs have the names of their parts.
fn runs(server: &MlflowServer) -> Result<BTreeMap<String, Vec<Value>>> {
    let found = rest(server, "GET", "experiments/get-by-name?experiment_name=wafer", "")?;
    let query = json!({"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 1000});
    let found = rest(server, "POST", "runs/search", &query.to_string())?;
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for run in found["runs"].as_array().into_iter().flatten() {
        runs.entry(run["info"]["run_name"].as_str().unwrap_or_default().to_owned()).or_default().push(run.clone());
    }
    Ok(runs)
}

/// The aliases with MLflow's version numbers.
fn aliases(server: &MlflowServer) -> Result<Vec<(String, String)>> {
    let found = rest(server, "GET", "registered-models/get?name=wafer", "")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let aliases = found["registered_model"]["aliases"].as_array().cloned().unwrap_or_default();
    let mut aliases: Vec<_> = aliases.iter().map(|alias| (text(&alias["alias"]), text(&alias["version"]))).collect();
    aliases.sort();
    Ok(aliases)
}

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
