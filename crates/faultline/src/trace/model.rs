//! The model version that predicted, its bundle, and the training run that made it.

use std::path::PathBuf;

use faultline_contract::{Digest, ExitCode, Manifest, RunId, StepKey};
use faultline_runtime::{Explained, Failure};
use faultline_tracking::{Action, Registry};
use serde::Serialize;

use super::chain::Chain;
use super::checks::Checks;
use crate::runs::{Runs, label};

/// The version, for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct ModelTrace {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) version_uri: String,
    pub(super) bundle_sha256: Digest,
    pub(super) training_run_id: RunId,
    pub(super) claimed_at: String,
    /// How it became champion, newest last.
    pub(super) promotions: Vec<PromotionTrace>,
    /// The steps of the training run that made the bundle.
    pub(super) makers: Vec<Maker>,
}

/// A history entry that made the version champion.
#[derive(Debug, Serialize)]
pub(super) struct PromotionTrace {
    pub(super) seq: u64,
    pub(super) action: Action,
    pub(super) at: String,
    pub(super) by: String,
    pub(super) reason: String,
}

/// One step of the training run.
#[derive(Debug, Serialize)]
pub(super) struct Maker {
    pub(super) step: String,
    pub(super) step_key: StepKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest_uri: Option<String>,
}

/// The version with its verified files.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) trace: ModelTrace,
    /// The folder with the bundle; none when it is not the one that predicted.
    pub(super) folder: Option<PathBuf>,
}

/// Finds the version that predicted, and verifies it.
pub(super) async fn follow(runs: &Runs, chain: &Chain, checks: &mut Checks) -> Result<Model, Failure> {
    let (name, version) = named(&chain.predict)?;
    let registry = Registry::new(runs.store().clone(), name.parse().explained()?);
    let claim = registry.version(version).await.explained()?;
    let indexed = registry.bundle(version).await.explained()?;
    let what = format!("sha256 of bundle.json of version {version}");
    let used = chain.predict.inputs.iter().find(|input| input.name == "bundle/bundle.json");
    let mut is_same = match used {
        Some(used) => checks.digest(format!("{what}, as predicted with"), indexed.sha256, used.sha256),
        None => checks.right(format!("{what}, as predicted with"), Some("it was no input of predict".to_owned())),
    };
    let history = registry.history().await.explained()?;
    let entries: Vec<_> = history.iter().filter(|entry| entry.version == version).collect();
    match entries.last() {
        Some(entry) => is_same &= checks.digest(format!("{what}, as promoted"), indexed.sha256, entry.bundle_sha256),
        None => checks.missing(format!("promotion of version {version}"), "no history entry names it".to_owned()),
    }
    let mut folder = None;
    if is_same {
        let to = runs.folder("bundle")?;
        let wrong = registry.download_version(version, indexed.sha256, &to).await.err().map(|error| error.to_string());
        if checks.right(format!("sha256 of the {} files of the bundle", indexed.index.files.len()), wrong) {
            folder = Some(to);
        }
    }
    let trained = runs.known_manifests(&claim.run_id).await?;
    let makers = indexed.index.makers.iter().map(|(step, key)| maker(runs, &trained, step, *key, checks)).collect();
    let promotions = entries.into_iter().map(|entry| PromotionTrace {
        seq: entry.seq,
        action: entry.action,
        at: entry.at.clone(),
        by: entry.by.clone(),
        reason: entry.reason.clone(),
    });
    let trace = ModelTrace {
        version,
        version_uri: registry.version_uri(version),
        bundle_sha256: indexed.sha256,
        training_run_id: claim.run_id,
        claimed_at: claim.claimed_at,
        promotions: promotions.collect(),
        makers,
        name,
    };
    Ok(Model { trace, folder })
}

/// The step of the training run with that key.
fn maker(runs: &Runs, trained: &[Manifest], step: &str, step_key: StepKey, checks: &mut Checks) -> Maker {
    let what = format!("step key of {step} in the training run");
    let found = trained.iter().find(|manifest| label(manifest) == step);
    match found {
        Some(found) => {
            checks.same(what, &found.step_key.to_string(), &step_key.to_string());
        }
        None => checks.missing(what, "the training run has no such manifest".to_owned()),
    }
    Maker {
        step: step.to_owned(),
        step_key,
        code_digest: found.map(|manifest| manifest.code_digest),
        manifest_uri: found.map(|manifest| runs.uri_of(manifest)),
    }
}

/// The registered model and the version that a run predicted with.
fn named(predict: &Manifest) -> Result<(String, u64), Failure> {
    let name = predict.params.get("model").and_then(|name| name.as_str());
    let version = predict.params.get("model_version").and_then(serde_json::Value::as_u64);
    name.map(str::to_owned).zip(version).ok_or_else(|| {
        let message = format!("find the model version in the manifest of `{}` of {}", predict.step, predict.run_id);
        Failure::new(ExitCode::InputMissing, message).hint("the run was made by another version: predict again")
    })
}
