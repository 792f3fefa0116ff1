//! Which images are affected, over a matrix of changes in a small workspace.

use crate::support::Repository;
use faultline_contract::{ExitCode, Explain};
use faultline_delivery::{Affected, Checkout, DeliveryError, affected, every_image};

const ALL: [&str; 3] = ["cluster", "report", "train"];
const LOCK: &str = "version = 4

[[package]]
name = \"low\"
version = \"0.1.0\"
dependencies = [\"serde\"]

[[package]]
name = \"rand\"
version = \"0.8.0\"
checksum = \"aa\"

[[package]]
name = \"serde\"
version = \"1.0.0\"
checksum = \"bb\"
dependencies = [\"syn\"]

[[package]]
name = \"syn\"
version = \"2.0.0\"
checksum = \"cc\"

[[package]]
name = \"proptest\"
version = \"1.0.0\"
checksum = \"dd\"
";

/// Three steps: `cluster` and `train` on `middle`, which stands on `low`; `report` alone, with `low` only for its tests.
fn workspace() -> (Repository, String) {
    let repository = Repository::new();
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = ['crates/*', 'steps/*']\n[workspace.dependencies]\nlow = { path = 'crates/low' }\n\
             middle = { path = 'crates/middle' }\nserde = '1'\nrand = '0.8'\nproptest = '1'\n",
        ),
        ("Cargo.lock", LOCK),
        ("Dockerfile", "FROM scratch\nCOPY scripts/fetch /\nCOPY . .\n"),
        ("rust-toolchain.toml", "[toolchain]\nchannel = '1'\n"),
        ("README.md", "# It\n"),
        ("docs/guide.md", "# Guide\n"),
        ("schemas/wafer.json", "{}\n"),
        ("schemas/unused.json", "{}\n"),
        ("scripts/fetch", "#!/bin/sh\n"),
        ("scripts/other", "#!/bin/sh\n"),
        ("pipelines/tasks/train.yaml", "kind: Task\n"),
        (
            "crates/low/Cargo.toml",
            "[dependencies]\nserde = { workspace = true }\n[dev-dependencies]\nproptest = { workspace = true }\n",
        ),
        ("crates/low/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"),
        ("crates/low/src/deep/er/file.rs", "//\n"),
        ("crates/low/README.md", "# low\n"),
        ("crates/low/benches/speed.rs", "fn main() {}\n"),
        ("crates/middle/Cargo.toml", "[dependencies]\nlow = { workspace = true }\n"),
        (
            "crates/middle/src/lib.rs",
            "const S: &str = include_str!(\"../../../schemas/wafer.json\");\n\n#[cfg(test)]\nmod tests {\n    \
             const U: &str = include_str!(\"../../../schemas/unused.json\");\n}\n",
        ),
        ("steps/cluster/Cargo.toml", "[dependencies]\nmiddle = { workspace = true }\n"),
        ("steps/cluster/src/main.rs", "fn main() {}\n"),
        (
            "steps/train/Cargo.toml",
            "[dependencies]\nmiddle = { path = '../../crates/middle' }\n[target.'cfg(unix)'.dependencies]\nrand = { workspace = true }\n",
        ),
        ("steps/train/src/main.rs", "fn main() {}\n"),
        ("steps/train/src/grid/point.rs", "//\n"),
        ("steps/train/tests/run.rs", "//\n"),
        ("steps/report/Cargo.toml", "[dev-dependencies]\nlow = { workspace = true }\n"),
        ("steps/report/src/main.rs", "fn main() {}\n"),
        ("steps/report/build.rs", "fn main() {}\n"),
    ] {
        repository.write(path, text);
    }
    let base = repository.commit("base");
    (repository, base)
}

fn found(repository: &Repository, base: &str) -> Result<Affected, DeliveryError> {
    affected(&Checkout::new(&repository.path()), base)
}

