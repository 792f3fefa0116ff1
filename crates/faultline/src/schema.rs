//! `faultline schema`: data schemas.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use faultline_contract::ExitCode;
use faultline_contract::schema::{EmptyColumn, ImportOptions, import};
use faultline_runtime::Failure;

use crate::cli::print;
use crate::failure;

/// Make data schemas.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(Import),
}

/// Turn the agreement files of the original system (`schema_training.json` and `schema_prediction.json`) into a data schema.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
struct Import {
    /// Agreement for training files.
    training: PathBuf,
    /// Agreement for prediction files; it settles which column is the target.
    #[arg(long, value_name = "FILE")]
    prediction: Option<PathBuf>,
    /// Where to write the schema. Default: stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Date format in file names, such as ddmmyyyy. Default: inferred from the sample name.
    #[arg(long, value_name = "FORMAT")]
    date_format: Option<String>,
    /// Reject files with a wholly empty column, as the original system does, instead of keeping them as missing values.
    #[arg(long)]
    reject_empty_columns: bool,
}

const EXAMPLES: &str = "\
Examples:
  faultline schema import schema_training.json --prediction schema_prediction.json --out schema.json
  faultline schema import schema_training.json --date-format ddmmyyyy";

/// Runs the command of the group.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    let Command::Import(args) = args.command;
    let training = read(&args.training)?;
    let prediction = args.prediction.as_deref().map(read).transpose()?;
    let empty_column = if args.reject_empty_columns { EmptyColumn::RejectFile } else { EmptyColumn::Keep };
    let options = ImportOptions { date_format: args.date_format, empty_column };
    let imported = import(&training, prediction.as_deref(), &options).map_err(|error| {
        Failure::new(ExitCode::Configuration, format!("import {}: {error}", args.training.display()))
            .hint("mend the agreement file, or see the flags of `faultline schema import --help`")
    })?;
    let text = imported.schema.canonical_json();
    match &args.out {
        Some(path) => std::fs::write(path, text).map_err(|error| failure::file("write", path, error))?,
        None => print(text.trim_end())?,
    }
    for note in &imported.notes {
        // A note that cannot be shown changes nothing in the schema.
        writeln!(std::io::stderr(), "note: {note}").ok();
    }
    Ok(ExitCode::Committed)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| failure::file("read", path, error))
}
