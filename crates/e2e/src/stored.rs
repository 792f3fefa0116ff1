//! What stands in a `file://` store after a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use faultline_contract::Manifest;
use faultline_testkit::servers::{SeaweedFs, Secantus};
use mongodb::bson::{Document, doc};
use mongodb::sync::Client;
use serde_json::Value;

use crate::programs::program;

/// The sha256 of each artifact, by `step/part/name`.
pub type Digests = BTreeMap<String, String>;

/// One row of `predictions.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prediction {
    /// The wafer.
    pub id: String,
    /// The file that it came in.
    pub source_file: String,
    /// Its row in that file, from 1.
    pub row: String,
    /// Everything that the model said, as written: cluster, version, probability, decision, and so on.
    pub said: Vec<(String, String)>,
}

/// Every manifest of a run, in the order of their paths.
///
/// # Errors
/// When one cannot be read.
pub fn manifests(root: &Path, run_id: &str) -> Result<Vec<Manifest>> {
    let mut paths = files_below(&root.join("runs").join(run_id))?;
    paths.retain(|path| path.ends_with("manifest.json"));
    paths
        .iter()
        .map(|path| serde_json::from_slice(&fs::read(path)?).with_context(|| path.display().to_string()))
        .collect()
}

/// The digests of a run's artifacts, but for the report, which tells times and places.
///
/// # Errors
/// Those of [`manifests`].
pub fn digests(root: &Path, run_id: &str) -> Result<Digests> {
    let mut digests = Digests::new();
    for manifest in manifests(root, run_id)?.iter().filter(|manifest| manifest.step.as_str() != "report") {
        let part = manifest.part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
        for output in &manifest.outputs {
            digests.insert(format!("{}{part}/{}", manifest.step, output.name), output.sha256.to_string());
        }
    }
    Ok(digests)
}

/// The digests of a run's artifacts in a bucket by `faultline show`, but for the report, which tells times and places.
///
/// # Errors
/// When the command does not list them.
pub fn shown(server: &SeaweedFs, root_uri: &str, run_id: &str) -> Result<Digests> {
    let mut command = Command::new(program("faultline")?);
    command.args(["show", run_id, "--root-uri", root_uri, "--output", "json"]).envs(server.writer_env());
    let output = command.output()?;
    let shown: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let mut digests = Digests::new();
    for step in shown["steps"].as_array().context("show lists steps")? {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if step["step"] == "report" {
            continue;
        }
        let part = step["part"].as_str().map(|part| format!("/{part}")).unwrap_or_default();
        for output in step["outputs"].as_array().context("a step lists outputs")? {
            digests.insert(format!("{}{part}/{}", text(&step["step"]), text(&output["name"])), text(&output["sha256"]));
        }
    }
    Ok(digests)
}

/// How many rows a database has.
///
/// # Errors
/// When the server does not answer.
pub fn rows(mongodb: &Secantus, database: &str) -> Result<u64> {
    let client = Client::with_uri_str(mongodb.uri(database))?;
    Ok(client.database(database).collection::<Document>("records").count_documents(doc! {}).run()?)
}

/// The names under which two runs differ.
pub fn differences(left: &Digests, right: &Digests) -> Vec<String> {
    left.keys().chain(right.keys()).filter(|name| left.get(*name) != right.get(*name)).cloned().collect()
}

/// The files below `models/` of a registered model, without what an interrupted promotion left unfinished.
///
/// # Errors
/// When the folder cannot be read.
pub fn models(root: &Path, model: &str) -> Result<Vec<PathBuf>> {
    let folder = root.join("models").join(model);
    let mut found = files_below(&folder)?;
    let finished = |path: &Path| {
        let version = path.ancestors().find(|above| above.parent() == Some(&folder.join("versions")));
        version.is_none_or(|version| version.join("bundle.json").exists())
    };
    found.retain(|path| finished(path));
    Ok(found)
}

/// The content of one artifact of a run.
///
/// # Errors
/// When the run has no such artifact.
pub fn read(root: &Path, run_id: &str, step: &str, name: &str) -> Result<Vec<u8>> {
    let of_step = manifests(root, run_id)?.into_iter().find(|manifest| manifest.step.as_str() == step);
    let manifest = of_step.with_context(|| format!("{run_id} has no {step}"))?;
    let output = manifest.output(name).with_context(|| format!("{step} has no {name}"))?;
    let path = output.uri.strip_prefix("file://").with_context(|| format!("{} is no local file", output.uri))?;
    fs::read(path).with_context(|| output.uri.clone())
}

/// The predictions of a run, in the order of the file.
///
/// # Errors
/// When there are none, or not in the form that the architecture gives.
pub fn predictions(root: &Path, run_id: &str) -> Result<Vec<Prediction>> {
    let content = read(root, run_id, "predict", "predictions.csv")?;
    let mut reader = csv::Reader::from_reader(content.as_slice());
    let headers = reader.headers()?.clone();
    reader
        .records()
        .map(|record| {
            let record = record?;
            let mut said: Vec<(String, String)> =
                headers.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
            let mut take = |name: &str| {
                let place = said.iter().position(|(header, _)| header == name);
                place.map(|place| said.remove(place).1).with_context(|| format!("predictions.csv has no {name}"))
            };
            let (id, source_file, row) = (take("_id")?, take("_source_file")?, take("_row")?);
            take("_source_sha256")?;
            Ok(Prediction { id, source_file, row, said })
        })
        .collect()
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
