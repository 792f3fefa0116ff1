//! What runs left in the store: manifests, and artifacts that are verified as they are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::layout::{is_manifest, manifest_key, run_prefix};
use faultline_contract::{Artifact, Digest, ExitCode, Manifest, RunId};
use faultline_runtime::Failure;
use faultline_store::{Store, StoreUrl};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::cli::{current_folder, open_store};

/// How many known runs an error names.
const KNOWN_RUNS: usize = 10;

/// A store with runs in it, and room for copies of its artifacts.
#[derive(Debug)]
pub(crate) struct Runs {
    store: Arc<dyn Store>,
    base_dir: PathBuf,
    scratch: TempDir,
}

/// An artifact as a local file, and what it really holds.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) path: PathBuf,
    pub(crate) sha256: Digest,
}

impl Runs {
    /// The runs below `root_uri`.
    pub(crate) async fn open(root_uri: &str) -> Result<Self, Failure> {
        let scratch = tempfile::tempdir().map_err(|error| {
            Failure::new(ExitCode::Temporary, "make a temporary folder")
                .caused_by(error)
                .hint("check space and rights of the folder that TMPDIR names")
        })?;
        Ok(Self { store: open_store(root_uri).await?, base_dir: current_folder()?, scratch })
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A new folder that goes when this does.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.scratch.path().join(name);
        std::fs::create_dir_all(&folder).map_err(|error| crate::failure::file("make the folder", &folder, error))?;
        Ok(folder)
    }

    /// The manifests of a run, in the order in which they were committed; none of an unknown run.
    pub(crate) async fn known_manifests(&self, run: &RunId) -> Result<Vec<Manifest>, Failure> {
        let prefix = run_prefix(run);
        let mut manifests = Vec::new();
        for object in self.store.list(&prefix).await? {
            if object.key.strip_prefix(&prefix).is_some_and(is_manifest) {
                manifests.push(self.manifest(&object.key).await?);
            }
        }
        manifests.sort_by(|a, b| (&a.finished_at, &a.step, &a.part).cmp(&(&b.finished_at, &b.step, &b.part)));
        Ok(manifests)
    }

    /// The manifests of a run that must exist, in the order in which they were committed.
    pub(crate) async fn manifests(&self, run: &RunId) -> Result<Vec<Manifest>, Failure> {
        let manifests = self.known_manifests(run).await?;
        if manifests.is_empty() { Err(self.unknown_run(run).await) } else { Ok(manifests) }
    }

    /// The manifest of one step of every run that has committed it, newest first.
    pub(crate) async fn of_every_run(&self, step: &str) -> Result<Vec<Manifest>, Failure> {
        let mut manifests = Vec::new();
        for object in self.store.list("runs/").await? {
            let parts: Vec<_> = object.key.split('/').collect();
            if matches!(parts[..], ["runs", _, found, "manifest.json"] if found == step) {
                manifests.push(self.manifest(&object.key).await?);
            }
        }
        manifests.sort_by(|a, b| (&b.finished_at, &b.run_id).cmp(&(&a.finished_at, &a.run_id)));
        Ok(manifests)
    }

    /// Where a manifest is.
    pub(crate) fn uri_of(&self, manifest: &Manifest) -> String {
        self.store.uri_of(&manifest_key(&manifest.run_id, &manifest.step, manifest.part.as_ref()))
    }

    /// An artifact as a local file, whatever it holds now.
    pub(crate) async fn fetch_unverified(&self, artifact: &Artifact) -> Result<Fetched, Failure> {
        let copy = self.scratch.path().join(Digest::of(artifact.uri.as_bytes()).to_string());
        let (store, key) = self.open_object(&artifact.uri).await?;
        let (path, written) = store.fetch(&key, &copy).await?;
        Ok(Fetched { path, sha256: written.sha256 })
    }

    /// An artifact as a local file, verified against its manifest.
    pub(crate) async fn fetch(&self, artifact: &Artifact) -> Result<PathBuf, Failure> {
        let Fetched { path, sha256 } = self.fetch_unverified(artifact).await?;
        if sha256 == artifact.sha256 { Ok(path) } else { Err(changed(artifact, sha256)) }
    }

