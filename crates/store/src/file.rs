//! A folder as a store.
//!
//! A write goes to a temporary file beside its target, is synced, and takes its name in one step: by rename(2) when it
//! may replace, by link(2) when it must be the first. So a kill at any instant leaves no half object, only a temporary
//! file, which no listing shows.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags};

use crate::digest;
use crate::error::{Action, StoreError};
use crate::key::{self, TEMPORARY_PREFIX};
use crate::store::{ObjectMeta, PutMode, Store, Written};
use crate::url::StoreUrl;

/// Sets the temporary files of one process apart.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// The backend of `file://`.
#[derive(Debug)]
pub(crate) struct FileStore {
    root: StoreUrl,
    folder: PathBuf,
}

impl FileStore {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { root: StoreUrl::File { path: folder.to_owned() }, folder: folder.to_owned() }
    }

    fn object(&self, action: Action, key: &str) -> Result<Target, StoreError> {
        let uri = self.uri_of(key);
        match key::check(key) {
            Ok(()) => Ok(Target { path: self.folder.join(key), uri, action }),
            Err(reason) => Err(key::invalid(action, uri, reason)),
        }
    }
}

#[async_trait]
impl Store for FileStore {
    fn root(&self) -> &StoreUrl {
        &self.root
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let object = self.object(Action::Read, key)?;
        blocking(object.action, object.uri.clone(), move || {
            let mut content = Vec::new();
            object.open()?.read_to_end(&mut content).map_err(|source| object.failed(source))?;
            Ok(content.into())
        })
        .await
    }

    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let object = self.object(Action::Read, key)?;
        let copy = object.local(path);
        blocking(object.action, object.uri.clone(), move || {
            let mut from = object.open()?;
            let mut to = File::create(&copy.path).map_err(|source| copy.failed_locally(source))?;
            digest::copy(&mut from, &mut to).map_err(|source| copy.failed_locally(source))
        })
        .await
    }

    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        let object = self.object(Action::Write, key)?;
        blocking(object.action, object.uri.clone(), move || {
            object.write(&mut content.as_ref(), mode).map(|_| ()).map_err(|source| object.failed(source))
        })
        .await
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let object = self.object(Action::Write, key)?;
        let original = object.local(path);
        blocking(object.action, object.uri.clone(), move || {
            let mut from = File::open(&original.path).map_err(|source| original.failed_locally(source))?;
            object.write(&mut from, PutMode::Overwrite).map_err(|source| object.failed(source))
        })
        .await
    }

    async fn take_file(&self, key: &str, path: &Path, known: Option<Written>) -> Result<Written, StoreError> {
        let object = self.object(Action::Write, key)?;
        let original = object.local(path);
        let linked = blocking(object.action, object.uri.clone(), move || {
            object.link(&original.path, known).map_err(|source| object.failed(source))
        });
        match linked.await? {
            Some(written) => Ok(written),
            None => self.put_file(key, path).await,
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let object = self.object(Action::Inspect, key)?;
        let key = key.to_owned();
        blocking(object.action, object.uri.clone(), move || match fs::metadata(&object.path) {
            Ok(metadata) => Ok(metadata.is_file().then(|| meta(key, &metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(object.failed(error)),
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        let uri = self.uri_of(prefix);
        if let Err(reason) = key::check_prefix(prefix) {
            return Err(key::invalid(Action::List, uri, reason));
        }
        let folder = Target { path: self.folder.join(prefix), uri: uri.clone(), action: Action::List };
        let prefix = prefix.to_owned();
        blocking(Action::List, uri, move || {
            let mut found = Vec::new();
            walk(&folder, &prefix, &mut Vec::new(), &mut found)?;
            found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            Ok(found)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let object = self.object(Action::Delete, key)?;
        blocking(object.action, object.uri.clone(), move || match fs::remove_file(&object.path) {
            Err(error) if !is_absent(&error) => Err(object.failed(error)),
            _ => Ok(()),
        })
        .await
    }

    fn local_path(&self, key: &str) -> Option<PathBuf> {
        key::check(key).is_ok().then(|| self.folder.join(key))
    }
}

/// A local file, and the object that it stands for in errors.
struct Target {
    path: PathBuf,
    uri: String,
    action: Action,
}

impl Target {
    /// Another local file that takes part in the same request.
    fn local(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), uri: self.uri.clone(), action: self.action }
    }

    fn failed(&self, source: io::Error) -> StoreError {
        if is_absent(&source) && self.action != Action::Write {
            return StoreError::NotFound { action: self.action, uri: self.uri.clone() };
        }
        StoreError::from_io(self.action, self.uri.clone(), &self.path, source)
    }

    /// Blames the local file: its absence does not mean that the object is absent.
    fn failed_locally(&self, source: io::Error) -> StoreError {
        StoreError::Io { action: self.action, uri: self.uri.clone(), path: self.path.display().to_string(), source }
    }

    /// Opens an object; a folder of that name is no object.
    fn open(&self) -> Result<File, StoreError> {
        let file = File::open(&self.path).map_err(|source| self.failed(source))?;
        if file.metadata().map_err(|source| self.failed(source))?.is_dir() {
            return Err(StoreError::NotFound { action: self.action, uri: self.uri.clone() });
        }
        Ok(file)
    }

    fn write(&self, from: &mut dyn Read, mode: PutMode) -> io::Result<Written> {
        let folder = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        create_folder(folder)?;
        let mut temporary = Temporary::create(folder)?;
        let written = digest::copy(from, &mut temporary.file)?;
        self.publish(&temporary, folder, mode)?;
        Ok(written)
    }

    /// Makes the object a second name of a local file; `None` where that cannot be done, and a copy will do or tell why not.
    fn link(&self, from: &Path, known: Option<Written>) -> io::Result<Option<Written>> {
        let folder = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        if !fs::symlink_metadata(from).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        create_folder(folder)?;
        let Ok(mut temporary) = Temporary::link(from, folder) else { return Ok(None) };
        let bytes = temporary.file.metadata()?.len();
        let written = match known {
            Some(known) if known.bytes == bytes => known,
            _ => digest::copy(&mut temporary.file, &mut io::sink())?,
        };
        self.publish(&temporary, folder, PutMode::Overwrite)?;
        Ok(Some(written))
    }

    /// Gives a file its final name, durably.
    fn publish(&self, temporary: &Temporary, folder: &Path, mode: PutMode) -> io::Result<()> {
        temporary.file.sync_all()?;
        match mode {
            PutMode::Overwrite => fs::rename(&temporary.path, &self.path)?,
            PutMode::CreateNew => publish_first(&temporary.path, &self.path)?,
        }
        File::open(folder)?.sync_all()
    }
}

/// A temporary file that goes away with its handle, if it has not taken its final name by then.
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    fn create(folder: &Path) -> io::Result<Self> {
        let path = Self::path_in(folder);
        Ok(Self { file: File::create_new(&path)?, path })
    }

    /// A second name of a file.
    fn link(from: &Path, folder: &Path) -> io::Result<Self> {
        let path = Self::path_in(folder);
        fs::hard_link(from, &path)?;
        Ok(Self { file: File::open(&path)?, path })
    }

    fn path_in(folder: &Path) -> PathBuf {
        // The time sets apart processes with one id on two machines that share a folder.
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let count = WRITES.fetch_add(1, Ordering::Relaxed);
        folder.join(format!("{TEMPORARY_PREFIX}{}-{nanos}-{count}", std::process::id()))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already after a rename; a leftover is hidden from listings and harmless.
        let _ = fs::remove_file(&self.path);
    }
}

/// Gives the file its name only when nothing has it. Some file systems have no hard links, some no exclusive rename.
fn publish_first(temporary: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, target) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::ENOSYS)) => {
            rustix::fs::renameat_with(CWD, temporary, CWD, target, RenameFlags::NOREPLACE).map_err(Into::into)
        }
        other => other,
    }
}

