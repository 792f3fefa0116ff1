//! The registry's promises, on every store that needs no server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use faultline_contract::documents::promote::{BUNDLE_FORMAT_VERSION, BundleFile, BundleIndex, Task};
use faultline_contract::{Digest, RunId};
use faultline_store::{Action as StoreAction, ObjectMeta, PutMode, Store, StoreError, StoreUrl, Written, open};
use faultline_tracking::{Action, Author, CopyState, Indexed, Promotion, Registry, TrackingError, model_names};
use serde_json::json;

const AT: &str = "2026-01-01T00:00:00Z";
const COPY: &str = "models/wafer/champion.json";

/// Runs a test on a fresh memory store and on a fresh folder.
macro_rules! on_every_store {
    ($($name:ident)+) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn memory() {
                let url = faultline_store::StoreUrl::parse(concat!("memory://", stringify!($name)), std::path::Path::new("/")).unwrap();
                super::$name(faultline_store::open(&url).await.unwrap()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn file() {
                let folder = tempfile::tempdir().unwrap();
                let url = faultline_store::StoreUrl::parse("store", folder.path()).unwrap();
                super::$name(faultline_store::open(&url).await.unwrap()).await;
            }
        }
    )+};
}
on_every_store!(
    a_run_keeps_its_version
    sixteen_runs_get_sixteen_versions
    one_of_sixteen_promotions_wins
    losers_who_compare_again_all_get_their_turn
    a_run_promotes_once
    only_committed_versions_are_promotable
    a_version_never_changes
    a_version_needs_all_its_files
    a_kill_before_the_copy_is_repaired
    rollbacks_go_back_step_by_step
    rollbacks_refuse_what_was_never_champion
    a_changed_bundle_is_refused
    a_download_is_the_bundle
    a_version_that_was_never_promoted_can_be_downloaded
    all_models_are_listed
);

fn registry(store: &Arc<dyn Store>) -> Registry {
    Registry::new(Arc::clone(store), "wafer".parse().unwrap())
}

fn run(name: impl std::fmt::Display) -> RunId {
    format!("run-{name}").parse().unwrap()
}

fn author(reason: &str) -> Author {
    Author { by: "promote".to_owned(), at: AT.to_owned(), reason: reason.to_owned() }
}

/// An index that differs by its seed.
fn index(seed: u64) -> BundleIndex {
    BundleIndex {
        format_version: BUNDLE_FORMAT_VERSION,
        task: Task::Binary,
        dataset: "wafer".to_owned(),
        features: vec!["Sensor-1".to_owned()],
        labels: ["good".to_owned(), "faulty".to_owned()],
        model_of_cluster: vec!["pooled".to_owned()],
        models: BTreeMap::new(),
        seed,
        holdout_ratio: 0.2,
        makers: BTreeMap::new(),
        files: Vec::new(),
    }
}

async fn committed(registry: &Registry, name: u64) -> u64 {
    let version = registry.claim(&run(name), AT).await.unwrap().version;
    registry.commit(version, &index(name)).await.unwrap();
    version
}

fn promotion(name: u64, version: u64, expected_seq: u64) -> Promotion {
    Promotion { version, expected_seq, run_id: run(name), author: author("better"), figures: json!({"ap": 0.2}) }
}

/// Commits and promotes runs 1 to `count`, one after the other.
async fn promoted(registry: &Registry, count: u64) {
    for name in 1..=count {
        let version = committed(registry, name).await;
        assert_eq!(registry.promote(promotion(name, version, name - 1)).await.unwrap().seq, name);
    }
}

async fn champion(registry: &Registry) -> u64 {
    registry.champion().await.unwrap().unwrap().entry.version
}

async fn a_run_keeps_its_version(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let first = registry.claim(&run(1), AT).await.unwrap();
    let other = registry.claim(&run(2), AT).await.unwrap();
    let again = registry.claim(&run(1), "later").await.unwrap();
    assert_eq!((first.version, other.version), (1, 2));
    assert_eq!(again, first);
}

