//! `faultline diff`: what two runs were given and what came of it, side by side.

mod facts;

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, Manifest, RunId};
use faultline_report::format::{bytes, short_digest};
use faultline_runtime::Failure;
use faultline_tekton::TaskRecord;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Output, answer, block_on};
use crate::place::Where;
use crate::records::{Run, task_label, task_secs};
use crate::runs::label;
use crate::table::table;
use facts::{Change, Facts, changes, of_manifest, of_record, of_task, paired};

/// Times that differ by less than this are taken for the same: by both, as a ratio and in seconds.
const NOTABLE_RATIO: f64 = 1.25;
const NOTABLE_SECS: f64 = 0.5;

/// Set two runs side by side: params, tasks, digests, counts and metrics, times and memory.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of a run.
    first: RunId,
    /// Id of the run that it is held against.
    second: RunId,
    #[command(flatten)]
    place: Where,
    /// How to print it. As JSON, times and memory of all tasks are told; else of those where they differ by a quarter and by half a
    /// second at least.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline diff nightly-6 nightly-7
  faultline diff nightly-6 nightly-7 --root-uri s3://bucket/prefix --output json

The exit code is 0 whether the runs differ or not.";

/// What differs, and how much does not.
#[derive(Debug, Serialize)]
struct Difference {
    runs: [RunId; 2],
    /// Everything is the same but times and memory.
    is_equal: bool,
    /// Pipeline, state, params and results.
    run: Vec<Change>,
    tasks: Vec<TaskPair>,
    steps: Vec<StepPair>,
    equal: Equal,
}

/// How many are the same on both sides.
#[derive(Debug, Serialize)]
struct Equal {
    values: usize,
    tasks: usize,
    steps: usize,
}

/// A task that at least one of the runs has.
#[derive(Debug, Serialize)]
struct TaskPair {
    task: String,
    first: Option<Measured>,
    second: Option<Measured>,
    /// The seconds of the second over those of the first.
    ratio: Option<f64>,
    changes: Vec<Change>,
}

/// What a task took.
#[derive(Debug, Serialize)]
struct Measured {
    state: &'static str,
    attempts: u32,
    seconds: Option<f64>,
    cpu_seconds: f64,
    peak_memory_bytes: u64,
}

/// A step that at least one of the runs has committed.
#[derive(Debug, Serialize)]
struct StepPair {
    step: String,
    changes: Vec<Change>,
}

/// Prints what differs, then in one line what does not.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let [first, second] = block_on(async {
        let runs = args.place.open().await?;
        Ok([runs.run(&args.first).await?, runs.run(&args.second).await?])
    })?;
    let difference = Difference::of([args.first.clone(), args.second.clone()], [&first, &second]);
    answer(args.output, &difference, || lines(&difference))?;
    Ok(ExitCode::Committed)
}

impl Difference {
    fn of(ids: [RunId; 2], runs: [&Run; 2]) -> Self {
        let of_run = |run: &Run| run.record.as_ref().map(of_record).unwrap_or_default();
        let (run, values) = changes(&of_run(runs[0]), &of_run(runs[1]));
        let tasks = runs.map(|run| run.record.as_ref().map_or(&[][..], |record| &record.tasks[..]));
        let pairs = paired(tasks, |task: &TaskRecord| (&task.name, task.matrix_index));
        let tasks: Vec<_> = pairs.into_iter().map(|pair| TaskPair::of(pair, runs)).collect();
        let manifests = runs.map(|run| &run.manifests[..]);
        let pairs = paired(manifests, |manifest: &Manifest| (&manifest.step, &manifest.part));
        let steps: Vec<_> = pairs.into_iter().map(StepPair::of).collect();
        let equal = Equal {
            values,
            tasks: tasks.iter().filter(|task| task.changes.is_empty()).count(),
            steps: steps.iter().filter(|step| step.changes.is_empty()).count(),
        };
        let is_equal = run.is_empty() && equal.tasks == tasks.len() && equal.steps == steps.len();
        Self { runs: ids, is_equal, run, tasks, steps, equal }
    }
}

