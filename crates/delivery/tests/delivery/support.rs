//! A git repository in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A checkout that goes when it is dropped.
pub(crate) struct Repository {
    folder: TempDir,
    name: &'static str,
}

impl Repository {
    /// An empty one on the branch `main`.
    pub(crate) fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap(), name: "repository" };
        fs::create_dir(repository.path()).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.introduce();
        repository
    }

    /// A clone of another one, with further flags.
    pub(crate) fn clone_of(from: &str, flags: &[&str]) -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap(), name: "clone" };
        let arguments = [&["clone", "--quiet"], flags, &["--", from, repository.name]].concat();
        git(repository.folder.path(), &arguments);
        repository.introduce();
        repository
    }

    fn introduce(&self) {
        self.git(&["config", "user.name", "tester"]);
        self.git(&["config", "user.email", "tester@localhost"]);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.path(), arguments)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds a line to a file.
    pub(crate) fn append(&self, path: &str, line: &str) {
        let before = self.read(path);
        self.write(path, &format!("{before}{line}\n"));
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Runs git in a folder, apart from the settings of the machine.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
