//! Flags of the whole command line, and the way in and out that all commands share.

use std::future::Future;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use faultline_contract::ExitCode as Code;
use faultline_runtime::Failure;
use faultline_store::{S3Options, Store, StoreUrl};
use serde::Serialize;

use crate::{
    compare, completions, delivery, diff, export, gc, history, lint, list_runs, logs, models, plan, policy, quarantine,
    replay, rollback, run, sample, schema, show, trace,
};

/// Finds faults before they cost a batch: runs pipelines and looks after what they leave.
#[derive(Debug, Parser)]
#[command(name = "faultline", version, max_term_width = 120, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    s3: S3Options,
}

const EXAMPLES: &str = "\
Examples:
  faultline run pipelines/train.yaml -p raw-uri=data/raw -p root-uri=store
  faultline runs
  faultline logs RUN --follow

`faultline COMMAND --help` has more. FAULTLINE_ROOT_URI names the store where --root-uri is left out; NO_COLOR keeps colours away.

Exit codes: 0 done; 2 wrong command line; 65 the data failed the gate; 66 something named is not there; 69 a service gives damaged answers; 70 a defect; 75 a service was away, or the program was stopped: try again; 77 a right is missing; 78 configurations contradict each other.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Plan(plan::Args),
    Lint(lint::Args),
    Runs(list_runs::Args),
    Show(show::Args),
    Logs(logs::Args),
    Diff(diff::Args),
    Trace(trace::Args),
    Quarantine(quarantine::Args),
    Replay(replay::Args),
    Models(models::Args),
    History(history::Args),
    Compare(compare::Args),
    Rollback(rollback::Args),
    Gc(gc::Args),
    Policy(policy::Args),
    Affected(delivery::Affected),
    Pin(delivery::Pin),
    Export(export::Args),
    Schema(schema::Args),
    Sample(sample::Args),
    Completions(completions::Args),
}

/// How a listing is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// JSON on stdout.
    Json,
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let Cli { command, s3 } = Cli::parse();
    s3.install();
    let result = match command {
        Command::Run(args) => run::main(&args),
        Command::Plan(args) => plan::main(&args),
        Command::Lint(args) => lint::main(&args),
        Command::Runs(args) => list_runs::main(&args),
        Command::Show(args) => show::main(&args),
        Command::Logs(args) => logs::main(&args),
        Command::Diff(args) => diff::main(&args),
        Command::Trace(args) => trace::main(&args),
        Command::Quarantine(args) => quarantine::main(&args),
        Command::Replay(args) => replay::main(&args),
        Command::Models(args) => models::main(&args),
        Command::History(args) => history::main(args),
        Command::Compare(args) => compare::main(args),
        Command::Rollback(args) => rollback::main(args),
        Command::Gc(args) => gc::main(&args),
        Command::Policy(args) => policy::main(&args),
        Command::Affected(args) => delivery::affected(&args),
        Command::Pin(args) => delivery::pin(&args),
        Command::Export(args) => export::main(&args),
        Command::Schema(args) => schema::main(args),
        Command::Sample(args) => sample::main(&args),
        Command::Completions(args) => completions::main(&args),
    };
    let code = result.unwrap_or_else(|failure| {
        // Where stderr itself is gone there is nobody left to tell.
        write!(std::io::stderr(), "{}", failure.render()).ok();
        failure.code()
    });
    code.into()
}

/// Runs `work` to its end on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::internal("start the runtime").caused_by(error))?.block_on(work)
}

/// The store at `root_uri`; a bare path resolves against the caller's folder.
pub(crate) async fn open_store(root_uri: &str) -> Result<Arc<dyn Store>, Failure> {
    Ok(faultline_store::open(&StoreUrl::parse(root_uri, &current_folder()?)?).await?)
}

/// The folder that bare paths resolve against.
pub(crate) fn current_folder() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir();
    here.map_err(|error| Failure::new(Code::Temporary, "find the current folder").caused_by(error))
}

/// The whole command line, as clap knows it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Prints a line on stdout. A reader that has seen enough and left is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(no_stdout(error)),
        _ => Ok(()),
    }
}

/// Stdout cannot be written to.
pub(crate) fn no_stdout(error: std::io::Error) -> Failure {
    Failure::new(Code::Temporary, "write to stdout").caused_by(error).hint("check what stdout leads to, and its space")
}

/// Prints what a command found: as JSON, or line by line for people.
pub(crate) fn answer(
    output: Output,
    json: &impl Serialize,
    lines: impl FnOnce() -> Vec<String>,
) -> Result<(), Failure> {
    match output {
        Output::Json => print_json(json),
        Output::Text => lines().iter().try_for_each(|line| print(line)),
    }
}

/// Prints JSON on stdout.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    print(&text.map_err(|error| Failure::internal("print JSON").caused_by(error))?)
}
