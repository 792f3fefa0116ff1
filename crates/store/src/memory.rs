//! A store in the memory of this process, for tests and examples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::digest;
use crate::error::{Action, StoreError};
use crate::file::blocking;
use crate::key;
use crate::store::{ObjectMeta, PutMode, Store, Written};
use crate::url::StoreUrl;

/// All objects of this process by their path, which begins with the store's name: so a folder opened as a root of its
/// own shows the same objects, as in any other store.
static OBJECTS: Mutex<Objects> = Mutex::new(Objects { by_path: BTreeMap::new(), writes: 0 });

#[derive(Debug)]
struct Objects {
    by_path: BTreeMap<String, Object>,
    writes: u64,
}

#[derive(Debug)]
struct Object {
    content: Bytes,
    etag: String,
    modified: SystemTime,
}

impl Object {
    fn meta(&self, key: &str) -> ObjectMeta {
        ObjectMeta {
            key: key.to_owned(),
            bytes: self.content.len() as u64,
            etag: self.etag.clone(),
            modified: self.modified,
        }
    }
}

/// The backend of `memory://`.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    root: StoreUrl,
    /// The root's path with a slash at its end.
    folder: String,
}

impl MemoryStore {
    pub(crate) fn open(name: &str) -> Self {
        Self { root: StoreUrl::Memory { name: name.to_owned() }, folder: format!("{name}/") }
    }

    /// The path of a key that keeps the rules.
    fn path_of(&self, action: Action, key: &str) -> Result<String, StoreError> {
        key::check(key).map_err(|reason| key::invalid(action, self.uri_of(key), reason))?;
        Ok(format!("{}{key}", self.folder))
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn root(&self) -> &StoreUrl {
        &self.root
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let path = self.path_of(Action::Read, key)?;
        objects()
            .by_path
            .get(&path)
            .map(|object| object.content.clone())
            .ok_or_else(|| StoreError::NotFound { action: Action::Read, uri: self.uri_of(key) })
    }

    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let content = self.get(key).await?;
        let (uri, path) = (self.uri_of(key), path.to_owned());
        blocking(Action::Read, uri.clone(), move || {
            std::fs::write(&path, &content).map_err(|source| StoreError::Io {
                action: Action::Read,
                uri,
                path: path.display().to_string(),
                source,
            })?;
            Ok(digest::of_bytes(&content))
        })
        .await
    }

    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        let path = self.path_of(Action::Write, key)?;
        let mut objects = objects();
        if mode == PutMode::CreateNew && objects.by_path.contains_key(&path) {
            return Err(StoreError::AlreadyExists { action: Action::Write, uri: self.uri_of(key) });
        }
        objects.writes += 1;
        let etag = objects.writes.to_string();
        objects.by_path.insert(path, Object { content, etag, modified: SystemTime::now() });
        Ok(())
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        self.path_of(Action::Write, key)?;
        let (uri, path) = (self.uri_of(key), path.to_owned());
        let content = blocking(Action::Write, uri.clone(), move || {
            std::fs::read(&path).map_err(|source| StoreError::Io {
                action: Action::Write,
                uri,
                path: path.display().to_string(),
                source,
            })
        })
        .await?;
        let written = digest::of_bytes(&content);
        self.put(key, content.into(), PutMode::Overwrite).await?;
        Ok(written)
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let path = self.path_of(Action::Inspect, key)?;
        Ok(objects().by_path.get(&path).map(|object| object.meta(key)))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        key::check_prefix(prefix).map_err(|reason| key::invalid(Action::List, self.uri_of(prefix), reason))?;
        let from = format!("{}{prefix}", self.folder);
        Ok(objects()
            .by_path
            .range(from.clone()..)
            .take_while(|(path, _)| path.starts_with(&from))
            .map(|(path, object)| object.meta(&path[self.folder.len()..]))
            .collect())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path_of(Action::Delete, key)?;
        objects().by_path.remove(&path);
        Ok(())
    }

    fn local_path(&self, _key: &str) -> Option<PathBuf> {
        None
    }
}

/// Every change under the lock is a single insertion or removal, so a poisoned one guards sound data.
fn objects() -> MutexGuard<'static, Objects> {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner)
}
