//! The engine of containers: a step is a container of its own image, run by Podman without a daemon.

mod gauge;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::watchdog::Watchdog;
use super::{End, Engine, Launch, Limits, ProcessEngine, StepEnd};
use gauge::Gauge;

/// The program that runs containers.
const PODMAN: &str = "podman";
/// What ends a container and takes it away, given its name. One that is gone already is no error.
const REMOVE: [&str; 6] = [PODMAN, "rm", "--force", "--ignore", "--time", "0"];
/// Where a container keeps temporary files, as on a cluster, where Tasks have an `emptyDir` there.
const TEMPORARY: &str = "/tmp";
/// Exit codes by which Podman says that it could not start the container. A step may end with them as well.
const NOT_STARTED: [i32; 3] = [125, 126, 127];
/// How Podman itself ends when it is killed.
const KILLED: End = End::Exited(255);
/// Beginnings of the names of variables that Podman itself reads: their values stand on its command line.
const READ_BY_PODMAN: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_",
    "LD_",
    "CONTAINER",
    "PODMAN",
    "REGISTRY_",
    "STORAGE_",
    "DBUS_",
];

/// Runs each step in a container of the image that it names, which must be there already: nothing is pulled.
///
/// The root file system is read-only, all capabilities are dropped and no privileges can be gained. A step sees the folders of its
/// attempt at the same paths, an empty `/tmp`, and [`PodmanOptions::mounts`]. Run by root, the container has the user that the image
/// names; otherwise that of the caller. Values of variables do not show in the list of processes. Podman's own settings, such as
/// `CONTAINERS_STORAGE_CONF`, are taken from the caller's environment. When the runner itself is killed, its containers are removed
/// after it.
#[derive(Debug)]
pub struct PodmanEngine {
    client: ProcessEngine,
    passed: Vec<String>,
    options: PodmanOptions,
    is_root: bool,
    watchdog: Arc<Watchdog>,
    containers: AtomicUsize,
}

/// What containers get beside what their steps ask for.
#[derive(Clone, Debug)]
pub struct PodmanOptions {
    /// The network, in Podman's words: `host`, `none`, or the name of one.
    pub network: String,
    /// Files and folders of this machine that all steps see.
    pub mounts: Vec<Mount>,
}

/// A file or folder of this machine that steps see at the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is.
    pub path: PathBuf,
    /// Steps cannot change it.
    pub is_read_only: bool,
}

impl PodmanEngine {
    /// An engine whose steps see the variables in `environment` beneath their own, and above those of the image.
    ///
    /// # Errors
    ///
    /// When Podman is not on `PATH`, when a name in `environment` is not UTF-8, or when the process that outlives a killed runner
    /// cannot be started.
    pub fn new(environment: Vec<(OsString, OsString)>, options: PodmanOptions) -> io::Result<Self> {
        quietly(Command::new(PODMAN).arg("--version")).map_err(|error| {
            io::Error::new(error.kind(), format!("start `{PODMAN}`: {error} (it must be installed, and on PATH)"))
        })?;
        let name_of = |(name, _): &(OsString, OsString)| {
            name.to_str().map(str::to_owned).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("the variable {} has a name that is not UTF-8", name.display()),
                )
            })
        };
        let passed = environment.iter().map(name_of).collect::<io::Result<_>>()?;
        let of_client = std::env::vars_os().chain(environment).collect();
        Ok(Self {
            client: ProcessEngine::new(None, of_client)?,
            passed,
            options,
            is_root: rustix::process::geteuid().is_root(),
            watchdog: Arc::new(Watchdog::start(&REMOVE)?),
            containers: AtomicUsize::new(0),
        })
    }

    /// What Podman is started with for a step, and its variables that go by Podman's own environment.
    fn arguments(&self, launch: &Launch, name: &str, pid_file: &Path) -> io::Result<Vec<String>> {
        let image = launch.image.as_deref().filter(|image| !image.is_empty()).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("the step `{}` names no image", launch.step))
        })?;
        // What root hands over must belong to the user of the image; without root it is the caller's in both worlds.
        let (user, owned) = if self.is_root { (None, ":U") } else { (Some("--userns=keep-id".to_owned()), "") };
        let mut words: Vec<String> = [
            "run",
            "--rm",
            "--pull=never",
            "--log-driver=none",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--security-opt=label=disable",
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(user);
        words.push(format!("--name={name}"));
        words.push(format!("--label=dev.faultline.task-run={}", launch.task_run));
        words.push(format!("--network={}", self.options.network));
        words.push(format!("--pidfile={}", pid_file.display()));
        words.push(volume(&launch.scratch, TEMPORARY.as_ref(), owned)?);
        words.push(volume(&launch.folder, &launch.folder, owned)?);
        for mount in &self.options.mounts {
            words.push(volume(&mount.path, &mount.path, if mount.is_read_only { ":ro" } else { "" })?);
        }
        let of_engine = self.passed.iter().filter(|name| launch.env.iter().all(|(of_step, _)| of_step != *name));
        let optional = launch.optional_env.iter().filter(|name| std::env::var_os(name).is_some());
        words.extend(of_engine.chain(optional).map(|name| format!("--env={name}")));
        words.extend(launch.env.iter().map(|(name, value)| {
            if is_read_by_podman(name) { format!("--env={name}={value}") } else { format!("--env={name}") }
        }));
        words.extend(launch.working_dir.as_ref().map(|folder| format!("--workdir={}", folder.display())));
        if !launch.program.is_empty() {
            words.push(format!("--entrypoint={}", serde_json::Value::from(vec![launch.program.clone()])));
        }
        words.push(image.to_owned());
        words.extend(launch.args.iter().cloned());
        Ok(words)
    }
}

