//! YAML text to JSON values, with the line and column of every node.
//!
//! A cluster never sees YAML: `kubectl` turns it into JSON by YAML 1.1 rules (`yes` is true, `010` is 8) and the API server
//! decodes that. The same two steps are taken here, so a file means on a laptop what it means on a cluster.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::{Map, Number, Value};

/// A place in a file; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Where each node of one document stands, by path (`spec.tasks[0].name`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(HashMap<String, Position>);

impl Positions {
    /// The place of `path`, else of the nearest ancestor that has one.
    pub(crate) fn find(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(position) = self.0.get(path) {
                return Some(*position);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }
}

/// One YAML document: its JSON and where its parts stand.
#[derive(Debug)]
pub(crate) struct RawDocument {
    pub(crate) value: Value,
    pub(crate) positions: Positions,
}

/// The text is no YAML that a cluster would read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// All documents of `text`; empty ones are left out.
pub(crate) fn read(text: &str) -> Result<Vec<RawDocument>, SyntaxError> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), positions: Positions::default() };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::DocumentStart(..) => {
                let (event, span) = reader.expect_next(span)?;
                let value = reader.node(event, span, "")?;
                let positions = std::mem::take(&mut reader.positions);
                reader.anchors.clear();
                if !value.is_null() {
                    documents.push(RawDocument { value, positions });
                }
            }
            Event::StreamEnd => break,
            _ => {}
        }
    }
    Ok(documents)
}

type Input<'a> = granit_parser::StrInput<'a>;

struct Reader<'a> {
    parser: Parser<'a, Input<'a>>,
    anchors: HashMap<usize, Value>,
    positions: Positions,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, SyntaxError> {
        self.parser.next_event().transpose().map_err(|error| syntax(&error))
    }

    fn expect_next(&mut self, at: Span) -> Result<(Event<'a>, Span), SyntaxError> {
        self.next()?.ok_or_else(|| fail(at, "the document ends too early"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &str) -> Result<Value, SyntaxError> {
        self.positions.0.entry(path.to_owned()).or_insert_with(|| position(span));
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
                (if is_text { Value::String(text.into_owned()) } else { plain(&text) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(span, path)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(span, path)?, anchor),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                (value.ok_or_else(|| fail(span, "an alias stands inside the node it names"))?, 0)
            }
            other => return Err(fail(span, &format!("unexpected {other:?}"))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, start: Span, path: &str) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.expect_next(start)?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let path = format!("{path}[{}]", items.len());
            items.push(self.node(event, span, &path)?);
        }
    }

    fn mapping(&mut self, start: Span, path: &str) -> Result<Value, SyntaxError> {
        let mut entries = Map::new();
        loop {
            let (event, span) = self.expect_next(start)?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(entries)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(fail(span, "a key that is not a scalar")),
            };
            if key == "<<" {
                return Err(fail(span, "a merge key (`<<`); write the fields out"));
            }
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.positions.0.insert(path.clone(), position(span));
            let (event, value_span) = self.expect_next(span)?;
            let value = self.node(event, value_span, &path)?;
            if entries.insert(key.clone(), value).is_some() {
                return Err(fail(span, &format!("the key `{key}` twice in one mapping")));
            }
        }
    }
}

/// The value of an unquoted scalar by the YAML 1.1 rules of `kubectl`.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let joined: String = digits.chars().filter(|c| *c != '_').collect();
    let integer = if let Some(hex) = joined.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()
    } else if let Some(binary) = joined.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).ok()
    } else if joined.len() > 1 && joined.starts_with('0') {
        i64::from_str_radix(joined.strip_prefix("0o").unwrap_or(&joined), 8).ok()
    } else {
        joined.parse().ok()
    };
    let negative = text.starts_with('-');
    if let Some(integer) = integer {
        return Some(Number::from(if negative { -integer } else { integer }));
    }
    let is_float = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let float: f64 = if is_float { digits.parse().ok()? } else { return None };
    Number::from_f64(if negative { -float } else { float })
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn fail(span: Span, message: &str) -> SyntaxError {
    SyntaxError { position: position(span), message: message.to_owned() }
}

fn syntax(error: &ScanError) -> SyntaxError {
    let marker = error.marker();
    SyntaxError { position: Position { line: marker.line(), column: marker.col() + 1 }, message: error.info() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_follow_yaml_1_1() {
        let text =
            "{a: yes, b: 'yes', c: 010, d: 0x1F, e: 1.10, f: ~, g: n, h: 1_000, i: 12h, j: -3, k: 1e3, l: 0.5.1}";
        let documents = read(text).unwrap();
        let expected = json!({"a": true, "b": "yes", "c": 8, "d": 31, "e": 1.1, "f": null, "g": false, "h": 1000,
            "i": "12h", "j": -3, "k": 1000.0, "l": "0.5.1"});
        assert_eq!(documents[0].value, expected);
    }

    #[test]
    fn positions_count_over_all_documents() {
        let documents = read("# note\na: 1\n---\n---\nspec:\n  tasks:\n  - name: x\n    params: [p]\n").unwrap();
        assert_eq!(documents.len(), 2);
        let positions = &documents[1].positions;
        assert_eq!(positions.find("spec.tasks[0].name"), Some(Position { line: 7, column: 5 }));
        assert_eq!(positions.find("spec.tasks[0].params[0]"), Some(Position { line: 8, column: 14 }));
        assert_eq!(positions.find("spec.tasks[0].nothing.here"), Some(Position { line: 7, column: 5 }));
    }

    #[test]
    fn anchors_are_copied_and_merge_keys_refused() {
        assert_eq!(read("a: &x [1]\nb: *x\n").unwrap()[0].value, json!({"a": [1], "b": [1]}));
        assert_eq!(read("a: &x {}\nb:\n  <<: *x\n").unwrap_err().position, Position { line: 3, column: 3 });
    }

    #[test]
    fn broken_yaml_names_the_place() {
        let error = read("a: 1\nb: [1, 2\nc: }\n").unwrap_err();
        assert!(error.position.line >= 2, "{error:?}");
        assert!(read("a: 1\na: 2\n").unwrap_err().message.contains("twice"));
    }
}
