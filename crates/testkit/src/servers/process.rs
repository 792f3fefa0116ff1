//! A server's process, under a shell that ends it when the test is gone.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use faultline_contract::Digest;

const READY_TIMEOUT: Duration = Duration::from_mins(2);
const STARTS: u32 = 4;
const POLL: Duration = Duration::from_millis(50);
/// Of a pin file's digest, as `scripts/fetch-test-servers` takes it.
const DIGITS: usize = 12;
/// Starts the server in a group of its own and prints its number. Standard input is a pipe that only the test holds: it ends when the test
/// does, and the group is killed then.
const GUARD: &str =
    r#"setsid "$@" </dev/null >&2 & echo $!; exec >&-; read -r _; kill -s KILL -- -$! || kill -s KILL $!; wait"#;

/// A server under way.
#[derive(Debug)]
pub(super) struct Process {
    guard: Child,
    server: u32,
    log: PathBuf,
}

impl Process {
    /// Runs `scripts/serve` with these arguments; its output goes to `log` in `folder`.
    pub(super) fn spawn(folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join("log");
        let output = File::options().create(true).append(true).open(&log).expect("the log is made");
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(checkout().join("scripts/serve"))
            .args(arguments)
            // What ends the test's group must leave the guard, or nothing ends the server.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .spawn()
            .expect("sh starts");
        let mut line = String::new();
        let stdout = guard.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the number of the server");
        Self { guard, server: line.trim().parse().expect("a number"), log }
    }

    /// Waits until the server is ready; false when it ended before.
    pub(super) fn wait_until(&self, is_ready: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + READY_TIMEOUT;
        while !is_ready() {
            if !self.is_alive() {
                return false;
            }
            assert!(Instant::now() < deadline, "the server is not ready: {}", self.said());
            thread::sleep(POLL);
        }
        true
    }

    /// Ends the server at once, as a power failure would, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        // The end of its standard input tells the guard; it fails only when the guard is gone already.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }

    /// The server's process.
    pub(super) fn id(&self) -> u32 {
        self.server
    }

    fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// What the server has said.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A started server; `None`, and a notice on stderr, where it is not installed. `start` gives `None` when the process ends before it is ready:
/// another one may take a port between the look and the start, so it is asked some times.
///
/// # Panics
/// When the server is not installed and the environment has `CI=true`; when it never becomes ready.
pub(super) fn started<T>(name: &str, pins: &str, start: impl Fn() -> Option<T>) -> Option<T> {
    home(name, pins)?;
    let started = (1..=STARTS).find_map(|_| start());
    Some(started.unwrap_or_else(|| panic!("{name} ended {STARTS} times at its start")))
}

/// Where the server is installed; `None`, and a notice on stderr, where it is not.
///
/// # Panics
/// When it is not and the environment has `CI=true`.
pub(super) fn home(name: &str, pins: &str) -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("FAULTLINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("faultline")))
        .unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache/faultline"));
    let digest = Digest::of(pins.as_bytes()).to_string();
    let home = cache.join(format!("servers/{name}-{}", &digest[..DIGITS]));
    if home.join("complete").exists() {
        return Some(home);
    }
    let notice = format!("{name} is not at {}: run scripts/fetch-test-servers", home.display());
    assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
    eprintln!("skipped: {notice}");
    None
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
