//! Which images are affected by changes to this very repository.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::Repository;
use faultline_delivery::{Checkout, affected, every_image};

/// A clone of this repository, or none where it has no history: in an archive of the sources.
#[expect(clippy::print_stdout, reason = "who runs the tests must see what was left out")]
pub(crate) fn this_repository() -> Option<Repository> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if !root.join(".git").exists() {
        println!("skipped: the sources are not in a checkout of git");
        return None;
    }
    Some(Repository::clone_of(&root.display().to_string(), &["--shared"]))
}

fn affected_by(repository: &Repository) -> Vec<String> {
    affected(&Checkout::new(&repository.path()), "HEAD").unwrap().images
}

#[test]
fn changes_to_this_repository_affect_who_stands_on_them() {
    let Some(repository) = this_repository() else { return };
    let all = every_image(&Checkout::new(&repository.path())).unwrap().images;
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    // The services stand on other crates than the steps.
    let steps: Vec<&str> = all.iter().copied().filter(|image| *image != "trigger").collect();
    assert_eq!((all.len() - steps.len(), affected_by(&repository)), (1, Vec::<String>::new()));
    for (path, expected) in [
        ("steps/cluster/src/run.rs", vec!["cluster"]),
        ("crates/contract/src/schema/import/stamp.rs", all.clone()),
        ("crates/runtime/src/lib.rs", steps.clone()),
        ("services/trigger/src/name.rs", vec!["trigger"]),
        ("crates/records/src/mongo/batch.rs", vec!["load"]),
        ("schemas/wafer.json", steps.clone()),
        ("params/demo.json", steps.clone()),
        ("schemas/manifest.json", vec![]),
        ("docs/runbook.md", vec![]),
        ("README.md", vec![]),
        ("crates/contract/README.md", vec![]),
        ("crates/faultline/src/main.rs", vec![]),
        ("crates/testkit/src/lib.rs", vec![]),
        ("crates/delivery/src/lib.rs", vec![]),
        ("crates/table/benches/throughput.rs", vec![]),
        ("pipelines/tasks/train.yaml", vec![]),
        ("pipelines/train.yaml", vec![]),
        ("rust-toolchain.toml", all.clone()),
        ("Cargo.toml", all.clone()),
    ] {
        repository.append(path, "");
        assert_eq!(affected_by(&repository), expected, "{path}");
        repository.git(&["checkout", "--quiet", "--", path]);
    }
}

#[test]
fn a_crate_of_the_learning_stages_does_not_affect_the_others() {
    let Some(repository) = this_repository() else { return };
    repository.append("crates/learn/src/kmeans.rs", "");
    let images: BTreeSet<String> = affected_by(&repository).into_iter().collect();
    assert!(images.contains("cluster") && images.contains("train"), "{images:?}");
    assert!(!images.contains("validate") && !images.contains("load"), "{images:?}");
}

#[test]
fn one_bumped_package_affects_only_the_steps_that_reach_it() {
    let Some(repository) = this_repository() else { return };
    let lock = repository.read("Cargo.lock");
    for (package, expected) in [("mongodb", vec!["load"]), ("proptest", vec![]), ("indicatif", vec![])] {
        let (before, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).unwrap();
        repository.write("Cargo.lock", &format!("{before}name = \"{package}\"\nversion = \"9{entry}"));
        assert_eq!(affected_by(&repository), expected, "{package}");
    }
}
