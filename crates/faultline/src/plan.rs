//! `faultline plan`: what a run would do, before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::{Options, Reason, TaskForecast};
use serde_json::{Value, json};

use crate::cli::{Output, answer, block_on};
use crate::failure::tekton;
use crate::run::engine::processes;
use crate::run::processors;
use crate::run::progress::label;
use crate::run::request::RequestArgs;
use crate::table::table;

/// How many differences of a task are shown; JSON has them all.
const SHOWN_REASONS: usize = 3;
/// How many characters of a value or digest are shown.
const SHOWN_CHARS: usize = 12;

/// Tell for each task of a Pipeline whether it would run or be reused, and why.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    request: RequestArgs,
    /// A variable that the steps see beside their own: NAME takes the caller's value. Repeatable.
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Answers:
  run                       the task does its work: its code, a param or an input differs from what was done before
  reuse                     an earlier result stands in
  run-if-changed (by TASK)  it hangs on a task that runs, and does its work if that writes something new
  skip                      its conditions do not hold

Examples:
  faultline plan pipelines/train.yaml -p raw-uri=data/raw -p root-uri=store
  faultline plan pipelines/train.yaml -p raw-uri=data/raw -p root-uri=store -p params-uri=mine.json --output json

Nothing is written to the store. A task that cannot say what its result depends on always runs.
Exit codes: 0 all was asked; that of a step that cannot be asked, as in `run`; 2 wrong command line; 66 no such file; 78 a document that no cluster would run.";

/// Asks every task that can be asked.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let (plan, run_id) = args.request.plan()?;
    let temporary = |error| Failure::new(ExitCode::Temporary, "make a temporary folder").caused_by(error);
    let logs = tempfile::tempdir().map_err(temporary)?;
    let options = Options {
        jobs: processors(),
        grace: Duration::ZERO,
        log_dir: logs.path().to_owned(),
        scratch_root: std::env::temp_dir(),
        keeps_scratch: false,
    };
    let engine = Arc::new(processes(&args.env)?);
    let forecasts =
        block_on(async { faultline_tekton::forecast(&plan, engine, options).await.map_err(|error| tekton(&error)) })?;
    let json = json!({"run_id": run_id, "tasks": forecasts.iter().map(report).collect::<Vec<_>>()});
    answer(args.output, &json, || listing(&forecasts))?;
    Ok(ExitCode::Committed)
}

fn report(task: &TaskForecast) -> Value {
    json!({
        "name": task.name,
        "kind": task.kind,
        "matrixIndex": task.matrix_index,
        "action": task.action,
        "by": task.by,
        "reasons": task.reasons,
    })
}

fn listing(forecasts: &[TaskForecast]) -> Vec<String> {
    let head = ["TASK", "ACTION", "WHY"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(forecasts.iter().map(row)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in forecasts {
        *counts.entry(task.action.name()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(action, count)| format!("{count} {action}")).collect();
    let mut lines = table(&rows, &[]);
    lines.extend([String::new(), counts.join(", ")]);
    lines
}

fn row(task: &TaskForecast) -> [String; 3] {
    let by = if task.by.is_empty() { String::new() } else { format!(" (by {})", task.by.join(", ")) };
    let mut why: Vec<_> = task.reasons.iter().take(SHOWN_REASONS).map(reason).collect();
    let more = task.reasons.len() - why.len();
    if more > 0 {
        why.push(format!("and {more} more"));
    }
    [label(&task.name, task.matrix_index), format!("{}{by}", task.action.name()), why.join("; ")]
}

/// `param forest.trees: 100 -> 200`; a reason without values is a sentence of its own.
fn reason(reason: &Reason) -> String {
    let Reason { kind, name, before, now } = reason;
    if before.is_none() && now.is_none() {
        return name.clone();
    }
    let what = if name.is_empty() { kind.clone() } else { format!("{kind} {name}") };
    let shown = |value: &Option<String>| value.as_ref().map_or_else(|| "none".to_owned(), |value| shortened(value));
    format!("{what}: {} -> {}", shown(before), shown(now))
}

fn shortened(value: &str) -> String {
    if value.chars().count() <= SHOWN_CHARS {
        return value.to_owned();
    }
    value.chars().take(SHOWN_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_sentences() {
        let of = |kind: &str, name: &str, before: Option<&str>, now: Option<&str>| {
            let text = |value: Option<&str>| value.map(str::to_owned);
            reason(&Reason { kind: kind.into(), name: name.into(), before: text(before), now: text(now) })
        };
        assert_eq!(of("param", "forest.trees", Some("100"), Some("200")), "param forest.trees: 100 -> 200");
        assert_eq!(of("input", "raw/a.csv", None, Some(&"0".repeat(64))), "input raw/a.csv: none -> 00000000000…");
        assert_eq!(of("first", "no earlier result", None, None), "no earlier result");
    }
}
