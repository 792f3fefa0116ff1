//! The registry of one model in a store: versions, history, champion.

use std::path::{Component, Path};
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::documents::promote::{BundleFile, BundleIndex};
use faultline_contract::{Digest, RunId};
use faultline_store::{PutMode, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::TrackingError;
use crate::history::{self, Action, Author, Entry, line_of_champions};
use crate::name::ModelName;
use crate::uri::{self, TrackingUri};

/// One registered model. All state is in the store, so any number of registries may work on one model at once.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) model: ModelName,
}

/// A version that a run has claimed, committed or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The number, from 1.
    pub version: u64,
    /// The run that claimed it.
    pub run_id: RunId,
    /// When it was claimed, RFC 3339 in UTC.
    pub claimed_at: String,
    /// The sha256 of `bundle.json`, once the version is committed.
    pub bundle_sha256: Option<Digest>,
}

/// The index of a committed version, and what its object is.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexed {
    /// The content of `bundle.json`.
    pub index: BundleIndex,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// `claim.json`: the first object of a version, which gives the number to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    run_id: RunId,
    claimed_at: String,
}

/// The champion, read from the history.
#[derive(Debug)]
pub struct Champion {
    /// The newest history entry.
    pub entry: Entry,
    /// What was found in `champion.json`.
    pub copy: CopyState,
}

/// The state of `champion.json`, a copy of the newest history entry for readers that want one object.
#[derive(Debug)]
pub enum CopyState {
    /// It said the same.
    Fresh,
    /// It was missing or old, and was written anew.
    Repaired,
    /// It is missing or old, and this reader may not write it. The champion is known all the same.
    Stale(StoreError),
}

/// A promotion that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// The version to promote; it must be committed.
    pub version: u64,
    /// The newest history entry when the decision was taken; 0 for none.
    pub expected_seq: u64,
    /// The run that promotes: it promotes once, however often it asks.
    pub run_id: RunId,
    /// Who, when and why.
    pub author: Author,
    /// The figures the decision was taken on.
    pub figures: serde_json::Value,
}

impl Registry {
    /// The registry of `model` in `store`. Nothing is asked of the store.
    pub fn new(store: Arc<dyn Store>, model: ModelName) -> Self {
        Self { store, model }
    }

    /// The registry that a step's flags name. It is the store itself, whether or not an MLflow server mirrors it.
    ///
    /// # Errors
    /// For a tracking URI that is neither empty nor that of a server, and for text that is no model's name.
    pub fn of_flags(store: Arc<dyn Store>, tracking_uri: &TrackingUri, model: &str) -> Result<Self, TrackingError> {
        uri::server(tracking_uri)?;
        Ok(Self::new(store, model.parse()?))
    }

    /// The registered model's name.
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The URI of a version's folder, with a trailing slash.
    pub fn version_uri(&self, version: u64) -> String {
        self.store.uri_of(&self.version_key(version, ""))
    }

    /// The key of a bundle's file in the store.
    pub fn file_key(&self, version: u64, path: &str) -> String {
        self.version_key(version, path)
    }

    /// The version of a run: the one that it has claimed before, or the next free number. Costs one small read per version.
    ///
    /// # Errors
    /// [`TrackingError::Store`], and [`TrackingError::Malformed`] for a broken claim.
    pub async fn claim(&self, run_id: &RunId, at: &str) -> Result<Version, TrackingError> {
        let versions = self.versions().await?;
        if let Some(own) = versions.iter().find(|version| version.run_id == *run_id) {
            return Ok(own.clone());
        }
        let mut version = versions.last().map_or(1, |last| last.version + 1);
        let claim = Claim { run_id: run_id.clone(), claimed_at: at.to_owned() };
        loop {
            let key = self.version_key(version, "claim.json");
            let content = self.to_json(&key, &claim, "claim")?;
            let holder = self.create(&key, content, "claim").await?.unwrap_or_else(|| claim.clone());
            // The same run may race itself after a lost answer; then the claim found is its own.
            if holder.run_id == *run_id {
                let Claim { run_id, claimed_at } = holder;
                return Ok(Version { version, run_id, claimed_at, bundle_sha256: None });
            }
            version += 1;
        }
    }

