//! What the store knows of a run: its manifests and documents, its page and its pictures.

use std::collections::BTreeMap;
use std::sync::Arc;

use faultline_contract::documents::promote::Verdict;
use faultline_contract::documents::train::{Candidates, Evaluation};
use faultline_contract::{Artifact, Digest, Manifest, Part, RunId, layout};
use faultline_store::{Action, Store, StoreError};
use serde::de::DeserializeOwned;

use super::wanted::Kind;
use crate::error::TrackingError;

/// Folders and files that `report` leaves beside its manifests: the page of the newest state, and its pictures.
const PAGE: &str = "report/report.html";
const PICTURES: &str = "report/pictures/";

/// One run, as far as it has come.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) run_id: RunId,
    /// The manifests but those of reports, by `stage` or `stage/part`.
    pub(crate) stages: BTreeMap<String, Manifest>,
    /// What `train` says of every candidate, by the name of its manifest.
    pub(crate) candidates: BTreeMap<String, (Evaluation, Candidates)>,
    pub(crate) verdict: Option<Verdict>,
    /// Key and size of the page and of every picture, by path below the folder of `report`.
    pub(crate) pages: BTreeMap<String, (String, u64)>,
}

impl Story {
    /// Reads what there is. A run that has left nothing has an empty story.
    pub(crate) async fn read(store: &Arc<dyn Store>, run_id: &RunId) -> Result<Self, TrackingError> {
        let mut story = Self {
            run_id: run_id.clone(),
            stages: BTreeMap::new(),
            candidates: BTreeMap::new(),
            verdict: None,
            pages: BTreeMap::new(),
        };
        let prefix = layout::run_prefix(run_id);
        for object in store.list(&prefix).await? {
            let Some(key) = object.key.strip_prefix(&prefix) else { continue };
            if key == PAGE || key.starts_with(PICTURES) {
                let path = key.trim_start_matches("report/").to_owned();
                story.pages.insert(path, (object.key.clone(), object.bytes));
            } else if layout::is_manifest(key) && !key.starts_with("report/") {
                let content = store.get(&object.key).await?;
                let manifest = parse::<Manifest>(&store.uri_of(&object.key), &content, "manifest")?;
                // Shards are told of by what was put together from them.
                if manifest.part.as_ref().is_some_and(Part::is_shard) {
                    continue;
                }
                story.stages.insert(key.trim_end_matches("/manifest.json").to_owned(), manifest);
            }
        }
        for (name, manifest) in &story.stages {
            if !name.starts_with("train/") {
                continue;
            }
            let evaluation = document(store, manifest, "evaluation.json").await?;
            let candidates = document(store, manifest, "candidates.json").await?;
            if let (Some(evaluation), Some(candidates)) = (evaluation, candidates) {
                story.candidates.insert(name.clone(), (evaluation, candidates));
            }
        }
        if let Some(promote) = story.stages.get("promote") {
            story.verdict = document(store, promote, "verdict.json").await?;
        }
        Ok(story)
    }

    /// The pipeline that the run is of, which its first stage tells; none before that is committed.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let validate = self.stages.get("validate")?;
        Some(if validate.params["purpose"] == "predict" { Kind::Predict } else { Kind::Train })
    }

    /// The digest over name and digest of every raw file that was read; none before `validate`.
    pub(crate) fn raw_sha256(&self) -> Option<Digest> {
        let mut files: Vec<String> = self.raw_files().map(|file| format!("{} {}\n", file.sha256, file.name)).collect();
        files.sort();
        (!files.is_empty()).then(|| Digest::of(files.concat().as_bytes()))
    }

    /// The raw files that were read.
    pub(crate) fn raw_files(&self) -> impl Iterator<Item = &Artifact> {
        let inputs = self.stages.get("validate").map(|validate| validate.inputs.as_slice()).unwrap_or_default();
        inputs.iter().filter(|input| input.name.starts_with("raw/"))
    }

    /// The stage that ends the run's pipeline, once it is committed.
    pub(crate) fn last(&self) -> Option<&Manifest> {
        self.stages.get("promote").or_else(|| self.stages.get("predict"))
    }
}

/// The key of an artifact in the run's own store, where earlier runs have left what was reused too.
pub(crate) fn key_of(store: &Arc<dyn Store>, artifact: &Artifact) -> Result<String, StoreError> {
    store.root().key_of(&artifact.uri).ok_or_else(|| StoreError::Invalid {
        action: Action::Read,
        uri: artifact.uri.clone(),
        reason: format!("it is not below {}", store.root_uri()),
        hint: "name the root that the run was made with, by --root-uri".to_owned(),
    })
}

/// A verified document of a manifest; none when the step did not write it.
async fn document<T: DeserializeOwned>(
    store: &Arc<dyn Store>,
    manifest: &Manifest,
    name: &str,
) -> Result<Option<T>, TrackingError> {
    let Some(artifact) = manifest.output(name) else { return Ok(None) };
    let content = store.get(&key_of(store, artifact)?).await?;
    let found = Digest::of(&content);
    if found != artifact.sha256 {
        return Err(TrackingError::Changed { uri: artifact.uri.clone(), expected: artifact.sha256, found });
    }
    parse(&artifact.uri, &content, "document of its step").map(Some)
}

fn parse<T: DeserializeOwned>(uri: &str, content: &[u8], expected: &'static str) -> Result<T, TrackingError> {
    let parsed = serde_json::from_slice(content);
    parsed.map_err(|source| TrackingError::Malformed { uri: uri.to_owned(), expected, source })
}
