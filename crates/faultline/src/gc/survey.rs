//! What is in a store, as far as garbage is told from the rest by it: one listing, and one small read per manifest and cache entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::layout::{CACHE_PREFIX, RUNS_PREFIX, is_manifest};
use faultline_contract::{CacheHint, Manifest, RunId};
use faultline_runtime::{Explained, Failure};
use faultline_store::{ObjectMeta, Store, StoreError, StoreUrl};
use faultline_tracking::{Registry, Unfinished, model_names};
use tokio::task::{JoinError, JoinSet};

use crate::runs::odd;

/// Requests on their way at one time.
const PARALLEL_REQUESTS: usize = 16;

/// A look at a store.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The cache entries by key, with the manifest that each names; none of one that cannot be read.
    pub(super) hints: BTreeMap<String, (ObjectMeta, Option<String>)>,
    /// Every object of every run, by key.
    pub(super) objects: BTreeMap<String, ObjectMeta>,
    /// Every committed manifest, by key.
    pub(super) manifests: BTreeMap<String, Manifest>,
    /// The runs that made a committed version or are named in a history.
    pub(super) runs_of_models: BTreeSet<RunId>,
    /// Versions that were begun and never finished.
    pub(super) unfinished: Vec<Unfinished>,
}

impl Survey {
    /// Looks at everything. What refers to other things is looked at before them, so that nothing seems to refer to what came since.
    /// Manifests that `earlier` has read are not read again.
    pub(super) async fn take(store: &Arc<dyn Store>, earlier: Option<&Self>) -> Result<Self, Failure> {
        let mut survey = Self::default();
        survey.add_hints(store).await?;
        survey.add_models(store).await?;
        survey.add_runs(store, earlier).await?;
        Ok(survey)
    }

    /// Every run of which there is anything, with the objects of each.
    pub(super) fn runs(&self) -> BTreeMap<RunId, Vec<&ObjectMeta>> {
        let mut runs: BTreeMap<RunId, Vec<&ObjectMeta>> = BTreeMap::new();
        for object in self.objects.values() {
            if let Some(run) = run_of(&object.key) {
                runs.entry(run).or_default().push(object);
            }
        }
        runs
    }

    async fn add_hints(&mut self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let hints = store.list(CACHE_PREFIX).await?;
        let read = read_all(store, hints.iter().map(|hint| hint.key.clone())).await?;
        for hint in hints {
            let Some(content) = read.get(&hint.key) else { continue };
            let named = serde_json::from_slice::<CacheHint>(content).ok().map(|hint| hint.manifest_key);
            self.hints.insert(hint.key.clone(), (hint, named));
        }
        Ok(())
    }

    async fn add_models(&mut self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        for name in model_names(store.as_ref()).await.explained()? {
            let registry = Registry::new(Arc::clone(store), name);
            for version in registry.versions().await.explained()? {
                if version.bundle_sha256.is_some() {
                    self.runs_of_models.insert(version.run_id);
                } else {
                    self.unfinished.extend(registry.unfinished(version).await.explained()?);
                }
            }
            self.runs_of_models
                .extend(registry.history().await.explained()?.into_iter().filter_map(|entry| entry.run_id));
        }
        Ok(())
    }

    async fn add_runs(&mut self, store: &Arc<dyn Store>, earlier: Option<&Self>) -> Result<(), Failure> {
        let objects = store.list(RUNS_PREFIX).await?;
        self.objects = objects.into_iter().map(|object| (object.key.clone(), object)).collect();
        let mut unread = Vec::new();
        for (key, object) in self.objects.iter().filter(|(key, _)| is_manifest_of_run(key)) {
            let known = earlier.filter(|earlier| earlier.objects.get(key) == Some(object));
            match known.and_then(|earlier| earlier.manifests.get(key)) {
                Some(manifest) => drop(self.manifests.insert(key.clone(), manifest.clone())),
                None => unread.push(key.clone()),
            }
        }
        for (key, content) in read_all(store, unread).await? {
            // What a manifest that cannot be read refers to is not known: then nothing at all may be deleted.
            let manifest =
                serde_json::from_slice(&content).map_err(|error| odd(&store.uri_of(&key), "a manifest", error))?;
            own_outputs_are_here(store.root(), &key, &manifest)?;
            self.manifests.insert(key, manifest);
        }
        Ok(())
    }
}

/// Outputs are told from garbage by their URIs. Under another name of the root, a link or a copy say, all of them would seem to be garbage.
fn own_outputs_are_here(root: &StoreUrl, key: &str, manifest: &Manifest) -> Result<(), Failure> {
    let folder = key.strip_suffix("manifest.json").unwrap_or(key);
    let is_here = |uri: &str| root.key_of(uri).is_some_and(|key| key.starts_with(folder));
    match manifest.outputs.iter().find(|output| manifest.reused_from.is_none() && !is_here(&output.uri)) {
        None => Ok(()),
        Some(output) => Err(Failure::configuration(format!(
            "the store {root} calls itself otherwise: {key} has its output at {}, expected below {root}/{folder}",
            output.uri
        ))
        .hint("give --root-uri as the pipelines got it; nothing was deleted")),
    }
}

/// The run that an object belongs to.
pub(super) fn run_of(key: &str) -> Option<RunId> {
    let (run, rest) = key.strip_prefix(RUNS_PREFIX)?.split_once('/')?;
    run.parse().ok().filter(|_| !rest.is_empty())
}

/// What stands below the folder of its run.
pub(super) fn in_run(key: &str) -> Option<&str> {
    key.strip_prefix(RUNS_PREFIX)?.split_once('/').map(|(_, rest)| rest)
}

/// Whether a key of the whole store is that of a manifest.
pub(super) fn is_manifest_of_run(key: &str) -> bool {
    run_of(key).is_some() && in_run(key).is_some_and(is_manifest)
}

/// Makes the requests, some at a time; gives back what they answer, in any order.
pub(super) async fn side_by_side<T: Send + 'static>(
    requests: impl IntoIterator<Item = impl Future<Output = Result<T, StoreError>> + Send + 'static>,
) -> Result<Vec<T>, Failure> {
    let joined = |ended: Result<Result<T, StoreError>, JoinError>| -> Result<T, Failure> {
        Ok(ended.map_err(|error| Failure::internal("wait for a request").caused_by(error))??)
    };
    let (mut under_way, mut answers) = (JoinSet::new(), Vec::new());
    for request in requests {
        if under_way.len() == PARALLEL_REQUESTS
            && let Some(ended) = under_way.join_next().await
        {
            answers.push(joined(ended)?);
        }
        under_way.spawn(request);
    }
    while let Some(ended) = under_way.join_next().await {
        answers.push(joined(ended)?);
    }
    Ok(answers)
}

/// The objects that are still there.
async fn read_all(
    store: &Arc<dyn Store>,
    keys: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Bytes>, Failure> {
    let read = keys.into_iter().map(|key| {
        let store = Arc::clone(store);
        async move {
            match store.get(&key).await {
                Ok(content) => Ok(Some((key, content))),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        }
    });
    Ok(side_by_side(read).await?.into_iter().flatten().collect())
}
