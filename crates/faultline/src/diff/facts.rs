//! What a run, a task or a step is made of, as named values that can be compared one by one.

use std::collections::BTreeMap;

use faultline_contract::{Artifact, Manifest};
use faultline_tekton::{ParamValue, RunRecord, TaskRecord};
use serde::Serialize;
use serde_json::Value;

/// Values by what they are (`param`, say) and their name.
pub(super) type Facts = BTreeMap<(&'static str, String), Value>;

/// A value that is not the same on both sides; absent where a side has none.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) name: String,
    pub(super) first: Option<Value>,
    pub(super) second: Option<Value>,
}

/// What differs, in the order of the names, and how much does not.
pub(super) fn changes(first: &Facts, second: &Facts) -> (Vec<Change>, usize) {
    let mut all: Vec<_> = first.keys().chain(second.keys()).collect();
    all.sort();
    all.dedup();
    let total = all.len();
    let change = |key: &(&'static str, String)| {
        let (first, second) = (first.get(key).cloned(), second.get(key).cloned());
        (first != second).then(|| Change { what: key.0, name: key.1.clone(), first, second })
    };
    let changes: Vec<_> = all.into_iter().filter_map(change).collect();
    let equal = total - changes.len();
    (changes, equal)
}

pub(super) fn of_record(record: &RunRecord) -> Facts {
    let mut facts = Facts::new();
    put(&mut facts, "pipeline", "", record.pipeline.clone());
    put(&mut facts, "state", "", record.state.name());
    put(&mut facts, "reason", "", record.reason.clone());
    values(&mut facts, "param", &record.params, &record.run_id);
    values(&mut facts, "result", &record.pipeline_results, &record.run_id);
    facts
}

pub(super) fn of_task(task: &TaskRecord, run: &str) -> Facts {
    let mut facts = Facts::new();
    put(&mut facts, "state", "", task.state.name());
    put(&mut facts, "reason", "", task.reason.clone());
    put(&mut facts, "attempts", "", task.attempts);
    put(&mut facts, "exit code", "", task.exit_code);
    values(&mut facts, "param", &task.params, run);
    values(&mut facts, "result", &task.results, run);
    facts
}

pub(super) fn of_manifest(manifest: &Manifest) -> Facts {
    let mut facts = Facts::new();
    put(&mut facts, "step key", "", manifest.step_key.to_string());
    put(&mut facts, "code digest", "", manifest.code_digest.to_string());
    put(&mut facts, "seed", "", manifest.seed);
    put(&mut facts, "outcome", "", serde_json::to_value(manifest.outcome).unwrap_or_default());
    leaves(&mut facts, "param", "", &manifest.params);
    let artifacts = |facts: &mut Facts, what, artifacts: &[Artifact]| {
        for artifact in artifacts {
            put(facts, what, &artifact.name, artifact.sha256.to_string());
        }
    };
    artifacts(&mut facts, "input", &manifest.inputs);
    artifacts(&mut facts, "output", &manifest.outputs);
    manifest.counts.iter().for_each(|(name, count)| put(&mut facts, "count", name, *count));
    for (name, fact) in &manifest.facts {
        leaves(&mut facts, "fact", &format!("/{name}"), &without_run(fact, manifest.run_id.as_str()));
    }
    facts
}

fn put(facts: &mut Facts, what: &'static str, name: &str, value: impl Into<Value>) {
    facts.insert((what, name.to_owned()), value.into());
}

fn values(facts: &mut Facts, what: &'static str, values: &BTreeMap<String, ParamValue>, run: &str) {
    for (name, value) in values {
        put(facts, what, name, without_run(&Value::from(value.clone()), run));
    }
}

/// Every value inside a JSON value that holds no others, by its JSON pointer.
fn leaves(facts: &mut Facts, what: &'static str, path: &str, value: &Value) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| leaves(facts, what, &format!("{path}/{key}"), value));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, value)| leaves(facts, what, &format!("{path}/{index}"), value));
        }
        leaf => put(facts, what, path, leaf.clone()),
    }
}

/// The value with `(run)` wherever it names its own run: that two runs have different ids is no news.
fn without_run(value: &Value, run: &str) -> Value {
    match value {
        Value::String(text) => Value::String(renamed(text, run)),
        Value::Array(items) => items.iter().map(|item| without_run(item, run)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), without_run(value, run)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A run's id counts where it stands alone: `r` is none in `report`.
fn renamed(text: &str, run: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices(run) {
        let end = at + run.len();
        if !text[..at].ends_with(is_part) && !text[end..].starts_with(is_part) {
            out.push_str(&text[done..at]);
            out.push_str("(run)");
            done = end;
        }
    }
    out + &text[done..]
}

/// Both sides of everything that at least one side has, in the order of the first, then of the second.
pub(super) fn paired<'a, T, K: PartialEq>(sides: [&'a [T]; 2], key: impl Fn(&'a T) -> K) -> Vec<[Option<&'a T>; 2]> {
    let [first, second] = sides;
    let find = |side: &'a [T], wanted: &K| side.iter().find(|entry| key(entry) == *wanted);
    let mut pairs: Vec<_> = first.iter().map(|entry| [Some(entry), find(second, &key(entry))]).collect();
    let only_second = second.iter().filter(|entry| find(first, &key(entry)).is_none());
    pairs.extend(only_second.map(|entry| [None, Some(entry)]));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_id_of_a_run_is_no_difference_where_it_stands_alone() {
        assert_eq!(renamed("runs/r/report/r-1?run=r", "r"), "runs/(run)/report/r-1?run=(run)");
        assert_eq!(without_run(&json!({"a": ["x r", 1]}), "r"), json!({"a": ["x (run)", 1]}));
    }

    #[test]
    fn values_are_compared_by_their_place() {
        let facts = |value: Value| {
            let mut facts = Facts::new();
            leaves(&mut facts, "param", "", &value);
            facts
        };
        let (changes, equal) =
            changes(&facts(json!({"a": {"b": [1, 2]}, "c": 3})), &facts(json!({"a": {"b": [1, 4]}})));
        let names: Vec<_> = changes.iter().map(|change| (change.name.as_str(), change.second.clone())).collect();
        assert_eq!((names, equal), (vec![("/a/b/1", Some(json!(4))), ("/c", None)], 1));
    }

    #[test]
    fn pairs_hold_what_only_one_side_has() {
        let pairs = paired([&[1, 2][..], &[3, 2][..]], |number| *number);
        assert_eq!(pairs, [[Some(&1), None], [Some(&2), Some(&2)], [None, Some(&3)]]);
    }
}
