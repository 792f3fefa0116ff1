//! `faultline quarantine`: what a run refused, by reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, Manifest, RunId};
use faultline_runtime::Failure;
use faultline_table::{Code, QuarantineRecord, Scope};
use serde::Serialize;

use crate::cli::{Output, answer, block_on};
use crate::failure::file as local;
use crate::runs::{Runs, of_step, output, unreadable};
use crate::table::table;

/// The step that refuses, and where it says what.
pub(crate) const VALIDATE: &str = "validate";
const RECORDS: &str = "quarantine.jsonl";

/// List the files and rows that a run refused, by reason, with examples.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the run.
    run: RunId,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// List one reason only, as a listing names it: `type_mismatch`, say.
    #[arg(long, value_name = "CODE", value_parser = code)]
    reason: Option<Code>,
    /// How many examples to show of each reason.
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline quarantine train-20260801-093000-1a2b3c --root-uri store
  faultline quarantine nightly-7 --reason type_mismatch --examples 20 --root-uri store";

/// What was refused for one reason.
#[derive(Debug, Serialize)]
struct Group {
    reason: Code,
    scope: Scope,
    /// Files that the records are of.
    files: u64,
    /// Rows that did not go on.
    rows: u64,
    /// The first records, in the order of file and line.
    examples: Vec<QuarantineRecord>,
    #[serde(skip)]
    names: BTreeSet<String>,
}

/// The listing.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    run_id: &'a RunId,
    files_in: u64,
    files_quarantined: u64,
    rows_in: u64,
    rows_quarantined: u64,
    /// By the number of rows, greatest first.
    reasons: Vec<Group>,
}

/// Prints the groups.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let (_runs, manifest, path) = block_on(async {
        let runs = Runs::open(&args.root_uri).await?;
        let manifest = of_step(&runs.manifests(&args.run).await?, &args.run, VALIDATE)?.clone();
        let path = fetch(&runs, &manifest).await?;
        Ok((runs, manifest, path))
    })?;
    let reasons = groups(&path, args.reason, args.examples)?;
    let listing = Listing {
        run_id: &args.run,
        files_in: manifest.count("files_in"),
        files_quarantined: manifest.count("files_quarantined"),
        rows_in: manifest.count("rows_in"),
        rows_quarantined: manifest.count("rows_quarantined"),
        reasons,
    };
    answer(args.output, &listing, || lines(&listing))?;
    Ok(ExitCode::Committed)
}

/// Calls `each` with every quarantine record of a run, in the order of file and line. Memory does not grow with their number.
pub(crate) fn each_record(path: &Path, mut each: impl FnMut(QuarantineRecord)) -> Result<(), Failure> {
    let opened = File::open(path).map_err(|error| local("open the quarantine", path, error))?;
    for record in BufReader::new(opened).lines() {
        let record = record.map_err(|error| local("read the quarantine", path, error))?;
        each(serde_json::from_str(&record).map_err(|error| unreadable(path, error))?);
    }
    Ok(())
}

/// The quarantine records of a run, as a local file.
pub(crate) async fn fetch(runs: &Runs, validate: &Manifest) -> Result<PathBuf, Failure> {
    runs.fetch(output(validate, RECORDS)?).await
}

fn groups(path: &Path, wanted: Option<Code>, examples: usize) -> Result<Vec<Group>, Failure> {
    let mut groups: BTreeMap<(Code, bool), Group> = BTreeMap::new();
    each_record(path, |record| {
        if wanted.is_some_and(|wanted| wanted != record.code) {
            return;
        }
        let group = groups.entry((record.code, record.scope == Scope::Row)).or_insert_with(|| Group {
            reason: record.code,
            scope: record.scope,
            files: 0,
            rows: 0,
            examples: Vec::new(),
            names: BTreeSet::new(),
        });
        if !group.names.contains(&record.file) {
            group.names.insert(record.file.clone());
            group.files += 1;
        }
        group.rows += record.rows;
        if group.examples.len() < examples {
            group.examples.push(record);
        }
    })?;
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
    Ok(groups)
}

fn lines(listing: &Listing<'_>) -> Vec<String> {
    let Listing { run_id, files_in, files_quarantined, rows_in, rows_quarantined, reasons } = listing;
    let mut lines = vec![format!(
        "{run_id}: {files_quarantined} of {files_in} files and {rows_quarantined} of {rows_in} rows in quarantine"
    )];
    if reasons.is_empty() {
        return lines;
    }
    let head = ["REASON", "OF", "FILES", "ROWS"].map(str::to_owned);
    let row = |group: &Group| {
        let of = match group.scope {
            Scope::File => "whole files",
            Scope::Row => "single rows",
        };
        [group.reason.to_string(), of.to_owned(), group.files.to_string(), group.rows.to_string()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(reasons.iter().map(row)).collect();
    lines.push(String::new());
    lines.extend(table(&rows, &[2, 3]));
    for group in reasons.iter().filter(|group| !group.examples.is_empty()) {
        lines.extend([String::new(), format!("{}:", group.reason)]);
        lines.extend(group.examples.iter().map(|record| format!("  {}", told(record))));
    }
    lines
}

/// One record as a line: where, what was found, what was expected.
pub(crate) fn told(record: &QuarantineRecord) -> String {
    let parts = [
        Some(record.file.clone()),
        record.line.map(|line| format!("line {line}")),
        record.byte_offset.map(|offset| format!("byte {offset}")),
        record.column.as_ref().map(|column| format!("column {column}")),
        record.value.as_ref().map(|value| format!("got `{value}`")),
    ];
    format!("{}: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "), record.message)
}

fn code(text: &str) -> Result<Code, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
