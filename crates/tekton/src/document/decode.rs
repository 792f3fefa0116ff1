//! JSON to types, past every field that does not fit: each is reported, mended for the moment, and the rest is read.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::lint::rules::{INVALID_VALUE, MISSING_FIELD, RETRIES, TIMEOUT, UNKNOWN_FIELD, UNQUOTED_SCALAR, WRONG_TYPE};
use crate::lint::{Findings, closest, meant, suggestion};

/// How many unreadable fields of one document are reported at the least and at the most; each costs one more pass over it.
const FAULTS: (usize, usize) = (5, 50);

/// How many values all passes over a document may look at.
const MAX_WORK: usize = 2_000_000;

/// Fields of earlier API versions, and what stands for them.
const REMOVED: [(&str, &str); 7] = [
    ("resources", "use params, results and workspaces; for cpu and memory of a step, computeResources"),
    ("conditions", "use when"),
    ("inputs", "use params"),
    ("outputs", "use results"),
    ("bundle", "use the resolver `bundles`"),
    ("serviceAccountName", "use taskRunTemplate.serviceAccountName"),
    ("podTemplate", "use taskRunTemplate.podTemplate"),
];

/// Fields of a Task that it has only inside a Pipeline.
const EMBEDDED_ONLY: [&str; 4] = ["apiVersion", "kind", "spec", "metadata"];

