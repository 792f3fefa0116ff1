//! The engine of plain processes: a step is a process in a group of its own, ended as a whole.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use async_trait::async_trait;
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, getppid, kill_process_group, set_parent_process_death_signal, waitid,
};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinError;
use tokio::time::{sleep, sleep_until};
use wait4::Wait4;

use super::{End, Engine, Launch, Limits, StepEnd};
use crate::outcome::Usage;

/// The exit code that a cluster reports for a step killed by a signal.
const KILLED: i32 = 255;

/// Runs steps as plain processes of this machine.
#[derive(Clone, Debug, Default)]
pub struct ProcessEngine {
    /// The folder in which programs are sought first, by their base name.
    pub program_dir: Option<PathBuf>,
    /// The variables beneath those of each step, where a container has those of its image. Nothing else is inherited.
    pub environment: Vec<(OsString, OsString)>,
}

#[async_trait]
impl Engine for ProcessEngine {
    async fn execute(&self, launch: &Launch, mut limits: Limits) -> io::Result<StepEnd> {
        if let Some(folder) = launch.working_dir.as_ref().filter(|folder| !folder.is_dir()) {
            let message = format!("the working folder {} does not exist", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let command = self.command(launch)?;
        let (sender, started) = oneshot::channel();
        let mut waiter = tokio::task::spawn_blocking(move || to_its_end(command, sender));
        let Ok(leader) = started.await else {
            let failed = waiter.await.map_err(io::Error::other)?;
            return Err(failed.map_or_else(|error| not_started(launch, &error), |_| io::Error::other("no process")));
        };
        let mut group = Group(Some(leader));
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
    fn command(&self, launch: &Launch) -> io::Result<Command> {
        let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
        let mut command = Command::new(find_program(&launch.program, self.program_dir.as_deref()));
        command.args(&launch.args).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("TMPDIR", &launch.scratch);
        command.envs(launch.optional_env.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        if let Some(folder) = &launch.working_dir {
            command.current_dir(folder);
        }
        ends_with_the_runner(&mut command);
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

/// Makes the kernel kill the process when the runner dies without a chance to do so itself.
#[expect(unsafe_code, reason = "between fork and exec only calls that are safe after a fork are made")]
fn ends_with_the_runner(command: &mut Command) {
    let runner = getpid();
    let bind = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The runner may have died before the line above.
        if getppid() == Some(runner) { Ok(()) } else { Err(io::Error::from(Errno::SRCH)) }
    };
    // SAFETY: the closure makes two system calls, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(bind);
    }
}

/// Starts a process and waits for it in the same thread: the kernel would end the process with the thread that started it.
fn to_its_end(mut command: Command, started: oneshot::Sender<Pid>) -> io::Result<(ExitStatus, Usage)> {
    let mut child = command.spawn()?;
    let leader = Pid::from_child(&child);
    if started.send(leader).is_err() {
        kill_process_group(leader, Signal::KILL).ok();
    }
    // Until its end is collected no other group can get its number: whatever is left of it is killed first.
    retry_on_intr(|| waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT))?;
    kill_process_group(leader, Signal::KILL).ok();
    let ended = child.wait4()?;
    let usage = Usage { cpu: ended.rusage.utime + ended.rusage.stime, peak_memory_bytes: ended.rusage.maxrss };
    Ok((ended.status, usage))
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

/// Where `program` is: its base name beside `beside`, else a path that exists, else its base name to be found on `PATH`.
fn find_program(program: &str, beside: Option<&Path>) -> OsString {
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
        ProcessEngine { program_dir: None, environment: vec![("PATH".into(), path)] }
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
        assert_eq!(find_program("/usr/local/bin/validate", beside), folder.path().join("validate"));
        assert_eq!(find_program("/bin/sh", beside), "/bin/sh");
        assert_eq!(find_program("/nowhere/sh", beside), "sh");
    }
}