/// Creates the folder and makes the new entries durable, from the top down.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(folder).map_err(|error| match error.kind() {
        // A file stands there; that is no sign of another writer of the object.
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    })?;
    for path in missing.iter().rev() {
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

/// Collects the files below a folder. Symbolic links are followed; `links` holds the folders reached through one, so
/// that a loop is seen.
fn walk(
    folder: &Target,
    prefix: &str,
    links: &mut Vec<PathBuf>,
    found: &mut Vec<ObjectMeta>,
) -> Result<(), StoreError> {
    let entries = match fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(folder.failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| folder.failed(source))?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(unusable(folder, &entry.path(), "has a name that is not UTF-8", "rename the file"));
        };
        if name.starts_with(TEMPORARY_PREFIX) {
            continue;
        }
        let (path, key) = (entry.path(), format!("{prefix}{name}"));
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Deleted since.
            Err(error) if is_absent(&error) && !is_link(&path) => continue,
            Err(error) if is_absent(&error) => {
                let hint = "remove the link, or bring back what it led to";
                return Err(unusable(folder, &path, "is a link to nothing", hint));
            }
            Err(error) => return Err(folder.local(&path).failed(error)),
        };
        if metadata.is_file() {
            found.push(meta(key, &metadata));
        } else if metadata.is_dir() {
            let below = folder.local(&path);
            let linked = is_link(&path);
            if linked {
                enter_link(&below, links)?;
            }
            walk(&below, &format!("{key}/"), links, found)?;
            if linked {
                links.pop();
            }
        } else {
            return Err(unusable(folder, &path, "is neither a file nor a folder", "remove it"));
        }
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|own| own.is_symlink())
}

/// What stands in a folder and cannot be passed over in silence: somebody may take it for a file with data.
fn unusable(folder: &Target, path: &Path, what: &str, hint: &str) -> StoreError {
    StoreError::Invalid {
        action: Action::List,
        uri: folder.uri.clone(),
        reason: format!("{} {what}", path.display()),
        hint: hint.to_owned(),
    }
}

