//! `faultline show`: what the steps of a run did and wrote.

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, Manifest, Outcome, RunId};
use faultline_runtime::Failure;
use serde_json::json;

use crate::cli::{Output, answer, block_on};
use crate::runs::{Runs, label};
use crate::table::{line, padded};

/// List a run's steps, their outcomes, outputs and digests.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Id of the run.
    run: RunId,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Lists the committed steps of a run, in the order in which they were committed.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let manifests = block_on(async { Runs::open(&args.root_uri).await?.manifests(&args.run).await })?;
    answer(args.output, &json!({"run_id": args.run, "steps": manifests}), || listing(&manifests))?;
    Ok(ExitCode::Committed)
}

fn listing(manifests: &[Manifest]) -> Vec<String> {
    let head = ["STEP", "OUTCOME", "ROWS IN", "ROWS OUT", "REUSED FROM"].map(str::to_owned);
    let steps: Vec<_> = std::iter::once(head).chain(manifests.iter().map(step_row)).collect();
    let head = ["OUTPUT", "ROWS", "BYTES", "SHA256"].map(str::to_owned);
    let outputs: Vec<_> = std::iter::once(head).chain(manifests.iter().flat_map(output_rows)).collect();
    let steps = padded(&steps, &[2, 3]);
    let outputs = padded(&outputs, &[1, 2]);
    let blank = std::iter::once(String::new());
    steps.iter().map(|row| line(row)).chain(blank).chain(outputs.iter().map(|row| line(row))).collect()
}

fn step_row(manifest: &Manifest) -> [String; 5] {
    let outcome = match manifest.outcome {
        Outcome::Accepted => "accepted",
        Outcome::Rejected => "rejected",
    };
    let count = |name: &str| manifest.counts.get(name).map(u64::to_string).unwrap_or_default();
    let reused_from = manifest.reused_from.clone().unwrap_or_default();
    [label(manifest), outcome.to_owned(), count("rows_in"), count("rows_out"), reused_from]
}

fn output_rows(manifest: &Manifest) -> impl Iterator<Item = [String; 4]> {
    manifest.outputs.iter().map(|output| {
        let rows = output.rows.map(|rows| rows.to_string()).unwrap_or_default();
        [format!("{}/{}", label(manifest), output.name), rows, output.bytes.to_string(), output.sha256.to_string()]
    })
}
