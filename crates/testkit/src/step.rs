//! A folder in which a step's real binary runs, with upstream manifests made by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use faultline_contract::{Artifact, Digest, Manifest};
use serde::de::DeserializeOwned;

/// The run that upstream manifests belong to.
pub const UPSTREAM_RUN: &str = "up";

/// A temporary folder with a store in `root`; the binary runs in it.
#[derive(Debug)]
pub struct StepFolder {
    folder: tempfile::TempDir,
    step: &'static str,
    binary: &'static str,
}

impl StepFolder {
    /// A folder for `step`, whose binary is at `binary` (`env!("CARGO_BIN_EXE_<step>")`).
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(step: &'static str, binary: &'static str) -> Self {
        Self { folder: tempfile::tempdir().expect("make a temporary folder"), step, binary }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Commits an accepted manifest of another stage over the outputs that `write` makes in the given folder, in the order
    /// of their names. A second call for the same stage takes the place of the first.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn upstream(&self, stage: &str, write: impl FnOnce(&Path)) {
        let folder = self.path().join("root/runs").join(UPSTREAM_RUN).join(stage);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("make the folder of the upstream stage");
        write(&folder);
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .expect("list the outputs of the upstream stage")
            .map(|entry| entry.expect("list the outputs of the upstream stage").path())
            .collect();
        paths.sort();
        let outputs: Vec<Artifact> = paths.iter().map(|path| artifact(path)).collect();
        let manifest = serde_json::json!({
            "format_version": 1, "step": stage, "step_key": Digest::of(stage.as_bytes()), "run_id": UPSTREAM_RUN,
            "faultline_version": "0.1.0", "code_digest": Digest::of(b"code"), "params": {}, "seed": 7,
            "inputs": [], "outputs": outputs, "counts": {}, "facts": {}, "outcome": "accepted",
            "started_at": "2024-02-01T00:00:00Z", "finished_at": "2024-02-01T00:00:00Z"
        });
        fs::write(folder.join("manifest.json"), manifest.to_string())
            .expect("write the manifest of the upstream stage");
    }

    /// Writes `params.json` with one section, that of the step.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn params(&self, section: &str) {
        let text = format!(r#"{{"{}": {section}}}"#, self.step);
        fs::write(self.path().join("params.json"), text).expect("write params.json");
    }

    /// Runs the binary as `run`, taking the manifest of each stage in `upstream`.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[must_use]
    pub fn run(&self, run: &str, upstream: &[&str], more: &[&str]) -> Output {
        let manifest = |stage: &&str| format!("--{stage}-manifest-uri=root/runs/{UPSTREAM_RUN}/{stage}/manifest.json");
        Command::new(self.binary)
            .current_dir(self.path())
            .args(["--root-uri=root", &format!("--run-id={run}")])
            .args(upstream.iter().map(manifest))
            .args(more)
            .output()
            .expect("start the step's binary")
    }

    /// The manifest that the step committed in `run`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn manifest(&self, run: &str) -> Manifest {
        let path = self.path().join(format!("root/runs/{run}/{}/manifest.json", self.step));
        let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&content).expect("a manifest")
    }

    /// The local path of an output of the step in `run`.
    ///
    /// # Panics
    /// When the manifest does not name it.
    #[must_use]
    pub fn output(&self, run: &str, name: &str) -> PathBuf {
        path_of(&self.manifest(run), name)
    }

    /// The bytes of an output of the step in `run`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn bytes(&self, run: &str, name: &str) -> Vec<u8> {
        bytes_of(&self.manifest(run), name)
    }

    /// A JSON output of the step in `run`.
    ///
    /// # Panics
    /// When it is not there or does not fit.
    #[must_use]
    pub fn document<T: DeserializeOwned>(&self, run: &str, name: &str) -> T {
        serde_json::from_slice(&self.bytes(run, name)).expect("a document of that type")
    }
}

/// The local path of an output.
///
/// # Panics
/// When the manifest does not name it.
#[must_use]
pub fn path_of(manifest: &Manifest, name: &str) -> PathBuf {
    let output = manifest.output(name).unwrap_or_else(|| panic!("{} has no output `{name}`", manifest.run_id));
    PathBuf::from(output.uri.strip_prefix("file://").unwrap_or(&output.uri))
}

/// The bytes of an output as they lie in the folder: not what the manifest says of them.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn bytes_of(manifest: &Manifest, name: &str) -> Vec<u8> {
    fs::read(path_of(manifest, name)).expect("read an output")
}

/// What the process said on stderr.
#[must_use]
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn artifact(path: &Path) -> Artifact {
    let content = fs::read(path).expect("read an output of the upstream stage");
    Artifact {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        uri: format!("file://{}", path.display()),
        sha256: Digest::of(&content),
        bytes: content.len() as u64,
        rows: None,
        media_type: "application/octet-stream".to_owned(),
    }
}