    /// Writes one file of a version that is claimed and not yet committed.
    ///
    /// # Errors
    /// [`TrackingError::Store`].
    pub async fn put_file(&self, version: u64, path: &str, file: &Path) -> Result<BundleFile, TrackingError> {
        let written = self.store.put_file(&self.version_key(version, path), file).await?;
        Ok(BundleFile { path: path.to_owned(), sha256: written.sha256, bytes: written.bytes })
    }

    /// Commits a version by creating its `bundle.json`, after checking that every file of the index is there. Committing the same
    /// index again changes nothing. Returns the sha256 of `bundle.json`.
    ///
    /// # Errors
    /// [`TrackingError::Damaged`] when a file is missing or has another size, [`TrackingError::VersionDiffers`] when the version is
    /// committed with another index, and [`TrackingError::Store`].
    pub async fn commit(&self, version: u64, index: &BundleIndex) -> Result<Digest, TrackingError> {
        for file in &index.files {
            let found = self.store.head(&self.version_key(version, &file.path)).await?;
            if found.as_ref().is_none_or(|meta| meta.bytes != file.bytes) {
                let found = found.map_or_else(|| "nothing".to_owned(), |meta| format!("{} bytes", meta.bytes));
                let reason = format!("{}: expected {} bytes, got {found}", file.path, file.bytes);
                return Err(TrackingError::Damaged { model: self.model.clone(), version, reason });
            }
        }
        let key = self.version_key(version, "bundle.json");
        let content = self.to_json(&key, index, "bundle index")?;
        let digest = Digest::of(&content);
        match self.create::<BundleIndex>(&key, content, "bundle index").await? {
            Some(found) if found != *index => Err(TrackingError::VersionDiffers { model: self.model.clone(), version }),
            _ => Ok(digest),
        }
    }

    /// The index of a committed version, and the sha256 of its bytes.
    ///
    /// # Errors
    /// [`TrackingError::NotCommitted`], [`TrackingError::Malformed`] and [`TrackingError::Store`].
    pub async fn bundle(&self, version: u64) -> Result<Indexed, TrackingError> {
        match self.read::<BundleIndex>(&self.version_key(version, "bundle.json"), "bundle index").await? {
            Some((index, content)) => Ok(Indexed { index, sha256: Digest::of(&content), bytes: content.len() as u64 }),
            None => Err(TrackingError::NotCommitted { model: self.model.clone(), version }),
        }
    }

    /// The index of the champion's bundle, verified against the digest in the history.
    ///
    /// # Errors
    /// [`TrackingError::Damaged`] when the bundle is not the one that was promoted, and those of [`Registry::bundle`].
    pub async fn bundle_of(&self, entry: &Entry) -> Result<Indexed, TrackingError> {
        self.verified(entry.version, entry.bundle_sha256).await
    }

    async fn verified(&self, version: u64, expected: Digest) -> Result<Indexed, TrackingError> {
        let indexed = self.bundle(version).await?;
        if indexed.sha256 != expected {
            let reason = format!("bundle.json: expected sha256 {expected}, got {}", indexed.sha256);
            return Err(TrackingError::Damaged { model: self.model.clone(), version, reason });
        }
        Ok(indexed)
    }

    /// Copies the files of a promoted version into `folder`, laid out as in the bundle and with `bundle.json`, and verifies every
    /// digest. The folder must exist.
    ///
    /// # Errors
    /// [`TrackingError::Damaged`] when a file is not the one that was promoted, and those of [`Registry::bundle_of`].
    pub async fn download(&self, entry: &Entry, folder: &Path) -> Result<BundleIndex, TrackingError> {
        self.download_version(entry.version, entry.bundle_sha256, folder).await
    }

