//! SeaweedFS: a real S3 service.

use std::fs;

use tempfile::TempDir;

use super::process::{self, Process};
use super::{ask, free_ports, status};

const PINS: &str = include_str!("../../servers/seaweedfs.txt");
const BUCKET: &str = "faultline";
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
    process: Process,
    ports: [u16; 5],
    folder: TempDir,
}

impl SeaweedFs {
    /// Starts a server with a writer and a reader.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::with_identities(IDENTITIES)
    }

    /// Starts a server that knows these identities, in SeaweedFS' own form. One of them must be the writer of [`SeaweedFs::writer_env`] if
    /// that is used.
    ///
    /// # Panics
    /// When the server does not become ready.
    #[must_use]
    pub fn with_identities(identities: &str) -> Option<Self> {
        process::started("seaweedfs", PINS, || Self::try_start(identities))
    }

    /// The address of its S3 service.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port of its S3 service.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports[0]
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
            ("AWS_ENDPOINT_URL_S3", self.endpoint().as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret_key),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// What the server itself holds under a key of the bucket, past its S3 service and every right; `None` when there is nothing.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn look(&self, key: &str) -> Option<Vec<u8>> {
        let (status, body) = ask(self.filer(), "GET", &format!("/buckets/{BUCKET}/{key}")).expect("the filer answers");
        (status == 200).then_some(body)
    }

    /// The names directly below a folder of the bucket, as the server itself has them; none below an object.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        // An object answers with its content, which is no listing.
        let listing = self.look(&format!("{folder}/?limit=10000"));
        let listing: serde_json::Value =
            listing.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
        let entries = listing["Entries"].as_array().into_iter().flatten();
        entries.filter_map(|entry| Some(entry["FullPath"].as_str()?.rsplit('/').next()?.to_owned())).collect()
    }

    /// Removes an object or a folder with all that is below it.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn remove(&self, key: &str) {
        let path = format!("/buckets/{BUCKET}/{key}?recursive=true&ignoreRecursiveError=true");
        ask(self.filer(), "DELETE", &path).expect("the filer answers");
    }

    fn filer(&self) -> u16 {
        self.ports[3]
    }

    /// Ends the server at once, as a power failure would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again over the same data, on the same ports.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = serve(&self.folder, self.ports);
        assert!(is_ready(&self.process, self.ports), "SeaweedFS ended at its start: {}", self.process.said());
    }

    /// One start; `None` when the process ends before it is ready.
    fn try_start(identities: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("s3.json"), identities).expect("the identities are written");
        let ports = free_ports();
        let process = serve(&folder, ports);
        is_ready(&process, ports).then_some(Self { process, ports, folder })
    }
}

fn serve(folder: &TempDir, ports: [u16; 5]) -> Process {
    let ports = ports.map(|port| port.to_string());
    let path = folder.path().to_string_lossy();
    let mut arguments = vec!["seaweedfs", &path];
    arguments.extend(ports.iter().map(String::as_str));
    Process::spawn(folder.path(), &arguments)
}

/// The filer shows the bucket as soon as it is made; the S3 service refuses strangers as soon as it is up.
fn is_ready(process: &Process, [s3, _, _, filer, _]: [u16; 5]) -> bool {
    process.wait_until(|| {
        status(filer, &format!("/buckets/{BUCKET}/")) == Some(200) && status(s3, "/faultline") == Some(403)
    })
}
