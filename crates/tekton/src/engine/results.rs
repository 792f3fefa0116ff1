//! Results: read from the files that steps wrote, and checked.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::document::{ParamType, ParamValue, TaskResult};

/// The most that a step can hand over on a cluster: the termination message of its container.
const MAX_MESSAGE_BYTES: usize = 4096;

/// The time stamp that a cluster puts into the same message.
const STAMP: &str = r#"{"key":"StartedAt","value":"2026-01-01T00:00:00.000Z","type":3}"#;

/// The texts of those declared results that were written to `folder`.
pub(super) fn read(folder: &Path, declared: &[TaskResult]) -> BTreeMap<String, String> {
    let text = |result: &TaskResult| {
        let bytes = std::fs::read(folder.join(&result.name)).ok()?;
        Some((result.name.clone(), String::from_utf8_lossy(&bytes).into_owned()))
    };
    declared.iter().filter_map(text).collect()
}

/// The results would not fit into what a cluster lets a step hand over.
pub(super) fn is_too_large(texts: &BTreeMap<String, String>) -> bool {
    let entries = texts.iter().map(|(key, value)| json!({"key": key, "value": value, "type": 1}).to_string().len() + 1);
    let message = entries.sum::<usize>() + STAMP.len() + 2;
    !texts.is_empty() && message > MAX_MESSAGE_BYTES
}

/// The typed values of `texts`. Those that fail are left out; the first fault of each kind is told.
pub(super) fn typed(
    declared: &[TaskResult],
    texts: &BTreeMap<String, String>,
) -> (BTreeMap<String, ParamValue>, Option<String>) {
    let mut values = BTreeMap::new();
    let (mut wrong_type, mut missing_key) = (None, None);
    for result in declared {
        let Some(text) = texts.get(&result.name) else { continue };
        let Some(value) = value(result.kind, text) else {
            let expected = result.kind.name();
            let message = format!("the result `{}` is no JSON {expected} of strings", result.name);
            wrong_type = wrong_type.or(Some(message));
            continue;
        };
        if let (Some(properties), ParamValue::Map(entries)) = (&result.properties, &value)
            && let Some(key) = properties.keys().find(|key| !entries.contains_key(*key))
        {
            missing_key = missing_key.or_else(|| Some(format!("the result `{}` lacks its key `{key}`", result.name)));
        }
        values.insert(result.name.clone(), value);
    }
    (values, wrong_type.or(missing_key))
}

fn value(kind: ParamType, text: &str) -> Option<ParamValue> {
    if kind == ParamType::String {
        return Some(text.into());
    }
    let json: Value = serde_json::from_str(text).ok()?;
    ParamValue::from_json(&json).filter(|value| value.kind() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(json: Value) -> Vec<TaskResult> {
        serde_json::from_value(json).unwrap()
    }

    fn texts(name: &str, text: &str) -> BTreeMap<String, String> {
        [(name.to_owned(), text.to_owned())].into()
    }

    #[test]
    fn lists_and_objects_hold_strings_only() {
        let list = declared(json!([{"name": "l", "type": "array"}]));
        assert_eq!(typed(&list, &texts("l", r#"["a"]"#)).0["l"], ParamValue::List(vec!["a".into()]));
        for wrong in ["a,b", r#"{"a":"b"}"#, "[1]"] {
            let (values, fault) = typed(&list, &texts("l", wrong));
            assert!(values.is_empty() && fault.is_some(), "{wrong}");
        }
    }

    #[test]
    fn an_object_keeps_its_value_but_must_have_its_keys() {
        let object = declared(json!([{"name": "o", "type": "object", "properties": {"k": {}}}]));
        let (values, fault) = typed(&object, &texts("o", r#"{"x": "1"}"#));
        assert!(values.contains_key("o") && fault.unwrap().contains("`k`"));
    }

    #[test]
    fn the_limit_is_that_of_a_termination_message() {
        assert!(!is_too_large(&texts("r", &"0".repeat(3000))));
        assert!(is_too_large(&texts("r", &"0".repeat(4090))));
        assert!(!is_too_large(&BTreeMap::new()));
    }
}
