#![doc = include_str!("../README.md")]

mod cli;
mod failure;
mod rollback;
mod run;
mod sample;
mod schema;
mod show;
mod table;

fn main() -> std::process::ExitCode {
    cli::main()
}
