//! The trait that every backend implements.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use faultline_contract::Digest;

use crate::digest;
use crate::error::{Action, StoreError};
use crate::side_by_side::{self, Digests};
use crate::url::StoreUrl;

/// Whether a write may replace an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Replaces an object under the same key, at once: no reader sees a part of it.
    Overwrite,
    /// Of any number of writers at one key exactly one succeeds; the others get [`StoreError::AlreadyExists`].
    ///
    /// Over a network a writer whose answer was lost may get `AlreadyExists` for its own write, so the caller reads
    /// the object then, and compares.
    CreateNew,
}

/// What a store knows of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key under the store's root.
    pub key: String,
    /// The object's size.
    pub bytes: u64,
    /// A tag that changes when the object does. It differs between stores, and is no digest of the content.
    pub etag: String,
    /// When the object was written.
    pub modified: SystemTime,
}

/// What was copied, measured on the bytes that went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The sha256 of the content.
    pub sha256: Digest,
    /// The size of the content.
    pub bytes: u64,
}

/// An object that is a file of this machine, with its digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPlace {
    /// The file, which must not be changed.
    pub path: PathBuf,
    /// The sha256 and size of its content.
    pub written: Written,
    /// The BLAKE3 of the same bytes.
    pub blake3: Digest,
}

/// Objects under one root, by key.
///
/// Keys are relative paths with `/` between segments; empty, `.` and `..` segments are refused with
/// [`StoreError::Invalid`] by every method. A write is visible as a whole or not at all, and durable when it returns.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// The root.
    fn root(&self) -> &StoreUrl;

    /// The object's bytes, all in memory: for manifests and other small things.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and whatever the backend answers.
    async fn get(&self, key: &str) -> Result<Bytes, StoreError>;

    /// Copies an object into the local file `path`, which is replaced; its folder must exist.
    /// Memory does not grow with the object; the digest is taken while copying.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`] for the local file, and whatever the backend answers.
    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError>;

    /// Writes a small object from memory.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] with [`PutMode::CreateNew`] and whatever the backend answers.
    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError>;

    /// Copies the local file `path` into an object, replacing it. Memory does not grow with the file; the digest is
    /// taken while copying.
    ///
    /// # Errors
    /// [`StoreError::Io`] for the local file, and whatever the backend answers.
    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError>;

    /// Makes an object of a local file that nobody writes to any more, replacing it; the file stays where it is. A store on the same file system
    /// gives the file a second name, which saves the copy. Where `known` has the file's size its digest need not be taken.
    ///
    /// # Errors
    /// As for [`Store::put_file`].
    async fn take_file(&self, key: &str, path: &Path, known: Option<Written>) -> Result<Written, StoreError> {
        // what is copied is read anyway
        let _ = known;
        self.put_file(key, path).await
    }

    /// Size and tag of an object, or `None` when there is none.
    ///
    /// # Errors
    /// Whatever the backend answers.
    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError>;

    /// All objects below the folder `prefix`, at any depth, sorted by the bytes of their keys. `prefix` ends in a slash,
    /// or is empty for the whole store; a folder that does not exist has no objects.
    ///
    /// # Errors
    /// Whatever the backend answers.
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError>;

    /// Deletes an object; deleting none is a success.
    ///
    /// # Errors
    /// Whatever the backend answers.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// What time it is by the clock that [`ObjectMeta::modified`] is told by: this machine's, where the store is on it. `prefix` names a
    /// folder that the caller may list. To the second.
    ///
    /// # Errors
    /// Whatever the backend answers, and [`StoreError::Invalid`] when it does not tell the time.
    async fn now(&self, _prefix: &str) -> Result<SystemTime, StoreError> {
        Ok(SystemTime::now())
    }

    /// The object as a file of this machine, when the store is a folder: spares readers a copy. `None` for every other
    /// store and for a key that breaks the rules. The file may not exist.
    fn local_path(&self, key: &str) -> Option<PathBuf>;

    /// The root's canonical URI, without a final slash.
    fn root_uri(&self) -> String {
        self.root().to_string()
    }

    /// The URI of the object `key`.
    fn uri_of(&self, key: &str) -> String {
        self.root().uri_of(key)
    }

    /// Gives a local file with the object's content and its digest: the object itself where the store is a folder,
    /// else a copy at `scratch_path`. The file must not be changed.
    ///
    /// # Errors
    /// Those of [`Store::get_to_file`].
    async fn fetch(&self, key: &str, scratch_path: &Path) -> Result<(PathBuf, Written), StoreError> {
        let Some(path) = self.local_path(key) else {
            return Ok((scratch_path.to_owned(), self.get_to_file(key, scratch_path).await?));
        };
        let uri = self.uri_of(key);
        crate::file::blocking(Action::Read, uri.clone(), move || {
            let written = digest::of_file(&path)
                .map_err(|source| StoreError::from_io(Action::Read, uri.clone(), &path, source))?;
            Ok((path, written))
        })
        .await
    }

    /// Several objects at a time where the store is a folder: cheaper than [`Store::fetch`] of each. `None` for every other store.
    ///
    /// # Errors
    /// Those of [`Store::get_to_file`], for the first object that has one; all are read before it is told.
    async fn fetch_in_place(&self, keys: &[String]) -> Result<Option<Vec<InPlace>>, StoreError> {
        let Some(paths) = keys.iter().map(|key| self.local_path(key)).collect::<Option<Vec<PathBuf>>>() else {
            return Ok(None);
        };
        let uris: Vec<String> = keys.iter().map(|key| self.uri_of(key)).collect();
        crate::file::blocking(Action::Read, self.root_uri(), move || {
            let found = side_by_side::of_files(&paths);
            let each = paths.into_iter().zip(uris).zip(found).map(|((path, uri), digests)| match digests {
                Ok(Digests { written, blake3 }) => Ok(InPlace { path, written, blake3 }),
                Err(source) => Err(StoreError::from_io(Action::Read, uri, &path, source)),
            });
            each.collect::<Result<_, _>>().map(Some)
        })
        .await
    }
}
