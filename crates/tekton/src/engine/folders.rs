//! The folders of attempts. One in which nothing is left is taken over by the next attempt: a new folder is the dearest part of a task
//! that does little, as file systems search long for an inode that was not in use a moment ago.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

/// The folder of an attempt's workspaces.
pub(super) const WORKSPACES: &str = "workspaces";
/// The folder of the Task's results.
pub(super) const RESULTS: &str = "results";
/// The ending of the folder of a step's temporary files.
pub(super) const TEMPORARY: &str = "tmp";
/// Where results that were read are put aside, all in one folder.
const READ: &str = "read";

/// All folders of a run, below one.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    /// Every attempt keeps a folder of its own, to be looked at after the run.
    keeps: bool,
    free: Mutex<Vec<PathBuf>>,
    put_aside: AtomicUsize,
    clearing: Mutex<JoinSet<()>>,
}

impl Folders {
    pub(super) fn new(root: PathBuf, keeps: bool) -> Self {
        Self { root, keeps, free: Mutex::default(), put_aside: AtomicUsize::new(0), clearing: Mutex::default() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder for the attempt of that name, which is unique in the run. There is nothing in it but empty folders of results and of
    /// temporary files.
    pub(super) fn take(&self, attempt: &str) -> io::Result<PathBuf> {
        if let Some(folder) = lock(&self.free).pop() {
            return Ok(folder);
        }
        let folder = self.root.join(attempt);
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Clears the folder while the run goes on. What cannot be cleared goes with the folder of the run.
    pub(super) fn give_back(self: &Arc<Self>, folder: PathBuf) {
        if !self.keeps {
            let folders = Arc::clone(self);
            lock(&self.clearing).spawn_blocking(move || drop(folders.clear(folder)));
        }
    }

    /// Ends when nothing is cleared any more: only then the folder of the run can be removed as a whole.
    pub(super) async fn settled(&self) {
        let clearing = std::mem::take(&mut *lock(&self.clearing));
        clearing.join_all().await;
    }

    /// Takes away what may be large, and offers the folder again if nothing else is left. The small rest goes with the folder of the run.
    fn clear(&self, folder: PathBuf) -> io::Result<()> {
        let mut is_empty = true;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.ends_with(RESULTS) {
                self.put_aside(&path)?;
            } else if path.extension().is_some_and(|ending| ending == TEMPORARY) {
                is_empty &= remove_content(&path)?;
            } else {
                is_empty = false;
                if path.ends_with(WORKSPACES) {
                    fs::remove_dir_all(&path)?;
                }
            }
        }
        if is_empty {
            lock(&self.free).push(folder);
        }
        Ok(())
    }

    /// Moves results out of the way: what is renamed costs no inode, what is deleted here slows down the next file that is made.
    fn put_aside(&self, results: &Path) -> io::Result<()> {
        let read = self.root.join(READ);
        for entry in fs::read_dir(results)? {
            make(&read)?;
            let number = self.put_aside.fetch_add(1, Ordering::Relaxed);
            fs::rename(entry?.path(), read.join(number.to_string()))?;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a folder, or keeps the empty one that an earlier attempt has left.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })
}

/// Removes a folder with its content, unless it is empty. Tells whether it was.
fn remove_content(folder: &Path) -> io::Result<bool> {
    let is_empty = fs::read_dir(folder)?.next().is_none();
    if !is_empty {
        fs::remove_dir_all(folder)?;
    }
    Ok(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(folders: &Folders, name: &str) -> PathBuf {
        let folder = folders.take(name).unwrap();
        for name in [RESULTS, "step.tmp"] {
            make(&folder.join(name)).unwrap();
        }
        folder
    }

    async fn give_back(folders: &Arc<Folders>, folder: &Path) {
        folders.give_back(folder.to_owned());
        folders.settled().await;
    }

    fn is_empty(folder: &Path) -> bool {
        fs::read_dir(folder).unwrap().next().is_none()
    }

    #[tokio::test]
    async fn a_folder_without_traces_is_taken_over() {
        let root = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::new(root.path().to_owned(), false));
        let first = attempt(&folders, "a");
        let second = attempt(&folders, "b");
        assert_ne!(first, second, "two attempts at one time");
        for number in 0..3 {
            fs::write(first.join("results/r"), number.to_string()).unwrap();
            give_back(&folders, &first).await;
            assert_eq!(attempt(&folders, "c"), first);
            assert!(is_empty(&first.join(RESULTS)));
        }
    }

    #[tokio::test]
    async fn traces_are_not_handed_on() {
        let root = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::new(root.path().to_owned(), false));
        for (name, trace) in [("a", "step.script"), ("b", "workspaces/w/f"), ("c", "step.tmp/f"), ("d", "steps/s/r")] {
            let folder = attempt(&folders, name);
            fs::create_dir_all(folder.join(trace).parent().unwrap()).unwrap();
            fs::write(folder.join(trace), "x").unwrap();
            give_back(&folders, &folder).await;
            assert_ne!(attempt(&folders, &format!("after {name}")), folder, "{trace}");
            let is_large = ["workspaces", "step.tmp"].iter().any(|large| trace.starts_with(large));
            assert_eq!(folder.join(trace).exists(), !is_large, "{trace}");
        }
    }

    #[tokio::test]
    async fn folders_that_are_kept_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::new(root.path().to_owned(), true));
        let folder = attempt(&folders, "a");
        fs::write(folder.join("results/r"), "x").unwrap();
        give_back(&folders, &folder).await;
        assert!(folder.join("results/r").exists());
        assert_ne!(attempt(&folders, "b"), folder);
    }
}
