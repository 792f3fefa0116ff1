//! Pins against a real bare repository.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::support::{Repository, git};
use faultline_contract::{ExitCode, Explain};
use faultline_delivery::{CdRepository, DeliveryError, Pin, PinOptions, Pinned, pin};
use tempfile::TempDir;

const PUSHERS: usize = 8;
const DEVELOPMENT: &str = "argocd/overlays/development";
const PRODUCTION: &str = "argocd/overlays/production";

fn file(overlay: &str) -> String {
    format!("{overlay}/kustomization.yaml")
}

/// The digest whose last digits are `number`.
fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

fn a_pin(image: usize, number: usize) -> Pin {
    format!("faultline/s{image}=registry.example.org/faultline/s{image}@{}", digest(number)).parse().unwrap()
}

fn kustomization() -> String {
    let entry = |image| {
        format!(
            "  # the image {image}\n  - name: faultline/s{image}\n    newName: unset.invalid/s{image}\n    digest: {}\n",
            digest(0)
        )
    };
    let entries: String = (0..PUSHERS).map(entry).collect();
    format!("resources:\n  - ../../base\nimages:\n{entries}namespace: x # stays\n")
}

/// A bare repository with two overlays on `main`.
struct Remote {
    folder: TempDir,
}

impl Remote {
    fn new() -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap() };
        git(remote.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "cd.git"]);
        let first = Repository::new();
        for overlay in [DEVELOPMENT, PRODUCTION] {
            first.write(&file(overlay), &kustomization());
        }
        first.write("README.md", "# CD\n");
        first.commit("first");
        first.git(&["push", "--quiet", &remote.url(), "main"]);
        remote
    }

    fn url(&self) -> String {
        self.folder.path().join("cd.git").display().to_string()
    }

    fn checkout(&self) -> Repository {
        Repository::clone_of(&self.url(), &[])
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.folder.path().join("cd.git"), arguments)
    }

    fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join("cd.git/hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn options() -> PinOptions {
    PinOptions { pause: Duration::from_millis(20), attempts: 60, ..PinOptions::new(vec![DEVELOPMENT.to_owned()]) }
}

fn run(checkout: &Path, pins: &[Pin], options: &PinOptions) -> Result<Pinned, DeliveryError> {
    pin(&CdRepository::new(checkout), pins, options)
}

#[test]
fn a_pin_changes_two_lines_of_one_file_and_nothing_else() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    let pinned = run(&checkout.path(), &[a_pin(3, 7)], &options()).unwrap();
    assert_eq!(pinned.commit.unwrap(), remote.git(&["rev-parse", "main"]));
    assert_eq!((pinned.files, pinned.attempts), (vec![file(DEVELOPMENT)], 1));
    assert_eq!(remote.git(&["diff", "--numstat", "main~", "main"]), format!("2\t2\t{}", file(DEVELOPMENT)));
    let expected = kustomization().replace("unset.invalid/s3", "registry.example.org/faultline/s3");
    let expected =
        expected.replacen(&format!("s3\n    digest: {}", digest(0)), &format!("s3\n    digest: {}", digest(7)), 1);
    assert_eq!(format!("{}\n", remote.git(&["show", &format!("main:{}", file(DEVELOPMENT))])), expected);
    assert!(pinned.checkout_followed);
    assert_eq!(checkout.read(&file(DEVELOPMENT)), expected);
    assert_eq!(checkout.git(&["status", "--porcelain"]), "");
    assert_eq!(remote.git(&["log", "-1", "--format=%s", "main"]), "[pin] faultline/s3");
}

#[test]
fn nothing_to_change_makes_no_commit() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    run(&checkout.path(), &[a_pin(3, 7)], &options()).unwrap();
    let before = remote.git(&["rev-parse", "main"]);
    let pinned = run(&checkout.path(), &[a_pin(3, 7)], &options()).unwrap();
    assert_eq!(pinned.commit, None);
    assert_eq!(remote.git(&["rev-parse", "main"]), before);
}

#[test]
fn several_overlays_are_pinned_by_one_commit() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    let options = PinOptions { overlays: vec![DEVELOPMENT.to_owned(), format!("{PRODUCTION}/")], ..options() };
    let pinned = run(&checkout.path(), &[a_pin(0, 1), a_pin(1, 2)], &options).unwrap();
    assert_eq!(pinned.files, [file(DEVELOPMENT), file(PRODUCTION)]);
    assert_eq!(remote.git(&["rev-list", "--count", "main"]), "2");
}

#[test]
fn eight_pushers_at_once_all_land() {
    let remote = Remote::new();
    let checkouts: Vec<Repository> = (0..PUSHERS).map(|_| remote.checkout()).collect();
    thread::scope(|scope| {
        let pushers: Vec<_> = checkouts
            .iter()
            .enumerate()
            .map(|(image, checkout)| {
                scope.spawn(move || run(&checkout.path(), &[a_pin(image, image + 1)], &options()).unwrap())
            })
            .collect();
        for pusher in pushers {
            assert!(pusher.join().unwrap().commit.is_some());
        }
    });
    assert_eq!(remote.git(&["rev-list", "--count", "main"]), (PUSHERS + 1).to_string());
    let text = remote.git(&["show", &format!("main:{}", file(DEVELOPMENT))]);
    for image in 0..PUSHERS {
        let entry = format!("newName: registry.example.org/faultline/s{image}\n    digest: {}", digest(image + 1));
        assert!(text.contains(&entry), "{text}");
    }
    assert_eq!(remote.git(&["diff", "--name-only", "main~8", "main"]), file(DEVELOPMENT));
    remote.git(&["fsck", "--strict"]);
}