#[test]
fn changed_files_affect_who_stands_on_them() {
    for (path, expected) in [
        ("steps/cluster/src/main.rs", vec!["cluster"]),
        ("steps/train/src/grid/point.rs", vec!["train"]),
        ("steps/train/src/new/file.rs", vec!["train"]),
        ("steps/report/build.rs", vec!["report"]),
        ("steps/report/Cargo.toml", vec!["report"]),
        ("crates/low/src/lib.rs", vec!["cluster", "train"]),
        ("crates/low/src/deep/er/file.rs", vec!["cluster", "train"]),
        ("crates/low/src/style.css", vec!["cluster", "train"]),
        ("crates/middle/Cargo.toml", vec!["cluster", "train"]),
        ("schemas/wafer.json", vec!["cluster", "train"]),
        ("schemas/unused.json", vec![]),
        ("README.md", vec![]),
        ("crates/low/README.md", vec![]),
        ("docs/guide.md", vec![]),
        ("docs/new.md", vec![]),
        ("crates/low/benches/speed.rs", vec![]),
        ("steps/train/tests/run.rs", vec![]),
        ("pipelines/tasks/train.yaml", vec![]),
        ("scripts/other", vec![]),
        ("scripts/fetch", ALL.to_vec()),
        ("Dockerfile", ALL.to_vec()),
        (".dockerignore", ALL.to_vec()),
        (".cargo/config.toml", ALL.to_vec()),
        ("rust-toolchain.toml", ALL.to_vec()),
        ("Cargo.toml", ALL.to_vec()),
    ] {
        let (repository, base) = workspace();
        let before = if repository.path().join(path).exists() { repository.read(path) } else { String::new() };
        repository.write(path, &format!("{before}# changed\n"));
        let uncommitted = found(&repository, &base).unwrap();
        repository.commit("change");
        let affected = found(&repository, &base).unwrap();
        assert_eq!(affected.images, expected, "{path}");
        assert_eq!(affected, uncommitted, "{path}: before and after the commit");
        for reasons in affected.reasons.values() {
            assert!(reasons.len() == 1 && reasons[0].starts_with(path), "{path}: {reasons:?}");
        }
        assert_eq!(found(&repository, "HEAD").unwrap().images, Vec::<String>::new(), "{path}");
    }
}

#[test]
fn one_bumped_package_affects_who_reaches_it() {
    for (from, to, expected) in [
        ("2.0.0", "2.0.1", vec!["cluster", "train"]),
        ("0.8.0", "0.8.1", vec!["train"]),
        ("\"dd\"", "\"ee\"", vec![]),
        ("\"bb\"", "\"ee\"", vec!["cluster", "train"]),
        ("version = 4", "version = 5", vec![]),
    ] {
        let (repository, base) = workspace();
        repository.write("Cargo.lock", &LOCK.replace(from, to));
        repository.commit("bump");
        assert_eq!(found(&repository, &base).unwrap().images, expected, "{from} -> {to}");
    }
}

#[test]
fn a_lock_file_that_is_new_affects_who_reaches_its_packages() {
    let (repository, _) = workspace();
    repository.git(&["rm", "--quiet", "Cargo.lock"]);
    let base = repository.commit("without");
    repository.write("Cargo.lock", LOCK);
    assert_eq!(found(&repository, &base).unwrap().images, ["cluster", "train"]);
}

#[test]
fn a_rename_counts_at_both_ends() {
    let (repository, base) = workspace();
    repository.git(&["mv", "steps/train/src/grid/point.rs", "crates/low/src/point.rs"]);
    repository.commit("move");
    let affected = found(&repository, &base).unwrap();
    assert_eq!(affected.images, ["cluster", "train"]);
    assert_eq!(
        affected.reasons["train"],
        ["crates/low/src/point.rs (source of crates/low)", "steps/train/src/grid/point.rs (source of steps/train)"]
    );

    let (repository, base) = workspace();
    repository.git(&["mv", "steps/train/src/grid/point.rs", "docs/point.rs"]);
    repository.commit("move out");
    assert_eq!(found(&repository, &base).unwrap().images, ["train"]);
}

#[test]
fn a_deleted_file_counts_and_a_deleted_step_is_no_image() {
    let (repository, base) = workspace();
    repository.git(&["rm", "--quiet", "crates/low/src/deep/er/file.rs"]);
    repository.commit("delete");
    assert_eq!(found(&repository, &base).unwrap().images, ["cluster", "train"]);

    let (repository, base) = workspace();
    repository.git(&["rm", "-r", "--quiet", "steps/report"]);
    repository.commit("delete a step");
    assert_eq!(found(&repository, &base).unwrap().images, Vec::<String>::new());
}