/// Notes a linked folder before it is entered; refuses one that holds the link itself or was entered before.
fn enter_link(folder: &Target, links: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    let real = fs::canonicalize(&folder.path).map_err(|source| folder.failed(source))?;
    let parent = folder.path.parent().and_then(|parent| fs::canonicalize(parent).ok());
    if links.contains(&real) || parent.is_some_and(|parent| parent.starts_with(&real)) {
        return Err(unusable(
            folder,
            &folder.path,
            "is a link that leads back to a folder above it",
            "remove the link",
        ));
    }
    links.push(real);
    Ok(())
}

fn meta(key: String, metadata: &fs::Metadata) -> ObjectMeta {
    ObjectMeta {
        key,
        bytes: metadata.len(),
        etag: format!("{:x}-{:x}-{:x}-{:x}", metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len()),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}

/// An object is absent too when one of its folders is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    action: Action,
    uri: String,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Io { action, uri, path: "-".to_owned(), source: io::Error::other(error) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> FileStore {
        FileStore::new(folder)
    }

    #[tokio::test]
    async fn leftovers_of_a_killed_write_are_no_objects() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/.faultline-tmp-1-2-3"), "half").unwrap();
        let store = store(folder.path());
        assert_eq!(store.list("").await.unwrap(), []);
        store.put("a/whole", Bytes::from_static(b"x"), PutMode::CreateNew).await.unwrap();
        let keys: Vec<_> = store.list("a/").await.unwrap().into_iter().map(|meta| meta.key).collect();
        assert_eq!(keys, ["a/whole"]);
    }

    #[tokio::test]
    async fn a_finished_write_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.put("k", Bytes::from_static(b"1"), PutMode::CreateNew).await.unwrap();
        store.put("k", Bytes::from_static(b"2"), PutMode::CreateNew).await.unwrap_err();
        store.put("k", Bytes::from_static(b"3"), PutMode::Overwrite).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_reader_holds_on_to_what_it_opened() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.put("k", Bytes::from_static(b"old"), PutMode::Overwrite).await.unwrap();
        let mut opened = File::open(store.local_path("k").unwrap()).unwrap();
        store.put("k", Bytes::from_static(b"new"), PutMode::Overwrite).await.unwrap();
        let mut content = String::new();
        opened.read_to_string(&mut content).unwrap();
        assert_eq!(content, "old");
    }

    #[tokio::test]
    async fn linked_folders_are_listed_and_loops_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("x.csv"), "x").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("batch")).unwrap();
        let store = store(folder.path());
        let keys: Vec<_> = store.list("").await.unwrap().into_iter().map(|meta| meta.key).collect();
        assert_eq!(keys, ["batch/x.csv"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("self")).unwrap();
        assert!(matches!(store.list("").await.unwrap_err(), StoreError::Invalid { .. }));
    }

    #[tokio::test]
    async fn what_is_no_file_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (link, socket) = (folder.path().join("link.csv"), folder.path().join("socket.csv"));
        let store = store(folder.path());
        let said = async || store.list("").await.unwrap_err().to_string();
        std::os::unix::fs::symlink(folder.path().join("gone.csv"), &link).unwrap();
        assert!(said().await.contains("link.csv is a link to nothing"));
        fs::write(folder.path().join("gone.csv"), "x").unwrap();
        assert_eq!(store.list("").await.unwrap().len(), 2);
        let _open = std::os::unix::net::UnixListener::bind(socket).unwrap();
        assert!(said().await.contains("socket.csv is neither a file nor a folder"));
    }

    #[tokio::test]
    async fn a_file_in_place_of_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "file").unwrap();
        let store = store(folder.path());
        assert_eq!(store.head("a/b").await.unwrap(), None);
        assert!(store.get("a/b").await.unwrap_err().is_not_found());
        let error = store.put("a/b", Bytes::new(), PutMode::CreateNew).await.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        assert!(error.hint().contains("a file stands where a folder is wanted"), "{}", error.hint());
    }

    #[tokio::test]
    async fn a_file_that_is_taken_is_not_copied_and_a_link_to_one_is() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (original, link) = (folder.path().join("original"), folder.path().join("link"));
        fs::write(&original, "x").unwrap();
        symlink(&original, &link).unwrap();
        let root = folder.path().join("root");
        let inode = |path: PathBuf| fs::symlink_metadata(path).unwrap().ino();
        for (key, path, same) in [("a", &original, true), ("b", &link, false)] {
            store(&root).take_file(key, path, None).await.unwrap();
            assert_eq!(inode(root.join(key)) == inode(original.clone()), same, "{key}");
            assert_eq!(fs::read(root.join(key)).unwrap(), b"x");
        }
        assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn a_missing_local_file_is_not_a_missing_object() {
        let folder = tempfile::tempdir().unwrap();
        let error = store(folder.path()).put_file("k", Path::new("/nowhere/x")).await.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    }
}
