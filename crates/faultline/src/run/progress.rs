//! What a run shows while it goes on, and the table at its end.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use faultline_tekton::{Event, Observer, Outcome, ParamValue, Status, TaskOutcome};

use indicatif::{ProgressBar, ProgressStyle};

use crate::records::reused;
use crate::table::{fitted, has_colour, width};
use crate::tail::Tail;

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
    state: Mutex<State>,
}

/// What the lines are made of.
#[derive(Debug, Default)]
struct State {
    /// The running tasks, in the order of their start.
    running: Vec<Running>,
    /// How many have ended.
    ended: usize,
}

/// A task that runs, and what it prints.
#[derive(Debug)]
struct Running {
    label: String,
    /// What is to be shown of it while it runs.
    tail: Option<Tail>,
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
        let has_colour = has_colour(&std::io::stderr());
        Self { is_verbose, has_colour, live, state: Mutex::default() }
    }

    /// Shows what the running tasks print, for as long as this is awaited.
    pub(crate) async fn keep_reading<T>(&self) -> T {
        if !self.is_verbose {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(TICK).await;
            self.live.suspend(|| {
                for Running { label, tail } in &mut self.state().running {
                    tail.iter_mut().flat_map(Tail::lines).for_each(|text| printed(label, &text));
                }
            });
        }
    }

    /// The state; a thread that panicked while it held the lock left one that is good enough to show.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a task begins or ends, and says so on the live line.
    fn note(&self, event: &Event<'_>) {
        let mut state = self.state();
        match event {
            Event::Started { task, matrix_index, log } | Event::Retrying { task, matrix_index, log, .. } => {
                let label = label(task, *matrix_index);
                state.take(&label).into_iter().for_each(|text| self.show(&label, &text));
                let tail = self.is_verbose.then(|| Tail::from_its_end(log.to_path_buf()));
                state.running.push(Running { label, tail });
            }
            Event::Ended(task) => {
                let label = label(&task.name, task.matrix_index);
                state.take(&label).into_iter().for_each(|text| self.show(&label, &text));
                state.ended += 1;
            }
            Event::Stopping { .. } => {}
        }
        let labels: Vec<_> = state.running.iter().map(|running| running.label.as_str()).collect();
        self.live.set_message(format!("{} tasks ended; running: {}", state.ended, labels.join(", ")));
    }

    fn show(&self, label: &str, text: &str) {
        if self.is_verbose {
            self.live.suspend(|| printed(label, text));
        }
    }

    fn painted(&self, status: Status, text: &str) -> String {
        let colour = match status {
            Status::Succeeded => 32,
            Status::Failed => 31,
            Status::Skipped | Status::NotRun => 33,
        };
        if self.has_colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A row of the closing table with its status in colour: names of tasks have no capitals, so the first such word is it.
    fn with_status(&self, row: &str) -> String {
        let all = [Status::Succeeded, Status::Failed, Status::Skipped, Status::NotRun];
        let found =
            all.into_iter().filter_map(|status| Some((row.find(status.name())?, status))).min_by_key(|(at, _)| *at);
        found.map_or_else(
            || row.to_owned(),
            |(_, status)| row.replacen(status.name(), &self.painted(status, status.name()), 1),
        )
    }

    fn ended(&self, task: &TaskOutcome) {
        let label = label(&task.name, task.matrix_index);
        let word = self.painted(task.status, task.status.name());
        let detail = match task.status {
            Status::Succeeded if reused(&task.results) == Some(true) => format!("{}, reused", seconds(task.elapsed)),
            Status::Succeeded => seconds(task.elapsed),
            Status::Failed => format!("{}: {}: {}", seconds(task.elapsed), task.reason, task.message),
            Status::Skipped | Status::NotRun => task.reason.clone(),
        };
        say(&format!("{label}: {word} ({detail})"));
        if let Some(log) = task.log.as_ref().filter(|_| task.is_failure() && !self.is_verbose) {
            last_lines(&label, log);
        }
    }

    /// The line of an event that stays.
    fn lasting(&self, event: &Event<'_>) {
        match event {
            Event::Started { task, matrix_index, .. } => say(&format!("{}: started", label(task, *matrix_index))),
            Event::Retrying { task, matrix_index, attempt, message, .. } => {
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
        for row in fitted(&rows, &[2, 3, 4], width(&std::io::stderr())) {
            say(&self.with_status(&row));
        }
        let verdict = self.painted(outcome.status, outcome.status.name());
        say(&format!("\nrun {}: {verdict} ({}): {}", outcome.run_id, outcome.reason, outcome.message));
        for (name, value) in &outcome.pipeline_results {
            say(&format!("{name}: {}", shown(value)));
        }
        say(&format!("logs: {}", logs.display()));
    }
}

impl State {
    /// Takes a task from the running ones, with what it has printed and nobody has seen.
    fn take(&mut self, label: &str) -> Vec<String> {
        let index = self.running.iter().position(|running| running.label == label);
        index.and_then(|index| self.running.remove(index).tail).map_or_else(Vec::new, Tail::rest)
    }
}

impl Observer for Lines {
    fn on_event(&self, event: &Event<'_>) {
        self.note(event);
        // The live line steps aside while a lasting one is written.
        self.live.suspend(|| self.lasting(event));
    }
}

/// A line on stderr; where stderr is gone there is nobody left to tell.
pub(crate) fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}

/// A line that a task printed.
fn printed(label: &str, text: &str) {
    say(&format!("[{label}] {text}"));
}

/// Shows the end of what a task printed.
pub(crate) fn last_lines(label: &str, log: &Path) {
    let lines = Tail::new(log.to_owned()).rest();
    let skipped = lines.len().saturating_sub(TAIL_LINES);
    if skipped > 0 {
        printed(label, &format!("... {skipped} more lines in {}", log.display()));
    }
    lines[skipped..].iter().for_each(|text| printed(label, text));
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

/// The name of a task, or of one combination of its matrix.
pub(crate) fn label(task: &str, matrix_index: Option<usize>) -> String {
    matrix_index.map_or_else(|| task.to_owned(), |index| format!("{task}[{index}]"))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
