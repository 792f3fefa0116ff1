//! What `gather` and `perform` may use: the store, upstream manifests, documents, the scratch folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::{Artifact, Digest, ExitCode, Manifest, Outcome, Part, RunId, StepName, layout};
use faultline_store::{ObjectMeta, Store, StoreUrl};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use crate::options::UpstreamFlags;
use crate::stamps::Stamps;
use crate::{Document, Failure, Input, Inputs, MediaType, Pipeline, RawFile};

/// The surroundings of one attempt.
#[derive(Debug)]
pub struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) run_id: RunId,
    pub(crate) step: StepName,
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) seed: u64,
    pub(crate) scratch: PathBuf,
    pub(crate) base_dir: PathBuf,
    pub(crate) started_at: String,
    pub(crate) upstream: Vec<UpstreamFlags>,
    /// The verified files that are read in place.
    pub(crate) stamps: Stamps,
    /// The digest of the step's own source closure.
    pub(crate) code: Digest,
    /// Whether the step is only asked what it would do, and writes nothing.
    pub(crate) is_asked: bool,
}

/// A committed and accepted manifest of another stage.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The stage, for the names of inputs.
    pub stage: String,
    /// The manifest.
    pub manifest: Manifest,
    /// Where it is.
    pub uri: String,
    /// Its digest, for lineage; never part of a step key.
    pub sha256: Digest,
}

impl Upstream {
    /// An output of that stage as an input named `<stage>/<artifact>`.
    ///
    /// # Errors
    /// When the stage has no such output.
    pub fn input(&self, artifact: &str) -> Result<Input, Failure> {
        let found = self.manifest.output(artifact).ok_or_else(|| {
            let known: Vec<_> = self.manifest.outputs.iter().map(|output| output.name.as_str()).collect();
            Failure::configuration(format!("{} has no output `{artifact}`; it has {}", self.uri, known.join(", ")))
                .hint("pass the manifest of the right stage and version")
        })?;
        let artifact = Artifact { name: format!("{}/{}", self.stage, found.name), ..found.clone() };
        Ok(Input { artifact, local: None })
    }
}

impl Context {
    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// The pipeline that the step is part of, if it was told.
    #[must_use]
    pub fn pipeline(&self) -> Option<Pipeline> {
        self.pipeline
    }

    /// The seed of all randomness.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The store at the run's root.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The folder that relative paths resolve against.
    #[must_use]
    pub fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// A local folder for this attempt, deleted afterwards.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// When this attempt started, RFC 3339 in UTC: for histories, never for artifacts.
    #[must_use]
    pub fn started_at(&self) -> &str {
        &self.started_at
    }

    /// The accepted manifest of a declared upstream stage.
    ///
    /// # Errors
    /// When it is missing, does not have the given digest, belongs to another stage, or was rejected by its gate.
    pub async fn upstream(&self, stage: &str) -> Result<Upstream, Failure> {
        let flags = self
            .upstream
            .iter()
            .find(|flags| flags.stage == stage)
            .ok_or_else(|| Failure::internal(format!("`{stage}` is no declared upstream stage")))?;
        let content = self.read(&flags.manifest_uri).await?;
        let sha256 = Digest::of(&content);
        if let Some(expected) = &flags.manifest_sha256
            && *expected != sha256.to_string()
        {
            return Err(Failure::configuration(format!(
                "the manifest {} has sha256 {sha256}, expected {expected}",
                flags.manifest_uri
            ))
            .hint(format!("pass the digest that belongs to --{stage}-manifest-uri, or none")));
        }
        let manifest = parse_manifest(&flags.manifest_uri, &content)?;
        if manifest.step.as_str() != stage {
            return Err(Failure::configuration(format!(
                "the manifest {} is of the step `{}`, expected `{stage}`",
                flags.manifest_uri, manifest.step
            ))
            .hint(format!("check --{stage}-manifest-uri")));
        }
        accepted(Upstream { stage: stage.to_owned(), manifest, uri: flags.manifest_uri.clone(), sha256 })
    }

    /// The accepted manifest of any stage and part of this run.
    ///
    /// # Errors
    /// When it is missing or was rejected by its gate.
    pub async fn in_run(&self, stage: &str, part: Option<&Part>) -> Result<Upstream, Failure> {
        accepted(self.in_run_any(stage, part).await?)
    }

