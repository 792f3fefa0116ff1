//! `faultline rollback`: puts an earlier champion back.

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::{Explained, Failure};
use faultline_tracking::{Author, ModelName, Registry};

use crate::cli::{Output, block_on, open_store, print, print_json};

/// Make an earlier version of a model champion again.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the registered model.
    model: ModelName,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// The version to go back to. Default: the champion before the present one.
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "rolled back on the command line")]
    reason: String,
    /// Who, for the history.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    by: String,
    /// How to print the history entry.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline rollback wafer --root-uri store
  faultline rollback wafer --to 3 --reason \"too many false alarms\" --root-uri store";

/// Adds the rollback to the model's history.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    let author = Author { by: args.by, at: jiff::Timestamp::now().to_string(), reason: args.reason };
    let entry = block_on(async {
        let registry = Registry::new(open_store(&args.root_uri).await?, args.model.clone());
        registry.rollback(args.to, author).await.explained()
    })?;
    match args.output {
        Output::Json => print_json(&entry)?,
        Output::Text => {
            let before = entry.previous_version.map(|version| format!(", after version {version}")).unwrap_or_default();
            print(&format!(
                "{}: version {} is champion again{before} (history entry {})",
                args.model, entry.version, entry.seq
            ))?;
        }
    }
    Ok(ExitCode::Committed)
}
