//! The prediction run: the rows with the id, and the steps that led to them.

use faultline_contract::{Artifact, Digest, ExitCode, Manifest, Outcome, RunId, StepKey};
use faultline_runtime::Failure;
use faultline_table::Columns;
use serde::Serialize;

use super::checks::Checks;
use crate::runs::{Runs, label, of_step, output, unreadable};

/// The step that predicts, and the tables it reads and writes.
const PREDICT: &str = "predict";
const PREDICTIONS: &str = "predictions.parquet";
/// How many prediction runs an error names.
const KNOWN_RUNS: usize = 10;

/// What a prediction run left, as far as the prediction hangs on it.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) validate: Manifest,
    pub(super) transform: Manifest,
    pub(super) load: Manifest,
    pub(super) predict: Manifest,
    pub(super) predictions: Columns,
    /// The rows of `predictions` with the id.
    pub(super) places: Vec<usize>,
}

/// A step of the prediction run.
#[derive(Debug, Serialize)]
pub(super) struct StepTrace {
    pub(super) step: String,
    pub(super) outcome: Outcome,
    pub(super) step_key: StepKey,
    pub(super) code_digest: Digest,
    pub(super) faultline_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) git_revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image_digest: Option<String>,
    pub(super) finished_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reused_from: Option<String>,
    pub(super) manifest_uri: String,
}

impl Chain {
    /// The steps from the raw files to the prediction.
    fn manifests(&self) -> [&Manifest; 4] {
        [&self.validate, &self.transform, &self.load, &self.predict]
    }

    /// The steps, for people and programs.
    pub(super) fn steps(&self, runs: &Runs) -> Vec<StepTrace> {
        let step = |manifest: &Manifest| StepTrace {
            step: label(manifest),
            outcome: manifest.outcome,
            step_key: manifest.step_key,
            code_digest: manifest.code_digest,
            faultline_version: manifest.faultline_version.clone(),
            git_revision: manifest.git_revision.clone(),
            image_digest: manifest.image_digest.clone(),
            finished_at: manifest.finished_at.clone(),
            reused_from: manifest.reused_from.clone(),
            manifest_uri: runs.uri_of(manifest),
        };
        self.manifests().into_iter().map(step).collect()
    }
}

/// Finds the rows with the id, and verifies the steps that led to them.
pub(super) async fn follow(runs: &Runs, id: &str, run: Option<&RunId>, checks: &mut Checks) -> Result<Chain, Failure> {
    let (predict, predictions, places) = match run {
        Some(run) => in_run(runs, id, run).await?,
        None => in_newest(runs, id).await?,
    };
    checks.right(format!("sha256 of {PREDICTIONS}"), None);
    let run = predict.run_id.clone();
    let manifests = runs.manifests(&run).await?;
    let step = |name| of_step(&manifests, &run, name).cloned();
    let chain = Chain {
        validate: step("validate")?,
        transform: step("transform")?,
        load: step("load")?,
        predict,
        predictions,
        places,
    };
    for manifest in chain.manifests() {
        let name = label(manifest);
        checks.right(format!("inputs of {name} are what the steps before it wrote"), unlinked(manifest, &manifests));
        checks.same(format!("step key of {name}"), &key_of(manifest).to_string(), &manifest.step_key.to_string());
    }
    Ok(chain)
}

type Found = (Manifest, Columns, Vec<usize>);

async fn in_run(runs: &Runs, id: &str, run: &RunId) -> Result<Found, Failure> {
    let manifests = runs.manifests(run).await?;
    // A shard has some of the predictions, what is put together from shards has all.
    let is_whole = |manifest: &Manifest| manifest.step.as_str() == PREDICT && manifest.part.is_none();
    let Some(predict) = manifests.into_iter().find(is_whole) else {
        let known = runs.of_every_run(PREDICT).await?;
        let known: Vec<_> = known.iter().take(KNOWN_RUNS).map(|manifest| manifest.run_id.to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!("find predictions in the run {run}: it has no step `{PREDICT}`");
        return Err(Failure::new(ExitCode::InputMissing, message).hint(format!(
            "name a prediction run with --run, or leave it out for the newest; prediction runs: {known}"
        )));
    };
    let (predictions, places) = rows_of(runs, &predict, id).await?;
    if !places.is_empty() {
        return Ok((predict, predictions, places));
    }
    let message = format!("find {id} among the predictions of the run {run}");
    Err(Failure::new(ExitCode::InputMissing, message).hint(format!(
        "write the id as it stands in the raw file; refused files and rows are listed by `faultline quarantine {run}`"
    )))
}

async fn in_newest(runs: &Runs, id: &str) -> Result<Found, Failure> {
    let known = runs.of_every_run(PREDICT).await?;
    let count = known.len();
    for predict in known {
        let (predictions, places) = rows_of(runs, &predict, id).await?;
        if !places.is_empty() {
            return Ok((predict, predictions, places));
        }
    }
    let message = format!("find {id} among the predictions of {count} runs in {}", runs.store().root_uri());
    Err(Failure::new(ExitCode::InputMissing, message).hint(if count == 0 {
        "run the predict pipeline on the wafer's batch file first, or check --root-uri"
    } else {
        "write the id as it stands in the raw file; refused files and rows are listed by `faultline quarantine RUN`"
    }))
}

async fn rows_of(runs: &Runs, predict: &Manifest, id: &str) -> Result<(Columns, Vec<usize>), Failure> {
    let path = runs.fetch(output(predict, PREDICTIONS)?).await?;
    let predictions = Columns::read(&path).map_err(|error| unreadable(&path, error))?;
    let ids = predictions.text("_id").map_err(|error| unreadable(&path, error))?;
    let places = (0..ids.len()).filter(|place| ids[*place] == id).collect();
    Ok((predictions, places))
}

/// The first input that says it is an output of another step of the run and is not.
fn unlinked(manifest: &Manifest, manifests: &[Manifest]) -> Option<String> {
    let written = |input: &Artifact| {
        let (step, name) = input.name.rsplit_once('/')?;
        manifests.iter().find(|other| label(other) == step)?.output(name).cloned()
    };
    manifest.inputs.iter().find_map(|input| {
        let output = written(input)?;
        (output.sha256 != input.sha256)
            .then(|| format!("{} was read with sha256 {}, written with {}", input.name, input.sha256, output.sha256))
    })
}

/// The step key over what the manifest says went into the work.
fn key_of(manifest: &Manifest) -> StepKey {
    let inputs: Vec<_> = manifest.inputs.iter().map(|input| (input.name.clone(), input.sha256)).collect();
    StepKey::new(manifest.step.as_str(), manifest.code_digest, &manifest.params, manifest.seed, &inputs)
}
