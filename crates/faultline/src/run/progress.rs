//! What a run shows while it goes on, and the table at its end.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use faultline_tekton::{Event, Observer, Outcome, ParamValue, Status, TaskOutcome};

use indicatif::{ProgressBar, ProgressStyle};

use crate::table::{line, padded};

/// How much of a failed task's output is shown.
const TAIL_LINES: usize = 20;
/// How often the live line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// Lines on stderr, one per event, and on a terminal below them one that lives: the tasks that run, and for how long.
#[derive(Debug)]
pub(crate) struct Lines {
    is_verbose: bool,
    has_colour: bool,
    live: ProgressBar,
    /// The labels of the running tasks, in the order of their start, and how many have ended.
    state: Mutex<(Vec<String>, usize)>,
}

impl Lines {
    pub(crate) fn new(is_verbose: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let live = if is_terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed}  {wide_msg}") {
            live.set_style(style);
        }
        if is_terminal {
            live.enable_steady_tick(TICK);
        }
        let has_colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Self { is_verbose, has_colour, live, state: Mutex::default() }
    }

    /// Notes that a task begins or ends, and says so on the live line.
    fn note(&self, change: impl FnOnce(&mut Vec<String>, &mut usize)) {
        // A thread that panicked while it held the lock left a list that is good enough to show.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (running, ended) = &mut *state;
        change(running, ended);
        self.live.set_message(format!("{ended} tasks ended; running: {}", running.join(", ")));
    }

    fn painted(&self, status: Status, text: &str) -> String {
        let colour = match status {
            Status::Succeeded => 32,
            Status::Failed => 31,
            Status::Skipped | Status::NotRun => 33,
        };
        if self.has_colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn ended(&self, task: &TaskOutcome) {
        let label = label(&task.name, task.matrix_index);
        let word = self.painted(task.status, task.status.name());
        let detail = match task.status {
            Status::Succeeded if result(task, "reused") == "true" => format!("{}, reused", seconds(task.elapsed)),
            Status::Succeeded => seconds(task.elapsed),
            Status::Failed => format!("{}: {}: {}", seconds(task.elapsed), task.reason, task.message),
            Status::Skipped | Status::NotRun => task.reason.clone(),
        };
        say(&format!("{label}: {word} ({detail})"));
        if let Some(log) = &task.log
            && (self.is_verbose || task.is_failure())
        {
            let limit = if self.is_verbose { usize::MAX } else { TAIL_LINES };
            Self::tail(log, limit);
        }
    }

    fn tail(log: &Path, limit: usize) {
        let Ok(bytes) = std::fs::read(log) else { return };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        let skipped = lines.len().saturating_sub(limit);
        if skipped > 0 {
            say(&format!("  | ... {skipped} more lines in {}", log.display()));
        }
        for line in &lines[skipped..] {
            say(&format!("  | {line}"));
        }
    }

    /// The line of an event that stays.
    fn lasting(&self, event: &Event<'_>) {
        match event {
            Event::Started { task, matrix_index } => say(&format!("{}: started", label(task, *matrix_index))),
            Event::Retrying { task, matrix_index, attempt, message } => {
                say(&format!("{}: {message}; attempt {attempt} follows", label(task, *matrix_index)));
            }
            Event::Ended(task) => self.ended(task),
            Event::Stopping { grace } => {
                say(&format!("stopping: the running steps have {} to end", seconds(*grace)));
            }
        }
    }

    /// Takes the live line away.
    pub(crate) fn finish(&self) {
        self.live.finish_and_clear();
    }

    /// The closing table and the verdict.
    pub(crate) fn close(&self, outcome: &Outcome, logs: &Path) {
        let head = ["TASK", "STATUS", "SECONDS", "ROWS IN", "ROWS OUT", "REUSED"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(outcome.tasks.iter().map(row)).collect();
        say("");
        for (index, mut cells) in padded(&rows, &[2, 3, 4]).into_iter().enumerate() {
            if let Some(task) = index.checked_sub(1).and_then(|task| outcome.tasks.get(task)) {
                cells[1] = self.painted(task.status, &cells[1]);
            }
            say(&line(&cells));
        }
        let verdict = self.painted(outcome.status, outcome.status.name());
        say(&format!("\nrun {}: {verdict} ({}): {}", outcome.run_id, outcome.reason, outcome.message));
        for (name, value) in &outcome.pipeline_results {
            say(&format!("{name}: {}", shown(value)));
        }
        say(&format!("logs: {}", logs.display()));
    }
}

impl Observer for Lines {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::Started { task, matrix_index } => {
                self.note(|running, _| running.push(label(task, *matrix_index)));
            }
            Event::Ended(task) => self.note(|running, ended| {
                running.retain(|known| *known != label(&task.name, task.matrix_index));
                *ended += 1;
            }),
            Event::Retrying { .. } | Event::Stopping { .. } => {}
        }
        // The live line steps aside while a lasting one is written.
        self.live.suspend(|| self.lasting(event));
    }
}

/// A line on stderr; where stderr is gone there is nobody left to tell.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

fn row(task: &TaskOutcome) -> [String; 6] {
    let elapsed = if task.attempts == 0 { String::new() } else { format!("{:.1}", task.elapsed.as_secs_f64()) };
    let status =
        if task.is_ignored { format!("{} (ignored)", task.status.name()) } else { task.status.name().to_owned() };
    let result = |name| result(task, name);
    [label(&task.name, task.matrix_index), status, elapsed, result("rows-in"), result("rows-out"), result("reused")]
}

/// The text of a result; empty when the task has none of that name.
fn result(task: &TaskOutcome, name: &str) -> String {
    task.results.get(name).map(shown).unwrap_or_default()
}

fn shown(value: &ParamValue) -> String {
    value.texts().join(", ")
}

fn label(task: &str, matrix_index: Option<usize>) -> String {
    matrix_index.map_or_else(|| task.to_owned(), |index| format!("{task}[{index}]"))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
