//! Files outside the sources that the sources compile in, by `include_str!` and its like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::DeliveryError;
use crate::affected::workspace::{join, text};

const MACROS: [&str; 3] = ["include_str!(", "include_bytes!(", "include!("];
/// The start of a path that is given from the crate's folder.
const FROM_CRATE: &str = "concat!(env!(\"CARGO_MANIFEST_DIR\"),";
/// The documentation of a crate is compiled in too, but does not reach the binary.
const DOCUMENTATION: &str = "doc = ";
const TESTS: &str = "\n#[cfg(test)]\nmod ";
/// What rustfmt makes of the end of a module at the top of a file.
const END: &str = "\n}";

/// The files that the crates compile in, each with the first crate that does; paths are relative to the root.
///
/// Modules of tests are left out. A path that is not written out in the macro cannot be followed.
pub(crate) fn files(root: &Path, crates: &BTreeSet<String>) -> Result<BTreeMap<String, String>, DeliveryError> {
    let mut included = BTreeMap::new();
    for folder in crates {
        let mut sources = Vec::new();
        walk(root, &join(folder, "src"), &mut sources)?;
        for source in sources {
            let code = text(&root.join(&source))?;
            let parent = source.rsplit_once('/').map_or("", |(parent, _)| parent);
            for path in paths(&without_tests(&code), parent, folder) {
                included.entry(path).or_insert_with(|| folder.clone());
            }
        }
    }
    Ok(included)
}

/// The paths in the macros of one source file in the folder `parent` of the crate `folder`.
fn paths(code: &str, parent: &str, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in MACROS {
        for (at, _) in code.match_indices(name) {
            if code[..at].ends_with(DOCUMENTATION) {
                continue;
            }
            let argument = code[at + name.len()..].trim_start();
            let (base, argument) = match argument.strip_prefix(FROM_CRATE) {
                Some(rest) => (folder, rest.trim_start()),
                None => (parent, argument),
            };
            if let Some((path, _)) = argument.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                found.push(join(base, path));
            }
        }
    }
    found
}

fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, tests)) = rest.split_once(TESTS) {
        kept.push_str(before);
        let is_block = tests.lines().next().is_some_and(|line| line.ends_with('{'));
        rest = if is_block { tests.split_once(END).map_or("", |(_, after)| after) } else { tests };
    }
    kept.push_str(rest);
    kept
}

/// The Rust sources below a folder; a file `tests.rs` holds a module of tests.
fn walk(root: &Path, folder: &str, sources: &mut Vec<String>) -> Result<(), DeliveryError> {
    let path = root.join(folder);
    let failed = |source| DeliveryError::Read { path: path.clone(), source };
    for entry in fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = join(folder, &name);
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(root, &relative, sources)?;
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            sources.push(relative);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_from_the_file_and_from_the_crate() {
        let code = "#![doc = include_str!(\"../README.md\")]\nconst A: &str = include_str!(\"../../../schemas/a.json\");\n\
                    const B: &[u8] = include_bytes!(\n    \"b.bin\"\n);\n\
                    include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/c.rs\"));\ninclude!(concat!(env!(\"OUT_DIR\"), \"/d.rs\"));\n";
        assert_eq!(
            paths(code, "crates/low/src", "crates/low"),
            ["schemas/a.json", "crates/low/src/b.bin", "crates/low/c.rs"]
        );
    }

    #[test]
    fn modules_of_tests_are_left_out_and_what_follows_them_is_not() {
        let code = "one\n#[cfg(test)]\nmod tests {\n    fn two() {\n    }\n}\nthree\n#[cfg(test)]\nmod more;\nfour\n";
        let kept = without_tests(code);
        assert!(
            kept.contains("one") && kept.contains("three") && kept.contains("four") && !kept.contains("two"),
            "{kept}"
        );
    }
}
