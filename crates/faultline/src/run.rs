//! `faultline run`: executes a pipeline file on this machine.

mod progress;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::document::{GoDuration, ParamSpec, Timeouts};
use faultline_tekton::{Catalog, Error, Options, Outcome, ParamValue, Plan, Request, Status, Stop, TaskOutcome};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Output, block_on, print_json};
use crate::failure::tekton;
use progress::{Lines, say};

/// The longest name that a cluster allows.
const MAX_NAME: usize = 63;

/// Run a Tekton Pipeline from a file, each step as a plain process.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// File that holds the Pipeline; its Tasks may stand in it, in tasks/ beside it or in its folder.
    file: PathBuf,
    /// Name of the Pipeline; needed when the file holds several.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Value of a param; a list as a,b,c or JSON, an object as key:value,key:value or JSON. Repeatable.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// A workspace that the Pipeline is given: a new empty folder per task. Repeatable.
    #[arg(short, long = "workspace", value_name = "NAME=emptyDir", value_parser = pair)]
    workspaces: Vec<(String, String)>,
    /// Limits such as pipeline=2h,tasks=90m,finally=10m; 0 is no limit, pipeline=1h is the default.
    #[arg(long, value_name = "KEY=DURATION,...", value_parser = timeouts)]
    timeouts: Option<Timeouts>,
    /// Id of the run, a lower-case DNS label; the same id again goes on where that run stopped. Default: name, time and chance.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// How many tasks run side by side. Default: the number of processors.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// What to print at the end: a table on stderr, or JSON on stdout.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Show what every task printed, not only the last lines of a failed one.
    #[arg(short, long)]
    verbose: bool,
    /// Seconds that a step has to end by itself when the run is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace_secs: u64,
    /// Folder that keeps the output of the steps, under runs/<run-id>/. Default: `$XDG_STATE_HOME/faultline`, else ~/.local/state/faultline.
    #[arg(long, value_name = "DIR", env = "FAULTLINE_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Leave the scratch folder of the run in place.
    #[arg(long)]
    keep_scratch: bool,
}

/// Runs the Pipeline; the exit code is that of the run.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    let catalog = Catalog::open(&args.file).map_err(|error| tekton(&error))?;
    let entry = catalog.entry(args.pipeline.as_deref()).map_err(|error| tekton(&error))?;
    let run_id = match args.run_id {
        Some(id) => checked(id)?,
        None => generated(&entry.document.name),
    };
    let request = Request {
        params: values(&args.params, &entry.pipeline.params, &entry.document.name)?,
        workspaces: workspaces(&args.workspaces)?,
        timeouts: args.timeouts.unwrap_or_default(),
        pipeline: args.pipeline,
        run_id: run_id.clone(),
    };
    let plan = Plan::new(&catalog, &request).map_err(|error| tekton(&error))?;
    let options = Options {
        jobs: args.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get),
        grace: Duration::from_secs(args.grace_secs),
        log_dir: state::log_dir(args.state_dir.as_deref(), &run_id),
        scratch_root: std::env::temp_dir(),
        keeps_scratch: args.keep_scratch,
        program_dir: std::env::current_exe().ok().and_then(|path| path.parent().map(PathBuf::from)),
    };
    let logs = options.log_dir.clone();
    let lines = Arc::new(Lines::new(args.verbose));
    say(&format!("run {run_id}: {} from {}", entry.document.name, args.file.display()));
    let outcome = execute(&plan, options, Arc::clone(&lines));
    lines.finish();
    let outcome = outcome?;
    match args.output {
        Output::Text => lines.close(&outcome, &logs),
        Output::Json => print_json(&report(&outcome))?,
    }
    Ok(exit_code(&outcome))
}

fn execute(plan: &Plan, options: Options, lines: Arc<Lines>) -> Result<Outcome, Failure> {
    let no_signals = |error: std::io::Error| Failure::internal("listen for signals").caused_by(error);
    block_on(async {
        let (sender, stop) = watch::channel(Stop::No);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        tokio::spawn(async move {
            for wish in [Stop::Gracefully, Stop::Now] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                sender.send_replace(wish);
            }
            sender.closed().await;
        });
        faultline_tekton::run(plan, options, stop, lines).await.map_err(|error| tekton(&error))
    })
}

/// 0 when all went well; else the documented code of the first failed step, 75 when the run was stopped, 70 for anything else.
fn exit_code(outcome: &Outcome) -> ExitCode {
    if outcome.status == Status::Succeeded {
        return ExitCode::Committed;
    }
    let of_step = outcome.tasks.iter().filter(|task| task.is_failure()).find_map(|task| task.exit_code);
    let documented =
        of_step.and_then(ExitCode::from_code).filter(|code| !matches!(code, ExitCode::Committed | ExitCode::Usage));
    let stopped = matches!(outcome.reason.as_str(), "Cancelled" | "PipelineRunTimeout").then_some(ExitCode::Temporary);
    stopped.or(documented).unwrap_or(ExitCode::Internal)
}

