//! Writing the digests of images into the overlays of a CD repository.
//!
//! A pin is made on top of what the remote has, as a commit built beside the checkout: its files, index and branches are not
//! touched until the commit has landed. When another one lands first, the pin is made anew on top of that one, so that two pins of
//! different images never conflict and of two pins of the same image the later one holds.

mod kustomization;
mod push;
mod reference;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::DeliveryError;
use crate::git::Git;
use kustomization::{Problem, edit};
use push::Push;
pub use reference::Pin;

/// The names that kustomize knows an overlay's file by.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A checkout of the CD repository: its top folder.
#[derive(Clone, Debug)]
pub struct CdRepository {
    root: PathBuf,
}

impl CdRepository {
    /// The checkout whose top folder this is.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

/// Where to pin, and how long to try.
#[derive(Clone, Debug)]
pub struct PinOptions {
    /// The folders of the overlays, from the top of the repository.
    pub overlays: Vec<String>,
    /// The remote's name or address.
    pub remote: String,
    /// The branch to push to.
    pub branch: String,
    /// How often to try before giving up.
    pub attempts: u32,
    /// The pause after the first failed attempt; each further one is twice as long, up to five seconds, less a random part.
    pub pause: Duration,
}

impl PinOptions {
    /// The branch `main` of `origin`, with twenty attempts.
    #[must_use]
    pub fn new(overlays: Vec<String>) -> Self {
        Self {
            overlays,
            remote: "origin".to_owned(),
            branch: "main".to_owned(),
            attempts: 20,
            pause: Duration::from_millis(200),
        }
    }
}

/// What a pin came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pinned {
    /// The commit that the remote has now; none where everything was pinned already.
    pub commit: Option<String>,
    /// The files that changed, in order.
    pub files: Vec<String>,
    /// How many pushes it took.
    pub attempts: u32,
    /// Whether the checkout was on the branch and followed.
    pub checkout_followed: bool,
}

impl Pinned {
    /// What happened, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match &self.commit {
            None => vec!["nothing to change: every digest was pinned already".to_owned()],
            Some(commit) => {
                let mut lines = vec![format!("pushed {commit} in {} attempts", self.attempts)];
                lines.extend(self.files.iter().map(|file| format!("  {file}")));
                lines
            }
        }
    }
}

/// Pins images in overlays, commits and pushes.
///
/// # Errors
/// When an overlay or an image is not there, when the remote refuses the push or cannot be reached. Nothing is changed on the remote then.
pub fn pin(repository: &CdRepository, pins: &[Pin], options: &PinOptions) -> Result<Pinned, DeliveryError> {
    let pins = by_name(pins)?;
    let git = Git::new(&repository.root);
    let mut reason = "no attempt was allowed".to_owned();
    for attempt in 1..=options.attempts {
        if attempt > 1 {
            std::thread::sleep(pause(options.pause, attempt));
        }
        let tip = match push::fetch(&git, &options.remote, &options.branch)? {
            Ok(tip) => tip,
            Err(unreachable) => {
                reason = unreachable;
                continue;
            }
        };
        let edits = edits(&git, &tip, &pins, options)?;
        if edits.is_empty() {
            return Ok(Pinned { commit: None, files: Vec::new(), attempts: attempt, checkout_followed: false });
        }
        let commit = commit(&git, &tip, &edits, &pins)?;
        match push::push(&git, &options.remote, &options.branch, &commit)? {
            Push::Landed => {
                let files = edits.into_iter().map(|edit| edit.file).collect();
                let checkout_followed = follow(&git, &options.branch, &commit)?;
                return Ok(Pinned { commit: Some(commit), files, attempts: attempt, checkout_followed });
            }
            Push::Refused(reason) => {
                let (branch, remote) = (options.branch.clone(), push::shown(&options.remote));
                return Err(DeliveryError::PushRefused { branch, remote, reason });
            }
            Push::Failed(failure) => reason = failure,
        }
    }
    let (branch, remote) = (options.branch.clone(), push::shown(&options.remote));
    Err(DeliveryError::AttemptsSpent { branch, remote, attempts: options.attempts, reason })
}

/// A file of the repository with its new content.
struct Edit {
    file: String,
    mode: String,
    text: String,
}

fn by_name(pins: &[Pin]) -> Result<BTreeMap<&str, &Pin>, DeliveryError> {
    let mut named = BTreeMap::new();
    for pin in pins {
        if named.insert(pin.name(), pin).is_some_and(|earlier| earlier != pin) {
            return Err(DeliveryError::Contradiction { name: pin.name().to_owned() });
        }
    }
    Ok(named)
}

