//! `faultline history`: how a registered model came to its champion, and the versions that were held back.

use clap::Args as ClapArgs;
use faultline_contract::{Digest, ExitCode, RunId};
use faultline_runtime::{Explained, Failure};
use faultline_tracking::{Action, Entry, ModelName, Registry};
use serde::Serialize;

use crate::cli::{Output, answer, block_on, open_store};
use crate::figures::{Figure, of_difference};
use crate::table::table;

/// List the promotions and rollbacks of a model, and the versions that never became champion.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the registered model.
    model: ModelName,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline history wafer --root-uri store
  faultline history wafer --root-uri s3://bucket/prefix --output json";

/// The listing.
#[derive(Debug, Serialize)]
struct Listing {
    model: ModelName,
    /// Oldest first.
    entries: Vec<Entry>,
    /// Versions without an entry.
    held: Vec<Held>,
}

/// A version that never became champion.
#[derive(Debug, Serialize)]
struct Held {
    version: u64,
    /// The run that made it.
    run_id: RunId,
    claimed_at: String,
    /// Absent while the version is not committed: its run was stopped, or goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle_sha256: Option<Digest>,
}

/// Prints one line per entry and per version held.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    let listing = block_on(async {
        let registry = Registry::new(open_store(&args.root_uri).await?, args.model.clone());
        let entries = registry.history().await.explained()?;
        let versions = registry.versions().await.explained()?;
        if entries.is_empty() && versions.is_empty() {
            let message = format!("find the model {} in {}", args.model, args.root_uri);
            return Err(Failure::new(ExitCode::InputMissing, message)
                .hint("`faultline models` lists the registered models; the train pipeline makes one"));
        }
        let is_held = |number: u64| entries.iter().all(|entry| entry.version != number);
        let held = versions.into_iter().filter(|version| is_held(version.version)).map(|version| Held {
            version: version.version,
            run_id: version.run_id,
            claimed_at: version.claimed_at,
            bundle_sha256: version.bundle_sha256,
        });
        Ok(Listing { held: held.collect(), model: args.model, entries })
    })?;
    answer(args.output, &listing, || lines(&listing))?;
    Ok(ExitCode::Committed)
}

fn lines(listing: &Listing) -> Vec<String> {
    let mut lines = Vec::new();
    if !listing.entries.is_empty() {
        let head = ["SEQ", "ACTION", "VERSION", "WHEN", "WHO", "AVERAGE PRECISION GAINED", "WHY"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(listing.entries.iter().map(entry_row)).collect();
        lines.extend(table(&rows, &[0, 2]));
    }
    if !listing.held.is_empty() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let head = ["HELD", "WHEN", "RUN", "STATE"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(listing.held.iter().map(held_row)).collect();
        lines.extend(table(&rows, &[0]));
    }
    lines
}

fn entry_row(entry: &Entry) -> [String; 7] {
    let action = match entry.action {
        Action::First => "first",
        Action::Promote => "promote",
        Action::Rollback => "rollback",
    };
    let gained: Option<Figure> = of_difference(&entry.figures, "average_precision");
    [
        entry.seq.to_string(),
        action.to_owned(),
        entry.version.to_string(),
        entry.at.clone(),
        entry.by.clone(),
        gained.map(|figure| figure.to_string()).unwrap_or_default(),
        entry.reason.clone(),
    ]
}

fn held_row(held: &Held) -> [String; 4] {
    let state = if held.bundle_sha256.is_some() { "committed" } else { "not committed" };
    [held.version.to_string(), held.claimed_at.clone(), held.run_id.to_string(), state.to_owned()]
}
