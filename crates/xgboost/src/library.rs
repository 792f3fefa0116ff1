//! The library itself: opened once at first use, checked, and kept for the life of the process.

use std::ffi::{CStr, CString, c_int};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::Error;
use crate::functions::Functions;
use crate::locate;

/// The version of XGBoost that this crate is made for, and the only one that it loads.
pub const VERSION: &str = "3.2.0";

const FILE_NAME: &str = "libxgboost.so";

/// The open library.
pub(crate) struct Library {
    pub(crate) functions: Functions,
    /// Kept so that nothing is unloaded while its functions can be called: libgomp first, then XGBoost.
    _open: Vec<libloading::Library>,
}

impl Library {
    /// The library of this process, opened on the first call.
    ///
    /// # Errors
    /// When it is not installed, cannot be opened, or is of another version; the same error on every later call.
    pub(crate) fn get() -> Result<&'static Self, Error> {
        static LIBRARY: OnceLock<Result<Library, Error>> = OnceLock::new();
        LIBRARY
            .get_or_init(|| {
                let executable = std::env::current_exe().ok();
                Self::open_first(locate::folders(|name| std::env::var_os(name), executable.as_deref()))
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Turns the return code of `function` into a result.
    pub(crate) fn check(&self, code: c_int, function: &'static str) -> Result<(), Error> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the function takes nothing and returns a NUL-terminated text that lives until this thread's next
        // failing call; it is copied before that.
        let message = unsafe {
            let text = (self.functions.last_error)();
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Err(Error::Call { function, message: first_sentence(&message) })
    }

    fn open_first(folders: Vec<PathBuf>) -> Result<Self, Error> {
        match folders.iter().find(|folder| folder.join(FILE_NAME).exists()) {
            Some(folder) => Self::open(folder),
            None => Err(Error::LibraryNotFound { searched: folders }),
        }
    }

    fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        let unusable = |reason: String| Error::LibraryUnusable { path: path.clone(), reason };
        // The official library needs the libgomp that comes with it, under a name that no system folder has. A library
        // that is already open satisfies that need, so it is opened first and no search path is needed.
        let mut files = companions(folder).map_err(|error| unusable(error.to_string()))?;
        files.push(path.clone());
        let mut open = Vec::with_capacity(files.len());
        for file in &files {
            // SAFETY: opening runs the initialisers of libgomp and XGBoost, which have no preconditions. That the file
            // is what it is named is the trust that any installed library is given; its version is checked below.
            open.push(unsafe { libloading::Library::new(file) }.map_err(|e| unusable(explain(&e)))?);
        }
        let Some(library) = open.last() else {
            return Err(Error::LibraryNotFound { searched: vec![folder.into()] });
        };
        // SAFETY: the library is XGBoost by its name; it moves into the result and so outlives the functions.
        let functions = unsafe { Functions::resolve(library) }.map_err(|e| unusable(explain(&e)))?;
        let found = stated_version(&functions);
        if found != VERSION {
            return Err(Error::LibraryVersion { path, found, expected: VERSION });
        }
        Ok(Self { functions, _open: open })
    }
}

/// A text as C wants it.
pub(crate) fn c_string(what: &'static str, value: &str) -> Result<CString, Error> {
    CString::new(value).map_err(|_| Error::Nul { what, value: value.to_owned() })
}

fn companions(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("libgomp") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn stated_version(functions: &Functions) -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: the three pointers are valid for writing for the length of the call.
    unsafe { (functions.version)(&raw mut major, &raw mut minor, &raw mut patch) };
    format!("{major}.{minor}.{patch}")
}

/// The loader's own words, which libloading keeps as the source of its error.
fn explain(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The library's message without its `[hh:mm:ss] ` stamp and its stack trace.
fn first_sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let text = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, text)) => text,
        None => line,
    };
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_library_loads() {
        let library = Library::get().unwrap();
        assert_eq!(stated_version(&library.functions), VERSION);
    }

    #[test]
    fn the_pin_and_the_code_name_one_version() {
        let pin = include_str!("library.txt");
        assert!(pin.contains(&format!("\nxgboost-cpu=={VERSION} ")), "{pin}");
    }

    #[test]
    fn no_folder_has_it() {
        let empty = tempfile::tempdir().unwrap();
        let searched = vec![empty.path().to_owned()];
        let error = Library::open_first(searched.clone()).err().unwrap();
        assert_eq!(error, Error::LibraryNotFound { searched });
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "text").unwrap();
        let error = Library::open_first(vec![folder.path().to_owned()]).err().unwrap();
        assert!(
            matches!(&error, Error::LibraryUnusable { path: named, reason } if *named == path && !reason.is_empty()),
            "{error}"
        );
    }

    #[test]
    fn stamps_and_stack_traces_are_dropped() {
        let message = "[03:59:32] /workspace/src/data/data.cc:1: Check failed: x\nStack trace:\n  [bt] (0)";
        assert_eq!(first_sentence(message), "/workspace/src/data/data.cc:1: Check failed: x");
        assert_eq!(first_sentence("plain"), "plain");
    }
}
