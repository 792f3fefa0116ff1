//! `faultline runs`: the runs of a store, or of this machine.

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, Outcome, RunId};
use faultline_runtime::Failure;
use faultline_tekton::{RunRecord, State};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{Output, answer, block_on};
use crate::place::Where;
use crate::records::{Run, elapsed_secs, reason, reused, seconds_between, standing, to_the_second};
use crate::runs::Runs;
use crate::table::table;

/// List the runs, newest first.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// List runs of this Pipeline only.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// How many to list: those that something was last written of.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline runs
  faultline runs --pipeline train --limit 5
  faultline runs --root-uri s3://bucket/prefix --output json

A run that has not ended and whose runner was not heard of for a minute is `Lost`: the same `faultline run` with its --run-id goes on where it stopped.
A run without a record (a cluster's, say) is `Unknown` but for what its steps committed.";

/// One run.
#[derive(Debug, Serialize)]
struct Summary {
    run_id: RunId,
    /// Absent when there is no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<String>,
    /// That of the record, `Lost`, `Unknown` when there is none, or `Unreadable`.
    state: &'static str,
    reason: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// To the end, or to the last word of the run.
    seconds: Option<f64>,
    tasks: Tasks,
}

/// How many tasks, combinations counted one by one; without a record, how many manifests.
#[derive(Debug, Default, Serialize)]
struct Tasks {
    total: usize,
    succeeded: usize,
    failed: usize,
    reused: usize,
}

/// Prints one line per run.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let runs = block_on(async {
        let runs = args.place.open().await?;
        let mut found = Vec::new();
        for id in runs.ids().await? {
            if found.len() == args.limit {
                break;
            }
            let summary = summary(&runs, id).await;
            if args.pipeline.is_none() || summary.pipeline == args.pipeline {
                found.push(summary);
            }
        }
        found.sort_by(|one: &Summary, other| other.started_at.cmp(&one.started_at));
        Ok(found)
    })?;
    let none = || vec!["no runs: `faultline run` makes one; --root-uri names another store".to_owned()];
    answer(args.output, &runs, || if runs.is_empty() { none() } else { lines(&runs) })?;
    Ok(ExitCode::Committed)
}

/// A run that cannot be read is listed as such: the others are no less worth listing.
async fn summary(runs: &Runs, id: RunId) -> Summary {
    match runs.run(&id).await {
        Ok(Run { record: Some(record), .. }) => of_record(id, record),
        Ok(run) => of_manifests(id, &run),
        Err(failure) => Summary {
            run_id: id,
            pipeline: None,
            state: "Unreadable",
            reason: failure.to_string(),
            started_at: None,
            finished_at: None,
            seconds: None,
            tasks: Tasks::default(),
        },
    }
}

fn of_record(run_id: RunId, record: RunRecord) -> Summary {
    let now = Timestamp::now();
    let count = |state: State| record.tasks.iter().filter(|task| task.state == state).count();
    Summary {
        run_id,
        state: standing(&record, now),
        reason: reason(&record, now),
        seconds: elapsed_secs(&record),
        tasks: Tasks {
            total: record.tasks.len(),
            succeeded: count(State::Succeeded),
            failed: count(State::Failed),
            reused: record.tasks.iter().filter(|task| reused(&task.results) == Some(true)).count(),
        },
        pipeline: Some(record.pipeline),
        started_at: Some(record.started_at),
        finished_at: record.finished_at,
    }
}

fn of_manifests(run_id: RunId, run: &Run) -> Summary {
    let count = |outcome: Outcome| run.manifests.iter().filter(|manifest| manifest.outcome == outcome).count();
    let started_at = run.manifests.iter().map(|manifest| &manifest.started_at).min().cloned();
    let last = run.manifests.last().map(|manifest| &manifest.finished_at);
    Summary {
        run_id,
        pipeline: None,
        state: "Unknown",
        reason: format!("no record; {} manifests", run.manifests.len()),
        seconds: started_at.as_ref().zip(last).and_then(|(from, to)| seconds_between(from, to)),
        started_at,
        finished_at: None,
        tasks: Tasks {
            total: run.manifests.len(),
            succeeded: count(Outcome::Accepted),
            failed: count(Outcome::Rejected),
            reused: run.manifests.iter().filter(|manifest| manifest.reused_from.is_some()).count(),
        },
    }
}

fn lines(runs: &[Summary]) -> Vec<String> {
    let head = ["RUN", "PIPELINE", "STATE", "REASON", "STARTED", "SECONDS", "TASKS", "DONE", "FAILED", "REUSED"];
    let row = |run: &Summary| {
        [
            run.run_id.to_string(),
            run.pipeline.clone().unwrap_or_default(),
            run.state.to_owned(),
            run.reason.clone(),
            run.started_at.as_deref().map(to_the_second).unwrap_or_default(),
            run.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
            run.tasks.total.to_string(),
            run.tasks.succeeded.to_string(),
            run.tasks.failed.to_string(),
            run.tasks.reused.to_string(),
        ]
    };
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(runs.iter().map(row)).collect();
    table(&rows, &[5, 6, 7, 8, 9])
}
