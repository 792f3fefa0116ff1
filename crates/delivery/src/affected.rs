//! Which images have other inputs than at a base revision, and why.
//!
//! What counts as an input follows the code digest of `faultline-codedigest`, read from the same files: whatever changes the
//! code digest of a step or a service makes its image affected. Files that are compiled in from elsewhere and what all images share come on top.

mod included;
mod lock;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::DeliveryError;
use crate::git::Git;
use lock::Lock;
use workspace::{Closure, Workspace};

/// Files of the top folder that every image is made with.
const SHARED: [&str; 6] =
    [".containerignore", ".dockerignore", "Cargo.toml", DOCKERFILE, "rust-toolchain", "rust-toolchain.toml"];
const DOCKERFILE: &str = "Dockerfile";
/// Settings of Cargo, which every build reads.
const CARGO_SETTINGS: &str = ".cargo/";
/// Folders that a Dockerfile copies whole, of which the dependency graph says who needs what.
const GRAPHED: [&str; 6] = [".", "crates", "services", "steps", "schemas", "params"];

/// A checkout of the project: its top folder.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout whose top folder this is.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

/// The images to build again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// Their names, those of the crates' folders in `steps/` and `services/`, in order.
    pub images: Vec<String>,
    /// For each of them what made the difference, in order.
    pub reasons: BTreeMap<String, Vec<String>>,
}

impl Affected {
    /// One line for each image, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.reasons.iter().map(|(image, reasons)| format!("{image}: {}", reasons.join("; "))).collect()
    }

    fn from_reasons(reasons: BTreeMap<String, Vec<String>>) -> Self {
        Self { images: reasons.keys().cloned().collect(), reasons }
    }
}

/// The images whose inputs in the checkout differ from those at the commit `base`.
///
/// The two states are compared directly, not by way of their merge base: after a history was rewritten, what the images were
/// last built from may be no ancestor. Changes that are not committed count, and new files unless git ignores them.
///
/// # Errors
/// When `base` names no commit that is here, when this is no checkout of a workspace with images, and when a manifest or a lock file
/// cannot be read.
pub fn affected(checkout: &Checkout, base: &str) -> Result<Affected, DeliveryError> {
    let workspace = Workspace::read(&checkout.root)?;
    let git = Git::new(&checkout.root);
    let base = resolve(&git, base)?;
    let changed = changed_files(&git, &base)?;
    let lock_before = changed.contains(lock::FILE).then(|| Lock::at(&git, &base)).transpose()?;
    let lock = Lock::here(&checkout.root)?;
    let shared = shared_reasons(&checkout.root, &changed)?;

    let mut reasons = BTreeMap::new();
    for (image, folder) in workspace.images() {
        let closure = workspace.closure(folder)?;
        let mut why = shared.clone();
        why.extend(source_reasons(&checkout.root, &closure, &changed)?);
        if let Some(before) = &lock_before {
            why.extend(lock.differences(before, &closure.third_party));
        }
        if !why.is_empty() {
            reasons.insert(image.clone(), why);
        }
    }
    Ok(Affected::from_reasons(reasons))
}

/// Every image, where there is no base to compare with: at the first build, say.
///
/// # Errors
/// When this is no checkout of a workspace with images.
pub fn every_image(checkout: &Checkout) -> Result<Affected, DeliveryError> {
    let workspace = Workspace::read(&checkout.root)?;
    let reason = || vec!["every image was asked for".to_owned()];
    Ok(Affected::from_reasons(workspace.images().map(|(image, _)| (image.clone(), reason())).collect()))
}

fn resolve(git: &Git, base: &str) -> Result<String, DeliveryError> {
    let commit = format!("{base}^{{commit}}");
    let output = git.try_run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let shallow = git.line(&["rev-parse", "--is-shallow-repository"])? == "true";
    Err(DeliveryError::UnknownBase { base: base.to_owned(), folder: git.folder().to_owned(), shallow })
}

/// The paths that differ; a rename counts as the old path and the new one.
fn changed_files(git: &Git, base: &str) -> Result<BTreeSet<String>, DeliveryError> {
    let differing =
        git.run(&["diff", "--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z", base, "--"])?;
    let untracked = git.run(&["ls-files", "--others", "--exclude-standard", "-z"])?;
    let paths = [differing, untracked].concat();
    let paths = paths.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}

/// What affects every image: the files of the top folder that all are made with, and others that the Dockerfile names.
fn shared_reasons(root: &Path, changed: &BTreeSet<String>) -> Result<Vec<String>, DeliveryError> {
    let dockerfile =
        if root.join(DOCKERFILE).exists() { workspace::text(&root.join(DOCKERFILE))? } else { String::new() };
    let named = words(&dockerfile);
    let is_shared = |path: &&String| {
        SHARED.contains(&path.as_str())
            || path.starts_with(CARGO_SETTINGS)
            || named.iter().any(|word| covers(word, path))
    };
    Ok(changed.iter().filter(is_shared).map(|path| format!("{path} (shared by all images)")).collect())
}

/// The words of a Dockerfile that may be paths; comments are left out.
fn words(dockerfile: &str) -> BTreeSet<&str> {
    let lines = dockerfile.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "=,\"'[]".contains(c)));
    let words = words.map(|word| word.trim_start_matches("./").trim_end_matches('/'));
    words.filter(|word| !word.is_empty() && !GRAPHED.contains(word)).collect()
}

/// Whether a word of the Dockerfile is the path or a folder above it. Manifests of single crates and the lock file are named only
/// to build the dependencies in a layer of their own: the graph knows better who needs them.
fn covers(word: &str, path: &str) -> bool {
    let of_the_graph = path == lock::FILE || path.ends_with("/Cargo.toml");
    let below = || path.strip_prefix(word).is_some_and(|rest| rest.starts_with('/'));
    !of_the_graph && (path == word || below())
}

/// The changed files among the sources of a closure, and among what these compile in.
fn source_reasons(root: &Path, closure: &Closure, changed: &BTreeSet<String>) -> Result<Vec<String>, DeliveryError> {
    let included = included::files(root, &closure.crates)?;
    let reason = |path: &String| {
        if let Some(folder) = closure.crates.iter().find(|folder| workspace::is_source(folder, path)) {
            return Some(format!("{path} (source of {folder})"));
        }
        included.get(path).map(|by| format!("{path} (compiled into {by})"))
    };
    Ok(changed.iter().filter_map(reason).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_names_files_and_folders_but_no_manifests() {
        let dockerfile = "# scripts/comment\nCOPY crates/low/Cargo.toml Cargo.lock ./\nCOPY ./scripts/fetch tools/ /src/\n\
                          RUN --mount=type=bind,source=etc/build.conf,target=/b make\nCOPY . .\n";
        let words = words(dockerfile);
        for (path, expected) in [
            ("scripts/fetch", true),
            ("scripts/fetch-other", false),
            ("scripts/comment", false),
            ("tools/deep/file", true),
            ("etc/build.conf", true),
            ("crates/low/Cargo.toml", false),
            ("crates/low/src/lib.rs", false),
            ("Cargo.lock", false),
            ("docs/a.md", false),
        ] {
            assert_eq!(words.iter().any(|word| covers(word, path)), expected, "{path}");
        }
    }
}