    /// The manifest of any stage and part of this run, whatever its outcome.
    ///
    /// # Errors
    /// When it is missing.
    pub async fn in_run_any(&self, stage: &str, part: Option<&Part>) -> Result<Upstream, Failure> {
        let step: StepName =
            stage.parse().map_err(|source| Failure::internal("the stage has no valid name").caused_by(source))?;
        let key = layout::manifest_key(&self.run_id, &step, part);
        let content = self.store.get(&key).await?;
        let uri = self.store.uri_of(&key);
        let name = part.map_or_else(|| stage.to_owned(), |part| format!("{stage}/{part}"));
        Ok(Upstream { stage: name, manifest: parse_manifest(&uri, &content)?, uri, sha256: Digest::of(&content) })
    }

    /// A small document: compiled in, or an object.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub async fn document(&self, uri: &str) -> Result<Document, Failure> {
        if let Some(document) = Document::builtin(uri)? {
            return Ok(document);
        }
        Ok(Document { uri: uri.to_owned(), content: self.read(uri).await? })
    }

    /// The verified content of a small input.
    ///
    /// # Errors
    /// When it is missing or its content is not what the manifest says.
    pub async fn read_input(&self, input: &Input) -> Result<Bytes, Failure> {
        let content = self.read(&input.artifact.uri).await?;
        verify(&input.artifact, Digest::of(&content))?;
        Ok(content)
    }

    /// The verified content of a small JSON input.
    ///
    /// # Errors
    /// As for [`Context::read_input`], and when it is no such document.
    pub async fn read_json<T: DeserializeOwned>(&self, input: &Input) -> Result<T, Failure> {
        let content = self.read_input(input).await?;
        serde_json::from_slice(&content).map_err(|source| {
            Failure::configuration(format!("{} is not valid", input.artifact.uri))
                .caused_by(source)
                .hint("run the step that wrote it with this version")
        })
    }

    /// Every file directly or indirectly below a folder that is not part of this root, but for the markers of batches, hashed, as inputs named
    /// `raw/<relative name>`, sorted by name. Objects of a remote store are copied to the scratch folder on the way.
    ///
    /// # Errors
    /// When the folder cannot be listed or a file cannot be read.
    pub async fn raw_folder(&self, uri: &str) -> Result<Vec<RawFile>, Failure> {
        let store = self.open_raw(uri).await?;
        let names = raw_objects(store.as_ref()).await?.map(|object| object.key).collect();
        self.fetch_raw(store.as_ref(), names).await
    }

    /// Some files of a raw folder by their names, as [`Context::raw_folder`] gives all.
    ///
    /// # Errors
    /// When one is gone or cannot be read.
    pub async fn raw_files(&self, uri: &str, names: Vec<String>) -> Result<Vec<RawFile>, Failure> {
        let store = self.open_raw(uri).await?;
        self.fetch_raw(store.as_ref(), names).await
    }

    /// The store of a raw folder, which does not hold the run's own root.
    pub(crate) async fn open_raw(&self, uri: &str) -> Result<Arc<dyn Store>, Failure> {
        let (raw, root) = (StoreUrl::parse(uri, &self.base_dir)?, self.store.root());
        if raw.holds(root) {
            return Err(Failure::configuration(format!("the root {root} is in the raw folder {raw}"))
                .hint("keep one of them elsewhere: what a run writes would be raw files of the next"));
        }
        Ok(faultline_store::open(&raw).await?)
    }

    async fn fetch_raw(&self, store: &dyn Store, names: Vec<String>) -> Result<Vec<RawFile>, Failure> {
        for name in &names {
            self.note_local(store, name);
        }
        let fetched = if let Some(in_place) = store.fetch_in_place(&names).await? {
            in_place.into_iter().map(|file| (file.path, file.written, Some(file.blake3))).collect()
        } else {
            let copies = names.iter().cloned().enumerate().map(|(index, name)| async move {
                let (path, written) = store.fetch(&name, &self.scratch.join(format!("raw-{index}"))).await?;
                Ok((path, written, None))
            });
            side_by_side(copies).await?
        };
        let files = names.into_iter().zip(fetched).map(|(name, (path, written, blake3))| {
            let artifact = Artifact {
                name: format!("raw/{name}"),
                uri: store.uri_of(&name),
                sha256: written.sha256,
                bytes: written.bytes,
                rows: None,
                media_type: MediaType::Csv.as_str().to_owned(),
            };
            RawFile { input: Input { artifact, local: Some(path) }, blake3 }
        });
        Ok(files.collect())
    }

    /// The file of this machine that an object is, when its store is a folder and it is there. Its content is not verified: that is left to a core
    /// that reads every byte of it anyway.
    #[must_use]
    pub fn unverified_file(&self, uri: &str) -> Option<PathBuf> {
        let (root, key) = StoreUrl::parse_object(uri, &self.base_dir).ok()?;
        let StoreUrl::File { path } = root else { return None };
        Some(path.join(key)).filter(|path| path.is_file())
    }

    /// Verified local files for inputs; several are fetched at a time.
    pub(crate) async fn fetch_all(&self, inputs: &[Input]) -> Result<Inputs, Failure> {
        let fetched = inputs.iter().enumerate().map(|(index, input)| self.fetch(index, input));
        let mut local = Inputs::default();
        for (path, input) in side_by_side(fetched).await?.into_iter().zip(inputs) {
            local.insert(path, input.artifact.clone());
        }
        Ok(local)
    }

    /// Remembers the file of this machine that an object is, before its digest is taken.
    fn note_local(&self, store: &dyn Store, key: &str) {
        if let Some(path) = store.local_path(key) {
            self.stamps.note(&path);
        }
    }

    /// Makes sure that the files that were read in place are still those whose digests were taken. To be called after the core, before the commit.
    pub(crate) fn verify_unchanged(&self) -> Result<(), Failure> {
        let Some(path) = self.stamps.changed() else { return Ok(()) };
        Err(Failure::new(ExitCode::Temporary, format!("{} was changed while the step ran", path.display()))
            .hint("run the step again when nothing else writes to its inputs"))
    }

    /// A verified local file for an input.
    async fn fetch(&self, index: usize, input: &Input) -> Result<PathBuf, Failure> {
        if let Some(path) = &input.local {
            return Ok(path.clone());
        }
        let uri = &input.artifact.uri;
        let to = self.scratch.join(format!("input-{index}"));
        if let Some(document) = Document::builtin(uri)? {
            std::fs::write(&to, &document.content)?;
            return Ok(to);
        }
        let (store, key) = self.open_object(uri).await?;
        self.note_local(store.as_ref(), &key);
        let (path, written) = store.fetch(&key, &to).await?;
        verify(&input.artifact, written.sha256)?;
        Ok(path)
    }

    /// The store and key of an object: the run's own store when the object is below its root.
    pub(crate) async fn open_object(&self, uri: &str) -> Result<(Arc<dyn Store>, String), Failure> {
        if let Some(key) = self.store.root().key_of(uri) {
            return Ok((Arc::clone(&self.store), key));
        }
        let (root, key) = StoreUrl::parse_object(uri, &self.base_dir)?;
        Ok((faultline_store::open(&root).await?, key))
    }

    pub(crate) async fn read(&self, uri: &str) -> Result<Bytes, Failure> {
        let (store, key) = self.open_object(uri).await?;
        Ok(store.get(&key).await?)
    }
}