#[test]
fn a_new_step_is_affected() {
    let (repository, base) = workspace();
    repository.write("steps/new/Cargo.toml", "[dependencies]\n");
    repository.write("steps/new/src/main.rs", "fn main() {}\n");
    assert_eq!(found(&repository, &base).unwrap().images, ["new"]);
}

#[test]
fn a_file_that_git_ignores_does_not_count() {
    let (repository, _) = workspace();
    repository.write(".gitignore", "*.swp\n");
    let base = repository.commit("ignore");
    repository.write("steps/report/src/main.rs.swp", "x\n");
    assert_eq!(found(&repository, &base).unwrap().images, Vec::<String>::new());
}

#[test]
fn a_merge_brings_both_sides_and_its_own_side_is_not_counted_twice() {
    let (repository, base) = workspace();
    repository.git(&["checkout", "--quiet", "-b", "topic"]);
    repository.append("steps/report/src/main.rs", "// topic");
    let topic = repository.commit("topic");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.append("steps/cluster/src/main.rs", "// main");
    let main = repository.commit("main");
    repository.git(&["merge", "--quiet", "--no-edit", "topic"]);
    for (since, expected) in [(&base, vec!["cluster", "report"]), (&main, vec!["report"]), (&topic, vec!["cluster"])] {
        assert_eq!(found(&repository, since).unwrap().images, expected);
    }
}

#[test]
fn a_base_that_is_no_ancestor_is_compared_as_it_is() {
    let (repository, base) = workspace();
    repository.append("steps/report/src/main.rs", "// built and taken back");
    let built = repository.commit("built");
    repository.git(&["reset", "--quiet", "--hard", &base]);
    repository.append("steps/cluster/src/main.rs", "// instead");
    repository.commit("instead");
    assert_eq!(found(&repository, &built).unwrap().images, ["cluster", "report"]);
}

#[test]
fn an_unknown_base_is_an_error_with_a_way_out() {
    let (repository, _) = workspace();
    for base in ["no-such-branch", "", "--help", "0123456789012345678901234567890123456789", "HEAD:Cargo.toml"] {
        let error = found(&repository, base).unwrap_err();
        assert!(matches!(error, DeliveryError::UnknownBase { shallow: false, .. }), "{base}: {error}");
        assert_eq!(error.exit_code(), ExitCode::InputMissing);
        assert!(error.hint().unwrap().contains("--all"));
    }
}

#[test]
fn a_shallow_clone_says_so_when_it_lacks_the_base() {
    let (repository, base) = workspace();
    repository.append("steps/report/src/main.rs", "// later");
    let head = repository.commit("later");
    let clone = Repository::clone_of(&format!("file://{}", repository.path().display()), &["--depth=1"]);
    let error = found(&clone, &base).unwrap_err();
    assert!(error.to_string().ends_with("which is a shallow clone"), "{error}");
    assert!(error.hint().unwrap().contains("--unshallow"));
    assert_eq!(found(&clone, &head).unwrap().images, Vec::<String>::new());
}

#[test]
fn what_is_no_checkout_of_a_workspace_is_an_error() {
    let empty = Repository::new();
    let error = found(&empty, "HEAD").unwrap_err();
    assert!(matches!(error, DeliveryError::NoWorkspace { .. }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let (repository, _) = workspace();
    std::fs::rename(repository.path().join("steps"), folder.path().join("steps")).unwrap();
    std::fs::rename(repository.path().join("crates"), folder.path().join("crates")).unwrap();
    std::fs::copy(repository.path().join("Cargo.toml"), folder.path().join("Cargo.toml")).unwrap();
    let error = affected(&Checkout::new(folder.path()), "HEAD").unwrap_err();
    assert!(matches!(error, DeliveryError::Git { .. }), "{error}");
}

#[test]
fn every_image_can_be_asked_for() {
    let (repository, _) = workspace();
    assert_eq!(every_image(&Checkout::new(&repository.path())).unwrap().images, ALL);
}
