//! Row keys: what a row is known by, from the raw file to the prediction.

use std::sync::Arc;

use faultline_contract::Digest;
use faultline_contract::digest::InvalidDigest;

/// The keys of a table's rows, column by column. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The records' ids; not necessarily unique.
    pub ids: Vec<String>,
    /// The raw files, relative to the raw folder.
    pub source_files: Vec<Arc<str>>,
    /// The sha256 of the raw files.
    pub source_sha256s: Vec<Digest>,
    /// The 1-based data rows in the raw files.
    pub rows: Vec<u64>,
}

impl Keys {
    /// No keys, with room for that many.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            ids: Vec::with_capacity(rows),
            source_files: Vec::with_capacity(rows),
            source_sha256s: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The keys of some rows, by 0-based index, in that order.
    ///
    /// # Panics
    /// If an index is out of bounds.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            ids: indices.iter().map(|index| self.ids[*index].clone()).collect(),
            source_files: indices.iter().map(|index| Arc::clone(&self.source_files[*index])).collect(),
            source_sha256s: indices.iter().map(|index| self.source_sha256s[*index]).collect(),
            rows: indices.iter().map(|index| self.rows[*index]).collect(),
        }
    }

    /// Adds a key. Texts that repeat the row before are shared with it.
    pub(crate) fn push(&mut self, id: String, file: &str, digest: &str, row: u64) -> Result<(), InvalidDigest> {
        match (self.source_files.last(), self.source_sha256s.last()) {
            (Some(last), Some(last_digest)) if **last == *file && last_digest.to_string() == digest => {
                self.source_files.push(Arc::clone(last));
                self.source_sha256s.push(*last_digest);
            }
            _ => {
                self.source_sha256s.push(digest.parse()?);
                self.source_files.push(Arc::from(file));
            }
        }
        self.ids.push(id);
        self.rows.push(row);
        Ok(())
    }

    /// Adds keys at the end. Texts that repeat the row before are shared with it.
    pub(crate) fn append(&mut self, more: Self) {
        let mut file = self.source_files.last().cloned();
        for next in &more.source_files {
            match &file {
                Some(last) if Arc::ptr_eq(last, next) || **last == **next => {}
                _ => file = Some(Arc::clone(next)),
            }
            self.source_files.extend(file.clone());
        }
        self.ids.extend(more.ids);
        self.source_sha256s.extend(more.source_sha256s);
        self.rows.extend(more.rows);
    }
}
