//! `faultline sample`: batch files to try everything on.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_sample::{SampleError, SampleOptions, write_sample};

use crate::cli::print;
use crate::failure;

/// Write a seeded sample of wafer batch files: good, bad and odd ones.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder to write into; training/ and prediction/ are made in it.
    folder: PathBuf,
    /// Seed of all wafers.
    #[arg(long, value_name = "N", default_value_t = SampleOptions::default().seed)]
    seed: u64,
    /// Labelled files without a fault.
    #[arg(long, value_name = "N", default_value_t = SampleOptions::default().training_files)]
    training_files: usize,
    /// Files to predict without a fault.
    #[arg(long, value_name = "N", default_value_t = SampleOptions::default().prediction_files)]
    prediction_files: usize,
    /// Wafers per file.
    #[arg(long, value_name = "N", default_value_t = SampleOptions::default().rows_per_file)]
    rows_per_file: usize,
    /// Leave out the files with faults.
    #[arg(long)]
    no_faults: bool,
}

const EXAMPLES: &str = "\
Examples:
  faultline sample wafers
  faultline sample wafers --seed 11 --training-files 40";

/// Writes the sample and lists its files.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let options = SampleOptions {
        seed: args.seed,
        training_files: args.training_files,
        prediction_files: args.prediction_files,
        rows_per_file: args.rows_per_file,
        with_faults: !args.no_faults,
    };
    let sample = write_sample(&args.folder, &options).map_err(|error| match error {
        SampleError::Write { path, source } => failure::file("write", &path, source),
        error @ SampleError::Option { .. } => {
            Failure::new(ExitCode::Usage, error.to_string()).hint("see `faultline sample --help`")
        }
    })?;
    for file in &sample.files {
        let fault = file.fault.map(|fault| format!(": {fault}")).unwrap_or_default();
        print(&format!("{} ({} rows{fault})", file.path.display(), file.rows))?;
    }
    Ok(ExitCode::Committed)
}
