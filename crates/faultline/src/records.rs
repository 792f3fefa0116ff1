//! What is known of a run: the record that its runner kept, and the manifests that its steps committed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use faultline_contract::layout::{is_manifest, record_key, run_prefix};
use faultline_contract::{Manifest, RunId};
use faultline_runtime::Failure;
use faultline_tekton::{ParamValue, RunRecord, State, TaskRecord};
use jiff::Timestamp;

use crate::run::progress::label;
use crate::runs::{Runs, odd};

/// A runner writes every ten seconds at least. After this long without a word from it, clocks that differ a little included, it is
/// taken for gone.
const SILENCE_SECS: f64 = 60.0;

/// A run; at least one of both is there.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) record: Option<RunRecord>,
    /// In the order in which they were committed.
    pub(crate) manifests: Vec<Manifest>,
}

impl Runs {
    /// A run that must exist.
    pub(crate) async fn run(&self, id: &RunId) -> Result<Run, Failure> {
        let run = Run { record: self.record(id).await?, manifests: self.known_manifests(id).await? };
        if run.record.is_none() && run.manifests.is_empty() { Err(self.unknown_run(id).await) } else { Ok(run) }
    }

    /// The record of a run, where its runner kept one.
    pub(crate) async fn record(&self, id: &RunId) -> Result<Option<RunRecord>, Failure> {
        let key = record_key(id);
        let content = match self.store().get(&key).await {
            Ok(content) => content,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record = serde_json::from_slice(&content);
        record.map(Some).map_err(|error| odd(&self.store().uri_of(&key), "the record of a run", error))
    }

    /// The ids of all runs, those first that something was last written of.
    pub(crate) async fn ids(&self) -> Result<Vec<RunId>, Failure> {
        let mut written: BTreeMap<RunId, SystemTime> = BTreeMap::new();
        for object in self.store().list("runs/").await? {
            let id = object.key.split('/').nth(1).and_then(|id| id.parse::<RunId>().ok());
            let Some(id) = id.filter(|id| counts(object.key.strip_prefix(&run_prefix(id)))) else { continue };
            let newest = written.entry(id).or_insert(object.modified);
            *newest = object.modified.max(*newest);
        }
        let mut ids: Vec<_> = written.into_iter().collect();
        ids.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        Ok(ids.into_iter().map(|(id, _)| id).collect())
    }
}

/// How a run stands, in a word: its state, or `Lost` when it has not ended and nothing was heard of its runner for long.
pub(crate) fn standing(record: &RunRecord, now: Timestamp) -> &'static str {
    let is_silent = || seconds_between(&record.updated_at, &now.to_string()).is_some_and(|secs| secs > SILENCE_SECS);
    if record.finished_at.is_none() && is_silent() { "Lost" } else { record.state.name() }
}

/// Why; for a run whose runner is gone, since when.
pub(crate) fn reason(record: &RunRecord, now: Timestamp) -> String {
    if standing(record, now) == "Lost" {
        format!("last heard of at {}", record.updated_at)
    } else {
        record.reason.clone()
    }
}

/// Seconds from a run's start to its end, or to the last word of it.
pub(crate) fn elapsed_secs(record: &RunRecord) -> Option<f64> {
    seconds_between(&record.started_at, record.finished_at.as_ref().unwrap_or(&record.updated_at))
}

/// Seconds that a task took, up to the last word of the run for one that has not ended; none when it was not started.
pub(crate) fn task_secs(record: &RunRecord, task: &TaskRecord) -> Option<f64> {
    let started = task.started_secs?;
    let until_now = || elapsed_secs(record).map(|elapsed| (elapsed - started).max(0.0));
    if task.state == State::Running { until_now() } else { Some(task.elapsed_secs) }
}

/// Seconds between two times in RFC 3339; none when one of them is none.
pub(crate) fn seconds_between(from: &str, to: &str) -> Option<f64> {
    let [from, to] = [from, to].map(|time| time.parse::<Timestamp>().ok());
    Some(to?.duration_since(from?).as_secs_f64())
}

/// A time without the fraction of its second.
pub(crate) fn to_the_second(time: &str) -> String {
    let parsed = time.parse::<Timestamp>().map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    parsed.unwrap_or_else(|_| time.to_owned())
}

/// The name of a task, with the number of the combination where it has a matrix.
pub(crate) fn task_label(task: &TaskRecord) -> String {
    label(&task.name, task.matrix_index)
}

/// Whether the work of a task was done before and used again, by its results; none when it does not say so.
pub(crate) fn reused(results: &BTreeMap<String, ParamValue>) -> Option<bool> {
    results.get("reused").map(|value| *value == ParamValue::from("true"))
}

/// A record and manifests make a run; what else lies there does not.
fn counts(key: Option<&str>) -> bool {
    key.is_some_and(|key| key == "_run/record.json" || is_manifest(key))
}
