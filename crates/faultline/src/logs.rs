//! `faultline logs`: what the tasks of a run printed.

use std::collections::BTreeMap;
use std::io::{BufWriter, ErrorKind, Stdout, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use faultline_contract::{Digest, ExitCode, RunId, layout};
use faultline_runtime::Failure;
use faultline_tekton::{RunRecord, State, TaskRecord};

use crate::cli::{block_on, no_stdout};
use crate::place::Where;
use crate::records::task_label;
use crate::runs::Runs;
use crate::tail::Tail;

/// How often it is looked for more: on this machine, and in a store that answers over a network.
const LOCAL_PAUSE: Duration = Duration::from_millis(200);
const REMOTE_PAUSE: Duration = Duration::from_secs(2);

/// Print what the tasks of a run printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the run.
    run: RunId,
    /// A task by its name in the Pipeline, or one combination of its matrix: `build[0]`. Default: all tasks.
    task: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Go on until the run, or the task, has ended. In a store the output of a task comes when the task has ended.
    #[arg(short, long)]
    follow: bool,
    /// Seconds without a sign of life from the runner after which --follow gives up. A runner gives one every 10 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "follow")]
    patience_secs: u64,
}

const EXAMPLES: &str = "\
Examples:
  faultline logs nightly-7
  faultline logs nightly-7 train --follow
  faultline logs nightly-7 'build[0]' --root-uri s3://bucket/prefix

Exit codes: 0 all was printed; 66 no such run or task; 75 the run has not ended and nothing was heard of its runner any more.";

/// Prints the logs in the order of the tasks; with --follow as they come.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    block_on(async {
        let runs = args.place.open().await?;
        let mut printer = Printer::new(args, &runs)?;
        match printer.print(&runs).await {
            Err(Ended::Failed(failure)) => Err(failure),
            Ok(()) | Err(Ended::Unread) => Ok(ExitCode::Committed),
        }
    })
}

/// Why no more is printed.
#[derive(Debug)]
enum Ended {
    /// Whoever read it has seen enough.
    Unread,
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::Unread } else { Self::Failed(no_stdout(error)) }
    }
}

/// What was printed so far.
#[derive(Debug)]
struct Printer<'a> {
    args: &'a Args,
    /// Copies of logs that are not on this machine.
    copies: PathBuf,
    logs: BTreeMap<String, Log>,
    stdout: BufWriter<Stdout>,
    /// Something was printed since this was last set.
    has_printed: bool,
}

/// One log, as far as it was read.
#[derive(Debug)]
struct Log {
    tail: Tail,
    /// The size of the copy that was read; absent where the object itself is a file.
    copied_bytes: Option<u64>,
    /// Nothing is added to it any more, and all of it was printed.
    is_done: bool,
}

impl<'a> Printer<'a> {
    fn new(args: &'a Args, runs: &Runs) -> Result<Self, Failure> {
        let copies = runs.folder("logs")?;
        let stdout = BufWriter::new(std::io::stdout());
        Ok(Self { args, copies, logs: BTreeMap::new(), stdout, has_printed: false })
    }

    async fn print(&mut self, runs: &Runs) -> Result<(), Ended> {
        let patience = Duration::from_secs(self.args.patience_secs);
        let is_local = runs.store().local_path("runs").is_some();
        let (mut heard_at, mut last_word) = (Instant::now(), String::new());
        loop {
            let record = self.record(runs).await?;
            let wanted = self.wanted(&record)?;
            self.print_new(runs, &record, &wanted).await?;
            self.stdout.flush()?;
            if !self.args.follow || self.has_ended(&record, &wanted) {
                return Ok(());
            }
            if record.updated_at != last_word || std::mem::take(&mut self.has_printed) {
                (heard_at, last_word) = (Instant::now(), record.updated_at);
            }
            if heard_at.elapsed() >= patience {
                return Err(self.silent(&last_word).into());
            }
            tokio::time::sleep(if is_local { LOCAL_PAUSE } else { REMOTE_PAUSE }).await;
        }
    }

    async fn record(&self, runs: &Runs) -> Result<RunRecord, Failure> {
        let Args { run, .. } = self.args;
        if let Some(record) = runs.record(run).await? {
            return Ok(record);
        }
        // Says so where there is no such run at all.
        runs.run(run).await?;
        let message = format!("find what the tasks of the run {run} printed");
        Err(Failure::new(ExitCode::InputMissing, message)
            .hint("only `faultline run` keeps it; a cluster keeps the logs of its pods itself"))
    }

