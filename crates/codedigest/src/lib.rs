//! The build-time digest of a step's source closure.
//!
//! A step's build script calls [`emit`]; the digest becomes the environment variable `FAULTLINE_CODE_DIGEST` of its
//! compilation, so starting a step costs no hashing. It covers the sources of the step's crate and of every crate of this
//! workspace below it, the workspace's `Cargo.toml`, the locked versions of the third-party crates it reaches, the
//! toolchain, the target and the features. No path of the machine is part of it, so a laptop and an image agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The digest cannot be made; the build stops.
#[derive(Debug, Error)]
pub enum CodeDigestError {
    /// A file of the closure cannot be read.
    #[error("read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A manifest or the lock file is no TOML.
    #[error("parse {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A variable that Cargo sets for build scripts is missing.
    #[error("the environment lacks {name}: call this from a build script")]
    Environment {
        /// The variable.
        name: &'static str,
    },
}

/// Prints the lines that make Cargo set `FAULTLINE_CODE_DIGEST` and watch the closure.
///
/// # Errors
/// When a file of the closure cannot be read or parsed.
#[expect(clippy::print_stdout, reason = "a build script speaks to Cargo on stdout")]
pub fn emit() -> Result<(), CodeDigestError> {
    let variable = |name| std::env::var(name).map_err(|_| CodeDigestError::Environment { name });
    let crate_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = crate_dir.ancestors().nth(2).unwrap_or(&crate_dir).to_owned();
    let toolchain = Command::new(variable("RUSTC")?)
        .arg("-vV")
        .output()
        .map_err(|source| CodeDigestError::Read { path: "rustc -vV".into(), source })?
        .stdout;
    let features = std::env::vars().filter(|(name, _)| name.starts_with("CARGO_FEATURE_")).map(|(name, _)| name);
    let mut settings: Vec<String> = features.collect();
    settings.sort();
    settings.push(variable("TARGET")?);
    settings.push(variable("OPT_LEVEL")?);

    let closure = Closure::of(&root, &crate_dir)?;
    let digest = closure.digest(&toolchain, &settings)?;
    for folder in &closure.crates {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    println!("cargo::rerun-if-changed={}", root.join("Cargo.lock").display());
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    println!("cargo::rerun-if-env-changed=FAULTLINE_GIT_REVISION");
    println!("cargo::rustc-env=FAULTLINE_CODE_DIGEST={digest}");
    Ok(())
}

/// The crates of the workspace that a crate stands on, and the locked third-party crates that these reach.
#[derive(Debug)]
struct Closure {
    root: PathBuf,
    /// Folders relative to the root.
    crates: BTreeSet<String>,
    /// `name version checksum` lines.
    locked: BTreeSet<String>,
}

impl Closure {
    fn of(root: &Path, crate_dir: &Path) -> Result<Self, CodeDigestError> {
        let workspace = parse(&root.join("Cargo.toml"))?;
        let lock = parse(&root.join("Cargo.lock"))?;
        let own: BTreeMap<&str, &str> = table(&workspace, &["workspace", "dependencies"])
            .filter_map(|(name, value)| Some((name, value.get("path")?.as_str()?)))
            .collect();

        let start = crate_dir.strip_prefix(root).unwrap_or(crate_dir).to_string_lossy().into_owned();
        let (mut crates, mut third_party) = (BTreeSet::new(), BTreeSet::new());
        let mut todo = vec![start];
        while let Some(folder) = todo.pop() {
            let manifest = parse(&root.join(&folder).join("Cargo.toml"))?;
            if !crates.insert(folder) {
                continue;
            }
            for kind in ["dependencies", "build-dependencies"] {
                for (name, _) in table(&manifest, &[kind]) {
                    match own.get(name) {
                        Some(path) => todo.push((*path).to_owned()),
                        None => {
                            third_party.insert(name.to_owned());
                        }
                    }
                }
            }
        }
        Ok(Self { root: root.to_owned(), crates, locked: locked(&lock, third_party) })
    }

    fn digest(&self, toolchain: &[u8], settings: &[String]) -> Result<String, CodeDigestError> {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(toolchain);
        for setting in settings {
            field(setting.as_bytes());
        }
        for line in &self.locked {
            field(line.as_bytes());
        }
        let mut files = BTreeSet::from([PathBuf::from("Cargo.toml")]);
        for folder in &self.crates {
            for name in ["Cargo.toml", "build.rs"] {
                let path = Path::new(folder).join(name);
                if self.root.join(&path).exists() {
                    files.insert(path);
                }
            }
            self.walk(&Path::new(folder).join("src"), &mut files)?;
        }
        for file in &files {
            field(file.to_string_lossy().as_bytes());
            field(&read(&self.root.join(file))?);
        }
        Ok(hex::encode(hasher.finalize()))
    }

    fn walk(&self, folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), CodeDigestError> {
        let path = self.root.join(folder);
        let failed = |source| CodeDigestError::Read { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let relative = folder.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                self.walk(&relative, files)?;
            } else {
                files.insert(relative);
            }
        }
        Ok(())
    }
}

