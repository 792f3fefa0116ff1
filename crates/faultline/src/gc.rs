//! `faultline gc`: deletes what neither a model version nor the cache nor a kept run refers to.

mod keep;
mod survey;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_contract::layout::RUNS_PREFIX;
use faultline_report::format;
use faultline_runtime::Failure;
use serde::Serialize;

use crate::cli::{Output, answer, block_on, open_store};
use crate::table::table;
use keep::{Garbage, Kind, Rule, garbage, kept_runs};
use survey::Survey;

const HOUR: Duration = Duration::from_hours(1);
const HOURS_PER_DAY: u32 = 24;

/// Delete what neither a model version nor the cache nor a kept run refers to.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// Delete nothing, and tell what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// How many runs to keep in any case: those that something was last written of.
    #[arg(long, value_name = "N", default_value_t = 20)]
    keep_runs: usize,
    /// Keep every run of which something was written in the last D days.
    #[arg(long, value_name = "D", default_value_t = 30)]
    keep_days: u32,
    /// Touch nothing that was written in the last H hours: longer than any step takes.
    #[arg(long, value_name = "H", default_value_t = 24)]
    grace_hours: u32,
    /// How to print it; JSON names every object.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
What is kept, each with everything that it refers to, so that it can be traced, shown and reused as before:
  runs       the newest ones, those of the last days, and those that made a model version or are named in a history
  the cache  the result that each entry names, with the results that it was made from
  models     every committed version and the whole history; the number of a version that was never finished

What goes: attempts that no manifest names, results and records of other runs, cache entries whose result is gone, files of versions that were never finished.

Examples:
  faultline gc --root-uri store --dry-run
  faultline gc --root-uri s3://bucket/prefix --keep-days 90
  faultline gc --root-uri s3://bucket/prefix --dry-run --output json

It may run beside pipelines, and be killed at any time; the next one goes on. Raw files and the database of records are not touched.
Exit codes: 0 done; 75 the store was away; 70 a manifest cannot be read, so that nothing is deleted; 77 a right is missing.";

/// What was deleted, or would be.
#[derive(Debug, Serialize)]
struct Report {
    root_uri: String,
    dry_run: bool,
    runs: usize,
    runs_kept: usize,
    objects: usize,
    bytes: u64,
    kinds: Vec<OfKind>,
    /// In the order of their deletion.
    garbage: Vec<Garbage>,
}

/// The sum over one kind of object.
#[derive(Debug, Serialize)]
struct OfKind {
    kind: Kind,
    objects: usize,
    bytes: u64,
}

/// Looks, deletes and tells.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let rule =
        Rule { keep_runs: args.keep_runs, keep: HOUR * HOURS_PER_DAY * args.keep_days, grace: HOUR * args.grace_hours };
    let report = block_on(async {
        let store = open_store(&args.root_uri).await?;
        // The store's clock tells how old an object is: this machine's may be days before it.
        let now = store.now(RUNS_PREFIX).await?;
        let first = Survey::take(&store, None).await?;
        let mut found = garbage(&first, &rule, now, store.root());
        if !args.dry_run && !found.is_empty() {
            // Reading every manifest may have taken long. What has come since then is looked at, and counts.
            let second = Survey::take(&store, Some(&first)).await?;
            let still: BTreeSet<Garbage> = garbage(&second, &rule, now, store.root()).into_iter().collect();
            found.retain(|one| still.contains(one));
            found = sweep::delete(&store, found, &second.unfinished).await?;
        }
        let kept = kept_runs(&first, &rule, now).len();
        Ok(Report::new(store.root_uri(), args.dry_run, first.runs().len(), kept, found))
    })?;
    answer(args.output, &report, || report.lines())?;
    Ok(ExitCode::Committed)
}

impl Report {
    fn new(root_uri: String, dry_run: bool, runs: usize, runs_kept: usize, garbage: Vec<Garbage>) -> Self {
        let mut kinds: BTreeMap<Kind, OfKind> = BTreeMap::new();
        for Garbage { kind, bytes, .. } in &garbage {
            let sum = kinds.entry(*kind).or_insert(OfKind { kind: *kind, objects: 0, bytes: 0 });
            sum.objects += 1;
            sum.bytes += bytes;
        }
        let bytes = garbage.iter().map(|one| one.bytes).sum();
        let kinds = kinds.into_values().collect();
        Self { root_uri, dry_run, runs, runs_kept, objects: garbage.len(), bytes, kinds, garbage }
    }

    fn lines(&self) -> Vec<String> {
        let kept = format!("{} of {} runs are kept whole", self.runs_kept, self.runs);
        if self.garbage.is_empty() {
            return vec![format!("nothing to delete; {kept}")];
        }
        let head = ["KIND", "OBJECTS", "SIZE"].map(str::to_owned);
        let row = |of: &OfKind| [of.kind.name().to_owned(), of.objects.to_string(), format::bytes(of.bytes)];
        let rows: Vec<_> = std::iter::once(head).chain(self.kinds.iter().map(row)).collect();
        let mut lines = table(&rows, &[1, 2]);
        let what = if self.dry_run { "would be deleted" } else { "deleted" };
        let sum = format!("{} objects, {} {what}; {kept}", self.objects, format::bytes(self.bytes));
        lines.extend([String::new(), sum]);
        lines
    }
}
