//! Writing YAML: one document the same way every time, read alike by YAML 1.1, which clusters use, and 1.2.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Words that are no text without quotes, in some version of YAML.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan"];

/// The longest text that stands in one line in any case.
const SHORT: usize = 80;

/// `value` as a YAML document. `name` comes first in each mapping, the other keys in order of the alphabet.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

/// Writes a mapping or a list in lines of their own, anything else in one.
fn block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in ordered(fields) {
                pad(text, indent);
                entry(text, key, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                pad(text, indent);
                text.push('-');
                in_list(text, item, indent);
            }
        }
        other => {
            scalar(text, other, indent);
            text.push('\n');
        }
    }
}

/// What follows the dash of an item.
fn in_list(text: &mut String, item: &Value, indent: usize) {
    match item {
        Value::Object(fields) if !fields.is_empty() => {
            for (position, (key, value)) in ordered(fields).into_iter().enumerate() {
                if position == 0 {
                    text.push(' ');
                } else {
                    pad(text, indent + 2);
                }
                entry(text, key, value, indent + 2);
            }
        }
        other => nested(text, other, indent),
    }
}

/// A key and its value.
fn entry(text: &mut String, key: &str, value: &Value, indent: usize) {
    quote(text, key);
    text.push(':');
    nested(text, value, indent);
}

/// What stands behind a key or a dash: on the same line if it is a scalar or empty, else below and further in.
fn nested(text: &mut String, value: &Value, indent: usize) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        block(text, value, indent + 2);
    } else {
        text.push(' ');
        scalar(text, value, indent);
        text.push('\n');
    }
}

fn ordered(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| (*key != "name", *key));
    fields
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(string) if is_literal(string) => literal(text, string, indent + 2),
        Value::String(string) => quote(text, string),
        Value::Object(_) => text.push_str("{}"),
        Value::Array(_) => text.push_str("[]"),
        other => text.push_str(&other.to_string()),
    }
}

/// The text reads best in lines of its own, and means the same there.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let is_plain = |c: char| c == '\n' || (c >= ' ' && !is_odd(c));
    body.contains('\n')
        && text.len() > SHORT / 2
        && text.chars().all(is_plain)
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n'])
}

fn literal(text: &mut String, string: &str, indent: usize) {
    text.push_str(if string.ends_with('\n') { "|" } else { "|-" });
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            pad(text, indent);
            text.push_str(line);
        }
    }
}

/// A text in one line, with quotes where it needs them.
fn quote(text: &mut String, string: &str) {
    if is_plain(string) {
        text.push_str(string);
        return;
    }
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c < ' ' || is_odd(c) => escape(text, c),
            c => text.push(c),
        }
    }
    text.push('"');
}

fn escape(text: &mut String, c: char) {
    // Writing to a text does not fail.
    let _ = if c as u32 > 0xffff { write!(text, "\\U{:08X}", c as u32) } else { write!(text, "\\u{:04X}", c as u32) };
}

/// Characters that YAML does not take as they are, or takes for the end of a line.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        || c as u32 > 0xffff
}

/// The text means itself without quotes.
fn is_plain(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let is_inner =
        |c: char| is_word(c) || c == ' ' || c == ',' || c == ':' || c == '(' || c == ')' || c == ';' || c == '\'';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_inner)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn documents_are_easy_to_read() {
        let value = json!({
            "spec": {"b": [1, {"z": "x", "name": "inner"}, ["in", []], {}], "a": "no", "c": "line one of two lines that are long\nline two\n"},
            "kind": "K"
        });
        let expected = "kind: K\nspec:\n  a: \"no\"\n  b:\n    - 1\n    - name: inner\n      z: x\n    -\n      - in\n      - []\n    - {}\n  c: |\n    line one of two lines that are long\n    line two\n";
        assert_eq!(to_yaml(&value), expected);
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".*", "[ -~\n]{0,90}", "(true|No|1e3|0x1|~|- a|a: b|#c|1:20|=|<<|'x|yes)"];
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z]{1,3}|.{0,4}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in values()) {
            let value = json!({"v": value});
            prop_assert_eq!(faultline_tekton::yaml_values(&to_yaml(&value)), Ok(vec![value]));
        }
    }
}
