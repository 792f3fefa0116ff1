//! What can go wrong with model files and bundles.

use std::io;
use std::path::PathBuf;

use faultline_learn::LearnError;
use faultline_table::TableError;
use thiserror::Error;

/// A model file or a bundle cannot be written, opened or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file cannot be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A document of the bundle is not what its name says.
    #[error("take {name} for a document of a bundle")]
    Document {
        /// The file, relative to the bundle.
        name: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A table in the bundle is not what it should be.
    #[error("take a file of the bundle for a table")]
    Table(#[from] TableError),
    /// Two parts of the bundle do not belong together.
    #[error("{what} is {found}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What it is.
        found: String,
        /// What the rest of the bundle asks for.
        expected: String,
    },
    /// A number in the table of a forest's nodes is out of range.
    #[error("column `{column}` of the forest's nodes holds {value}, expected a node, a tree or a feature")]
    Node {
        /// The column.
        column: &'static str,
        /// What it holds.
        value: i64,
    },
    /// A part of the bundle refuses its file or its rows.
    #[error("use the model")]
    Learn(#[from] LearnError),
}

impl BundleError {
    /// Whether a disk is at fault and not the model: it is full, or gave no access.
    pub fn is_of_disk(&self) -> bool {
        match self {
            Self::File { .. } => true,
            Self::Table(error) => error.is_of_disk(),
            _ => false,
        }
    }
}