/// What is data in a raw folder: all but the markers of batches.
pub(crate) async fn raw_objects(folder: &dyn Store) -> Result<impl Iterator<Item = ObjectMeta>, Failure> {
    Ok(folder.list("").await?.into_iter().filter(|object| !layout::is_batch_marker(&object.key)))
}

/// Waits for some requests at a time, and gives the answers in the order of the requests.
async fn side_by_side<T, F: Future<Output = Result<T, Failure>>>(
    requests: impl Iterator<Item = F>,
) -> Result<Vec<T>, Failure> {
    /// Files of this machine keep one core each busy with their digests; a remote store answers a few requests as fast as one.
    const FEWEST: usize = 4;
    const MOST: usize = 16;
    let at_once = std::thread::available_parallelism().map_or(FEWEST, |cores| cores.get().clamp(FEWEST, MOST));
    stream::iter(requests).buffered(at_once).try_collect().await
}

pub(crate) fn parse_manifest(uri: &str, content: &[u8]) -> Result<Manifest, Failure> {
    serde_json::from_slice(content).map_err(|source| {
        Failure::configuration(format!("{uri} is no manifest"))
            .caused_by(source)
            .hint("pass the manifest-uri result of the upstream step")
    })
}

pub(crate) fn accepted(upstream: Upstream) -> Result<Upstream, Failure> {
    if upstream.manifest.outcome == Outcome::Rejected {
        return Err(Failure::new(
            ExitCode::DataRejected,
            format!("the outcome of {} is `rejected`: its data failed the quality gate", upstream.uri),
        )
        .hint("read that step's quarantine, mend the data or the gate, and start a new run"));
    }
    Ok(upstream)
}

fn verify(artifact: &Artifact, sha256: Digest) -> Result<(), Failure> {
    if artifact.sha256 == sha256 {
        return Ok(());
    }
    Err(Failure::configuration(format!("{} has sha256 {sha256}, its manifest says {}", artifact.uri, artifact.sha256))
        .hint("the object was changed after it was committed; run the step that wrote it with --no-cache in a new run"))
}
