//! The real data sets that some tests run on. They are third-party data and no part of the project.

use std::path::{Path, PathBuf};

/// A folder of the real data: below `FAULTLINE_DATA`, by default `shared/data` beside the checkout.
///
/// Where it is absent the answer is `None`, and a notice goes to stderr.
///
/// # Panics
/// When it is absent and the environment says `CI=true`.
#[must_use]
pub fn data_folder(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FAULTLINE_DATA").map_or_else(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "{} is absent; set FAULTLINE_DATA", folder.display());
    eprintln!("left out: {} is absent; set FAULTLINE_DATA", folder.display());
    None
}
