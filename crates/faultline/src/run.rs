//! `faultline run`: executes a pipeline file on this machine.

pub(crate) mod engine;
mod environment;
mod keeper;
pub(crate) mod progress;
pub(crate) mod request;
mod secrets;
pub(crate) mod state;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, RunId, layout};
use faultline_runtime::Failure;
use faultline_tekton::{
    Engine, Event, Observer, Options, Outcome, ParamValue, Plan, RunRecord, Status, StepOutcome, Stop, TaskOutcome,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Output, block_on, open_store, print_json};
use crate::failure::tekton;
use crate::records::reused;
use engine::EngineArgs;
use keeper::Keeper;
use progress::{Lines, say};
use request::RequestArgs;

/// The param that names the store of a run's artifacts, where a Pipeline has one; its record is kept there as well.
const ROOT_PARAM: &str = "root-uri";

/// Run a Tekton Pipeline from a file, each step as a plain process or in a container of its image.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    request: RequestArgs,
    /// How many tasks run side by side. Default: the number of processors.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// What to print at the end: a table on stderr, or JSON on stdout.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Show what every task prints while it prints it, not only the last lines of a failed one.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// Seconds that a step has to end by itself when the run is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace_secs: u64,
    /// Folder that keeps the record and the output of every run. Default: `$XDG_STATE_HOME/faultline`, else ~/.local/state/faultline.
    #[arg(long, value_name = "DIR", env = "FAULTLINE_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Store that keeps them as well. Default: the Pipeline's param `root-uri`, where it has one.
    #[arg(long, value_name = "URI")]
    history_uri: Option<String>,
    /// Leave the scratch folder of the run in place.
    #[arg(long)]
    keep_scratch: bool,
}

const EXAMPLES: &str = "\
Examples:
  faultline run pipelines/train.yaml -p raw-uri=data/raw -p root-uri=store
  faultline run pipelines/train.yaml -p raw-uri=s3://bucket/raw -p root-uri=s3://bucket/store --engine podman
  faultline run build.yaml --pipeline build -p targets=a,b -w source=emptyDir --timeouts pipeline=20m --output json
  faultline run pipelines/train.yaml -p raw-uri=data/raw -p root-uri=s3://bucket/prefix --run-id nightly-7 --verbose

Exit codes: 0 the run succeeded; that of the first failed step where it is documented; 75 stopped or out of time; 70 any other failure; 2 wrong command line; 66 no such file; 78 a document that no cluster would run.";

/// Runs the Pipeline; the exit code is that of the run.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let (plan, run_id) = args.request.plan().or_else(|unplanned| {
        if let Some(outcome) = unplanned.outcome.as_ref().filter(|_| args.output == Output::Json) {
            print_json(&report(outcome))?;
        }
        Err(Failure::from(unplanned))
    })?;
    let state_dir = state::state_dir(args.state_dir.as_deref());
    let options = Options {
        jobs: args.jobs.map_or_else(processors, NonZeroUsize::get),
        grace: Duration::from_secs(args.grace_secs),
        log_dir: state_dir.join(layout::logs_prefix(&run_id)),
        scratch_root: std::env::temp_dir(),
        keeps_scratch: args.keep_scratch,
    };
    let engine = args.engine.engine()?;
    let of_pipeline = match plan.params().get(ROOT_PARAM) {
        Some(ParamValue::Text(uri)) if !uri.is_empty() => Some(uri.as_str()),
        _ => None,
    };
    let history_uri = args.history_uri.as_deref().or(of_pipeline);
    let logs = options.log_dir.clone();
    let lines = Arc::new(Lines::new(args.verbose));
    say(&format!("run {run_id}: {} from {}", plan.pipeline(), args.request.file.display()));
    let outcome = block_on(async {
        let record = RunRecord::new(&plan, &args.request.file.display().to_string(), &keeper::now());
        let keeper = keeper(record, run_id, &state_dir, options.log_dir.clone(), history_uri).await?;
        let outcome = execute(&plan, engine, options, Arc::clone(&lines), Arc::clone(&keeper)).await;
        lines.finish();
        if let Ok(outcome) = &outcome {
            keeper.close(outcome).await;
        }
        outcome
    })?;
    match args.output {
        Output::Text => lines.close(&outcome, &logs),
        Output::Json => print_json(&report(&outcome))?,
    }
    Ok(exit_code(&outcome))
}

/// How many processors there are.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

async fn keeper(
    record: RunRecord,
    run_id: RunId,
    state_dir: &Path,
    logs: PathBuf,
    history_uri: Option<&str>,
) -> Result<Arc<Keeper>, Failure> {
    let local = open_store(&state_dir.display().to_string()).await?;
    let remote = match history_uri {
        Some(uri) => Some(open_store(uri).await?),
        None => None,
    };
    let remote = remote.filter(|remote| remote.root_uri() != local.root_uri());
    Ok(Arc::new(Keeper::new(record, run_id, logs, local, remote)))
}

/// What is told of a run: to people, and to the record.
#[derive(Debug)]
struct Both(Arc<Lines>, Arc<Keeper>);

impl Observer for Both {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}

async fn execute(
    plan: &Plan,
    engine: Arc<dyn Engine>,
    options: Options,
    lines: Arc<Lines>,
    keeper: Arc<Keeper>,
) -> Result<Outcome, Failure> {
    let no_signals = |error: std::io::Error| Failure::internal("listen for signals").caused_by(error);
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
    let observer = Arc::new(Both(Arc::clone(&lines), Arc::clone(&keeper)));
    let work = async {
        let outcome = tokio::select! {
            outcome = faultline_tekton::run(plan, engine, options, stop, observer) => outcome,
            never = lines.keep_reading() => never,
        };
        keeper.end();
        outcome
    };
    let (outcome, ()) = tokio::join!(work, keeper.keep());
    outcome.map_err(|error| tekton(&error))
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
        "message": outcome.message,
        "pipelineResults": outcome.pipeline_results,
        "tasks": outcome.tasks.iter().map(task_report).collect::<Vec<_>>(),
    })
}

fn task_report(task: &TaskOutcome) -> Value {
    let skip_reason = (task.status == Status::Skipped).then_some(&task.reason);
    json!({
        "name": task.name,
        "kind": task.kind,
        "status": task.status,
        "reason": task.reason,
        "skipReason": skip_reason,
        "message": task.message,
        "attempts": task.attempts,
        "seconds": rounded(task.elapsed),
        "cpuSeconds": rounded(task.usage.cpu),
        "peakMemoryBytes": task.usage.peak_memory_bytes,
        "reused": reused(&task.results),
        "params": task.params,
        "results": task.results,
        "exitCode": task.exit_code,
        "matrixIndex": task.matrix_index,
        "steps": task.steps.iter().map(step_report).collect::<Vec<_>>(),
    })
}

fn step_report(step: &StepOutcome) -> Value {
    json!({
        "name": step.name,
        "reason": step.reason,
        "exitCode": step.exit_code,
        "results": step.results,
        "seconds": rounded(step.elapsed),
        "cpuSeconds": rounded(step.usage.cpu),
        "peakMemoryBytes": step.usage.peak_memory_bytes,
    })
}

/// Seconds to the millisecond.
fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