#[test]
fn pushers_may_share_one_checkout() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    let path = checkout.path();
    thread::scope(|scope| {
        for image in 0..PUSHERS {
            let path = &path;
            scope.spawn(move || run(path, &[a_pin(image, image + 1)], &options()).unwrap());
        }
    });
    assert_eq!(remote.git(&["rev-list", "--count", "main"]), (PUSHERS + 1).to_string());
}

#[test]
fn of_two_pins_of_one_image_the_later_one_holds() {
    let remote = Remote::new();
    let (early, late) = (remote.checkout(), remote.checkout());
    run(&early.path(), &[a_pin(2, 5)], &options()).unwrap();
    // The second checkout has not seen the first pin.
    let pinned = run(&late.path(), &[a_pin(2, 6)], &options()).unwrap();
    assert!(pinned.commit.is_some());
    assert_eq!(remote.git(&["diff", "--numstat", "main~", "main"]), format!("1\t1\t{}", file(DEVELOPMENT)));
    assert!(remote.git(&["show", "main"]).contains(&format!("+    digest: {}", digest(6))));
}

#[test]
fn work_in_the_checkout_is_left_alone() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    checkout.append("README.md", "mine, not committed");
    checkout.append(&file(DEVELOPMENT), "# mine too");
    let head = checkout.git(&["rev-parse", "HEAD"]);
    let pinned = run(&checkout.path(), &[a_pin(3, 7)], &options()).unwrap();
    assert!(pinned.commit.is_some() && !pinned.checkout_followed);
    assert!(checkout.read(&file(DEVELOPMENT)).ends_with("# mine too\n"));
    assert_eq!(checkout.git(&["rev-parse", "HEAD"]), head);
    assert!(!remote.git(&["show", &format!("main:{}", file(DEVELOPMENT))]).contains("mine"));
    checkout.git(&["checkout", "--quiet", "--force", "-b", "elsewhere"]);
    assert!(!run(&checkout.path(), &[a_pin(3, 8)], &options()).unwrap().checkout_followed);
    assert_eq!(checkout.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn a_push_that_is_refused_for_good_fails_at_once() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    remote.hook("pre-receive", "#!/bin/sh\necho 'this branch is frozen' >&2\necho x >> attempts\nexit 1\n");
    let before = remote.git(&["rev-parse", "main"]);
    let error = run(&checkout.path(), &[a_pin(3, 7)], &options()).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Permission);
    assert!(error.to_string().contains("this branch is frozen"), "{error}");
    assert_eq!(remote.git(&["rev-parse", "main"]), before);
    assert_eq!(std::fs::read_to_string(Path::new(&remote.url()).join("attempts")).unwrap(), "x\n");
}

#[test]
fn a_push_that_is_overtaken_every_time_ends_after_the_attempts() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    // Before each push is judged, somebody else's commit lands.
    remote.hook(
        "pre-receive",
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
         export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o@o GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o@o\n\
         git update-ref refs/heads/main \"$(git commit-tree -p main -m other 'main^{tree}')\"\n",
    );
    let options = PinOptions { attempts: 3, ..options() };
    let error = run(&checkout.path(), &[a_pin(3, 7)], &options).unwrap_err();
    assert!(matches!(error, DeliveryError::AttemptsSpent { attempts: 3, .. }), "{error}");
    assert_eq!(error.exit_code(), ExitCode::Temporary);
    assert_eq!(remote.git(&["rev-list", "--count", "main"]), "4");
}

#[test]
fn a_remote_that_is_away_is_asked_again_and_then_named_without_its_password() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    let away = "http://me:secret@127.0.0.1:1/cd.git".to_owned();
    let error =
        run(&checkout.path(), &[a_pin(3, 7)], &PinOptions { remote: away, attempts: 2, ..options() }).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Temporary, "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let remote = Remote::new();
    let checkout = remote.checkout();
    let unknown: Pin = format!("faultline/s9=host/s9@{}", digest(1)).parse().unwrap();
    let error = run(&checkout.path(), &[a_pin(0, 1), unknown], &options()).unwrap_err();
    assert!(
        error.to_string().contains("faultline/s9") && error.to_string().contains("faultline/s0, faultline/s1"),
        "{error}"
    );

    let nowhere = PinOptions { overlays: vec!["argocd/overlays/moon".to_owned()], ..options() };
    let error = run(&checkout.path(), &[a_pin(0, 1)], &nowhere).unwrap_err();
    assert!(matches!(error, DeliveryError::NoOverlay { .. }), "{error}");

    let branch = PinOptions { branch: "release".to_owned(), ..options() };
    let error = run(&checkout.path(), &[a_pin(0, 1)], &branch).unwrap_err();
    assert!(matches!(error, DeliveryError::NoBranch { .. }), "{error}");

    let remote_name = PinOptions { remote: "upstream".to_owned(), ..options() };
    let error = run(&checkout.path(), &[a_pin(0, 1)], &remote_name).unwrap_err();
    assert!(matches!(error, DeliveryError::Git { .. }) && error.to_string().contains("upstream"), "{error}");

    let error = run(&checkout.path(), &[a_pin(0, 1), a_pin(0, 2)], &options()).unwrap_err();
    assert!(matches!(error, DeliveryError::Contradiction { .. }), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path(), &[a_pin(0, 1)], &options()).unwrap_err();
    assert!(matches!(error, DeliveryError::Git { .. }), "{error}");
    assert_eq!(remote.git(&["rev-list", "--count", "main"]), "1");
}