#[async_trait]
impl Engine for PodmanEngine {
    async fn execute(&self, launch: &Launch, limits: Limits) -> io::Result<StepEnd> {
        let number = self.containers.fetch_add(1, Ordering::Relaxed);
        let name = format!("faultline-{}-{number}", std::process::id());
        let pid_file = launch.folder.with_file_name(format!("{name}.pid"));
        let client = Launch {
            program: PODMAN.to_owned(),
            args: self.arguments(launch, &name, &pid_file)?,
            env: launch.env.iter().filter(|(name, _)| !is_read_by_podman(name)).cloned().collect(),
            optional_env: Vec::new(),
            working_dir: None,
            ..launch.clone()
        };
        let container = Container::new(name, Arc::clone(&self.watchdog));
        let mut gauge = Gauge::new(&pid_file);
        let ended = tokio::select! {
            biased;
            never = gauge.watch() => match never {},
            ended = self.client.execute(&client, limits) => ended,
        };
        let has_started = fs::remove_file(&pid_file).is_ok();
        container
            .ended(ended.as_ref().is_ok_and(|ended| ended.end != KILLED && matches!(ended.end, End::Exited(_))))
            .await?;
        let ended = ended?;
        match ended.end {
            End::Exited(code) if !has_started && NOT_STARTED.contains(&code) => Err(io::Error::other(format!(
                "start `{}` in a container of the image `{}`: {}",
                launch.program,
                launch.image.as_deref().unwrap_or_default(),
                last_line(&launch.log)
            ))),
            end => Ok(StepEnd { end, usage: gauge.usage() }),
        }
    }
}

/// A container that is removed when this is dropped.
#[derive(Debug)]
struct Container {
    name: String,
    watchdog: Arc<Watchdog>,
    is_removed: bool,
}

impl Container {
    fn new(name: String, watchdog: Arc<Watchdog>) -> Self {
        watchdog.watch(&name);
        Self { name, watchdog, is_removed: false }
    }

    /// Podman has ended; unless it took the container away, that is done now.
    async fn ended(mut self, is_gone: bool) -> io::Result<()> {
        if !is_gone {
            let name = self.name.clone();
            spawn_blocking(move || remove(&name)).await.map_err(io::Error::other)??;
        }
        self.watchdog.forget(&self.name);
        self.is_removed = true;
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Where this fails it is for the watchdog, which was not told that the container has ended.
        if !self.is_removed && remove(&self.name).is_ok() {
            self.watchdog.forget(&self.name);
        }
    }
}

fn remove(name: &str) -> io::Result<()> {
    quietly(Command::new(REMOVE[0]).args(&REMOVE[1..]).arg(name))
        .map_err(|error| io::Error::new(error.kind(), format!("remove the container {name}: {error}")))
}

/// Runs a command to its end without showing what it prints.
fn quietly(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{}: {}", output.status, printed.trim())))
}

/// The flag that shows `path` as `target`; Podman separates the parts by colons.
fn volume(path: &Path, target: &Path, suffix: &str) -> io::Result<String> {
    let (path, target) = (path.display().to_string(), target.display());
    if path.contains(':') {
        let message = format!("{path} cannot be mounted: Podman takes no path with a colon");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(format!("--volume={path}:{target}{suffix}"))
}

fn is_read_by_podman(name: &str) -> bool {
    READ_BY_PODMAN.iter().any(|prefix| name.starts_with(prefix))
}

/// What a log says last.
fn last_line(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}
