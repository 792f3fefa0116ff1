//! Bringing runs up to the store, however often and by however many at once.
//!
//! MLflow has no way to create a run only once, so duplicates are made and then agreed on: whoever creates a run looks again
//! afterwards, and all keep the one with the smallest id. Nobody ever deletes the smallest, so the last to look leaves exactly one. Whoever
//! wrote to another one finds out at the end of a round, and goes another.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::RunId;
use faultline_store::{PutMode, Store};

use super::api::{NewRun, Run, pairs};
use super::client::Client;
use super::error::MlflowError;
use super::story::{Story, key_of};
use super::versions;
use super::wanted::{File, KIND, Kind, MIRRORED, PARENT, PART, RUN_ID, Wanted};
use crate::error::TrackingError;
use crate::registry::{Registry, Version};

/// How often a round is gone again because others have changed the same runs.
const MAX_ROUNDS: usize = 4;
/// Stands between a run's id, which cannot have it, and what makes the name of a note its own.
const NOTE_SEPARATOR: char = '@';

/// What a reconciliation found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Runs of pipelines that were written, wholly or in part.
    pub runs_written: usize,
    /// Model versions that were made.
    pub versions_made: usize,
}

/// What all parts of a reconciliation need.
pub(crate) struct Scene<'a> {
    pub(crate) client: &'a Client,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: &'a Registry,
    pub(crate) experiment: String,
    scratch: &'a Path,
}

/// The ids of MLflow's runs of trainings, by run id.
pub(crate) type Parents = BTreeMap<String, String>;

/// The runs of pipelines that were looked at, with their kinds and MLflow's ids.
type Used = BTreeMap<RunId, (Kind, String)>;

/// The keys of the notes that the server lacks a run, by run id.
type Notes = BTreeMap<String, Vec<String>>;

/// Notes that the server lacks a run, until it has it. Each note has a key of its own: whoever has written what an earlier one was about
/// takes that one away, and not this.
pub(crate) async fn note(registry: &Registry, run: &RunId) -> Result<(), TrackingError> {
    let (now, process) = (jiff::Timestamp::now().as_nanosecond(), std::process::id());
    let note = Bytes::from(serde_json::json!({ "run_id": run }).to_string());
    let key = format!("{}{run}{NOTE_SEPARATOR}{now}-{process}", behind_prefix(registry));
    Ok(registry.store().put(&key, note, PutMode::Overwrite).await?)
}

/// See [`Mlflow::reconcile`](crate::Mlflow::reconcile).
pub(crate) async fn reconcile(client: &Client, registry: &Registry, scratch: &Path) -> Result<Mirrored, TrackingError> {
    let store = Arc::clone(registry.store());
    let experiment = client.experiment(registry.model().as_str()).await?;
    let scene = Scene { client, store, registry, experiment, scratch };
    let mut mirrored = Mirrored::default();
    let mut refused = None;
    for _ in 0..MAX_ROUNDS {
        let mut used = Used::new();
        let done = scene.round(&mut used, &mut mirrored).await;
        match (done, scene.are_kept(&used).await) {
            (Ok(Round { noted, failed }), Ok(true)) => {
                for key in noted.values().flatten() {
                    scene.store.delete(key).await?;
                }
                return failed.map_or(Ok(mirrored), Err);
            }
            // A call that meets a duplicate after its deletion is refused: then the next round finds the one that is kept.
            (Err(TrackingError::Mlflow(error)), Ok(_)) if error.may_be_overtaken() => refused = Some(error),
            (Err(error), _) | (Ok(_), Err(error)) => return Err(error),
            (Ok(_), Ok(false)) => refused = None,
        }
        tracing::info!(url = client.url(), "others may have written to the same runs; going another round");
    }
    let model = registry.model().to_string();
    let contended = MlflowError::Contended { model, url: client.url(), rounds: MAX_ROUNDS };
    Err(refused.unwrap_or(contended).into())
}

/// What came of going over everything.
struct Round {
    /// The notes that are done with.
    noted: Notes,
    /// The first run that could not be read.
    failed: Option<TrackingError>,
}

