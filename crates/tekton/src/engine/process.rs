//! The engine of plain processes: a step is a process in a group of its own, ended as a whole.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{sleep, sleep_until};
use wait4::Wait4;

use super::watchdog::Watchdog;
use super::{End, Engine, Launch, Limits, StepEnd};
use crate::outcome::Usage;

/// The exit code that a cluster reports for a step killed by a signal.
const KILLED: i32 = 255;
/// What ends a process group, given its name.
const KILL: [&str; 4] = ["kill", "-s", "KILL", "--"];
/// The bits that allow a file to be run.
const EXECUTABLE: u32 = 0o111;

/// Runs steps as plain processes of this machine. When the runner itself is killed, they are killed after it.
#[derive(Debug)]
pub struct ProcessEngine {
    program_dir: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    watchdog: Arc<Watchdog>,
}

#[async_trait]
impl Engine for ProcessEngine {
    async fn execute(&self, launch: &Launch, mut limits: Limits) -> io::Result<StepEnd> {
        if let Some(folder) = launch.working_dir.as_ref().filter(|folder| !folder.is_dir()) {
            let message = format!("the working folder {} does not exist", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let mut child = self.command(launch)?.spawn().map_err(|error| not_started(launch, &error))?;
        let leader = Pid::from_child(&child);
        self.watchdog.watch(group_name(leader));
        let mut group = Group(Some(leader));
        let watchdog = Arc::clone(&self.watchdog);
        let mut waiter = tokio::task::spawn_blocking(move || end_of(&mut child, &watchdog));
        let past_deadline = async {
            match limits.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            ended = &mut waiter => return group.ended(ended, None),
            () = past_deadline => End::TimedOut,
            () = cancelled(&mut limits.cancel) => End::Cancelled,
        };
        group.signal(Signal::TERM);
        tokio::select! {
            ended = &mut waiter => group.ended(ended, Some(end)),
            () = sleep(limits.grace) => {
                group.signal(Signal::KILL);
                group.ended(waiter.await, Some(end))
            }
        }
    }
}

impl ProcessEngine {
    /// An engine that seeks programs in `program_dir` first, by their base name. The steps see the variables in `environment` beneath
    /// their own, where a container has those of its image, and nothing else of the caller's.
    ///
    /// # Errors
    ///
    /// When the process that outlives a killed runner cannot be started.
    pub fn new(program_dir: Option<PathBuf>, environment: Vec<(OsString, OsString)>) -> io::Result<Self> {
        Ok(Self { program_dir, environment, watchdog: Arc::new(Watchdog::start(&KILL)?) })
    }

    fn command(&self, launch: &Launch) -> io::Result<Command> {
        let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
        let of_step = launch.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| OsStr::new(value));
        let of_engine =
            || self.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_ref());
        let search_path = of_step.or_else(of_engine);
        let mut command = Command::new(find_program(&launch.program, self.program_dir.as_deref(), search_path));
        command.args(&launch.args).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("TMPDIR", &launch.scratch);
        command.envs(launch.optional_env.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        if let Some(folder) = &launch.working_dir {
            command.current_dir(folder);
        }
        Ok(command)
    }
}

/// A process group, killed when this is dropped before its leader has ended.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    /// A group that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            kill_process_group(leader, signal).ok();
        }
    }

    /// What became of it: `end`, or how its leader ended by itself.
    fn ended(
        &mut self,
        ended: Result<io::Result<(ExitStatus, Usage)>, JoinError>,
        end: Option<End>,
    ) -> io::Result<StepEnd> {
        self.0 = None;
        let (status, usage) = ended.map_err(io::Error::other)??;
        let by_itself = || End::Exited(status.code().unwrap_or(KILLED));
        Ok(StepEnd { end: end.unwrap_or_else(by_itself), usage })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Waits for the end of a process, and ends what is left of its group.
fn end_of(child: &mut Child, watchdog: &Watchdog) -> io::Result<(ExitStatus, Usage)> {
    let leader = Pid::from_child(child);
    // Until its end is collected no other group can get its number: whatever is left of it is killed first.
    retry_on_intr(|| waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT))?;
    kill_process_group(leader, Signal::KILL).ok();
    watchdog.forget(group_name(leader));
    let ended = child.wait4()?;
    let usage = Usage { cpu: ended.rusage.utime + ended.rusage.stime, peak_memory_bytes: ended.rusage.maxrss };
    Ok((ended.status, usage))
}

/// A process group as `kill` names it.
fn group_name(leader: Pid) -> String {
    format!("-{leader}")
}

fn not_started(launch: &Launch, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("start `{}`: {error} (sought beside the runner, then on PATH)", launch.program),
    )
}

