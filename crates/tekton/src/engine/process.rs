//! One process in a group of its own, ended as a whole.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// The exit code that a cluster reports for a step killed by a signal.
const KILLED: i32 = 255;

/// A process to start.
#[derive(Debug)]
pub(super) struct Launch {
    /// The program: a path, or a name to find on `PATH`.
    pub(super) program: OsString,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Variables on top of the caller's environment.
    pub(super) env: Vec<(String, String)>,
    /// The folder to start in; the caller's when absent.
    pub(super) working_dir: Option<PathBuf>,
    /// The file its output is appended to.
    pub(super) log: PathBuf,
}

/// When a process must end by itself.
#[derive(Debug)]
pub(super) struct Limits {
    /// Past this it is ended.
    pub(super) deadline: Option<Instant>,
    /// It is ended once this turns true.
    pub(super) cancel: watch::Receiver<bool>,
    /// From the polite signal to the one that cannot be refused.
    pub(super) grace: Duration,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this code.
    Exited(i32),
    /// Its deadline passed.
    TimedOut,
    /// The run is being stopped.
    Cancelled,
}

/// Runs a process to its end. Whatever is left of its group is killed with it.
pub(super) async fn run(launch: &Launch, mut limits: Limits) -> io::Result<End> {
    let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
    let mut command = Command::new(&launch.program);
    command.args(&launch.args).envs(launch.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).kill_on_drop(true);
    if let Some(folder) = &launch.working_dir {
        command.current_dir(folder);
    }
    let mut child = command.spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let deadline = limits.deadline;
    let past_deadline = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        status = child.wait() => End::Exited(status?.code().unwrap_or(KILLED)),
        () = past_deadline => stopped(&mut child, group, limits.grace, End::TimedOut).await?,
        () = cancelled(&mut limits.cancel) => stopped(&mut child, group, limits.grace, End::Cancelled).await?,
    };
    signal(group, Signal::KILL);
    Ok(end)
}

/// Ends when the run is being stopped.
pub(super) async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|is_cancelled| *is_cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Asks the group to end, then makes it.
async fn stopped(child: &mut Child, group: Option<Pid>, grace: Duration, end: End) -> io::Result<End> {
    signal(group, Signal::TERM);
    tokio::select! {
        status = child.wait() => { status?; }
        () = sleep(grace) => {
            signal(group, Signal::KILL);
            child.wait().await?;
        }
    }
    Ok(end)
}

/// A group that is gone already needs no signal.
fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        kill_process_group(group, signal).ok();
    }
}

/// Where `program` is: its base name beside `beside`, else a path that exists, else its base name to be found on `PATH`.
pub(super) fn find_program(program: &str, beside: Option<&Path>) -> OsString {
    let path = Path::new(program);
    let Some(base) = path.file_name() else { return program.into() };
    let neighbour = beside.map(|folder| folder.join(base)).filter(|path| path.is_file());
    if let Some(neighbour) = neighbour {
        return neighbour.into_os_string();
    }
    if program.contains('/') && path.exists() { program.into() } else { base.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(text: &str, deadline: Option<Duration>, grace: Duration) -> (io::Result<End>, String) {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: "sh".into(),
            args: vec!["-c".into(), text.into()],
            env: vec![("GREETING".into(), "hello".into())],
            working_dir: Some(folder.path().to_owned()),
            log: folder.path().join("log"),
        };
        let (_sender, cancel) = watch::channel(false);
        let end = run(&launch, Limits { deadline: deadline.map(|time| Instant::now() + time), cancel, grace }).await;
        (end, std::fs::read_to_string(&launch.log).unwrap())
    }

    #[tokio::test]
    async fn output_and_exit_code_are_kept() {
        let (end, log) = sh("echo $GREETING; echo err >&2; exit 7", None, Duration::ZERO).await;
        assert_eq!((end.unwrap(), log.as_str()), (End::Exited(7), "hello\nerr\n"));
    }

    #[tokio::test]
    async fn a_signal_counts_as_255() {
        assert_eq!(sh("kill -9 $$", None, Duration::ZERO).await.0.unwrap(), End::Exited(255));
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed_with_its_children() {
        let text = "trap '' TERM; (sleep 60; echo late) & echo $!; wait; sleep 60";
        let (end, log) = sh(text, Some(Duration::from_millis(200)), Duration::from_millis(100)).await;
        assert_eq!(end.unwrap(), End::TimedOut);
        let child = Pid::from_raw(log.trim().parse().unwrap()).unwrap();
        let mut is_gone = false;
        for _ in 0..50 {
            is_gone = is_gone || is_dead(child);
            sleep(Duration::from_millis(20)).await;
        }
        assert!(is_gone);
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
        assert_eq!(find_program("/usr/local/bin/validate", beside), folder.path().join("validate"));
        assert_eq!(find_program("/bin/sh", beside), "/bin/sh");
        assert_eq!(find_program("/nowhere/sh", beside), "sh");
    }
}
