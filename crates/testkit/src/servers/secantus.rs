//! SecantusDB: a server that speaks MongoDB's protocol.

use tempfile::TempDir;

use super::process::{self, Process};
use super::{free_ports, is_open};

const PINS: &str = include_str!("../../servers/secantusdb.txt");
/// The flag with which every client must say who it is.
const AUTH: &str = "--auth";

/// A running SecantusDB, a replica set of one.
#[derive(Debug)]
pub struct Secantus {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Secantus {
    /// Starts an empty server that lets everyone in.
    ///
    /// # Panics
    /// When the server does not become ready.
    #[must_use]
    pub fn start() -> Option<Self> {
        process::started("secantusdb", PINS, Self::try_start)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connection string of one of its databases.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}", self.port)
    }

    /// The connection string of one of its databases for a user that was made in it.
    #[must_use]
    pub fn uri_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("mongodb://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The server's process, to be stopped and continued.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the server at once, as a power failure would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again over the same data, on the same port; with `auth` every client must say who it is.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn restart(&mut self, auth: bool) {
        self.process.kill();
        self.process = serve(&self.folder, self.port, if auth { &[AUTH] } else { &[] });
        assert!(
            self.process.wait_until(|| is_open(self.port)),
            "SecantusDB ended at its start: {}",
            self.process.said()
        );
    }

    /// One start; `None` when the process ends before it is ready.
    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [port] = free_ports();
        let process = serve(&folder, port, &[]);
        process.wait_until(|| is_open(port)).then_some(Self { process, port, folder })
    }
}

fn serve(folder: &TempDir, port: u16, flags: &[&str]) -> Process {
    let (path, port) = (folder.path().to_string_lossy(), port.to_string());
    let arguments = [&["secantusdb", &path, &port], flags].concat();
    Process::spawn(folder.path(), &arguments)
}