    /// Copies the files of any committed version, promoted or not, as [`Registry::download`] does. `bundle_sha256` is the digest that
    /// its `bundle.json` must have.
    ///
    /// # Errors
    /// [`TrackingError::Damaged`] when a file has another digest, and those of [`Registry::bundle`].
    pub async fn download_version(
        &self,
        version: u64,
        bundle_sha256: Digest,
        folder: &Path,
    ) -> Result<BundleIndex, TrackingError> {
        let damaged = |reason| TrackingError::Damaged { model: self.model.clone(), version, reason };
        let Indexed { index, .. } = self.verified(version, bundle_sha256).await?;
        for file in &index.files {
            let is_inside = Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
            if !is_inside {
                return Err(damaged(format!("{:?} leaves the bundle's folder", file.path)));
            }
            let to = folder.join(&file.path);
            if let Some(parent) = to.parent() {
                local(&to, std::fs::create_dir_all(parent))?;
            }
            let written = self.store.get_to_file(&self.version_key(version, &file.path), &to).await?;
            if written.sha256 != file.sha256 {
                return Err(damaged(format!("{}: expected sha256 {}, got {}", file.path, file.sha256, written.sha256)));
            }
        }
        let key = self.version_key(version, "bundle.json");
        let to = folder.join("bundle.json");
        local(&to, std::fs::write(&to, self.to_json(&key, &index, "bundle index")?))?;
        Ok(index)
    }

