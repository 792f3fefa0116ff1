//! A run as a picture: the graph of its tasks with their states, and when each of them ran.

use std::path::{Path, PathBuf};

use faultline_contract::{ExitCode, RunId};
use faultline_report::format::bytes;
use faultline_report::{
    Block, Card, Cell, Figure, Graph, Mark, Node, Page, Poster, Row, Section, Table, Timeline, Tone,
};
use faultline_runtime::Failure;
use faultline_tekton::{Kind, RunRecord, State, TaskRecord};
use jiff::Timestamp;

use super::shown;
use crate::failure;
use crate::records::{elapsed_secs, reason, standing, task_label, task_secs, to_the_second};

/// What a file that a picture goes to may end in.
const PAGE: &str = "html";
const PICTURE: &str = "svg";

/// A path that ends in .html or .svg.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_known = path.extension().is_some_and(|ending| ending == PAGE || ending == PICTURE);
    if is_known { Ok(path) } else { Err("expected a file that ends in .html or .svg".to_owned()) }
}

/// Writes the picture of a run.
pub(super) fn draw(id: &RunId, record: Option<&RunRecord>, path: &Path) -> Result<(), Failure> {
    let record = record.ok_or_else(|| {
        Failure::new(ExitCode::InputMissing, format!("draw the run {id}: it has no record"))
            .hint("only `faultline run` keeps one; a cluster shows its runs itself")
    })?;
    let is_page = path.extension().is_some_and(|ending| ending == PAGE);
    let content = if is_page { page(record).render() } else { poster(record).render() };
    std::fs::write(path, content).map_err(|error| failure::file("write", path, error))
}

fn poster(record: &RunRecord) -> Poster {
    let subtitle = format!("{}: {}", standing(record, Timestamp::now()), subtitle(record));
    Poster::new(title(record), subtitle).graph("Tasks", &graph(record)).timeline("Times", &timeline(record))
}

fn page(record: &RunRecord) -> Page {
    let now = Timestamp::now();
    let tone = match record.state {
        State::Succeeded => Tone::Good,
        State::Failed => Tone::Bad,
        _ => Tone::Warning,
    };
    let mut page = Page::new(title(record)).subtitle(subtitle(record)).status(tone, standing(record, now));
    page.lead(cards(record));
    page.lead(Block::Paragraph(
        if record.message.is_empty() { reason(record, now) } else { record.message.clone() }.into(),
    ));
    let mut pictures = Section::new("Pictures");
    pictures.push(
        Figure::new("Tasks", graph(record)).caption("What waits for what. The tasks of finally come after all others."),
    );
    pictures.push(Figure::new("Times", timeline(record)).caption("Combinations of a matrix stand one by one."));
    page.push(pictures);
    let mut tables = Section::new("Details");
    tables.push(tasks(record));
    for (caption, values) in [("Params", &record.params), ("Results of the Pipeline", &record.pipeline_results)] {
        let mut table = Table::new(caption).column("Name").column("Value");
        for (name, value) in values {
            table.push(vec![Cell::words(name), Cell::code(shown(value))]);
        }
        if !table.is_empty() {
            tables.push(table);
        }
    }
    page.push(tables);
    page
}

fn title(record: &RunRecord) -> String {
    format!("Run {}", record.run_id)
}

fn subtitle(record: &RunRecord) -> String {
    format!("{} from {}, started {}", record.pipeline, record.file, to_the_second(&record.started_at))
}

fn cards(record: &RunRecord) -> Vec<Card> {
    let count = |state: State| record.tasks.iter().filter(|task| task.state == state).count().to_string();
    let peak = record.tasks.iter().map(|task| task.peak_memory_bytes).max().unwrap_or_default();
    let cpu: f64 = record.tasks.iter().map(|task| task.cpu_secs).sum();
    vec![
        Card::new("Seconds", elapsed_secs(record).map_or_else(|| "n/a".to_owned(), |seconds| format!("{seconds:.1}"))),
        Card::new("Tasks succeeded", count(State::Succeeded)).note(format!("of {}", record.tasks.len())),
        Card::new("Tasks failed", count(State::Failed)),
        Card::new("CPU seconds", format!("{cpu:.1}")),
        Card::new("Peak memory", bytes(peak)).note("of one process"),
    ]
}

fn mark(state: State) -> Mark {
    match state {
        State::Succeeded => Mark::Done,
        State::Failed => Mark::Failed,
        State::Running => Mark::Running,
        State::Skipped => Mark::Skipped,
        State::Waiting | State::NotRun => Mark::Waiting,
    }
}

