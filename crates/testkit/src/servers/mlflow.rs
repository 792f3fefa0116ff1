//! MLflow: the tracking server with its model registry and its artifact proxy.

use tempfile::TempDir;

use super::process::{self, Process};
use super::{free_ports, status};

const PINS: &str = include_str!("../../servers/mlflow.txt");

/// A running MLflow server with an SQLite database; ready after 5 to 30 seconds.
#[derive(Debug)]
pub struct MlflowServer {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl MlflowServer {
    /// Starts an empty server.
    ///
    /// # Panics
    /// When the server does not become ready.
    #[must_use]
    pub fn start() -> Option<Self> {
        process::started("mlflow", PINS, || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let [port] = free_ports();
            let process = serve(&folder, port);
            is_ready(&process, port).then_some(Self { process, port, folder })
        })
    }

    /// Its address.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
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

    /// Starts the server again over the same data, on the same port.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = serve(&self.folder, self.port);
        assert!(is_ready(&self.process, self.port), "MLflow ended at its start: {}", self.process.said());
    }
}

fn serve(folder: &TempDir, port: u16) -> Process {
    Process::spawn(folder.path(), &["mlflow", &folder.path().to_string_lossy(), &port.to_string()])
}

fn is_ready(process: &Process, port: u16) -> bool {
    process.wait_until(|| status(port, "/health") == Some(200))
}