async fn sixteen_runs_get_sixteen_versions(store: Arc<dyn Store>) {
    let claims = (0..16).map(|name| {
        let registry = registry(&store);
        // Two attempts of each run at once: they must agree.
        let run = run(name);
        tokio::spawn(async move { tokio::join!(registry.claim(&run, AT), registry.claim(&run, AT)) })
    });
    let mut seen = BTreeSet::new();
    for claim in claims.collect::<Vec<_>>() {
        let (one, two) = claim.await.unwrap();
        let version = one.unwrap().version;
        assert_eq!(version, two.unwrap().version);
        assert!(seen.insert(version), "version {version} was given twice");
    }
    assert_eq!(registry(&store).versions().await.unwrap().len(), 16);
}

async fn one_of_sixteen_promotions_wins(store: Arc<dyn Store>) {
    let mut tasks = Vec::new();
    for name in 0..16 {
        let registry = registry(&store);
        let version = committed(&registry, name).await;
        tasks.push(tokio::spawn(async move { registry.promote(promotion(name, version, 0)).await }));
    }
    let mut winners = Vec::new();
    let mut conflicts = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(entry) => winners.push(entry),
            Err(TrackingError::Conflict { found, .. }) => conflicts.push(*found),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((winners.len(), conflicts.len()), (1, 15));
    assert!(conflicts.iter().all(|found| *found == winners[0]), "losers are told who was first");
    assert_eq!(winners[0].action, Action::First);
    assert_eq!(registry(&store).history().await.unwrap(), winners);
}

