//! An MLflow server as anybody sees it: its REST interface, without a word of the code that is tested.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use faultline_testkit::servers::MlflowServer;
use serde_json::{Value, json};

/// The name of experiment and model.
const MODEL: &str = "wafer";

/// One request to the server; the body of the answer.
///
/// # Errors
/// When the answer has another status than 200.
pub fn ask(server: &MlflowServer, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
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

/// The active runs of the experiment by name; the candidates of all runs have the names of their parts.
///
/// # Errors
/// Those of [`ask`].
pub fn runs(server: &MlflowServer) -> Result<BTreeMap<String, Vec<Value>>> {
    let found = rest(server, "GET", &format!("experiments/get-by-name?experiment_name={MODEL}"), "")?;
    let query = json!({"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 1000});
    let found = rest(server, "POST", "runs/search", &query.to_string())?;
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for run in found["runs"].as_array().into_iter().flatten() {
        runs.entry(run["info"]["run_name"].as_str().unwrap_or_default().to_owned()).or_default().push(run.clone());
    }
    Ok(runs)
}

/// The aliases with MLflow's version numbers.
///
/// # Errors
/// Those of [`ask`].
pub fn aliases(server: &MlflowServer) -> Result<Vec<(String, String)>> {
    let found = rest(server, "GET", &format!("registered-models/get?name={MODEL}"), "")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let aliases = found["registered_model"]["aliases"].as_array().cloned().unwrap_or_default();
    let mut aliases: Vec<_> = aliases.iter().map(|alias| (text(&alias["alias"]), text(&alias["version"]))).collect();
    aliases.sort();
    Ok(aliases)
}

/// Has an alias mean that version of MLflow's.
///
/// # Errors
/// Those of [`ask`].
pub fn set_alias(server: &MlflowServer, alias: &str, version: &str) -> Result<()> {
    let body = json!({ "name": MODEL, "alias": alias, "version": version });
    rest(server, "POST", "registered-models/alias", &body.to_string()).map(drop)
}

/// The number of versions of the model.
///
/// # Errors
/// Those of [`ask`].
pub fn versions(server: &MlflowServer) -> Result<usize> {
    let found = rest(server, "GET", &format!("model-versions/search?filter=name%3D%27{MODEL}%27"), "")?;
    Ok(found["model_versions"].as_array().map_or(0, Vec::len))
}

/// Takes all runs and the model out of the server.
///
/// # Errors
/// Those of [`ask`].
pub fn forget(server: &MlflowServer) -> Result<()> {
    for run in runs(server)?.values().flatten() {
        rest(server, "POST", "runs/delete", &json!({ "run_id": run["info"]["run_id"] }).to_string())?;
    }
    let models = rest(server, "GET", "registered-models/search", "")?;
    if models["registered_models"].as_array().is_some_and(|models| !models.is_empty()) {
        rest(server, "DELETE", "registered-models/delete", &json!({ "name": MODEL }).to_string())?;
    }
    Ok(())
}

fn rest(server: &MlflowServer, method: &str, call: &str, body: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&ask(server, method, &format!("/api/2.0/mlflow/{call}"), body)?)?)
}
