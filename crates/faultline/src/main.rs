//! The faultline command line.

mod cli;
mod failure;
mod progress;
mod rollback;
mod run;
mod sample;
mod schema;
mod show;
mod state;
mod table;

fn main() -> std::process::ExitCode {
    cli::main()
}
