//! Pins in this repository's own overlays, and what kustomize makes of them.

use std::process::Command;

use faultline_delivery::{CdRepository, Checkout, Pin, PinOptions, every_image, pin};

use crate::repository::this_repository;
use crate::support::{Repository, git};

const OVERLAYS: [&str; 4] = [
    "argocd/overlays/development",
    "argocd/overlays/production",
    "argocd/triggers/development",
    "argocd/triggers/production",
];
/// Where the overlays of what starts runs are.
const TRIGGERS: &str = "argocd/triggers/";

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
    let images = every_image(&Checkout::new(&project.path())).unwrap().images;
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
    let is_of = |overlay: &str, image: &String| overlay.starts_with(TRIGGERS) == (image == "trigger");
    for overlay in OVERLAYS {
        let images: Vec<&String> = images.iter().filter(|image| is_of(overlay, image)).collect();
        run(overlay, &images.iter().map(|image| a_pin(image, "1")).collect::<Vec<_>>());
        let before = rendered(&checkout, overlay);
        let one = images.last().unwrap();
        run(overlay, &[a_pin(one, "2")]);
        let (Some(before), Some(after)) = (before, rendered(&checkout, overlay)) else { continue };
        let line = |image: &str, digit: &str| {
            format!("image: registry.example.org/faultline/{image}@sha256:{}", digit.repeat(64))
        };
        for image in &images {
            let count = before.iter().filter(|rendered| rendered.trim() == line(image, "1")).count();
            // The program that starts runs is both asked by the listener and started by a CronJob.
            assert_eq!(count, if *image == "trigger" { 2 } else { 1 }, "{overlay}: {image}");
        }
        let changed: Vec<(&str, &str)> = before
            .iter()
            .zip(&after)
            .map(|(old, new)| (old.trim(), new.trim()))
            .filter(|(old, new)| old != new)
            .collect();
        let (old, new) = (line(one, "1"), line(one, "2"));
        assert!(
            !changed.is_empty() && changed.iter().all(|change| *change == (old.as_str(), new.as_str())),
            "{overlay}: {changed:?}"
        );
        assert_eq!(after.len(), before.len(), "{overlay}");
    }
}