async fn losers_who_compare_again_all_get_their_turn(store: Arc<dyn Store>) {
    let mut tasks = Vec::new();
    for name in 0..8 {
        let registry = registry(&store);
        let version = committed(&registry, name).await;
        tasks.push(tokio::spawn(async move {
            loop {
                let seq = registry.champion().await.unwrap().map_or(0, |champion| champion.entry.seq);
                match registry.promote(promotion(name, version, seq)).await {
                    Ok(_) => return,
                    Err(TrackingError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let history = registry(&store).history().await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    for pair in history.windows(2) {
        assert_eq!(pair[1].previous_version, Some(pair[0].version), "each compared with the champion it replaced");
    }
    let last = registry(&store).champion().await.unwrap().unwrap();
    assert_eq!(Some(&last.entry), history.last());
    assert_eq!(copy(&store).await, object(&store, "models/wafer/history/00000008.json").await);
}

async fn a_run_promotes_once(store: Arc<dyn Store>) {
    let registry = registry(&store);
    promoted(&registry, 2).await;
    registry.rollback(None, author("bad")).await.unwrap();
    let again = registry.promote(promotion(2, 2, 3)).await.unwrap();
    assert_eq!(again.seq, 2, "the entry of the first time");
    assert_eq!((champion(&registry).await, registry.history().await.unwrap().len()), (1, 3), "the rollback stands");
}

async fn only_committed_versions_are_promotable(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let version = registry.claim(&run(1), AT).await.unwrap().version;
    let error = registry.promote(promotion(1, version, 0)).await.unwrap_err();
    assert!(matches!(error, TrackingError::NotCommitted { version: 1, .. }), "{error}");
    assert!(registry.champion().await.unwrap().is_none());
    let error = registry.promote(promotion(1, version, 4)).await.unwrap_err();
    assert!(matches!(error, TrackingError::UnknownEntry { seq: 4, .. }), "{error}");
}

async fn a_version_never_changes(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let version = committed(&registry, 1).await;
    let digest = registry.commit(version, &index(1)).await.unwrap();
    let error = registry.commit(version, &index(2)).await.unwrap_err();
    assert!(matches!(error, TrackingError::VersionDiffers { .. }), "{error}");
    let Indexed { index: found, sha256: found_digest, .. } = registry.bundle(version).await.unwrap();
    assert_eq!((found, found_digest), (index(1), digest));
    assert_eq!(registry.versions().await.unwrap()[0].bundle_sha256, Some(digest));
}

async fn a_version_needs_all_its_files(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("f");
    std::fs::write(&local, "abc").unwrap();
    let version = registry.claim(&run(1), AT).await.unwrap().version;
    let file = registry.put_file(version, "models/0/model.ubj", &local).await.unwrap();
    assert_eq!(file.bytes, 3);
    let mut index = index(1);
    index.files = vec![file.clone()];
    index.files[0].bytes = 4;
    assert!(matches!(registry.commit(version, &index).await, Err(TrackingError::Damaged { .. })));
    index.files[0] = file.clone();
    index.files.push(BundleFile { path: "absent".to_owned(), ..file });
    assert!(matches!(registry.commit(version, &index).await, Err(TrackingError::Damaged { .. })));
    index.files.pop();
    registry.commit(version, &index).await.unwrap();
    assert_eq!(object(&store, &registry.file_key(version, "models/0/model.ubj")).await, "abc");
}

async fn a_kill_before_the_copy_is_repaired(store: Arc<dyn Store>) {
    let registry = registry(&store);
    promoted(&registry, 1).await;
    let old = copy(&store).await;
    promoted_from(&registry, 2).await;
    let new = copy(&store).await;
    assert_ne!(old, new);

    // As after a kill between the entry and its copy: the copy is old, or was never written, or is half of something.
    for state in [Some(old), None, Some(Bytes::from_static(b"{\"seq\":"))] {
        match state {
            Some(content) => store.put(COPY, content, PutMode::Overwrite).await.unwrap(),
            None => store.delete(COPY).await.unwrap(),
        }
        let champion = registry.champion().await.unwrap().unwrap();
        assert_eq!(champion.entry.version, 2, "the history decides");
        assert!(matches!(champion.copy, CopyState::Repaired));
        assert_eq!(copy(&store).await, new);
        assert!(matches!(registry.champion().await.unwrap().unwrap().copy, CopyState::Fresh));
    }
}

async fn promoted_from(registry: &Registry, name: u64) {
    let version = committed(registry, name).await;
    registry.promote(promotion(name, version, name - 1)).await.unwrap();
}

async fn rollbacks_go_back_step_by_step(store: Arc<dyn Store>) {
    let registry = registry(&store);
    assert!(matches!(registry.rollback(None, author("x")).await, Err(TrackingError::NoTarget { .. })));
    promoted(&registry, 3).await;
    let entry = registry.rollback(None, author("false alarms")).await.unwrap();
    assert_eq!((entry.seq, entry.action, entry.version, entry.previous_version), (4, Action::Rollback, 2, Some(3)));
    assert_eq!((entry.reason.as_str(), entry.run_id), ("false alarms", None));
    assert_eq!(registry.rollback(None, author("x")).await.unwrap().version, 1);
    let error = registry.rollback(None, author("x")).await.unwrap_err();
    assert!(error.to_string().contains("first champion"), "{error}");
    assert_eq!(registry.rollback(Some(3), author("x")).await.unwrap().version, 3);
    assert_eq!(champion(&registry).await, 3);
}

async fn rollbacks_refuse_what_was_never_champion(store: Arc<dyn Store>) {
    let registry = registry(&store);
    promoted(&registry, 2).await;
    committed(&registry, 3).await;
    for (target, why) in [(2, "champion already"), (3, "never champion"), (9, "never champion")] {
        let error = registry.rollback(Some(target), author("x")).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(champion(&registry).await, 2);
}

async fn a_changed_bundle_is_refused(store: Arc<dyn Store>) {
    let registry = registry(&store);
    promoted(&registry, 2).await;
    let key = registry.file_key(1, "bundle.json");
    let content = String::from_utf8(object(&store, &key).await.to_vec()).unwrap().replace("faulty", "good");
    store.put(&key, content.into(), PutMode::Overwrite).await.unwrap();
    assert!(matches!(registry.rollback(Some(1), author("x")).await, Err(TrackingError::Damaged { version: 1, .. })));
    let entry = registry.champion().await.unwrap().unwrap().entry;
    assert_eq!(registry.bundle_of(&entry).await.unwrap().index, index(2));
}

async fn a_download_is_the_bundle(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("f");
    std::fs::write(&local, "abc").unwrap();
    let version = registry.claim(&run(1), AT).await.unwrap().version;
    let path = "models/0/model.ubj";
    let mut index = index(1);
    index.files = vec![registry.put_file(version, path, &local).await.unwrap()];
    let digest = registry.commit(version, &index).await.unwrap();
    let entry = registry.promote(promotion(1, version, 0)).await.unwrap();

    assert_eq!(registry.download(&entry, folder.path()).await.unwrap(), index);
    assert_eq!(std::fs::read(folder.path().join(path)).unwrap(), b"abc");
    let copied = std::fs::read(folder.path().join("bundle.json")).unwrap();
    assert_eq!(Digest::of(&copied), digest);

    store.put(&registry.file_key(version, path), "abd".into(), PutMode::Overwrite).await.unwrap();
    let error = registry.download(&entry, folder.path()).await.unwrap_err();
    assert!(matches!(error, TrackingError::Damaged { .. }) && error.to_string().contains(path), "{error}");
}

async fn a_version_that_was_never_promoted_can_be_downloaded(store: Arc<dyn Store>) {
    let registry = registry(&store);
    let folder = tempfile::tempdir().unwrap();
    let version = committed(&registry, 1).await;
    let found = registry.version(version).await.unwrap();
    assert_eq!((found.version, found.run_id), (version, run(1)));
    let digest = found.bundle_sha256.unwrap();
    let index = registry.download_version(version, digest, folder.path()).await.unwrap();
    assert_eq!(registry.bundle(version).await.unwrap().index, index);
    let other = Digest::of(b"another bundle");
    let error = registry.download_version(version, other, folder.path()).await.unwrap_err();
    assert!(matches!(error, TrackingError::Damaged { .. }) && error.to_string().contains("bundle.json"), "{error}");
    assert!(registry.version(version + 1).await.is_err());
}

async fn all_models_are_listed(store: Arc<dyn Store>) {
    assert_eq!(model_names(store.as_ref()).await.unwrap(), []);
    for name in ["wafer-b", "wafer", "press"] {
        Registry::new(Arc::clone(&store), name.parse().unwrap()).claim(&run(1), AT).await.unwrap();
    }
    let names: Vec<String> = model_names(store.as_ref()).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["press", "wafer", "wafer-b"]);
}

async fn object(store: &Arc<dyn Store>, key: &str) -> Bytes {
    store.get(key).await.unwrap()
}

async fn copy(store: &Arc<dyn Store>) -> Bytes {
    object(store, COPY).await
}

#[tokio::test]
async fn readers_without_the_right_to_write_still_learn_the_champion() {
    let url = StoreUrl::parse("memory://read-only", Path::new("/")).unwrap();
    let store = open(&url).await.unwrap();
    promoted(&registry(&store), 1).await;
    store.delete(COPY).await.unwrap();
    let read_only: Arc<dyn Store> = Arc::new(ReadOnly(store));
    let champion = registry(&read_only).champion().await.unwrap().unwrap();
    assert_eq!(champion.entry.version, 1);
    assert!(matches!(champion.copy, CopyState::Stale(StoreError::PermissionDenied { .. })));
}

/// A store that refuses every write.
#[derive(Debug)]
struct ReadOnly(Arc<dyn Store>);

impl ReadOnly {
    fn refuse<T>(&self, key: &str) -> Result<T, StoreError> {
        let (action, uri) = (StoreAction::Write, self.uri_of(key));
        Err(StoreError::PermissionDenied { action, uri, hint: String::new(), source: "read only".into() })
    }
}

#[async_trait]
impl Store for ReadOnly {
    fn root(&self) -> &StoreUrl {
        self.0.root()
    }
    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.0.get(key).await
    }
    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        self.0.get_to_file(key, path).await
    }
    async fn put(&self, key: &str, _: Bytes, _: PutMode) -> Result<(), StoreError> {
        self.refuse(key)
    }
    async fn put_file(&self, key: &str, _: &Path) -> Result<Written, StoreError> {
        self.refuse(key)
    }
    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.0.head(key).await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        self.0.list(prefix).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.refuse(key)
    }
    fn local_path(&self, key: &str) -> Option<PathBuf> {
        self.0.local_path(key)
    }
}
