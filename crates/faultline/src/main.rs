#![doc = include_str!("../README.md")]

mod bundles;
mod cli;
mod compare;
mod completions;
mod delivery;
mod diff;
mod export;
mod failure;
mod figures;
mod gc;
mod history;
mod lint;
mod list_runs;
mod logs;
mod models;
mod place;
mod plan;
mod policy;
mod quarantine;
mod records;
mod replay;
mod rollback;
mod run;
mod runs;
mod sample;
mod schema;
mod show;
mod table;
mod tail;
mod trace;

fn main() -> std::process::ExitCode {
    cli::main()
}
