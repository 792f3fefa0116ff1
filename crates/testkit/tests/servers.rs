//! Every server starts, survives a restart, and is gone with its handle.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;

use faultline_testkit::servers::{MlflowServer, SeaweedFs, Secantus};

fn port(uri: &str) -> u16 {
    uri.rsplit(':').next().unwrap().parse().unwrap()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn seaweedfs() {
    let Some(mut server) = SeaweedFs::start() else { return };
    let port = port(&server.endpoint());
    assert!(answers(port));
    server.kill();
    assert!(!answers(port));
    server.restart();
    assert!(answers(port));
    drop(server);
    assert!(!answers(port));
}

#[test]
fn secantus() {
    let Some(mut server) = Secantus::start() else { return };
    let (port, process) = (server.port(), PathBuf::from(format!("/proc/{}", server.id())));
    assert!(answers(port) && process.exists());
    server.kill();
    assert!(!answers(port) && !process.exists());
    server.restart(true);
    assert!(answers(port));
    drop(server);
    assert!(!answers(port));
}

#[test]
fn mlflow() {
    let Some(mut server) = MlflowServer::start() else { return };
    let port = port(&server.uri());
    assert!(answers(port));
    server.restart();
    assert!(answers(port));
    drop(server);
    assert!(!answers(port));
}
