//! Flags of the whole command line, and the way out.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::failure::Failure;
use crate::run;

/// Finds faults before they cost a batch: runs pipelines and looks after what they leave.
#[derive(Debug, Parser)]
#[command(name = "faultline", version, about, long_about = None, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
}

/// How a listing is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    #[default]
    Text,
    /// JSON on stdout.
    Json,
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::main(args),
    };
    match result {
        Ok(code) => code.into(),
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    // Where stderr itself is gone there is nobody left to tell.
    write!(std::io::stderr(), "{failure}").ok();
    failure.code().into()
}
