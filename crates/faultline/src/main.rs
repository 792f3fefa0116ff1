//! The faultline command line.

mod cli;
mod failure;
mod progress;
mod run;
mod state;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
