//! A MongoDB server on a loopback port, for one test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::sync::Client;
use tempfile::TempDir;

pub(crate) struct Secantus {
    process: Child,
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
}

impl Secantus {
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let process = spawn(&folder, port, &arguments);
        let server = Self { process, port, folder, arguments };
        server.wait();
        Some(server)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self, more: &[&str]) {
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self.process = spawn(&self.folder, self.port, &self.arguments);
        self.wait();
    }

    pub(crate) fn client(&self) -> Client {
        Client::with_uri_str(self.url("")).unwrap()
    }

    fn wait(&self) {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        if !self.arguments.iter().any(|argument| argument == "--auth") {
            self.client().database("admin").run_command(doc! { "ping": 1 }).run().unwrap();
        }
    }
}

fn spawn(folder: &TempDir, port: u16, arguments: &[String]) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "/work/wt/secantus-venv/bin/secantusd-py", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--cache-size", "256M", "--sync-on-commit", "--storage-path"])
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Secantus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