impl Scene<'_> {
    /// Goes over everything once. Notes in `used` which runs were written to. A run that cannot be read does not keep the others behind.
    async fn round(&self, used: &mut Used, mirrored: &mut Mirrored) -> Result<Round, TrackingError> {
        let (mut noted, mut failed) = (self.noted().await?, None);
        let mut versions = self.registry.versions().await?;
        versions.retain(|version| version.bundle_sha256.is_some());
        let complete = self.complete().await?;
        let mut wanted: Vec<RunId> = versions.iter().map(|version| version.run_id.clone()).collect();
        wanted.retain(|run| !noted.contains_key(run.as_str()) && !complete.contains(run.as_str()));
        for run in noted.keys() {
            wanted.extend(run.parse::<RunId>());
        }
        for run in wanted {
            let version = versions.iter().find(|version| version.run_id == run);
            match self.mirror(&run, version, used).await {
                Ok(is_written) => mirrored.runs_written += usize::from(is_written),
                Err(error @ TrackingError::Mlflow(_)) => return Err(error),
                Err(error) => {
                    noted.remove(run.as_str());
                    failed.get_or_insert(error);
                }
            }
        }
        mirrored.versions_made += versions::reconcile(self, &versions).await?;
        Ok(Round { noted, failed })
    }

    /// Whether the runs that were written to are those that everybody keeps.
    async fn are_kept(&self, used: &Used) -> Result<bool, TrackingError> {
        for (run, (kind, id)) in used {
            let kept = self.unique(&of_run(run, *kind)).await?;
            if kept.get("").is_none_or(|kept| kept.info.run_id != *id) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The runs that are to be looked at, by the notes in the store. What a run has done before its note is read after this.
    async fn noted(&self) -> Result<Notes, TrackingError> {
        let prefix = behind_prefix(self.registry);
        let mut notes = Notes::new();
        for object in self.store.list(&prefix).await? {
            let Some(name) = object.key.strip_prefix(&prefix) else { continue };
            let run = name.split(NOTE_SEPARATOR).next().unwrap_or(name).to_owned();
            notes.entry(run).or_default().push(object.key);
        }
        Ok(notes)
    }

    /// The trainings that were written to the end once.
    async fn complete(&self) -> Result<BTreeSet<String>, TrackingError> {
        let runs = self.client.runs(&self.experiment, &of_kind(Kind::Train)).await?;
        let complete = runs.iter().filter(|run| run.tag(MIRRORED).is_some());
        Ok(complete.filter_map(|run| Some(run.tag(RUN_ID)?.to_owned())).collect())
    }

    /// The runs of trainings: of each the one that is kept.
    pub(crate) async fn parents(&self) -> Result<Parents, TrackingError> {
        let mut runs = self.client.runs(&self.experiment, &of_kind(Kind::Train)).await?;
        runs.sort_by(|a, b| b.info.run_id.cmp(&a.info.run_id));
        Ok(runs.iter().filter_map(|run| Some((run.tag(RUN_ID)?.to_owned(), run.info.run_id.clone()))).collect())
    }

    /// Writes one run with its candidates; says whether anything was to be written.
    async fn mirror(&self, run: &RunId, version: Option<&Version>, used: &mut Used) -> Result<bool, TrackingError> {
        let story = Story::read(&self.store, run).await?;
        // A run that has committed nothing has nothing to show.
        let Some(kind) = story.kind() else { return Ok(false) };
        let mut pipeline = Wanted::pipeline(&story, kind, self.registry.model().as_str());
        pipeline.files = self.files(&story, version).await?;
        let candidates = Wanted::candidates(&story);
        let found = self.ensure(run, kind, None, std::slice::from_ref(&pipeline)).await?;
        let Some(parent) = found.get("") else { return Ok(false) };
        used.insert(run.clone(), (kind, parent.info.run_id.clone()));
        let children = self.ensure(run, Kind::Candidate, Some(&parent.info.run_id), &candidates).await?;
        let mut is_written = false;
        for mut wanted in candidates {
            let Some(child) = children.get(&wanted.part) else { continue };
            wanted.files = self.candidate_files(&story, &wanted.part)?;
            wanted.tags.insert(PARENT.to_owned(), parent.info.run_id.clone());
            is_written |= self.write(child, &wanted, &parent.info.run_id).await?;
        }
        // The tag that says so is set last, so the parent's comes after its children.
        is_written |= self.write(parent, &pipeline, "").await?;
        Ok(is_written)
    }

    /// The runs of one pipeline run, or of its candidates, by part: those found, and those made now. Deletes what is there twice.
    async fn ensure(
        &self,
        run: &RunId,
        kind: Kind,
        parent: Option<&str>,
        wanted: &[Wanted],
    ) -> Result<BTreeMap<String, Run>, TrackingError> {
        let filter = of_run(run, kind);
        let mut found = self.unique(&filter).await?;
        let missing: Vec<&Wanted> = wanted.iter().filter(|wanted| !found.contains_key(&wanted.part)).collect();
        for wanted in &missing {
            // Found again by these alone, should anything come between this call and the next.
            let mut tags = wanted.tags.clone();
            tags.retain(|key, _| [RUN_ID, KIND, PART].contains(&key.as_str()));
            tags.extend(parent.map(|parent| (PARENT.to_owned(), parent.to_owned())));
            let new = NewRun {
                experiment_id: &self.experiment,
                run_name: &wanted.name,
                start_time: wanted.start_time,
                tags: pairs(&tags),
            };
            self.client.create_run(&new).await?;
        }
        if !missing.is_empty() {
            found = self.unique(&filter).await?;
        }
        Ok(found)
    }

    /// The runs that a filter lets through, by part, of each the one with the smallest id; the others are deleted.
    async fn unique(&self, filter: &str) -> Result<BTreeMap<String, Run>, TrackingError> {
        let mut runs = self.client.runs(&self.experiment, filter).await?;
        runs.sort_by(|a, b| a.info.run_id.cmp(&b.info.run_id));
        let mut unique = BTreeMap::new();
        for run in runs {
            match unique.entry(run.tag(PART).unwrap_or_default().to_owned()) {
                Entry::Vacant(place) => {
                    place.insert(run);
                }
                Entry::Occupied(_) => self.client.delete_run(&run.info.run_id).await?,
            }
        }
        Ok(unique)
    }

    /// Writes what a run should show, unless its tag says that it does.
    async fn write(&self, run: &Run, wanted: &Wanted, parent: &str) -> Result<bool, TrackingError> {
        let digest = wanted.digest(parent).to_string();
        // Two writers may have taken turns, so that the tag is of the one and the parent of the other.
        let is_below = wanted.tags.get(PARENT).is_none_or(|parent| run.tag(PARENT) == Some(parent.as_str()));
        if run.tag(MIRRORED) == Some(&digest) && is_below {
            return Ok(false);
        }
        let id = &run.info.run_id;
        self.client.log(id, &wanted.params, &wanted.metrics, &wanted.tags).await?;
        if let Some(dataset) = &wanted.dataset {
            self.client.log_input(id, dataset, "training").await?;
        }
        self.upload(run, &wanted.files).await?;
        self.client.end_run(id, wanted.status, wanted.end_time).await?;
        self.client.tag_run(id, MIRRORED, &digest).await?;
        Ok(true)
    }

    /// Uploads what is not there yet in its full length; pages and pictures always.
    async fn upload(&self, run: &Run, files: &BTreeMap<String, File>) -> Result<(), TrackingError> {
        if files.is_empty() {
            return Ok(());
        }
        let artifact_uri = run.info.artifact_uri.as_str();
        let no_proxy = || MlflowError::NoProxy { artifact_uri: artifact_uri.to_owned(), url: self.client.url() };
        let folder = folder_of(artifact_uri).ok_or_else(no_proxy)?;
        let there = self.client.artifacts(&run.info.run_id).await?;
        for (path, file) in files {
            if file.sha256.is_some() && there.get(path) == Some(&file.bytes) {
                continue;
            }
            let (local, written) = self.store.fetch(&file.key, &self.scratch.join("mirrored")).await?;
            if let Some(expected) = file.sha256.filter(|expected| *expected != written.sha256) {
                let uri = self.store.uri_of(&file.key);
                return Err(TrackingError::Changed { uri, expected, found: written.sha256 });
            }
            let artifact = format!("{folder}/{path}");
            self.client.put_file(&artifact, &local, &file.media_type).await?;
        }
        Ok(())
    }

    /// The files of a pipeline run: page and pictures, the verdict, and the bundle of its version.
    async fn files(&self, story: &Story, version: Option<&Version>) -> Result<BTreeMap<String, File>, TrackingError> {
        let mut files = BTreeMap::new();
        for (path, (key, bytes)) in &story.pages {
            let file = File { key: key.clone(), bytes: *bytes, sha256: None, media_type: "text/html".to_owned() };
            files.insert(path.clone(), file);
        }
        for (stage, name) in [("promote", "verdict.json"), ("predict", "summary.json"), ("validate", "profile.json")] {
            self.add_output(&mut files, story, stage, name)?;
        }
        if let Some(version) = version {
            let indexed = self.registry.bundle(version.version).await?;
            let index = ("bundle.json".to_owned(), indexed.bytes, indexed.sha256);
            let listed = indexed.index.files.into_iter().map(|file| (file.path, file.bytes, file.sha256));
            for (path, bytes, sha256) in listed.chain([index]) {
                let key = self.registry.file_key(version.version, &path);
                let media_type = "application/octet-stream".to_owned();
                files.insert(
                    format!("{}/{path}", versions::FOLDER),
                    File { key, bytes, sha256: Some(sha256), media_type },
                );
            }
        }
        Ok(files)
    }

    fn candidate_files(&self, story: &Story, part: &str) -> Result<BTreeMap<String, File>, TrackingError> {
        let mut files = BTreeMap::new();
        for name in ["evaluation.json", "candidates.json"] {
            self.add_output(&mut files, story, &format!("train/{part}"), name)?;
        }
        Ok(files)
    }

    fn add_output(
        &self,
        files: &mut BTreeMap<String, File>,
        story: &Story,
        stage: &str,
        name: &str,
    ) -> Result<(), TrackingError> {
        if let Some(output) = story.stages.get(stage).and_then(|manifest| manifest.output(name)) {
            let key = key_of(&self.store, output)?;
            let media_type = output.media_type.clone();
            files.insert(name.to_owned(), File { key, bytes: output.bytes, sha256: Some(output.sha256), media_type });
        }
        Ok(())
    }
}

/// The folder of a run's artifacts, for the proxy: `1/ID/artifacts` of `mlflow-artifacts:/1/ID/artifacts`. None where it is not the proxy's.
fn folder_of(artifact_uri: &str) -> Option<&str> {
    let path = artifact_uri.strip_prefix("mlflow-artifacts:")?;
    // An address with a host names the proxy itself, before the path.
    let path = path.strip_prefix("//").map_or(path, |rest| rest.split_once('/').map_or("", |(_, path)| path));
    Some(path.trim_matches('/'))
}

/// The folder of the notes.
fn behind_prefix(registry: &Registry) -> String {
    format!("tracking/{}/behind/", registry.model())
}

fn of_kind(kind: Kind) -> String {
    format!("tags.`{KIND}` = '{}'", kind.as_str())
}

fn of_run(run: &RunId, kind: Kind) -> String {
    format!("{} and tags.`{RUN_ID}` = '{run}'", of_kind(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_has_the_place_of_an_artifact_without_its_scheme() {
        for (artifact_uri, expected) in [
            ("mlflow-artifacts:/1/ab/artifacts", Some("1/ab/artifacts")),
            ("mlflow-artifacts://host:5000/1/ab/artifacts", Some("1/ab/artifacts")),
            ("s3://bucket/1/ab/artifacts", None),
        ] {
            assert_eq!(folder_of(artifact_uri), expected);
        }
    }
}