/// The pipeline tasks in their order, each with the entries of its combinations.
fn grouped(record: &RunRecord) -> Vec<Vec<&TaskRecord>> {
    let mut groups: Vec<Vec<&TaskRecord>> = Vec::new();
    for task in &record.tasks {
        match groups.last_mut().filter(|group| group[0].name == task.name) {
            Some(group) => group.push(task),
            None => groups.push(vec![task]),
        }
    }
    groups
}

fn graph(record: &RunRecord) -> Graph {
    let (tasks, finally): (Vec<_>, Vec<_>) = grouped(record).into_iter().partition(|group| group[0].kind == Kind::Task);
    let index = |name: &String| tasks.iter().position(|group| group[0].name == *name);
    let graph = tasks.iter().fold(Graph::new(), |graph, group| graph.node(node(record, group)));
    let edges = tasks.iter().enumerate().flat_map(|(to, group)| {
        group[0].waits_for.iter().filter_map(index).map(move |from| (from, to)).collect::<Vec<_>>()
    });
    let graph = edges.fold(graph, |graph, (from, to)| graph.edge(from, to));
    graph.apart("finally", finally.iter().map(|group| node(record, group)).collect())
}

/// One box; a task with a matrix stands as the worst of its combinations.
fn node(record: &RunRecord, group: &[&TaskRecord]) -> Node {
    let first = group[0];
    let worst = group.iter().max_by_key(|task| mark(task.state)).map_or(first.state, |task| task.state);
    let node = Node::new(&first.name, mark(worst), worst.name());
    if first.matrix_index.is_some() {
        let same = group.iter().filter(|task| task.state == worst).count();
        return node.detail(format!("{same} of {}", group.len())).stack();
    }
    match task_secs(record, first) {
        Some(seconds) => node.detail(took(first, seconds)),
        None => node,
    }
}

fn timeline(record: &RunRecord) -> Timeline {
    let mut tasks: Vec<_> = record.tasks.iter().collect();
    tasks.sort_by(|one, other| {
        let start = |task: &TaskRecord| task.started_secs.unwrap_or(f64::INFINITY);
        start(one).total_cmp(&start(other))
    });
    let timeline = Timeline::new("Seconds since the start", "Took", "Peak memory");
    tasks.into_iter().map(|task| row(record, task)).fold(timeline, Timeline::row)
}

fn row(record: &RunRecord, task: &TaskRecord) -> Row {
    let word = if task.attempts == 0 && !task.reason.is_empty() { &task.reason } else { task.state.name() };
    let row = Row::new(task_label(task), mark(task.state), word);
    let Some((started, seconds)) = task.started_secs.zip(task_secs(record, task)) else { return row };
    let row = row.span(started, started + seconds, took(task, seconds));
    if task.peak_memory_bytes == 0 {
        return row;
    }
    row.load(task.peak_memory_bytes as f64, bytes(task.peak_memory_bytes))
}

/// `12.3 s`, and how many tries that was where it was more than one.
fn took(task: &TaskRecord, seconds: f64) -> String {
    let tries = if task.attempts > 1 { format!(", {} tries", task.attempts) } else { String::new() };
    format!("{seconds:.1} s{tries}")
}

fn tasks(record: &RunRecord) -> Table {
    let table = Table::new("Tasks").column("Task").column("State").column("Reason").numbers("Attempts");
    let mut table = table.numbers("Start (s)").numbers("Took (s)").numbers("CPU (s)").numbers("Peak memory");
    for task in &record.tasks {
        let tone = match task.state {
            State::Succeeded => Tone::Good,
            State::Failed => Tone::Bad,
            State::Running => Tone::Warning,
            State::Skipped | State::Waiting | State::NotRun => Tone::Neutral,
        };
        let seconds = |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default();
        let why = if task.message.is_empty() { &task.reason } else { &task.message };
        let why = if why == task.state.name() { "" } else { why };
        table.push(vec![
            Cell::words(task_label(task)),
            Cell::badge(tone, task.state.name()),
            Cell::words(why),
            Cell::number(task.attempts.to_string()),
            Cell::number(seconds(task.started_secs)),
            Cell::number(seconds(task_secs(record, task))),
            Cell::number(seconds(task.started_secs.map(|_| task.cpu_secs))),
            Cell::number(task.started_secs.map(|_| bytes(task.peak_memory_bytes)).unwrap_or_default()),
        ]);
    }
    table
}
