//! The flags of `faultline affected` and `faultline pin`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::{Affected, CdRepository, Checkout, DeliveryError, Pin, PinOptions, Pinned, affected, every_image, pin};

const AFFECTED_EXAMPLES: &str = "\
An image is affected when its inputs differ: the sources, manifest and build script of its crate and of those below it, the files that these compile in, its part of Cargo.lock, and what all images share, such as the Dockerfile. What is not committed counts too.

Examples:
  faultline affected --base origin/main
  faultline affected --base \"$GIT_PREVIOUS_SUCCESSFUL_COMMIT\" --output json";

const PIN_EXAMPLES: &str = "\
The commit is made on top of what the remote has, and made anew when another push lands first. Files of the checkout are changed only when it is on the branch and the commit has landed.

Examples:
  faultline pin --repository cd --overlay argocd/overlays/development \\
    faultline/cluster=registry.example.org/faultline/cluster@sha256:DIGEST";

/// Tell which images a change affects, and why.
#[derive(Debug, Args)]
#[command(after_help = AFFECTED_EXAMPLES)]
pub struct AffectedArgs {
    /// The revision that the images were last built from.
    #[arg(long, value_name = "REVISION", required_unless_present = "all", conflicts_with = "all")]
    base: Option<String>,
    /// Name every image, where there is no such revision.
    #[arg(long)]
    all: bool,
    /// The top folder of a checkout.
    #[arg(long, value_name = "DIR", default_value = ".")]
    checkout: PathBuf,
}

impl AffectedArgs {
    /// Finds the images.
    ///
    /// # Errors
    /// As [`affected`].
    pub fn run(&self) -> Result<Affected, DeliveryError> {
        let checkout = Checkout::new(&self.checkout);
        match &self.base {
            Some(base) => affected(&checkout, base),
            None => every_image(&checkout),
        }
    }
}

/// Pin images to digests in a CD repository: edit, commit, push.
#[derive(Debug, Args)]
#[command(after_help = PIN_EXAMPLES)]
pub struct PinArgs {
    /// The images with their digests.
    #[arg(value_name = "NAME=REGISTRY/REPOSITORY@sha256:DIGEST", required = true)]
    pins: Vec<Pin>,
    /// A checkout of the CD repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repository: PathBuf,
    /// The folder of an overlay, from the top of the repository. May be given more than once.
    #[arg(long = "overlay", value_name = "DIR", required = true)]
    overlays: Vec<String>,
    /// The remote to push to.
    #[arg(long, value_name = "NAME", default_value = "origin")]
    remote: String,
    /// The branch to push to.
    #[arg(long, value_name = "NAME", default_value = "main")]
    branch: String,
    /// How often to try while others push or the remote is away.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// The pause after the first failed attempt, which doubles each time, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 200)]
    pause_ms: u64,
}

impl PinArgs {
    /// Pins the images.
    ///
    /// # Errors
    /// As [`pin`].
    pub fn run(&self) -> Result<Pinned, DeliveryError> {
        let options = PinOptions {
            overlays: self.overlays.clone(),
            remote: self.remote.clone(),
            branch: self.branch.clone(),
            attempts: self.attempts,
            pause: Duration::from_millis(self.pause_ms),
        };
        pin(&CdRepository::new(&self.repository), &self.pins, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    enum Both {
        Affected(AffectedArgs),
        Pin(PinArgs),
    }

    #[test]
    fn the_flags_are_consistent() {
        Both::command().debug_assert();
    }

    #[test]
    fn a_base_or_all_is_needed() {
        for (arguments, right) in
            [(vec!["--base", "x"], true), (vec!["--all"], true), (vec![], false), (vec!["--all", "--base", "x"], false)]
        {
            let line = [vec!["faultline", "affected"], arguments].concat();
            assert_eq!(Both::try_parse_from(&line).is_ok(), right, "{line:?}");
        }
    }
}
