//! `faultline affected` and `faultline pin`: from a change to the images that it needs, and from their digests to what is deployed.

use clap::Args;
use faultline_contract::ExitCode;
use faultline_delivery::cli::{AffectedArgs, PinArgs};
use faultline_runtime::{Explained, Failure};

use crate::cli::{Output, answer};

/// Tell which images a change affects, and why.
#[derive(Debug, Args)]
pub(crate) struct Affected {
    #[command(flatten)]
    what: AffectedArgs,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Pin images to digests in a CD repository: edit, commit, push.
#[derive(Debug, Args)]
pub(crate) struct Pin {
    #[command(flatten)]
    what: PinArgs,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn affected(args: &Affected) -> Result<ExitCode, Failure> {
    let found = args.what.run().explained()?;
    answer(args.output, &found, || found.lines())?;
    Ok(ExitCode::Committed)
}

pub(crate) fn pin(args: &Pin) -> Result<ExitCode, Failure> {
    let pinned = args.what.run().explained()?;
    answer(args.output, &pinned, || pinned.lines())?;
    Ok(ExitCode::Committed)
}
