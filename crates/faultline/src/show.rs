//! `faultline show`: what the tasks of a run did, what its steps wrote, and a picture of it.

mod picture;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, Manifest, Outcome, RunId};
use faultline_report::format::bytes;
use faultline_runtime::Failure;
use faultline_tekton::{ParamValue, RunRecord, TaskRecord};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::{Output, answer, block_on};
use crate::place::Where;
use crate::records::{Run, elapsed_secs, reason, standing, task_label, task_secs, to_the_second};
use crate::runs::label;
use crate::table::table;

/// List a run's tasks, its steps, their outcomes, outputs and digests.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the run.
    run: RunId,
    #[command(flatten)]
    place: Where,
    /// Draw the run as well, its graph and its times: a page when FILE ends in .html, a picture when it ends in .svg.
    #[arg(long, value_name = "FILE", value_parser = picture::file)]
    picture: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline show train-20260801-093000-1a2b3c
  faultline show nightly-7 --root-uri s3://bucket/prefix --output json
  faultline show nightly-7 --picture run.html";

/// Lists the tasks in the order of the file, and the committed steps in the order in which they were committed.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let run = block_on(async { args.place.open().await?.run(&args.run).await })?;
    if let Some(path) = &args.picture {
        picture::draw(&args.run, run.record.as_ref(), path)?;
    }
    let json = json!({"run_id": args.run, "record": run.record, "steps": run.manifests});
    answer(args.output, &json, || listing(&args.run, &run))?;
    Ok(ExitCode::Committed)
}

fn listing(id: &RunId, run: &Run) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(record) = &run.record {
        parts.extend([verdict(id, record), tasks(record)]);
        let values = |heading: &str, values| named_values(heading, values);
        parts.extend([values("PARAM", &record.params), values("PIPELINE RESULT", &record.pipeline_results)]);
    }
    if !run.manifests.is_empty() {
        parts.extend([steps(&run.manifests), outputs(&run.manifests)]);
    }
    parts.retain(|part| !part.is_empty());
    parts.join(&String::new())
}

fn verdict(id: &RunId, record: &RunRecord) -> Vec<String> {
    let now = Timestamp::now();
    let mut lines = vec![format!("run {id}: {} ({})", standing(record, now), reason(record, now))];
    lines.extend((!record.message.is_empty()).then(|| record.message.clone()));
    let seconds = elapsed_secs(record).map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default();
    lines.push(format!(
        "{} from {}, started {}{seconds}",
        record.pipeline,
        record.file,
        to_the_second(&record.started_at)
    ));
    lines
}

fn tasks(record: &RunRecord) -> Vec<String> {
    let head = ["TASK", "STATE", "REASON", "ATTEMPTS", "START", "SECONDS", "CPU SECONDS", "PEAK MEMORY"];
    let row = |task: &TaskRecord| {
        let has_run = task.attempts > 0;
        let measured = |text: String| if has_run { text } else { String::new() };
        let seconds = |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default();
        [
            task_label(task),
            task.state.name().to_owned(),
            if task.reason == task.state.name() { String::new() } else { task.reason.clone() },
            measured(task.attempts.to_string()),
            seconds(task.started_secs),
            seconds(task_secs(record, task)),
            measured(format!("{:.1}", task.cpu_secs)),
            measured(bytes(task.peak_memory_bytes)),
        ]
    };
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(record.tasks.iter().map(row)).collect();
    table(&rows, &[3, 4, 5, 6, 7])
}

fn named_values<'a>(heading: &str, values: impl IntoIterator<Item = (&'a String, &'a ParamValue)>) -> Vec<String> {
    let rows: Vec<_> = values.into_iter().map(|(name, value)| [name.clone(), shown(value)]).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let head = [heading.to_owned(), "VALUE".to_owned()];
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), &[])
}

/// A text as it is, anything else as JSON.
pub(crate) fn shown(value: &ParamValue) -> String {
    match value {
        ParamValue::Text(text) => text.clone(),
        other => serde_json::Value::from(other.clone()).to_string(),
    }
}

fn steps(manifests: &[Manifest]) -> Vec<String> {
    let head = ["STEP", "OUTCOME", "ROWS IN", "ROWS OUT", "REUSED FROM"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(manifests.iter().map(step_row)).collect();
    table(&rows, &[2, 3])
}

fn outputs(manifests: &[Manifest]) -> Vec<String> {
    let head = ["OUTPUT", "ROWS", "BYTES", "SHA256"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(manifests.iter().flat_map(output_rows)).collect();
    table(&rows, &[1, 2])
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