/// What a decoder found fault with.
#[derive(Debug, PartialEq, Eq)]
enum Fault<'a> {
    UnknownField { known: Vec<&'a str> },
    MissingField(&'a str),
    UnknownWord { got: &'a str, known: Vec<&'a str> },
    WrongType { got: &'a str, expected: &'a str },
    Other(&'a str),
}

/// `value` as a `T`; `None` when it cannot be mended. All faults are added to `findings`.
pub(super) fn decode<T: DeserializeOwned>(mut value: Value, root: &str, findings: &mut Findings<'_>) -> Option<T> {
    let nodes = drop_nulls(&mut value, "");
    for _ in 0..(MAX_WORK / nodes).clamp(FAULTS.0, FAULTS.1) {
        let error = match serde_path_to_error::deserialize(&value) {
            Ok(decoded) => return Some(decoded),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error
            .path()
            .iter()
            .filter(|one| matches!(one, Segment::Seq { .. } | Segment::Map { .. }))
            .cloned()
            .collect();
        let path = joined(root, &segments);
        let message = error.inner().to_string();
        let fault = Fault::parse(&message);
        report(&fault, &path, segments.last(), findings);
        let written = findings.source().typed_scalar(&path).map(str::to_owned);
        mend(&mut value, &segments, &fault, written)?;
        skip_meant(&value, &segments, &fault, root, findings);
        if !matches!(fault, Fault::MissingField(_)) {
            findings.skip(&path);
        }
    }
    None
}

/// What is missing because its name is misspelt is not reported again.
fn skip_meant(value: &Value, segments: &[Segment], fault: &Fault<'_>, root: &str, findings: &mut Findings<'_>) {
    let (Fault::UnknownField { known }, Some((Segment::Map { key }, above))) = (fault, segments.split_last()) else {
        return;
    };
    let meant = closest(key, known.iter().copied());
    let parent = above.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(*index),
        Segment::Map { key } => value.get(key.as_str()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    if let Some(meant) = meant.filter(|meant| parent.is_some_and(|parent| parent.get(meant.as_str()).is_none())) {
        findings.skip(&joined(root, &[above, &[Segment::Map { key: meant }]].concat()));
    }
}

/// A cluster drops empty fields before it looks at them. The value of a param alone is read as an empty text.
///
/// Returns the number of values that are left.
fn drop_nulls(value: &mut Value, list: &str) -> usize {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| !value.is_null() || (list == "params" && key == "value"));
            1 + fields.iter_mut().map(|(key, value)| drop_nulls(value, key)).sum::<usize>()
        }
        Value::Array(items) => 1 + items.iter_mut().map(|item| drop_nulls(item, list)).sum::<usize>(),
        _ => 1,
    }
}

fn joined(root: &str, segments: &[Segment]) -> String {
    segments.iter().fold(root.to_owned(), |path, segment| match segment {
        Segment::Seq { index } => format!("{path}[{index}]"),
        Segment::Map { key } if path.is_empty() => key.clone(),
        Segment::Map { key } => format!("{path}.{key}"),
        Segment::Enum { .. } | Segment::Unknown => path,
    })
}

impl<'a> Fault<'a> {
    /// Takes the words of serde apart.
    fn parse(message: &'a str) -> Self {
        let mut words = message.split('`').skip(1).step_by(2);
        if message.starts_with("unknown field ") {
            return Self::UnknownField { known: words.skip(1).collect() };
        }
        if let Some(name) = message.strip_prefix("missing field `") {
            return Self::MissingField(name.trim_end_matches('`'));
        }
        if message.starts_with("unknown variant ") {
            return Self::UnknownWord { got: words.next().unwrap_or_default(), known: words.collect() };
        }
        let split = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        match split.and_then(|rest| rest.rsplit_once(", expected ")) {
            Some((got, expected)) => Self::WrongType { got, expected },
            None => Self::Other(message),
        }
    }
}

fn report(fault: &Fault<'_>, path: &str, last: Option<&Segment>, findings: &mut Findings<'_>) {
    let field = if let Some(Segment::Map { key }) = last { key.as_str() } else { "" };
    match fault {
        Fault::UnknownField { known } => {
            let is_here = |name: &&&str| path.contains("taskSpec.") || !EMBEDDED_ONLY.contains(name);
            let known: Vec<&str> = if known.contains(&"stepTemplate") {
                known.iter().filter(is_here).copied().collect()
            } else {
                known.clone()
            };
            let message = format!("unknown field `{field}`, expected {}", one_of(&known));
            let removed = REMOVED.iter().find(|(name, _)| *name == field);
            let hint = closest(field, known.iter().copied()).map(|name| meant(&name));
            let hint = hint.or_else(|| removed.map(|(_, instead)| format!("it is gone since v1: {instead}")));
            let added = findings.add_at_key(&UNKNOWN_FIELD, path, message);
            added.hint(hint.unwrap_or_else(|| "remove it, or move it to where it belongs".to_owned()));
        }
        Fault::MissingField(name) => {
            findings
                .add(&MISSING_FIELD, path, format!("got no `{name}`, which is required"))
                .hint(format!("add `{name}`"));
        }
        Fault::UnknownWord { got, known } => {
            let message = format!("got `{got}`, expected {}", one_of(known));
            findings.add(&INVALID_VALUE, path, message).hint(suggestion(got, known, "use one of these"));
        }
        Fault::WrongType { got, .. } if field == "retries" && got.starts_with("integer `-") => {
            let message =
                format!("got {}, expected 0 or more; a cluster takes the Pipeline and the run fails", value_name(got));
            findings.add(&RETRIES, path, message).hint("give a number from 0 on");
        }
        Fault::WrongType { got, expected: "a string" } => match findings.source().typed_scalar(path) {
            Some(written) if !written.is_empty() => {
                let (message, hint) = (
                    format!("`{written}` without quotes is {}, expected text", value_name(got)),
                    format!("write \"{written}\""),
                );
                findings.add(&UNQUOTED_SCALAR, path, message).hint(hint);
            }
            _ => findings.add(&WRONG_TYPE, path, format!("got {}, expected text", value_name(got))).hint("give a text"),
        },
        Fault::WrongType { got, expected } => {
            let message = format!("got {}, expected {}", value_name(got), type_name(expected));
            let hint = match *expected {
                "a sequence" => "write a list: each item begins with `- `".to_owned(),
                expected if expected.starts_with("struct") || expected == "a map" => {
                    "write a mapping: `key: value`".to_owned()
                }
                expected => format!("give {}", type_name(expected)),
            };
            findings.add(&WRONG_TYPE, path, message).hint(hint);
        }
        Fault::Other(message) => {
            let is_duration = message.contains("duration");
            let is_negative = message.contains("`-");
            let added = findings.add(if is_duration { &TIMEOUT } else { &INVALID_VALUE }, path, *message);
            added.hint(match (is_duration, is_negative) {
                (true, true) => "a timeout cannot be negative; \"0\" is no limit",
                (true, false) => "write for example \"1h30m\", or \"0\" for no limit",
                (false, _) => "give another value",
            });
        }
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "no fields here".to_owned(),
        [one] => format!("`{one}`"),
        all => format!("one of {}", all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// `boolean `true`` as `the boolean true`.
fn value_name(got: &str) -> String {
    match got {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "null" | "unit value" => "nothing".to_owned(),
        got => match got.strip_prefix("string ") {
            Some(text) => format!("the text {text}"),
            None => {
                format!("the {}", got.replace('`', "").replace("floating point", "number").replace("integer", "number"))
            }
        },
    }
}

fn type_name(expected: &str) -> &str {
    match expected {
        "a sequence" => "a list",
        "a map" => "a mapping",
        "u32" | "u64" | "i64" => "a whole number",
        other if other.starts_with("struct ") => "a mapping",
        other => other,
    }
}

/// Changes `value` so that the fault is gone; `None` when that is not possible.
fn mend(value: &mut Value, segments: &[Segment], fault: &Fault<'_>, written: Option<String>) -> Option<()> {
    if let Fault::MissingField(name) = fault {
        let fields = resolve(value, segments)?.as_object_mut()?;
        // Text fits nearly everywhere; where it does not, the next pass says what would.
        fields.insert((*name).to_owned(), Value::String(String::new()));
        return Some(());
    }
    let (last, above) = segments.split_last()?;
    let parent = resolve(value, above)?;
    let neutral = match fault {
        Fault::WrongType { expected, .. } => neutral(expected, written),
        _ => None,
    };
    match (last, neutral) {
        (Segment::Map { key }, Some(neutral)) => drop(parent.as_object_mut()?.insert(key.clone(), neutral)),
        (Segment::Map { key }, None) => drop(parent.as_object_mut()?.remove(key)?),
        (Segment::Seq { index }, neutral) => *parent.get_mut(*index)? = neutral.unwrap_or_default(),
        _ => return None,
    }
    Some(())
}

fn neutral(expected: &str, written: Option<String>) -> Option<Value> {
    match expected {
        "a string" => Some(Value::String(written.unwrap_or_default())),
        "a sequence" => Some(Value::Array(Vec::new())),
        "a map" => Some(Value::Object(Map::new())),
        expected if expected.starts_with("struct ") => Some(Value::Object(Map::new())),
        _ => None,
    }
}

fn resolve<'v>(value: &'v mut Value, segments: &[Segment]) -> Option<&'v mut Value> {
    segments.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key } => value.get_mut(key.as_str()),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_serde_are_taken_apart() {
        for (message, expected) in [
            ("unknown field `a`, expected `b` or `c`", Fault::UnknownField { known: vec!["b", "c"] }),
            ("missing field `name`", Fault::MissingField("name")),
            (
                "unknown variant `x`, expected `in` or `notin`",
                Fault::UnknownWord { got: "x", known: vec!["in", "notin"] },
            ),
            (
                "invalid type: string \"a, expected b\", expected a sequence",
                Fault::WrongType { got: "string \"a, expected b\"", expected: "a sequence" },
            ),
            ("got the duration `x`", Fault::Other("got the duration `x`")),
        ] {
            assert_eq!(Fault::parse(message), expected);
        }
    }

    #[test]
    fn empty_fields_are_dropped_as_a_cluster_does() {
        let mut value = serde_json::json!({"a": null, "params": [{"name": "p", "value": null}, {"default": null}]});
        drop_nulls(&mut value, "");
        assert_eq!(value, serde_json::json!({"params": [{"name": "p", "value": null}, {}]}));
    }
}
