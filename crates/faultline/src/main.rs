#![doc = include_str!("../README.md")]

mod bundles;
mod cli;
mod compare;
mod failure;
mod figures;
mod history;
mod lint;
mod models;
mod plan;
mod quarantine;
mod replay;
mod rollback;
mod run;
mod runs;
mod sample;
mod schema;
mod show;
mod table;
mod trace;

fn main() -> std::process::ExitCode {
    cli::main()
}