/// The overlays' files that differ once the images are pinned in them.
fn edits(git: &Git, tip: &str, pins: &BTreeMap<&str, &Pin>, options: &PinOptions) -> Result<Vec<Edit>, DeliveryError> {
    let mut edits = Vec::new();
    for overlay in &options.overlays {
        let overlay = overlay.trim_end_matches('/');
        let (file, mode) = find(git, tip, overlay)?
            .ok_or_else(|| DeliveryError::NoOverlay { overlay: overlay.to_owned(), branch: options.branch.clone() })?;
        let before = git.run(&["cat-file", "blob", &format!("{tip}:{file}")])?;
        let before = String::from_utf8(before).map_err(|error| DeliveryError::Kustomization {
            file: file.clone(),
            line: 1,
            reason: format!("it is no UTF-8 text: {error}"),
        })?;
        let text = edit(&before, pins).map_err(|problem| match problem {
            Problem::Unknown { name, known } => DeliveryError::UnknownImage { name, file: file.clone(), known },
            Problem::Form { line, reason } => DeliveryError::Kustomization { file: file.clone(), line, reason },
        })?;
        if text != before {
            edits.push(Edit { file, mode, text });
        }
    }
    Ok(edits)
}

/// The overlay's kustomization in a commit, with its mode.
fn find(git: &Git, tip: &str, overlay: &str) -> Result<Option<(String, String)>, DeliveryError> {
    for name in KUSTOMIZATIONS {
        let file = format!("{overlay}/{name}");
        let entry = git.line(&["ls-tree", "--full-tree", tip, "--", &file])?;
        let mut parts = entry.split_whitespace();
        if let (Some(mode), Some("blob")) = (parts.next(), parts.next()) {
            return Ok(Some((file, mode.to_owned())));
        }
    }
    Ok(None)
}

/// A commit of the edits on top of `tip`, made in an index of its own.
fn commit(git: &Git, tip: &str, edits: &[Edit], pins: &BTreeMap<&str, &Pin>) -> Result<String, DeliveryError> {
    let folder = tempfile::tempdir().map_err(no_scratch)?;
    let index = folder.path().join("index");
    git.line_from(&["read-tree", tip], &index, b"")?;
    for Edit { file, mode, text } in edits {
        let blob = git.line_from(&["hash-object", "-w", "--stdin"], &index, text.as_bytes())?;
        git.line_from(&["update-index", "--cacheinfo", &format!("{mode},{blob},{file}")], &index, b"")?;
    }
    let tree = git.line_from(&["write-tree"], &index, b"")?;
    git.line_from(&["commit-tree", &tree, "-p", tip], &index, message(edits, pins).as_bytes())
}

fn message(edits: &[Edit], pins: &BTreeMap<&str, &Pin>) -> String {
    let names: Vec<&str> = pins.keys().copied().collect();
    let images: Vec<String> = pins.values().map(|pin| format!("{pin}\n")).collect();
    let files: Vec<String> = edits.iter().map(|edit| format!("{}\n", edit.file)).collect();
    format!("[pin] {}\n\n{}\n{}", names.join(", "), images.concat(), files.concat())
}

/// Moves the checkout to the commit where it is on the branch and nothing stands in the way.
fn follow(git: &Git, branch: &str, commit: &str) -> Result<bool, DeliveryError> {
    let head = git.try_run(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    if String::from_utf8_lossy(&head.stdout).trim_end() != branch {
        return Ok(false);
    }
    Ok(git.try_run(&["merge", "--ff-only", "--quiet", commit])?.status.success())
}

/// Between a half and the whole of the doubled pause, so that pushers who met once do not meet again.
fn pause(first: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt - 2).min(16)).min(LONGEST_PAUSE);
    let random = RandomState::new().hash_one(attempt) as u32;
    doubled.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

fn no_scratch(source: io::Error) -> DeliveryError {
    DeliveryError::Read { path: std::env::temp_dir(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let first = Duration::from_millis(200);
        for (attempt, least, most) in [(2, 100, 200), (3, 200, 400), (5, 800, 1600), (60, 2500, 5000)] {
            let pause = pause(first, attempt);
            assert!(
                pause >= Duration::from_millis(least) && pause <= Duration::from_millis(most),
                "{attempt}: {pause:?}"
            );
        }
    }
}