    /// All versions by number, the ones that are not committed included. Costs one small read per version.
    ///
    /// # Errors
    /// [`TrackingError::Malformed`] and [`TrackingError::Store`].
    pub async fn versions(&self) -> Result<Vec<Version>, TrackingError> {
        let prefix = format!("models/{}/versions/", self.model);
        let objects = self.store.list(&prefix).await?;
        let mut numbers: Vec<u64> = objects
            .iter()
            .filter_map(|meta| meta.key.strip_prefix(&prefix)?.strip_suffix("/claim.json")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let mut versions = Vec::with_capacity(numbers.len());
        for number in numbers {
            versions.push(self.version(number).await?);
        }
        Ok(versions)
    }

    /// The greatest number of a committed version. Costs one listing.
    pub(crate) async fn newest_committed(&self) -> Result<Option<u64>, TrackingError> {
        let prefix = self.key("versions/");
        let objects = self.store.list(&prefix).await?;
        let number = |key: &str| key.strip_prefix(&prefix)?.strip_suffix("/bundle.json")?.parse().ok();
        Ok(objects.iter().filter_map(|meta| number(&meta.key)).max())
    }

    /// One version, committed or not.
    ///
    /// # Errors
    /// [`TrackingError::Store`] when nobody has claimed it, and [`TrackingError::Malformed`].
    pub async fn version(&self, version: u64) -> Result<Version, TrackingError> {
        let key = self.version_key(version, "claim.json");
        let content = self.store.get(&key).await?;
        let Claim { run_id, claimed_at } = self.parse(&key, &content, "claim")?;
        let index = self.read::<BundleIndex>(&self.version_key(version, "bundle.json"), "bundle index").await?;
        Ok(Version { version, run_id, claimed_at, bundle_sha256: index.map(|(_, content)| Digest::of(&content)) })
    }

    /// The whole history, oldest first. Costs one small read per entry.
    ///
    /// # Errors
    /// [`TrackingError::Malformed`] and [`TrackingError::Store`].
    pub async fn history(&self) -> Result<Vec<Entry>, TrackingError> {
        let mut entries = Vec::new();
        for key in self.history_keys().await? {
            let content = self.store.get(&key).await?;
            entries.push(self.parse(&key, &content, "history entry")?);
        }
        Ok(entries)
    }

    /// The champion, or `None` when nothing was ever promoted. The history decides; `champion.json` is repaired
    /// where a kill has split the two.
    ///
    /// # Errors
    /// [`TrackingError::Malformed`] for the newest entry, and [`TrackingError::Store`] unless only the repair failed.
    pub async fn champion(&self) -> Result<Option<Champion>, TrackingError> {
        let Some(mut newest) = self.history_keys().await?.pop() else {
            return Ok(None);
        };
        let mut copy = CopyState::Fresh;
        loop {
            let content = self.store.get(&newest).await?;
            let entry = self.parse(&newest, &content, "history entry")?;
            if self.read_copy().await? == Some(content.clone()) {
                return Ok(Some(Champion { entry, copy }));
            }
            if let Err(error) = self.store.put(&self.key("champion.json"), content, PutMode::Overwrite).await {
                return Ok(Some(Champion { entry, copy: CopyState::Stale(error) }));
            }
            copy = CopyState::Repaired;
            // Someone may have promoted between the listing and the write, which then put an old copy over a new one.
            let Some(latest) = self.history_keys().await?.pop().filter(|latest| *latest != newest) else {
                return Ok(Some(Champion { entry, copy }));
            };
            newest = latest;
        }
    }

    /// The history entry by which a run has promoted, if it has.
    ///
    /// # Errors
    /// Those of [`Registry::history`].
    pub async fn promotion_of(&self, run_id: &RunId) -> Result<Option<Entry>, TrackingError> {
        Ok(self.history().await?.into_iter().find(|entry| entry.run_id.as_ref() == Some(run_id)))
    }

    /// Makes a committed version champion, if the history has not moved since the decision. A run that has promoted before gets
    /// its entry back and changes nothing, even when others were promoted since.
    ///
    /// # Errors
    /// [`TrackingError::Conflict`] when someone else was first: evaluate again. [`TrackingError::NotCommitted`],
    /// [`TrackingError::UnknownEntry`], [`TrackingError::Malformed`] and [`TrackingError::Store`].
    pub async fn promote(&self, promotion: Promotion) -> Result<Entry, TrackingError> {
        if let Some(entry) = self.promotion_of(&promotion.run_id).await? {
            return Ok(entry);
        }
        let previous = self.entry_at(promotion.expected_seq).await?;
        let Indexed { sha256: bundle_sha256, .. } = self.bundle(promotion.version).await?;
        let Author { by, at, reason } = promotion.author;
        self.append(Entry {
            format_version: history::FORMAT_VERSION,
            seq: promotion.expected_seq + 1,
            action: if previous.is_some() { Action::Promote } else { Action::First },
            version: promotion.version,
            previous_version: previous.map(|entry| entry.version),
            bundle_sha256,
            run_id: Some(promotion.run_id),
            by,
            at,
            reason,
            figures: promotion.figures,
        })
        .await
    }

    /// Puts an earlier champion back: the given version, or the one before the present champion.
    ///
    /// # Errors
    /// [`TrackingError::NoTarget`] when there is none, the version is champion already or was never champion;
    /// [`TrackingError::Damaged`] when its bundle has changed since; [`TrackingError::Conflict`] when someone else was first.
    pub async fn rollback(&self, to: Option<u64>, author: Author) -> Result<Entry, TrackingError> {
        let history = self.history().await?;
        let Some(newest) = history.last() else {
            return Err(self.no_target("nothing was ever promoted".to_owned()));
        };
        let target = match to {
            Some(version) if version == newest.version => {
                return Err(self.no_target(format!("version {version} is champion already")));
            }
            Some(version) => version,
            None => *line_of_champions(&history)
                .iter()
                .rev()
                .nth(1)
                .ok_or_else(|| self.no_target(format!("version {} was the first champion", newest.version)))?,
        };
        let Some(known) = history.iter().rev().find(|entry| entry.version == target) else {
            let known: std::collections::BTreeSet<_> = history.iter().map(|entry| entry.version).collect();
            return Err(self.no_target(format!("version {target} was never champion; these were: {known:?}")));
        };
        self.bundle_of(known).await?;
        let Author { by, at, reason } = author;
        self.append(Entry {
            format_version: history::FORMAT_VERSION,
            seq: newest.seq + 1,
            action: Action::Rollback,
            version: target,
            previous_version: Some(newest.version),
            bundle_sha256: known.bundle_sha256,
            run_id: None,
            by,
            at,
            reason,
            figures: serde_json::Value::Null,
        })
        .await
    }

    /// Creates the entry, which is the promotion, then brings the copy up to date as well as it can.
    async fn append(&self, entry: Entry) -> Result<Entry, TrackingError> {
        let key = self.entry_key(entry.seq);
        let content = self.to_json(&key, &entry, "history entry")?;
        if let Some(found) = self.create::<Entry>(&key, content, "history entry").await?
            && found != entry
        {
            return Err(TrackingError::Conflict { model: self.model.clone(), found: Box::new(found) });
        }
        // The entry counts whether or not its copy can be written: every reader repairs it.
        if let Err(error) = self.champion().await {
            tracing::warn!(model = %self.model, seq = entry.seq, %error, "champion.json is not up to date");
        }
        Ok(entry)
    }

    fn no_target(&self, reason: String) -> TrackingError {
        TrackingError::NoTarget { model: self.model.clone(), reason }
    }

    async fn entry_at(&self, seq: u64) -> Result<Option<Entry>, TrackingError> {
        if seq == 0 {
            return Ok(None);
        }
        let found = self.read(&self.entry_key(seq), "history entry").await?;
        found
            .map(|(entry, _)| Some(entry))
            .ok_or_else(|| TrackingError::UnknownEntry { model: self.model.clone(), seq })
    }

    /// The keys of all entries, oldest first: eight digits sort as numbers.
    async fn history_keys(&self) -> Result<Vec<String>, TrackingError> {
        let prefix = self.key("history/");
        let is_entry = |key: &str| {
            let seq = key.strip_prefix(&prefix).and_then(|name| name.strip_suffix(".json"));
            seq.is_some_and(|seq| seq.len() == 8 && seq.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let objects = self.store.list(&prefix).await?;
        Ok(objects.into_iter().map(|meta| meta.key).filter(|key| is_entry(key)).collect())
    }

    async fn read_copy(&self) -> Result<Option<Bytes>, TrackingError> {
        match self.store.get(&self.key("champion.json")).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates an object; where one exists already, gives that one instead.
    async fn create<T: DeserializeOwned>(
        &self,
        key: &str,
        content: Bytes,
        expected: &'static str,
    ) -> Result<Option<T>, TrackingError> {
        match self.store.put(key, content, PutMode::CreateNew).await {
            Ok(()) => Ok(None),
            Err(error) if error.is_already_exists() => self.parse(key, &self.store.get(key).await?, expected).map(Some),
            Err(error) => Err(error.into()),
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Option<(T, Bytes)>, TrackingError> {
        match self.store.get(key).await {
            Ok(content) => Ok(Some((self.parse(key, &content, expected)?, content))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn parse<T: DeserializeOwned>(
        &self,
        key: &str,
        content: &[u8],
        expected: &'static str,
    ) -> Result<T, TrackingError> {
        serde_json::from_slice(content).map_err(|source| TrackingError::Malformed {
            uri: self.store.uri_of(key),
            expected,
            source,
        })
    }

    /// JSON as every artifact has it: indented, keys in the order of the type, a trailing newline.
    fn to_json<T: Serialize>(&self, key: &str, value: &T, expected: &'static str) -> Result<Bytes, TrackingError> {
        let text = serde_json::to_string_pretty(value);
        let text = text.map_err(|source| TrackingError::Malformed { uri: self.store.uri_of(key), expected, source })?;
        Ok(Bytes::from(text + "\n"))
    }

    fn key(&self, rest: &str) -> String {
        model_key(&self.model, rest)
    }

    pub(crate) fn version_key(&self, version: u64, path: &str) -> String {
        self.key(&format!("versions/{version}/{path}"))
    }

    fn entry_key(&self, seq: u64) -> String {
        self.key(&format!("history/{seq:08}.json"))
    }
}

/// The key of an object in the folder of a model.
#[must_use]
pub fn model_key(model: &ModelName, rest: &str) -> String {
    format!("models/{model}/{rest}")
}

/// The names of all registered models of a store, sorted. Costs a listing of everything below `models/`.
///
/// # Errors
/// [`TrackingError::Store`].
pub async fn model_names(store: &dyn Store) -> Result<Vec<ModelName>, TrackingError> {
    let objects = store.list("models/").await?;
    let names: std::collections::BTreeSet<ModelName> =
        objects.iter().filter_map(|meta| meta.key.split('/').nth(1)?.parse().ok()).collect();
    Ok(names.into_iter().collect())
}

fn local<T>(path: &Path, done: std::io::Result<T>) -> Result<T, TrackingError> {
    done.map_err(|source| TrackingError::Local { path: path.to_owned(), source })
}