/// Ends when the run is being stopped.
pub(super) async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|is_cancelled| *is_cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Where `program` is: its base name beside `beside`, else a path that exists, else its base name in one of the folders of `search_path`.
/// The whole path is wanted: a program that is still to be sought is started by copying this process, which takes ten times as long.
fn find_program(program: &str, beside: Option<&Path>, search_path: Option<&OsStr>) -> PathBuf {
    let path = Path::new(program);
    let Some(base) = path.file_name() else { return path.to_owned() };
    let neighbour = beside.map(|folder| folder.join(base)).filter(|path| path.is_file());
    let given = || Some(path.to_owned()).filter(|path| program.contains('/') && path.exists());
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & EXECUTABLE != 0)
    };
    let folders = || search_path.into_iter().flat_map(std::env::split_paths);
    let found = || folders().map(|folder| folder.join(base)).find(is_program);
    neighbour.or_else(given).or_else(found).unwrap_or_else(|| base.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    async fn sh(text: &str, deadline: Option<Duration>, grace: Duration) -> (io::Result<StepEnd>, String) {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: "sh".into(),
            args: vec!["-c".into(), text.into()],
            env: vec![("GREETING".into(), "hello".into())],
            working_dir: Some(folder.path().to_owned()),
            scratch: folder.path().to_owned(),
            log: folder.path().join("log"),
            ..Launch::default()
        };
        let (_sender, cancel) = watch::channel(false);
        let limits = Limits { deadline: deadline.map(|time| Instant::now() + time), cancel, grace };
        let end = engine().execute(&launch, limits).await;
        (end, std::fs::read_to_string(&launch.log).unwrap())
    }

    fn engine() -> ProcessEngine {
        let path = std::env::var_os("PATH").unwrap();
        ProcessEngine::new(None, vec![("PATH".into(), path)]).unwrap()
    }

    #[tokio::test]
    async fn output_and_exit_code_are_kept() {
        let (end, log) = sh("echo $GREETING; echo err >&2; exit 7", None, Duration::ZERO).await;
        assert_eq!((end.unwrap().end, log.as_str()), (End::Exited(7), "hello\nerr\n"));
    }

    #[tokio::test]
    async fn a_signal_counts_as_255() {
        assert_eq!(sh("kill -9 $$", None, Duration::ZERO).await.0.unwrap().end, End::Exited(255));
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed_with_its_children() {
        let text = "trap '' TERM; (sleep 60; echo late) & echo $!; wait; sleep 60";
        let (end, log) = sh(text, Some(Duration::from_millis(200)), Duration::from_millis(100)).await;
        assert_eq!(end.unwrap().end, End::TimedOut);
        assert!(dies(log.trim()).await);
    }

    #[tokio::test]
    async fn what_a_process_leaves_behind_is_killed_with_it() {
        let (end, log) = sh("sleep 300 & echo $!", None, Duration::ZERO).await;
        assert_eq!(end.unwrap().end, End::Exited(0));
        assert!(dies(log.trim()).await);
    }

    #[tokio::test]
    async fn a_dropped_run_takes_its_process_along() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: "sh".into(),
            args: vec!["-c".into(), "echo $$; sleep 300".into()],
            log: folder.path().join("log"),
            ..Launch::default()
        };
        let (_sender, cancel) = watch::channel(false);
        let limits = Limits { deadline: None, cancel, grace: Duration::ZERO };
        let printed = || std::fs::read_to_string(&launch.log).unwrap_or_default();
        let (engine, has_started) = (engine(), async {
            while !printed().ends_with('\n') {
                sleep(Duration::from_millis(5)).await;
            }
        });
        tokio::select! {
            _ = engine.execute(&launch, limits) => unreachable!("it sleeps"),
            () = has_started => {}
        }
        assert!(dies(printed().trim()).await);
    }

    #[tokio::test]
    async fn what_it_used_is_told() {
        let (end, _) = sh("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done", None, Duration::ZERO).await;
        let usage = end.unwrap().usage;
        assert!(usage.cpu > Duration::ZERO && usage.peak_memory_bytes > 100_000, "{usage:?}");
    }

    #[tokio::test]
    async fn nothing_but_the_given_environment_is_inherited() {
        let (_, log) = sh("env | cut -d= -f1 | sort | tr '\\n' ' '", None, Duration::ZERO).await;
        assert_eq!(log, "GREETING PATH PWD TMPDIR ");
    }

    #[tokio::test]
    async fn a_program_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (program, log) = ("no-such-program".to_owned(), folder.path().join("log"));
        let (_sender, cancel) = watch::channel(false);
        let limits = Limits { deadline: None, cancel, grace: Duration::ZERO };
        let error = engine().execute(&Launch { program, log, ..Launch::default() }, limits).await.unwrap_err();
        assert!(error.to_string().starts_with("start `no-such-program`: "), "{error}");
    }

    async fn dies(pid: &str) -> bool {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        for _ in 0..250 {
            if is_dead(pid) {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }

    fn is_dead(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }

    #[test]
    fn programs_beside_the_runner_come_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("validate"), "").unwrap();
        let beside = Some(folder.path());
        let search_path = Some(OsStr::new("/no/such/folder:/bin"));
        assert_eq!(find_program("/usr/local/bin/validate", beside, search_path), folder.path().join("validate"));
        assert_eq!(find_program("/bin/sh", beside, None), Path::new("/bin/sh"));
        assert_eq!(find_program("/nowhere/sh", beside, search_path), Path::new("/bin/sh"));
        assert_eq!(find_program("no-such-program", beside, search_path), Path::new("no-such-program"));
    }
}
