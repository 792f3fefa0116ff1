//! `faultline show`: what the steps of a run did and wrote.

use clap::Args as ClapArgs;
use faultline_contract::layout::run_prefix;
use faultline_contract::{ExitCode, Manifest, Outcome, RunId};
use faultline_runtime::Failure;
use faultline_store::Store;
use serde_json::json;

use crate::cli::{Output, block_on, open_store, print, print_json};
use crate::table::{line, padded};

/// How many known runs an error names.
const KNOWN_RUNS: usize = 10;

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
    let manifests = block_on(async {
        let store = open_store(&args.root_uri).await?;
        let manifests = manifests(store.as_ref(), &args.run).await?;
        if manifests.is_empty() { Err(unknown_run(store.as_ref(), &args.run).await) } else { Ok(manifests) }
    })?;
    match args.output {
        Output::Json => print_json(&json!({"run_id": args.run, "steps": manifests}))?,
        Output::Text => {
            for text in listing(&manifests) {
                print(&text)?;
            }
        }
    }
    Ok(ExitCode::Committed)
}

async fn manifests(store: &dyn Store, run: &RunId) -> Result<Vec<Manifest>, Failure> {
    let prefix = run_prefix(run);
    let mut manifests = Vec::new();
    for object in store.list(&prefix).await? {
        if !object.key.strip_prefix(&prefix).is_some_and(is_manifest) {
            continue;
        }
        let content = store.get(&object.key).await?;
        let manifest: Manifest = serde_json::from_slice(&content).map_err(|error| {
            let message = format!("take {} for a manifest", store.uri_of(&object.key));
            Failure::internal(message).caused_by(error).hint("it was written by a much newer version, or is damaged")
        })?;
        manifests.push(manifest);
    }
    manifests.sort_by(|a, b| (&a.finished_at, &a.step, &a.part).cmp(&(&b.finished_at, &b.step, &b.part)));
    Ok(manifests)
}

/// `<step>/manifest.json` or `<step>/<part>/manifest.json`; what attempts have written does not count.
fn is_manifest(key: &str) -> bool {
    let parts: Vec<_> = key.split('/').collect();
    matches!(parts[..], [_, "manifest.json"]) || matches!(parts[..], [_, part, "manifest.json"] if part != "attempts")
}

async fn unknown_run(store: &dyn Store, run: &RunId) -> Failure {
    let failure = Failure::new(ExitCode::InputMissing, format!("find the run {run} in {}", store.root_uri()));
    let Ok(objects) = store.list("runs/").await else {
        return failure.hint("check --root-uri and the run id");
    };
    let mut known: Vec<_> = objects.iter().filter_map(|object| object.key.split('/').nth(1)).collect();
    known.dedup();
    let shown = known.iter().rev().take(KNOWN_RUNS).copied().collect::<Vec<_>>().join(", ");
    let shown = if shown.is_empty() { "none".to_owned() } else { shown };
    failure.hint(format!("check --root-uri and the run id; runs there: {shown}"))
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

fn label(manifest: &Manifest) -> String {
    let part = manifest.part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
    format!("{}{part}", manifest.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_of_attempts_do_not_count() {
        for (key, expected) in [
            ("validate/manifest.json", true),
            ("train/0-forest/manifest.json", true),
            ("validate/attempts/manifest.json", false),
            ("validate/attempts/a1/manifest.json", false),
            ("manifest.json", false),
        ] {
            assert_eq!(is_manifest(key), expected, "{key}");
        }
    }
}