fn report(outcome: &Outcome) -> Value {
    json!({
        "run_id": outcome.run_id,
        "status": outcome.status,
        "reason": outcome.reason,
        "pipelineResults": outcome.pipeline_results,
        "tasks": outcome.tasks.iter().map(task_report).collect::<Vec<_>>(),
    })
}

fn task_report(task: &TaskOutcome) -> Value {
    let reused = task.results.get("reused").map(|value| *value == ParamValue::from("true"));
    json!({
        "name": task.name,
        "kind": task.kind,
        "status": task.status,
        "reason": task.reason,
        "attempts": task.attempts,
        "seconds": (task.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        "reused": reused,
        "results": task.results,
        "exitCode": task.exit_code,
        "matrixIndex": task.matrix_index,
    })
}

fn values(
    given: &[(String, String)],
    specs: &[ParamSpec],
    pipeline: &str,
) -> Result<BTreeMap<String, ParamValue>, Failure> {
    let mut values = BTreeMap::new();
    for (name, text) in given {
        let unknown = || Error::Unknown {
            kind: "param",
            name: name.clone(),
            place: format!("the Pipeline `{pipeline}`"),
            known: specs.iter().map(|spec| spec.name.clone()).collect(),
        };
        let spec = specs.iter().find(|spec| spec.name == *name).ok_or_else(|| tekton(&unknown()))?;
        let value = spec.parse(text).ok_or_else(|| {
            let message = format!("read the param `{name}`: got `{text}`, expected {} of strings", spec.kind().name());
            Failure::new(ExitCode::Usage, message)
                .hint("write a list as a,b,c or JSON, an object as key:value,key:value or JSON")
        })?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn workspaces(given: &[(String, String)]) -> Result<BTreeSet<String>, Failure> {
    let name = |(name, what): &(String, String)| {
        if what == "emptyDir" {
            return Ok(name.clone());
        }
        let message = format!("bind the workspace `{name}`: got `{what}`, expected emptyDir");
        Err(Failure::new(ExitCode::Usage, message).hint(format!("use -w {name}=emptyDir")))
    };
    given.iter().map(name).collect()
}

fn checked(id: String) -> Result<String, Failure> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = !id.is_empty()
        && id.len() <= MAX_NAME
        && id.chars().all(is_inner)
        && !id.starts_with('-')
        && !id.ends_with('-');
    if is_label {
        return Ok(id);
    }
    let message = format!("use the run id: got `{id}`, expected at most {MAX_NAME} lower-case letters, digits and `-`");
    Err(Failure::new(ExitCode::Usage, message).hint("choose another --run-id, or leave it out"))
}

/// `<pipeline>-<date>-<time>-<chance>`, which sorts by time.
fn generated(pipeline: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let chance = RandomState::new().build_hasher().finish() & 0xff_ffff;
    let tail = format!("-{now}-{chance:06x}");
    let name: String = pipeline.chars().map(|c| if c == '.' { '-' } else { c }).take(MAX_NAME - tail.len()).collect();
    format!("{}{tail}", name.trim_end_matches('-'))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
    split.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

fn timeouts(text: &str) -> Result<Timeouts, String> {
    let mut timeouts = Timeouts::default();
    for part in text.split(',') {
        let (key, duration) = pair(part).map_err(|_| format!("got `{part}`, expected KEY=DURATION"))?;
        let duration: GoDuration =
            duration.parse().map_err(|error: faultline_tekton::document::InvalidDuration| error.to_string())?;
        match key.as_str() {
            "pipeline" => timeouts.pipeline = Some(duration),
            "tasks" => timeouts.tasks = Some(duration),
            "finally" => timeouts.finally = Some(duration),
            other => return Err(format!("got `{other}`, expected pipeline, tasks or finally")),
        }
    }
    Ok(timeouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_labels_that_fit() {
        for name in ["train", &"a".repeat(200), "a.b"] {
            let id = generated(name);
            assert!(checked(id.clone()).is_ok(), "{id}");
        }
    }

    #[test]
    fn timeouts_are_read() {
        let read = timeouts("pipeline=2h,finally=10m").unwrap();
        assert_eq!((read.pipeline.unwrap().to_string().as_str(), read.tasks.is_none()), ("2h0m0s", true));
        for wrong in ["2h", "pipeline", "all=1h", "tasks=soon"] {
            assert!(timeouts(wrong).is_err(), "{wrong}");
        }
    }
}
