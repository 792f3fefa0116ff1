//! Running the pipelines as a user does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// The root of the source tree.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, Path::to_path_buf)
}

/// A built program, which stands beside the folder of this test's own program.
///
/// # Errors
/// When it was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.ancestors().nth(2).context("the test's program is in a folder of its own")?.join(name);
    ensure!(path.is_file(), "{} is not built: run `cargo build --release --workspace` first", path.display());
    Ok(path)
}

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// Its errors and notes.
    pub stderr: String,
}

/// Runs the command line on the store at `root`.
///
/// # Errors
/// When it was not built or could not be started.
pub fn faultline(root: &Path, arguments: &[&str]) -> Result<Said> {
    let output = Command::new(program("faultline")?).args(arguments).env("FAULTLINE_ROOT_URI", root).output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// A step alone, not started yet: the command line of a task as the report of its run has it, but with the values that `others` gives for
/// params by their names.
///
/// # Errors
/// When the step was not built, and when this is no task.
pub fn step(task: &Value, others: impl Fn(&str) -> Option<String>) -> Result<Command> {
    let mut command = Command::new(program(task["name"].as_str().context("a task has a name")?)?);
    for (name, value) in task["params"].as_object().context("a task has params")? {
        let value = others(name).unwrap_or_else(|| value.as_str().unwrap_or_default().to_owned());
        command.arg(format!("--{name}={value}"));
    }
    Ok(command)
}

/// A folder of real data below `FAULTLINE_DATA` (default: `shared/data` beside the checkout); `None`, and a notice on stderr,
/// where there is none.
///
/// # Errors
/// Where there is none and the environment has `CI=true`.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn real_data(folder: &str) -> Result<Option<PathBuf>> {
    let data = std::env::var_os("FAULTLINE_DATA").map_or_else(|| checkout().join("../shared/data"), PathBuf::from);
    let path = data.join(folder);
    if path.is_dir() {
        return Ok(Some(path));
    }
    ensure!(std::env::var("CI").as_deref() != Ok("true"), "no real data at {}: set FAULTLINE_DATA", path.display());
    eprintln!("skipped: no real data at {}", path.display());
    Ok(None)
}

/// The two pipelines on one store.
#[derive(Clone, Debug)]
pub struct Pipelines {
    folder: PathBuf,
    /// Where the runner keeps the output of the steps; gone with the last clone.
    state: Arc<TempDir>,
    root_uri: String,
    params: Vec<(String, String)>,
    environment: Vec<(OsString, OsString)>,
    flags: Vec<OsString>,
}

impl Pipelines {
    /// Pipelines that keep everything below `root_uri`.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn at(root_uri: impl Into<String>) -> Result<Self> {
        Ok(Self {
            folder: checkout().join("pipelines"),
            state: Arc::new(tempfile::tempdir()?),
            root_uri: root_uri.into(),
            params: Vec::new(),
            environment: Vec::new(),
            flags: Vec::new(),
        })
    }

    /// With a param other than its default.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an environment variable, for the runner and the steps.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// With several of them.
    #[must_use]
    pub fn envs(self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        variables.into_iter().fold(self, |pipelines, (name, value)| pipelines.env(name, value))
    }

    /// With more flags of the command line.
    #[must_use]
    pub fn flags(mut self, flags: impl IntoIterator<Item: Into<OsString>>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// With other pipeline files than the project's.
    #[must_use]
    pub fn from_folder(mut self, folder: PathBuf) -> Self {
        self.folder = folder;
        self
    }

    /// Trains on the batch files in `raw`.
    ///
    /// # Errors
    /// When the runner could not be started or did not report.
    pub fn train(&self, run_id: &str, raw: &Path) -> Result<Finished> {
        self.run("train", run_id, raw)
    }

    /// Predicts on the batch files in `raw`.
    ///
    /// # Errors
    /// When the runner could not be started or did not report.
    pub fn predict(&self, run_id: &str, raw: &Path) -> Result<Finished> {
        self.run("predict", run_id, raw)
    }

    /// The command that does `what` (`run` or `plan`) with `pipeline` (`train`, say), not started yet.
    ///
    /// # Errors
    /// When the runner was not built.
    pub fn command(&self, what: &str, pipeline: &str, run_id: &str, raw: &Path) -> Result<Command> {
        let mut command = Command::new(program("faultline")?);
        command.arg(what).arg(self.folder.join(format!("{pipeline}.yaml"))).args(["--output", "json"]);
        command.env("FAULTLINE_STATE_DIR", self.state.path());
        command.args(["--run-id", run_id, "-p", &format!("root-uri={}", self.root_uri)]);
        command.args(["-p", &format!("raw-uri={}", raw.display())]);
        for (name, value) in &self.params {
            command.args(["-p", &format!("{name}={value}")]);
        }
        command.args(&self.flags).envs(self.environment.iter().cloned());
        Ok(command)
    }

    /// Runs a pipeline by its name on the batch files in `raw`.
    ///
    /// # Errors
    /// When the runner could not be started or did not report.
    pub fn run(&self, pipeline: &str, run_id: &str, raw: &Path) -> Result<Finished> {
        let output = self.command("run", pipeline, run_id, raw)?.output()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the runner ended with {} and no report; it said:\n{stderr}", output.status))?;
        Ok(Finished { code: output.status.code(), report, stderr })
    }
}

/// A run that came to an end, well or badly.
#[derive(Debug)]
pub struct Finished {
    /// The runner's exit code.
    pub code: Option<i32>,
    /// What the runner printed with `--output json`.
    pub report: Value,
    /// What the runner and the steps said.
    pub stderr: String,
}

impl Finished {
    /// The run itself, if it succeeded.
    ///
    /// # Errors
    /// When it did not, with what was said.
    pub fn succeeded(self) -> Result<Self> {
        if self.code == Some(0) {
            return Ok(self);
        }
        bail!("the run ended with {:?}: {:#}\n{}", self.code, self.report, self.stderr)
    }

    /// What the runner reports of each task, one entry per cell of a matrix.
    pub fn tasks(&self) -> Vec<&Value> {
        self.report["tasks"].as_array().into_iter().flatten().collect()
    }

    /// Whether each task's work was reused; of a matrix, whether all cells were.
    pub fn reused(&self) -> BTreeMap<String, bool> {
        let mut reused = BTreeMap::new();
        for task in self.tasks() {
            let name = task["name"].as_str().unwrap_or_default().to_owned();
            *reused.entry(name).or_insert(true) &= task["reused"] == true;
        }
        reused
    }
}