    /// The verified content of a small artifact.
    pub(crate) async fn read(&self, artifact: &Artifact) -> Result<Bytes, Failure> {
        let (store, key) = self.open_object(&artifact.uri).await?;
        let content = store.get(&key).await?;
        let sha256 = Digest::of(&content);
        if sha256 == artifact.sha256 { Ok(content) } else { Err(changed(artifact, sha256)) }
    }

    /// The verified content of a small JSON artifact.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, artifact: &Artifact) -> Result<T, Failure> {
        let content = self.read(artifact).await?;
        serde_json::from_slice(&content).map_err(|error| odd(&artifact.uri, "a document of its step", error))
    }

    async fn open_object(&self, uri: &str) -> Result<(Arc<dyn Store>, String), Failure> {
        if let Some(key) = self.store.root().key_of(uri) {
            return Ok((Arc::clone(&self.store), key));
        }
        let (root, key) = StoreUrl::parse_object(uri, &self.base_dir)?;
        Ok((faultline_store::open(&root).await?, key))
    }

    async fn manifest(&self, key: &str) -> Result<Manifest, Failure> {
        let content = self.store.get(key).await?;
        serde_json::from_slice(&content).map_err(|error| odd(&self.store.uri_of(key), "a manifest", error))
    }

    /// There is no such run; the hint names some that there are.
    pub(crate) async fn unknown_run(&self, run: &RunId) -> Failure {
        let message = format!("find the run {run} in {}", self.store.root_uri());
        let failure = Failure::new(ExitCode::InputMissing, message);
        let Ok(objects) = self.store.list("runs/").await else {
            return failure.hint("check --root-uri and the run id");
        };
        let mut known: Vec<_> = objects.iter().filter_map(|object| object.key.split('/').nth(1)).collect();
        known.dedup();
        let shown = known.iter().rev().take(KNOWN_RUNS).copied().collect::<Vec<_>>().join(", ");
        let shown = if shown.is_empty() { "none".to_owned() } else { shown };
        failure.hint(format!("check --root-uri and the run id; runs there: {shown}"))
    }
}

/// The manifest of an unsplit step among those of a run.
pub(crate) fn of_step<'a>(manifests: &'a [Manifest], run: &RunId, step: &str) -> Result<&'a Manifest, Failure> {
    let found = manifests.iter().find(|manifest| manifest.step.as_str() == step && manifest.part.is_none());
    found.ok_or_else(|| {
        let mut known: Vec<_> = manifests.iter().map(|manifest| manifest.step.as_str()).collect();
        known.dedup();
        let message = format!("find what `{step}` committed in the run {run}");
        Failure::new(ExitCode::InputMissing, message).hint(format!("the run has {}", known.join(", ")))
    })
}

/// An output that a manifest must have.
pub(crate) fn output<'a>(manifest: &'a Manifest, name: &str) -> Result<&'a Artifact, Failure> {
    manifest.output(name).ok_or_else(|| {
        let message = format!("find the output {name} of `{}` in the run {}", manifest.step, manifest.run_id);
        Failure::new(ExitCode::InputMissing, message)
            .hint("the run was made by another version: run the pipeline again")
    })
}

/// The inputs below `raw/` by their names in the raw folder.
pub(crate) fn raw_files(validate: &Manifest) -> impl Iterator<Item = (&str, &Artifact)> {
    validate.inputs.iter().filter_map(|input| Some((input.name.strip_prefix("raw/")?, input)))
}

/// `<step>` or `<step>/<part>`.
pub(crate) fn label(manifest: &Manifest) -> String {
    let part = manifest.part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
    format!("{}{part}", manifest.step)
}

/// A local copy of an artifact that is not what its name says.
pub(crate) fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::configuration(format!("read {}", path.display()))
        .caused_by(error)
        .hint("it was written by another version: run the pipeline again")
}

fn changed(artifact: &Artifact, sha256: Digest) -> Failure {
    let message = format!("verify {}: got sha256 {sha256}, expected {}", artifact.uri, artifact.sha256);
    Failure::configuration(message).hint("the object was changed after it was committed: bring the original back")
}

/// An object that is not what it should be.
pub(crate) fn odd(uri: &str, expected: &str, error: serde_json::Error) -> Failure {
    let message = format!("take {uri} for {expected}");
    Failure::internal(message).caused_by(error).hint("it was written by a much newer version, or is damaged")
}
