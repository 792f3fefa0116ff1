//! What a core hands back: files in the scratch folder, counts, facts and the gate's verdict.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use faultline_contract::Outcome;
use faultline_store::{DigestWriter, Passed, Written};
use serde::Serialize;

use crate::early_sync::EarlySync;

/// IANA media types of the artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// Tables between steps.
    Parquet,
    /// Small documents.
    Json,
    /// One JSON document per line.
    JsonLines,
    /// Tables for people.
    Csv,
    /// XGBoost models.
    Ubjson,
    /// The report.
    Html,
}

impl MediaType {
    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Json => "application/json",
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv",
            Self::Ubjson => "application/ubjson",
            Self::Html => "text/html",
        }
    }
}

/// One output file, still local.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The artifact's name; may hold `/`.
    pub name: String,
    /// Where it is now.
    pub path: PathBuf,
    /// The number of records, where that means something.
    pub rows: Option<u64>,
    /// Its type.
    pub media_type: MediaType,
    passed: Option<Passed>,
}

/// The kernel takes a large write at less cost than many small ones.
const BUFFER_BYTES: usize = 1 << 20;

/// An output file that is being written; its digest is taken on the way.
pub type OutputFile = BufWriter<DigestWriter<EarlySync>>;

impl Finished {
    /// The digest and size, where they were taken while it was written.
    pub(crate) fn written(&self) -> Option<Written> {
        self.passed.as_ref().map(Passed::written)
    }
}

/// Collects the outputs of one attempt.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
    become_durable: bool,
    files: Vec<Finished>,
    counts: BTreeMap<String, u64>,
    facts: BTreeMap<String, serde_json::Value>,
    rejection: Option<String>,
}

impl Outputs {
    /// An empty collection that keeps its files in `folder`, which exists and is empty.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            become_durable: false,
            files: Vec::new(),
            counts: BTreeMap::new(),
            facts: BTreeMap::new(),
            rejection: None,
        }
    }

    /// Says whether the files themselves become objects of the store, which are durable: then their content goes to the disk as they are written.
    #[must_use]
    pub fn become_durable(self, become_durable: bool) -> Self {
        Self { become_durable, ..self }
    }

    /// Declares an output and returns the path to write it to.
    ///
    /// # Errors
    /// When the folder for a name with `/` cannot be made.
    pub fn declare(&mut self, name: &str, media_type: MediaType, rows: Option<u64>) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        self.files.push(Finished { name: name.to_owned(), path: path.clone(), rows, media_type, passed: None });
        Ok(path)
    }

    /// Sets the number of records of a declared output, for one that is counted while it is written.
    pub fn set_rows(&mut self, name: &str, rows: u64) {
        if let Some(file) = self.files.iter_mut().find(|file| file.name == name) {
            file.rows = Some(rows);
        }
    }

    /// Declares an output and opens it for buffered writing. Nothing else may write to the file.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(&mut self, name: &str, media_type: MediaType, rows: Option<u64>) -> io::Result<OutputFile> {
        let file = File::create(self.declare(name, media_type, rows)?)?;
        let file = DigestWriter::new(EarlySync::new(file, self.become_durable));
        if let Some(finished) = self.files.last_mut() {
            finished.passed = Some(file.passed());
        }
        Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
    }

    /// Writes a document as JSON, indented, keys in the order of the type, with a trailing newline.
    ///
    /// # Errors
    /// When the file cannot be written or the document holds what JSON cannot (a key that is no text).
    pub fn json(&mut self, name: &str, document: &impl Serialize) -> io::Result<()> {
        let mut file = self.create(name, MediaType::Json, None)?;
        serde_json::to_writer_pretty(&mut file, document)?;
        file.write_all(b"\n")?;
        file.flush()
    }

    /// Sets a count of the manifest, for example `rows_in`.
    pub fn count(&mut self, name: &str, value: u64) {
        self.counts.insert(name.to_owned(), value);
    }

    /// Sets a fact of the manifest: a text or an array of texts that later steps or the engine need.
    pub fn fact(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Says that the quality gate failed: the outputs are committed as evidence with the fact `rejection`, and the step
    /// exits with 65.
    pub fn reject(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        self.fact("rejection", reason.as_str());
        self.rejection = Some(reason);
    }

    /// The folder that holds the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The declared outputs, in the order of their declaration.
    #[must_use]
    pub fn files(&self) -> &[Finished] {
        &self.files
    }

    /// The counts.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.facts
    }

    /// Why the gate failed, if it did.
    #[must_use]
    pub fn rejection(&self) -> Option<&str> {
        self.rejection.as_deref()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.rejection.is_some() { Outcome::Rejected } else { Outcome::Accepted }
    }
}
