//! Deleting, in an order in which a kill at any instant leaves a store that every reader can work with.

use std::sync::Arc;

use faultline_runtime::{Explained, Failure};
use faultline_store::Store;
use faultline_tracking::{Registry, Unfinished};

use super::keep::{Garbage, Kind};
use super::survey::side_by_side;

/// Deletes the garbage in its order, group by group; gives back what was deleted.
pub(super) async fn delete(
    store: &Arc<dyn Store>,
    mut garbage: Vec<Garbage>,
    unfinished: &[Unfinished],
) -> Result<Vec<Garbage>, Failure> {
    for group in garbage.chunk_by(|one, other| (one.kind, one.rank) == (other.kind, other.rank)) {
        if group.iter().all(|one| one.kind != Kind::VersionFile) {
            let delete = |one: &Garbage| {
                let (store, key) = (Arc::clone(store), one.key.clone());
                async move { store.delete(&key).await }
            };
            side_by_side(group.iter().map(delete)).await?;
        }
    }
    for version in unfinished {
        let is_of_version = |one: &Garbage| version.files.iter().any(|file| file.key == one.key);
        let is_meant = garbage.iter().any(is_of_version);
        let registry = Registry::new(Arc::clone(store), version.model.clone());
        if is_meant && !registry.discard(version).await.explained()? {
            // Its run goes on after all.
            garbage.retain(|one| !is_of_version(one));
        }
    }
    Ok(garbage)
}
