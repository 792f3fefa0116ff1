//! Every server starts, survives a restart, and is gone with its handle.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use faultline_testkit::servers::{MlflowServer, SeaweedFs, Secantus};

fn port(uri: &str) -> u16 {
    uri.rsplit(':').next().unwrap().parse().unwrap()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether nobody listens any more: the workers of a server that was killed close its port a moment after it.
fn is_gone(port: u16) -> bool {
    (0..100).any(|_| {
        let is_gone = !answers(port);
        if !is_gone {
            std::thread::sleep(Duration::from_millis(10));
        }
        is_gone
    })
}

#[test]
fn seaweedfs() {
    let Some(mut server) = SeaweedFs::start() else { return };
    let port = port(&server.endpoint());
    assert!(answers(port));
    server.kill();
    assert!(is_gone(port));
    server.restart();
    assert!(answers(port));
    drop(server);
    assert!(is_gone(port));
}

#[test]
fn secantus() {
    let Some(mut server) = Secantus::start() else { return };
    let (port, process) = (server.port(), PathBuf::from(format!("/proc/{}", server.id())));
    assert!(answers(port) && process.exists());
    server.kill();
    assert!(is_gone(port) && !process.exists());
    server.restart(true);
    assert!(answers(port));
    drop(server);
    assert!(is_gone(port));
}

#[test]
fn mlflow() {
    let Some(mut server) = MlflowServer::start() else { return };
    let port = port(&server.uri());
    assert!(answers(port));
    server.restart();
    assert!(answers(port));
    drop(server);
    assert!(is_gone(port));
}
