//! What a core reads: verified local files by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use faultline_contract::{Artifact, Digest};

use crate::Failure;

/// An input artifact, named as the step knows it: `<stage>/<artifact>`, `raw/<file>` or a document's own name.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it is and what its content must be.
    pub artifact: Artifact,
    /// A local file that is taken as it is: one that `gather` verified, or one that the core digests as it reads it, and compares.
    pub local: Option<PathBuf>,
}

/// A raw file, with what was found of it on the way.
#[derive(Clone, Debug)]
pub struct RawFile {
    /// The file as an input, under its sha256.
    pub input: Input,
    /// The BLAKE3 of the same bytes, where the file was read in place; a copy has none, and nobody else has that.
    pub blake3: Option<Digest>,
}

/// The verified local files of a step.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    files: BTreeMap<String, (PathBuf, Artifact)>,
}

impl Inputs {
    /// Adds a verified file.
    pub fn insert(&mut self, path: PathBuf, artifact: Artifact) {
        self.files.insert(artifact.name.clone(), (path, artifact));
    }

    /// The local path of an input.
    ///
    /// # Errors
    /// When `gather` did not list an input of that name.
    pub fn path(&self, name: &str) -> Result<&Path, Failure> {
        let (path, _) = self.files.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(path)
    }

    /// The artifact behind an input.
    ///
    /// # Errors
    /// When `gather` did not list an input of that name.
    pub fn artifact(&self, name: &str) -> Result<&Artifact, Failure> {
        let (_, artifact) = self.files.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(artifact)
    }

    /// The inputs whose name starts with `prefix`, as (rest of the name, path, artifact), sorted by name.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Path, &'a Artifact)> + 'a {
        self.files
            .iter()
            .filter_map(move |(name, (path, artifact))| Some((name.strip_prefix(prefix)?, path.as_path(), artifact)))
    }

    fn unknown(&self, name: &str) -> Failure {
        let known: Vec<_> = self.files.keys().map(String::as_str).collect();
        Failure::internal(format!("no input `{name}` was gathered; known: {}", known.join(", ")))
    }
}
