//! The crates of the workspace and what each image stands on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::DeliveryError;

/// The folders whose sub-folders are the crates that images are made of.
const OF_IMAGES: [&str; 2] = ["services", "steps"];
const MANIFEST: &str = "Cargo.toml";
/// Tables of a manifest, and of each of its targets, whose crates end up in a binary or run while it is built.
const DEPENDENCIES: [&str; 2] = ["dependencies", "build-dependencies"];

/// The manifests of a workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// By folder, relative to the root.
    manifests: BTreeMap<String, toml::Table>,
    /// `[workspace.dependencies]`.
    shared: toml::Table,
    /// The folders of the crates that images are made of, by name.
    images: BTreeMap<String, String>,
}

/// The crates of the workspace that an image stands on, itself included, and the third-party crates that these name.
#[derive(Debug)]
pub(crate) struct Closure {
    /// Folders relative to the root.
    pub(crate) crates: BTreeSet<String>,
    /// Names of packages.
    pub(crate) third_party: BTreeSet<String>,
}

impl Workspace {
    /// Reads the manifests of the crates two folders deep, as the workspace's `members` have it.
    pub(crate) fn read(root: &Path) -> Result<Self, DeliveryError> {
        let no_workspace =
            |reason: &str| DeliveryError::NoWorkspace { folder: root.to_owned(), reason: reason.to_owned() };
        if !root.join(MANIFEST).is_file() {
            return Err(no_workspace("it has no Cargo.toml"));
        }
        let (mut manifests, mut images) = (BTreeMap::new(), BTreeMap::new());
        for parent in folders(root)? {
            for name in folders(&root.join(&parent))? {
                let folder = format!("{parent}/{name}");
                if root.join(&folder).join(MANIFEST).is_file() {
                    manifests.insert(folder.clone(), manifest(root, &folder)?);
                    if OF_IMAGES.contains(&parent.as_str())
                        && let Some(other) = images.insert(name.clone(), folder.clone())
                    {
                        return Err(no_workspace(&format!("{other} and {folder} would make images of one name")));
                    }
                }
            }
        }
        if images.is_empty() {
            return Err(no_workspace("it has no crate in steps/ or services/"));
        }
        let mut top = manifest(root, ".")?;
        let shared = match top.remove("workspace") {
            Some(toml::Value::Table(mut workspace)) => workspace.remove(DEPENDENCIES[0]),
            _ => None,
        };
        let shared = shared.and_then(|value| value.as_table().cloned()).unwrap_or_default();
        Ok(Self { manifests, shared, images })
    }

    /// The names of the images, each with the folder of its crate.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&String, &String)> {
        self.images.iter()
    }

    /// What the crate in a folder stands on.
    pub(crate) fn closure(&self, folder: &str) -> Result<Closure, DeliveryError> {
        let mut closure = Closure { crates: BTreeSet::new(), third_party: BTreeSet::new() };
        let mut todo = vec![folder.to_owned()];
        while let Some(folder) = todo.pop() {
            let Some(manifest) = self.manifests.get(&folder) else {
                let reason =
                    format!("a manifest names {folder}, which has no Cargo.toml; expected a crate two folders deep");
                return Err(DeliveryError::NoWorkspace { folder: folder.into(), reason });
            };
            if closure.crates.insert(folder.clone()) {
                for (name, wanted) in dependencies(manifest) {
                    match self.find(&folder, name, wanted) {
                        Found::Own(path) => todo.push(path),
                        Found::ThirdParty(package) => {
                            closure.third_party.insert(package);
                        }
                    }
                }
            }
        }
        Ok(closure)
    }

    fn find(&self, folder: &str, name: &str, wanted: &toml::Value) -> Found {
        let inherited = wanted.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        let (base, wanted) = if inherited { (".", self.shared.get(name)) } else { (folder, Some(wanted)) };
        let text = |key| wanted.and_then(|value| value.get(key)).and_then(toml::Value::as_str);
        match text("path") {
            Some(path) => Found::Own(join(base, path)),
            None => Found::ThirdParty(text("package").unwrap_or(name).to_owned()),
        }
    }
}

enum Found {
    /// A crate of the workspace, by folder.
    Own(String),
    /// A package of a registry, by name.
    ThirdParty(String),
}

/// Whether a path is one of the files of a crate that the code digest covers.
pub(crate) fn is_source(folder: &str, path: &str) -> bool {
    let inside = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    inside.is_some_and(|file| file == MANIFEST || file == "build.rs" || file.starts_with("src/"))
}

/// `path` seen from `folder`, both relative to the root, without `.` and `..`.
pub(crate) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, DeliveryError> {
    let bytes = fs::read(path).map_err(|source| DeliveryError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A TOML file's table; `file` is how an error names it.
pub(crate) fn table(file: &str, text: &str) -> Result<toml::Table, DeliveryError> {
    text.parse().map_err(|source| DeliveryError::Toml { file: file.to_owned(), source: Box::new(source) })
}

fn manifest(root: &Path, folder: &str) -> Result<toml::Table, DeliveryError> {
    let file = join(folder, MANIFEST);
    table(&file, &text(&root.join(&file))?)
}

/// The dependencies of a manifest that reach the binary, those of single targets included.
fn dependencies(manifest: &toml::Table) -> Vec<(&str, &toml::Value)> {
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    tables.extend(targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table));
    let kinds = tables.into_iter().flat_map(|table| DEPENDENCIES.map(|kind| table.get(kind)));
    let named = kinds.flatten().filter_map(toml::Value::as_table).flatten();
    named.map(|(name, wanted)| (name.as_str(), wanted)).collect()
}

fn folders(path: &Path) -> Result<Vec<String>, DeliveryError> {
    let failed = |source| DeliveryError::Read { path: path.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().map_err(failed)?.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_without_dots() {
        assert_eq!(join("steps/cluster", "../../crates/low"), "crates/low");
        assert_eq!(join(".", "crates/low"), "crates/low");
        assert_eq!(join(".", "Cargo.toml"), "Cargo.toml");
    }

    #[test]
    fn sources_are_what_the_code_digest_covers() {
        for (path, expected) in [
            ("crates/low/src/deep/lib.rs", true),
            ("crates/low/src/style.css", true),
            ("crates/low/Cargo.toml", true),
            ("crates/low/build.rs", true),
            ("crates/low/tests/t.rs", false),
            ("crates/low/benches/b.rs", false),
            ("crates/low/examples/e.rs", false),
            ("crates/low/README.md", false),
            ("crates/lower/src/lib.rs", false),
            ("crates/low/srcs", false),
        ] {
            assert_eq!(is_source("crates/low", path), expected, "{path}");
        }
    }
}
