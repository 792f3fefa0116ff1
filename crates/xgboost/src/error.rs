//! What can go wrong between this crate and the library.

use std::fmt::Write as _;
use std::path::PathBuf;

use thiserror::Error as ThisError;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The library is in none of the folders where it is sought.
    #[error(
        "the XGBoost library is not installed, sought libxgboost.so in {}; run scripts/fetch-xgboost, or name its folder in XGBOOST_LIB_DIR",
        list(.searched)
    )]
    LibraryNotFound {
        /// The folders looked at, in that order.
        searched: Vec<PathBuf>,
    },
    /// The file is there and cannot be opened as a library, or lacks a function.
    #[error("{} cannot be used as the XGBoost library: {reason}", .path.display())]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// What the system's loader said.
        reason: String,
    },
    /// The library is of another version than the pinned one.
    #[error("{} is XGBoost {found}, expected {expected}; run scripts/fetch-xgboost", .path.display())]
    LibraryVersion {
        /// The file.
        path: PathBuf,
        /// The version it states.
        found: String,
        /// The version that this program was made for.
        expected: &'static str,
    },
    /// The library refused a call.
    #[error("{function} failed: {message}")]
    Call {
        /// The function of the C API.
        function: &'static str,
        /// The library's own message, without its stack trace.
        message: String,
    },
    /// A buffer does not hold as many values as it must.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Its number of values.
        found: usize,
        /// The number of values that was expected.
        expected: usize,
    },
    /// Bytes that are not one whole UBJSON object.
    #[error("the {length} bytes of the model are not one whole UBJSON object")]
    NotAModel {
        /// How many bytes there are.
        length: usize,
    },
    /// A name or value holds a NUL byte, which C strings cannot.
    #[error("{what} {value:?} holds a NUL byte")]
    Nul {
        /// Which text.
        what: &'static str,
        /// The text.
        value: String,
    },
}

fn list(folders: &[PathBuf]) -> String {
    let mut text = String::new();
    for folder in folders {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{}", folder.display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_names_folders_and_command() {
        let error = Error::LibraryNotFound { searched: vec!["/a/lib".into(), "/b".into()] };
        assert_eq!(
            error.to_string(),
            "the XGBoost library is not installed, sought libxgboost.so in /a/lib, /b; \
             run scripts/fetch-xgboost, or name its folder in XGBOOST_LIB_DIR"
        );
    }
}
