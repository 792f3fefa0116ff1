//! A change that changes the code digest of a step must affect the step's image.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use faultline_delivery::{Checkout, affected, every_image};

use crate::repository::this_repository;
use crate::support::Repository;

const CHILD: &str = "agreement::code_digest_of_a_step";
const DIGEST: &str = "cargo::rustc-env=FAULTLINE_CODE_DIGEST=";

/// Not a test of its own: what a step's build script does, for the folder in CARGO_MANIFEST_DIR.
#[test]
#[ignore = "started by the test below, with the environment of a build script"]
fn code_digest_of_a_step() {
    if std::env::var_os("OPT_LEVEL").is_some() {
        faultline_codedigest::emit().unwrap();
    }
}

/// The folder of an image's crate.
fn folder_of(repository: &Repository, image: &str) -> PathBuf {
    let folders = ["steps", "services"].map(|parent| repository.path().join(parent).join(image));
    folders.into_iter().find(|folder| folder.is_dir()).unwrap()
}

fn code_digests(repository: &Repository, steps: &[String]) -> BTreeMap<String, String> {
    let digest = |step: &String| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture"])
            .env("CARGO_MANIFEST_DIR", folder_of(repository, step))
            .env("RUSTC", "rustc")
            .env("TARGET", "here")
            .env("OPT_LEVEL", "0")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once(DIGEST).map(|(_, digest)| digest.to_owned()));
        (step.clone(), line.unwrap_or_else(|| panic!("no digest of {step}: {text}")))
    };
    steps.iter().map(digest).collect()
}

#[test]
fn what_changes_a_code_digest_affects_the_image() {
    let Some(repository) = this_repository() else { return };
    let checkout = Checkout::new(&repository.path());
    let steps = every_image(&checkout).unwrap().images;
    let before = code_digests(&repository, &steps);
    let bumped = |package: &str| {
        let lock = repository.read("Cargo.lock");
        let (head, tail) = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).unwrap();
        format!("{head}name = \"{package}\"\nversion = \"9{tail}")
    };
    let appended = |path: &str| format!("{}\n", repository.read(path));
    for (path, text, some) in [
        ("steps/cluster/src/run.rs", appended("steps/cluster/src/run.rs"), true),
        ("steps/train/src/notes.md", "new\n".to_owned(), true),
        ("crates/report/src/style.css", appended("crates/report/src/style.css"), true),
        ("crates/xgboost/Cargo.toml", appended("crates/xgboost/Cargo.toml"), true),
        ("Cargo.toml", appended("Cargo.toml"), true),
        ("Cargo.lock", bumped("mongodb"), true),
        ("Cargo.lock", bumped("syn"), true),
        ("Cargo.lock", bumped("proptest"), false),
        ("crates/table/README.md", appended("crates/table/README.md"), false),
        ("services/trigger/src/name.rs", appended("services/trigger/src/name.rs"), true),
    ] {
        repository.write(path, &text);
        let images = affected(&checkout, "HEAD").unwrap().images;
        let after = code_digests(&repository, &steps);
        let changed: Vec<&String> = steps.iter().filter(|step| before[*step] != after[*step]).collect();
        assert!(changed.iter().all(|step| images.contains(*step)), "{path}: {changed:?} changed, {images:?} affected");
        assert_eq!((!changed.is_empty(), !images.is_empty()), (some, some), "{path}: {changed:?}, {images:?}");
        repository.git(&["reset", "--quiet", "--hard"]);
        repository.git(&["clean", "--quiet", "--force", "-d"]);
    }
}