    /// The tasks that are asked for. While a run goes on, a combination may be asked for that has not been started.
    fn wanted<'r>(&self, record: &'r RunRecord) -> Result<Vec<&'r TaskRecord>, Failure> {
        let Some(name) = &self.args.task else { return Ok(record.tasks.iter().collect()) };
        let wanted: Vec<_> =
            record.tasks.iter().filter(|task| task.name == *name || task_label(task) == *name).collect();
        let of_task = |task: &TaskRecord| name.strip_prefix(&task.name).is_some_and(|rest| rest.starts_with('['));
        let may_come = self.args.follow && record.finished_at.is_none() && record.tasks.iter().any(of_task);
        if !wanted.is_empty() || may_come {
            return Ok(wanted);
        }
        let known: Vec<_> = record.tasks.iter().map(task_label).collect();
        let message = format!("find the task `{name}` in the run {}", self.args.run);
        Err(Failure::new(ExitCode::InputMissing, message).hint(format!("the run has {}", known.join(", "))))
    }

    async fn print_new(&mut self, runs: &Runs, record: &RunRecord, wanted: &[&TaskRecord]) -> Result<(), Ended> {
        // One combination is one task even while the others are not asked for.
        let is_one = self.args.task.is_some() && wanted.len() == 1 && wanted[0].matrix_index.is_none()
            || self.args.task.as_ref().is_some_and(|name| name.ends_with(']'));
        for task in wanted {
            let prefix = if is_one { String::new() } else { format!("[{}] ", task_label(task)) };
            let last = task.logs.len().saturating_sub(1);
            let is_over = record.finished_at.is_some() || is_over(task) || !self.args.follow;
            for (attempt, name) in task.logs.iter().enumerate() {
                self.print_log(runs, name, &prefix, is_over || attempt < last).await?;
            }
        }
        Ok(())
    }

    /// Prints what is new in a log; all of it when nothing is added any more.
    async fn print_log(&mut self, runs: &Runs, name: &str, prefix: &str, is_over: bool) -> Result<(), Ended> {
        let key = format!("{}{name}", layout::logs_prefix(&self.args.run));
        let copy = self.copies.join(Digest::of(name.as_bytes()).to_string());
        let log = self.logs.entry(name.to_owned()).or_insert_with(|| {
            let local = runs.store().local_path(&key);
            let copied_bytes = local.is_none().then_some(0);
            Log { tail: Tail::new(local.unwrap_or_else(|| copy.clone())), copied_bytes, is_done: false }
        });
        if log.is_done {
            return Ok(());
        }
        if let Some(copied) = &mut log.copied_bytes
            && let Some(object) = runs.store().head(&key).await.map_err(Failure::from)?
            && object.bytes != *copied
        {
            runs.store().get_to_file(&key, &copy).await.map_err(Failure::from)?;
            *copied = object.bytes;
        }
        let (stdout, has_printed) = (&mut self.stdout, &mut self.has_printed);
        let write = |line: &[u8]| {
            *has_printed = true;
            stdout.write_all(prefix.as_bytes())?;
            stdout.write_all(line)?;
            stdout.write_all(b"\n")
        };
        if is_over {
            log.tail.each_of_rest(write)?;
        } else {
            log.tail.each(write)?;
        }
        log.is_done = is_over;
        Ok(())
    }

    /// Nothing more comes. A matrix may start combinations as long as the run goes on.
    fn has_ended(&self, record: &RunRecord, wanted: &[&TaskRecord]) -> bool {
        let is_one = |name: &String| wanted.len() == 1 && (wanted[0].matrix_index.is_none() || name.ends_with(']'));
        let has_task_ended = self.args.task.as_ref().is_some_and(is_one) && wanted.iter().all(|task| is_over(task));
        record.finished_at.is_some() || has_task_ended
    }

    fn silent(&self, last_word: &str) -> Failure {
        let Args { run, patience_secs, .. } = self.args;
        let message =
            format!("follow the run {run}: nothing was heard of its runner for {patience_secs} s, last at {last_word}");
        Failure::new(ExitCode::Temporary, message).hint(format!(
            "the runner was killed, or cannot write: `faultline run` with --run-id {run} goes on where it stopped"
        ))
    }
}

fn is_over(task: &TaskRecord) -> bool {
    !matches!(task.state, State::Waiting | State::Running)
}