/// The lock file's entries that are reached from the named packages, over every version of a name.
fn locked(lock: &toml::Table, start: BTreeSet<String>) -> BTreeSet<String> {
    let packages: Vec<&toml::Value> =
        lock.get("package").and_then(toml::Value::as_array).into_iter().flatten().collect();
    let text = |package: &toml::Value, key: &str| {
        package.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    let (mut reached, mut lines) = (BTreeSet::new(), BTreeSet::new());
    let mut todo: Vec<String> = start.into_iter().collect();
    while let Some(name) = todo.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        for package in packages.iter().filter(|package| text(package, "name") == name) {
            lines.insert(format!("{name} {} {}", text(package, "version"), text(package, "checksum")));
            let needs = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
            todo.extend(needs.filter_map(|need| Some(need.as_str()?.split(' ').next()?.to_owned())));
        }
    }
    lines
}

fn table<'a>(value: &'a toml::Table, path: &[&str]) -> impl Iterator<Item = (&'a str, &'a toml::Value)> + use<'a> {
    let mut found = Some(value);
    for key in path {
        found = found.and_then(|table| table.get(*key)).and_then(toml::Value::as_table);
    }
    found.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn read(path: &Path) -> Result<Vec<u8>, CodeDigestError> {
    fs::read(path).map_err(|source| CodeDigestError::Read { path: path.to_owned(), source })
}

fn parse(path: &Path) -> Result<toml::Table, CodeDigestError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    text.parse().map_err(|source| CodeDigestError::Parse { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace.dependencies]\nlow = { path = 'crates/low' }\nother = { path = 'crates/other' }\nserde = '1'\n",
        );
        write(
            "Cargo.lock",
            "[[package]]\nname='serde'\nversion='1.0.1'\nchecksum='aa'\ndependencies=['syn']\n[[package]]\nname='syn'\nversion='2.0.0'\n[[package]]\nname='rand'\nversion='0.8.0'\n",
        );
        write(
            "steps/s/Cargo.toml",
            "[dependencies]\nlow = { workspace = true }\n[dev-dependencies]\nother = { workspace = true }\nrand = '0.8'\n",
        );
        write("steps/s/src/main.rs", "fn main() {}");
        write("crates/low/Cargo.toml", "[dependencies]\nserde = '1'\n");
        write("crates/low/src/deep/lib.rs", "");
        write("crates/other/Cargo.toml", "");
        write("crates/other/src/lib.rs", "");
        root
    }

    fn digest(root: &tempfile::TempDir) -> String {
        let closure = Closure::of(root.path(), &root.path().join("steps/s")).unwrap();
        closure.digest(b"rustc 1", &["x86_64".to_owned()]).unwrap()
    }

    #[test]
    fn a_change_in_the_closure_changes_the_digest() {
        for (file, text) in [
            ("steps/s/src/main.rs", "fn main() { }"),
            ("crates/low/src/deep/lib.rs", "//"),
            ("Cargo.lock", "[[package]]\nname='serde'\nversion='1.0.2'\nchecksum='ab'\n"),
            ("steps/s/build.rs", "fn main() {}"),
        ] {
            let root = workspace();
            let before = digest(&root);
            fs::write(root.path().join(file), text).unwrap();
            assert_ne!(before, digest(&root), "{file}");
        }
    }

    #[test]
    fn what_is_not_below_the_step_leaves_the_digest_alone() {
        let root = workspace();
        let before = digest(&root);
        fs::write(root.path().join("crates/other/src/lib.rs"), "//").unwrap();
        fs::create_dir(root.path().join("steps/s/tests")).unwrap();
        fs::write(root.path().join("steps/s/tests/t.rs"), "//").unwrap();
        let lock = root.path().join("Cargo.lock");
        fs::write(&lock, fs::read_to_string(&lock).unwrap().replace("0.8.0", "0.8.1")).unwrap();
        assert_eq!(before, digest(&root));
    }

    #[test]
    fn the_place_of_the_checkout_does_not_matter() {
        assert_eq!(digest(&workspace()), digest(&workspace()));
    }
}
