//! An output that becomes durable while it is written.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};

use faultline_store::StoreUrl;

/// Bytes between the beginnings of two syncs, about.
const INTERVAL_BYTES: u64 = 64 << 20;

/// A file that is synced from time to time, on a thread of its own, while more is written, so that the sync at its end has little left to do. What the disk
/// reports is told by the flush at the latest.
#[derive(Debug)]
pub struct EarlySync {
    file: File,
    /// Bytes between the beginnings of two syncs; absent where nobody waits for the disk at the end.
    interval: Option<u64>,
    /// Bytes written since the last sync began.
    waiting: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl EarlySync {
    /// Writes to `file`; it `becomes_durable` if it is synced when it is done.
    pub(crate) fn new(file: File, becomes_durable: bool) -> Self {
        Self { file, interval: becomes_durable.then_some(INTERVAL_BYTES), waiting: 0, syncing: None }
    }

    /// Begins a sync. Where no file or thread is to be had for it, the sync at the end has more to do.
    fn begin_sync(&mut self) {
        let Ok(file) = self.file.try_clone() else { return };
        self.syncing = thread::Builder::new().name("sync".to_owned()).spawn(move || file.sync_data()).ok();
    }

    /// The result of the sync that was begun last.
    fn end_sync(&mut self) -> io::Result<()> {
        let panicked = |_| io::Error::other("the thread that syncs an output has panicked");
        self.syncing.take().map_or(Ok(()), |syncing| syncing.join().map_err(panicked)?)
    }
}

/// Whether files of the scratch folder can become objects of the store as they are.
pub(crate) fn is_beside(root: &StoreUrl, scratch: &Path) -> bool {
    let device = |path: &Path| Some(path.ancestors().find_map(|folder| folder.metadata().ok())?.dev());
    matches!(root, StoreUrl::File { path } if device(path) == device(scratch))
}

impl Write for EarlySync {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let is_due = self.interval.is_some_and(|interval| self.waiting >= interval);
        if is_due && self.syncing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.end_sync()?;
            self.begin_sync();
            self.waiting = 0;
        }
        let count = self.file.write(content)?;
        self.waiting += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end_sync()?;
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_large_file_is_synced_before_its_end_where_that_matters() {
        for becomes_durable in [true, false] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut output = EarlySync::new(file.reopen().unwrap(), becomes_durable);
            output.interval = output.interval.map(|_| 8);
            output.write_all(b"twelve bytes").unwrap();
            assert!(output.syncing.is_none());
            output.write_all(b" and more").unwrap();
            assert_eq!(output.syncing.is_some(), becomes_durable);
            output.flush().unwrap();
            assert!(output.syncing.is_none());
            assert_eq!(std::fs::read(file.path()).unwrap(), b"twelve bytes and more");
        }
    }

    #[test]
    fn scratch_is_beside_a_folder_of_its_own_file_system_only() {
        let folder = tempfile::tempdir().unwrap();
        let is_beside = |path: &Path| is_beside(&StoreUrl::File { path: path.to_owned() }, folder.path());
        assert!(is_beside(&folder.path().join("not/there/yet")));
        assert!(!is_beside(Path::new("/proc")));
        assert!(!super::is_beside(&StoreUrl::Memory { name: "m".to_owned() }, folder.path()));
    }

    #[test]
    fn what_the_disk_reports_ends_the_flush() {
        // A pipe takes bytes and cannot be synced.
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = EarlySync::new(File::from(OwnedFd::from(writer)), true);
        output.interval = Some(1);
        output.write_all(b"a").unwrap();
        output.write_all(b"b").unwrap();
        assert_eq!(output.flush().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        drop(output);
        let mut passed = Vec::new();
        reader.read_to_end(&mut passed).unwrap();
        assert_eq!(passed, b"ab");
    }
}
