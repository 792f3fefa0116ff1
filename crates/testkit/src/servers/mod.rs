//! The real servers that tests run against, each on free loopback ports with a folder of its own.
//!
//! A server ends with its handle, and with the test's process, however that ends. Where a server is not installed
//! (`scripts/fetch-test-servers` does it) its `start` says on stderr that the test is skipped, and returns `None`; in an environment with
//! `CI=true` it panics instead.

mod mlflow;
mod process;
mod prometheus;
mod seaweedfs;
mod secantus;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

pub use mlflow::MlflowServer;
pub use prometheus::{Monitoring, Pushgateway, openmetrics_complaint};
pub use seaweedfs::SeaweedFs;
pub use secantus::Secantus;

/// `weed` listens for gRPC this far above each of its ports.
const GRPC_OFFSET: u16 = 10_000;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Ports that are free, each with its gRPC twin. Looked for from a place that differs between processes, and never the same twice in one: a port is
/// free until its server has started.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    static LOOKED_AT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let start = (std::process::id() * 37 % 9_000) as u16;
    let mut ports = (0..9_000).map(|_| 20_000 + (start + LOOKED_AT.fetch_add(1, Ordering::Relaxed) % 9_000) % 9_000);
    std::array::from_fn(|_| ports.find(|port| is_free(*port) && is_free(port + GRPC_OFFSET)).expect("a free port"))
}

/// The status that a server on a loopback port answers to GET; `None` when it does not answer.
fn status(port: u16, path: &str) -> Option<u16> {
    ask(port, "GET", path).ok().map(|(status, _)| status)
}

/// Status and body of a server's answer, in the old form of HTTP that knows no chunks.
fn ask(port: u16, method: &str, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(malformed)?;
    let status = answer.get(9..12).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    Ok((status.ok_or_else(malformed)?, answer.split_off(end + 4)))
}

/// Whether something listens on a loopback port.
fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
