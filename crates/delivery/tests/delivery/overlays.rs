//! Pins in this repository's own overlays, and what kustomize makes of them.

use std::process::Command;

use faultline_delivery::{CdRepository, Checkout, Pin, PinOptions, every_image, pin};

use crate::repository::this_repository;
use crate::support::{Repository, git};

const OVERLAYS: [&str; 2] = ["argocd/overlays/development", "argocd/overlays/production"];

fn a_pin(step: &str, digit: &str) -> Pin {
    format!("faultline/{step}=registry.example.org/faultline/{step}@sha256:{}", digit.repeat(64)).parse().unwrap()
}

/// The lines that kustomize renders, or none where kubectl is not installed.
#[expect(clippy::print_stdout, reason = "who runs the tests must see what was left out")]
fn rendered(repository: &Repository, overlay: &str) -> Option<Vec<String>> {
    let Ok(output) = Command::new("kubectl").arg("kustomize").arg(repository.path().join(overlay)).output() else {
        println!("skipped: kubectl is not installed, so that nothing is rendered");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn every_overlay_takes_a_pin_of_every_image_and_renders_it() {
    let Some(project) = this_repository() else { return };
    let steps = every_image(&Checkout::new(&project.path())).unwrap().images;
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "cd.git"]);
    let remote = folder.path().join("cd.git").display().to_string();
    project.git(&["push", "--quiet", &remote, "HEAD:refs/heads/main"]);
    let checkout = Repository::clone_of(&remote, &[]);
    let run = |overlay: &str, pins: &[Pin]| {
        let pinned =
            pin(&CdRepository::new(&checkout.path()), pins, &PinOptions::new(vec![overlay.to_owned()])).unwrap();
        assert!(pinned.commit.is_some() && pinned.checkout_followed);
    };
    for overlay in OVERLAYS {
        let all: Vec<Pin> = steps.iter().map(|step| a_pin(step, "1")).collect();
        run(overlay, &all);
        let before = rendered(&checkout, overlay);
        run(overlay, &[a_pin("train", "2")]);
        let (Some(before), Some(after)) = (before, rendered(&checkout, overlay)) else { continue };
        for step in &steps {
            let line = format!("    image: registry.example.org/faultline/{step}@sha256:{}", "1".repeat(64));
            assert_eq!(before.iter().filter(|rendered| **rendered == line).count(), 1, "{overlay}: {step}");
        }
        let changed: Vec<&String> =
            after.iter().zip(&before).filter(|(new, old)| new != old).map(|(new, _)| new).collect();
        let expected = format!("    image: registry.example.org/faultline/train@sha256:{}", "2".repeat(64));
        assert_eq!((changed, after.len()), (vec![&expected], before.len()), "{overlay}");
    }
}