impl TaskPair {
    fn of(pair: [Option<&TaskRecord>; 2], runs: [&Run; 2]) -> Self {
        let facts = |side: usize| -> Facts {
            let record = runs[side].record.as_ref();
            pair[side].zip(record).map(|(task, record)| of_task(task, &record.run_id)).unwrap_or_default()
        };
        let measured = |side: usize| {
            let (task, record) = pair[side].zip(runs[side].record.as_ref())?;
            Some(Measured {
                state: task.state.name(),
                attempts: task.attempts,
                seconds: task_secs(record, task),
                cpu_seconds: task.cpu_secs,
                peak_memory_bytes: task.peak_memory_bytes,
            })
        };
        let (first, second) = (measured(0), measured(1));
        let seconds = |side: &Option<Measured>| side.as_ref().and_then(|side| side.seconds);
        let ratio = seconds(&first).zip(seconds(&second)).filter(|(first, _)| *first > 0.0);
        Self {
            task: pair.iter().flatten().next().map(|task| task_label(task)).unwrap_or_default(),
            ratio: ratio.map(|(first, second)| second / first),
            changes: changes(&facts(0), &facts(1)).0,
            first,
            second,
        }
    }

    /// Worth a line: something differs, or the time it took does by much.
    fn is_notable(&self) -> bool {
        let seconds = |side: &Option<Measured>| side.as_ref().and_then(|side| side.seconds).unwrap_or_default();
        let is_slower = self.ratio.is_some_and(|ratio| !(1.0 / NOTABLE_RATIO..=NOTABLE_RATIO).contains(&ratio));
        let by = (seconds(&self.first) - seconds(&self.second)).abs();
        !self.changes.is_empty() || is_slower && by >= NOTABLE_SECS
    }
}

impl StepPair {
    fn of(pair: [Option<&Manifest>; 2]) -> Self {
        let [first, second] = pair.map(|manifest| manifest.map(of_manifest).unwrap_or_default());
        let step = pair.iter().flatten().next().map(|manifest| label(manifest)).unwrap_or_default();
        Self { step, changes: changes(&first, &second).0 }
    }
}

fn lines(difference: &Difference) -> Vec<String> {
    let Difference { runs, is_equal, tasks, steps, equal, .. } = difference;
    let mut lines = Vec::new();
    let notable: Vec<_> = tasks.iter().filter(|task| task.is_notable()).collect();
    if !notable.is_empty() {
        lines.extend(task_lines(&notable));
        lines.push(String::new());
    }
    let changed = change_lines(difference);
    if !changed.is_empty() {
        lines.extend(changed);
        lines.push(String::new());
    }
    let counts = format!(
        "{} values of the run, {} of {} tasks, {} of {} steps",
        equal.values,
        equal.tasks,
        tasks.len(),
        equal.steps,
        steps.len()
    );
    let [first, second] = runs;
    lines.push(if *is_equal {
        format!("{first} and {second} are equal but for times and memory: {counts}")
    } else {
        format!("equal: {counts}")
    });
    lines
}

fn task_lines(tasks: &[&TaskPair]) -> Vec<String> {
    let head = ["TASK", "STATE", "ATTEMPTS", "SECONDS", "RATIO", "CPU SECONDS", "PEAK MEMORY"].map(str::to_owned);
    let row = |task: &&TaskPair| {
        let both = |told: &dyn Fn(&Measured) -> String| {
            let side = |side: &Option<Measured>| side.as_ref().map_or_else(|| "-".to_owned(), told);
            let (first, second) = (side(&task.first), side(&task.second));
            if first == second { first } else { format!("{first} \u{2192} {second}") }
        };
        let seconds = |seconds: f64| format!("{seconds:.1}");
        [
            task.task.clone(),
            both(&|side| side.state.to_owned()),
            both(&|side| side.attempts.to_string()),
            both(&|side| side.seconds.map_or_else(|| "-".to_owned(), seconds)),
            task.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            both(&|side| seconds(side.cpu_seconds)),
            both(&|side| bytes(side.peak_memory_bytes)),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(tasks.iter().map(row)).collect();
    table(&rows, &[])
}

/// The changes that the table of the tasks does not tell.
fn change_lines(difference: &Difference) -> Vec<String> {
    let [first, second] = difference.runs.clone().map(String::from);
    let mut rows = vec![["OF".to_owned(), "WHAT".to_owned(), first, second]];
    let mut add = |of: &str, changes: &[Change]| {
        for change in changes {
            let what = format!("{} {}", change.what, change.name);
            let [first, second] =
                [&change.first, &change.second].map(|value| value.as_ref().map_or("-".to_owned(), shown));
            rows.push([of.to_owned(), what.trim_end().to_owned(), first, second]);
        }
    };
    add("run", &difference.run);
    difference.tasks.iter().for_each(|task| add(&format!("task {}", task.task), &task.changes));
    difference.steps.iter().for_each(|step| add(&format!("step {}", step.step), &step.changes));
    if rows.len() == 1 { Vec::new() } else { table(&rows, &[]) }
}

/// A text as it is, a digest by its beginning, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            short_digest(text)
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
