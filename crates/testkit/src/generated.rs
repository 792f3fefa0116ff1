//! Files that are generated from the code: a test compares what is published with what the code says, and `./dev generate`
//! writes it anew.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a generated part of a hand-written file begins and ends.
const BEGIN: &str = "<!-- generated, see `./dev generate` -->\n";
const END: &str = "<!-- end of the generated part -->\n";

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares the file at `path`, relative to the workspace, with the generated text. With `FAULTLINE_REGENERATE` set it is written
/// first.
///
/// # Panics
/// When they differ, with what to run.
pub fn check_file(path: &str, generated: &str) {
    let file = workspace().join(path);
    if is_regenerating() {
        fs::create_dir_all(file.parent().unwrap_or(&file)).expect("make the folder of a generated file");
        fs::write(&file, generated).expect("write a generated file");
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(published == generated, "{path} is stale: run `./dev generate`");
}

/// As [`check_file`], for the part between the two marks in a file that is otherwise written by hand.
///
/// # Panics
/// When the part differs, with what to run, and when the file lacks the marks.
pub fn check_part(path: &str, generated: &str) {
    let file = workspace().join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{path} lacks the line {BEGIN}"));
    let (published, after) = rest.split_once(END).unwrap_or_else(|| panic!("{path} lacks the line {END}"));
    if is_regenerating() {
        fs::write(&file, format!("{before}{BEGIN}{generated}{END}{after}")).expect("write a generated part");
    } else {
        assert!(published == generated, "the generated part of {path} is stale: run `./dev generate`");
    }
}

fn is_regenerating() -> bool {
    std::env::var_os("FAULTLINE_REGENERATE").is_some()
}
