//! What can go wrong between a commit and a pinned digest.

use std::io;
use std::path::PathBuf;

use faultline_contract::{ExitCode, Explain};
use thiserror::Error;

/// Finding the affected images or pinning a digest failed.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// The `git` program cannot be started.
    #[error("start git in {folder}")]
    NoGit {
        /// Where it was to run.
        folder: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The `git` program ended with a failure.
    #[error("git {action} in {folder}: {reason}")]
    Git {
        /// The command of git.
        action: String,
        /// Where it ran.
        folder: PathBuf,
        /// What git wrote, without secrets.
        reason: String,
    },
    /// The folder is no checkout of the project.
    #[error("read the workspace at {folder}: {reason}")]
    NoWorkspace {
        /// The folder.
        folder: PathBuf,
        /// What was got and what is expected.
        reason: String,
    },
    /// The base names no commit that is here.
    #[error("find the base `{base}`: it names no commit of {folder}{}", if *.shallow { ", which is a shallow clone" } else { "" })]
    UnknownBase {
        /// The revision as given.
        base: String,
        /// The checkout.
        folder: PathBuf,
        /// Whether history is cut off, so that the commit may exist elsewhere.
        shallow: bool,
    },
    /// A file of a checkout cannot be read.
    #[error("read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A manifest or a lock file is no TOML.
    #[error("parse {file}")]
    Toml {
        /// The file, with its revision where it is not the one in the checkout.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The text is no pin.
    #[error("read the pin `{text}`: {reason}")]
    InvalidPin {
        /// The text.
        text: String,
        /// What was got and what is expected.
        reason: String,
    },
    /// The same image is pinned to two digests by one call.
    #[error("pin {name}: it is named twice, with different digests")]
    Contradiction {
        /// The image.
        name: String,
    },
    /// An overlay has no `kustomization.yaml`.
    #[error("read the overlay {overlay}: the branch {branch} has no kustomization.yaml there")]
    NoOverlay {
        /// The overlay's folder in the repository.
        overlay: String,
        /// The branch.
        branch: String,
    },
    /// An overlay does not list the image.
    #[error("pin {name}: {file} lists no such image; it lists {}", list(.known))]
    UnknownImage {
        /// The image.
        name: String,
        /// The file.
        file: String,
        /// The images that it lists.
        known: Vec<String>,
    },
    /// The `images:` of an overlay are written in a way that cannot be edited line by line.
    #[error("edit {file}, line {line}: {reason}")]
    Kustomization {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What was got and what is expected.
        reason: String,
    },
    /// The remote has no such branch.
    #[error("find the branch {branch} of {remote}: there is none")]
    NoBranch {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
    },
    /// The remote takes no push from this user, or not this one.
    #[error("push to {branch} of {remote}: {reason}")]
    PushRefused {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// What the remote answered, without secrets.
        reason: String,
    },
    /// The remote could not be reached, or others were faster, until the attempts were spent.
    #[error("push to {branch} of {remote}: {attempts} attempts failed, the last one with: {reason}")]
    AttemptsSpent {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// How many there were.
        attempts: u32,
        /// The last failure, without secrets.
        reason: String,
    },
}

impl Explain for DeliveryError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::InvalidPin { .. } | Self::Contradiction { .. } => ExitCode::Usage,
            Self::NoGit { .. }
            | Self::NoWorkspace { .. }
            | Self::UnknownBase { .. }
            | Self::Read { .. }
            | Self::NoOverlay { .. }
            | Self::UnknownImage { .. }
            | Self::NoBranch { .. } => ExitCode::InputMissing,
            Self::Git { .. } | Self::Toml { .. } | Self::Kustomization { .. } => ExitCode::Configuration,
            Self::PushRefused { .. } => ExitCode::Permission,
            Self::AttemptsSpent { .. } => ExitCode::Temporary,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoGit { .. } => "install git, and check that the folder exists".to_owned(),
            Self::Git { .. } => "run the same command of git by hand in that folder".to_owned(),
            Self::NoWorkspace { .. } => "name the top folder of a checkout with --checkout".to_owned(),
            Self::UnknownBase { base, shallow: true, .. } => format!(
                "fetch it with `git fetch --unshallow` or `git fetch --depth=1 origin {base}`, or build every image with --all"
            ),
            Self::UnknownBase { .. } => {
                "fetch it with `git fetch origin`; where it is gone for good, build every image with --all".to_owned()
            }
            Self::Read { .. } | Self::Toml { .. } => {
                "check the file; `git status` tells whether it was edited".to_owned()
            }
            Self::InvalidPin { .. } => {
                "write NAME=REGISTRY/REPOSITORY@sha256:DIGEST; the digest is what the push of the image printed"
                    .to_owned()
            }
            Self::Contradiction { .. } => "name every image once".to_owned(),
            Self::NoOverlay { .. } => {
                "name the overlay's folder from the top of the repository, as in argocd/overlays/development".to_owned()
            }
            Self::UnknownImage { .. } => {
                "use the `name:` of the entry, or add an entry for a new image first".to_owned()
            }
            Self::Kustomization { .. } => {
                "write each image as a list item with its `name:`, `newName:` and `digest:` on lines of their own"
                    .to_owned()
            }
            Self::NoBranch { .. } => "create the branch, or name another one with --branch".to_owned(),
            Self::PushRefused { .. } => {
                "check the credentials and the branch's protection; nothing was changed on the remote".to_owned()
            }
            Self::AttemptsSpent { .. } => "run the same command again; nothing was changed on the remote".to_owned(),
        };
        Some(hint)
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
