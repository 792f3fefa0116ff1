//! Whether files that are read in place are still those whose digest was taken.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the file system says of a file; any write to it, and any other file in its place, changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Files as they were found.
#[derive(Debug, Default)]
pub(crate) struct Stamps(Mutex<Vec<(PathBuf, Stamp)>>);

impl Stamps {
    /// Remembers a file; to be called before its digest is taken.
    pub(crate) fn note(&self, path: &Path) {
        // A file that is not there is told of by whoever reads it.
        if let Ok(stamp) = Stamp::of(path) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), stamp));
        }
    }

    /// The first file that is not what it was.
    pub(crate) fn changed(&self) -> Option<PathBuf> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = noted.iter().find(|(path, stamp)| Stamp::of(path).ok() != Some(*stamp));
        changed.map(|(path, _)| path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let other = folder.path().join("b");
        let noted = || {
            fs::write(&path, "one").unwrap();
            let stamps = Stamps::default();
            stamps.note(&path);
            assert_eq!(stamps.changed(), None);
            stamps
        };
        let stamps = noted();
        fs::write(&path, "longer").unwrap();
        assert_eq!(stamps.changed(), Some(path.clone()));
        let stamps = noted();
        fs::write(&other, "one").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(stamps.changed(), Some(path.clone()));
        let stamps = noted();
        fs::remove_file(&path).unwrap();
        assert_eq!(stamps.changed(), Some(path.clone()));
    }
}
