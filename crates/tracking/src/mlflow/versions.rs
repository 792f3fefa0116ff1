//! Bringing model versions and aliases up to the store's registry.

use std::collections::BTreeMap;

use super::api::{ModelVersion, NewVersion, pairs};
use super::error::MlflowError;
use super::reconcile::{Parents, Scene};
use super::story::Story;
use super::wanted::{RUN_ID, VERSION, description};
use crate::error::TrackingError;
use crate::registry::{Registry, Version};

/// The folder of the bundle among the artifacts of a run.
pub(crate) const FOLDER: &str = "bundle";
const CHAMPION: &str = "champion";
const CHALLENGER: &str = "challenger";
/// How often the aliases are set again because the history has moved meanwhile.
const MAX_ROUNDS: usize = 8;

/// Makes the versions that are missing, in the order of their numbers, and sets the aliases. `versions` are the committed ones.
pub(crate) async fn reconcile(scene: &Scene<'_>, versions: &[Version]) -> Result<usize, TrackingError> {
    if versions.is_empty() {
        return Ok(0);
    }
    let model = scene.registry.model().as_str();
    scene.client.register(model).await?;
    let parents = scene.parents().await?;
    let mut known = unique(scene, &parents).await?;
    let mut made = 0;
    for version in versions {
        let found = known.get(&version.version).and_then(|known| known.tag(RUN_ID)).unwrap_or(version.run_id.as_str());
        if found != version.run_id.as_str() {
            let (found, expected) = (found.to_owned(), version.run_id.to_string());
            let (model, url) = (model.to_owned(), scene.client.url());
            return Err(MlflowError::Foreign { model, version: version.version, url, found, expected }.into());
        }
        let Some(bundle_sha256) = version.bundle_sha256.filter(|_| !known.contains_key(&version.version)) else {
            continue;
        };
        let Some(run_id) = parents.get(version.run_id.as_str()) else { continue };
        let story = Story::read(scene.registry.store(), &version.run_id).await?;
        let tags = BTreeMap::from([
            (VERSION.to_owned(), version.version.to_string()),
            (RUN_ID.to_owned(), version.run_id.to_string()),
            ("faultline.bundle_sha256".to_owned(), bundle_sha256.to_string()),
        ]);
        let new = NewVersion {
            name: model,
            source: format!("runs:/{run_id}/{FOLDER}"),
            run_id,
            description: description(&story, version.version, bundle_sha256),
            tags: pairs(&tags),
        };
        scene.client.create_version(&new).await?;
        made += 1;
    }
    if made > 0 {
        // Another may have made the same ones.
        known = unique(scene, &parents).await?;
    }
    aliases(scene, &known).await?;
    Ok(made)
}

/// MLflow's versions by the store's number: of each the smallest. Deletes those that are there twice, and those whose run is gone.
async fn unique(scene: &Scene<'_>, parents: &Parents) -> Result<BTreeMap<u64, ModelVersion>, TrackingError> {
    let model = scene.registry.model().as_str();
    let mut found = scene.client.versions(model).await?;
    found.sort_by_key(ModelVersion::number);
    let mut unique = BTreeMap::new();
    for version in found {
        // Versions that people have registered by hand stay as they are.
        let Some(number) = version.tag(VERSION).and_then(|number| number.parse().ok()) else { continue };
        let has_run = parents.values().any(|run_id| *run_id == version.run_id);
        if has_run && !unique.contains_key(&number) {
            unique.insert(number, version);
        } else {
            scene.client.delete_version(model, &version.version).await?;
        }
    }
    Ok(unique)
}

/// Points the aliases at what the store says now.
async fn aliases(scene: &Scene<'_>, known: &BTreeMap<u64, ModelVersion>) -> Result<(), TrackingError> {
    let (client, model) = (scene.client, scene.registry.model().as_str());
    let mut seen = standing(scene.registry).await?;
    for _ in 0..MAX_ROUNDS {
        let set = client.aliases(model).await?;
        for (alias, version) in [(CHAMPION, seen.0), (CHALLENGER, seen.1)] {
            let found = set.get(alias);
            match version.map(|version| known.get(&version)) {
                Some(Some(wanted)) if found != Some(&wanted.version) => {
                    client.set_alias(model, alias, &wanted.version).await?;
                }
                None if found.is_some() => client.remove_alias(model, alias).await?,
                // It is right, or a version so new that whoever made it will set it.
                _ => {}
            }
        }
        // Who read the registry earlier may write later: the last to write has looked again.
        let now = standing(scene.registry).await?;
        if now == seen {
            break;
        }
        seen = now;
    }
    Ok(())
}

/// The champion, and the newest committed version that came after it.
async fn standing(registry: &Registry) -> Result<(Option<u64>, Option<u64>), TrackingError> {
    let newest = registry.newest_committed().await?;
    let champion = registry.history().await?.last().map(|entry| entry.version);
    Ok((champion, newest.filter(|newest| champion.is_none_or(|champion| *newest > champion))))
}
