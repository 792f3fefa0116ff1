//! Where a document came from, to place findings in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::lint::{Finding, Rule};
use crate::references::expressions;
use crate::yaml::{self, Extent, Position, Positions};

/// The longest line that a finding quotes, in characters.
const MAX_QUOTED: usize = 400;

/// The text of a file and where its lines begin.
#[derive(Debug)]
pub(crate) struct Text {
    text: String,
    starts: Vec<usize>,
}

impl Text {
    pub(crate) fn new(text: String) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The line of that number, from 1, without its end.
    fn line(&self, number: usize) -> Option<&str> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        let end = self.starts.get(number).map_or(self.text.len(), |next| next - 1);
        Some(self.text.get(start..end)?.trim_end_matches('\r'))
    }

    /// The line as a finding quotes it.
    pub(crate) fn quoted_line(&self, number: usize) -> Option<String> {
        self.line(number).filter(|line| line.chars().count() <= MAX_QUOTED).map(str::to_owned)
    }
}

/// Where a document came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: Arc<Text>,
    pub(super) positions: Arc<Positions>,
    /// The insides of all `$(...)` of the document, each with the path of its text, in order of the tree.
    pub(super) references: Arc<Vec<(String, String)>>,
}

impl Source {
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn finding(&self, rule: &'static Rule, path: &str, extent: Extent, message: String) -> Finding {
        let Extent { start, end } = extent;
        Finding {
            rule,
            file: self.file.clone(),
            position: start,
            end: (end.line == start.line && end.column > start.column).then_some(end),
            field: path.to_owned(),
            message,
            hint: None,
            source_line: self.text.quoted_line(start.line),
        }
    }

    /// Where the fault of the value at `path` is shown.
    pub(crate) fn value(&self, path: &str) -> Extent {
        self.positions.value(path)
    }

    /// Where the fault of the field at `path` is shown.
    pub(crate) fn key(&self, path: &str) -> Extent {
        self.positions.key(path)
    }

    /// Where `$(expression)` stands in the text at `path`, else that text.
    pub(crate) fn reference(&self, path: &str, expression: &str) -> Extent {
        let whole = self.positions.whole(path);
        let sought = format!("$({expression})");
        let found = (whole.start.line..=whole.end.line).find_map(|number| {
            let line = self.text.line(number)?;
            let skipped = if number == whole.start.line { char_offset(line, whole.start.column - 1)? } else { 0 };
            let at = skipped + line.get(skipped..)?.find(&sought)?;
            let column = line.get(..at)?.chars().count() + 1;
            let position = |column| Position { line: number, column };
            Some(Extent { start: position(column), end: position(column + sought.chars().count()) })
        });
        found.unwrap_or_else(|| self.positions.value(path))
    }

    /// The insides of all `$(...)` at or below `path`.
    pub(crate) fn references_below<'s>(&'s self, path: &'s str) -> impl Iterator<Item = &'s str> {
        self.references.iter().filter(move |(at, _)| is_below(at, path)).map(|(_, expression)| expression.as_str())
    }

    /// The first unquoted boolean, number or null below `path`.
    pub(crate) fn typed_below(&self, path: &str) -> Option<String> {
        self.positions.typed_below(path)
    }

    /// The value at `path` as written, when it is an unquoted boolean, number or null.
    pub(crate) fn typed_scalar(&self, path: &str) -> Option<&str> {
        if !self.positions.is_typed(path) {
            return None;
        }
        let Extent { start, end } = self.positions.whole(path);
        let line = self.text.line(start.line).filter(|_| start.line == end.line)?;
        line.get(char_offset(line, start.column - 1)?..char_offset(line, end.column - 1)?)
    }
}

/// `path` is `above`, or stands inside it.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// All references in the texts of `value`.
pub(super) fn references(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(value, &mut yaml::Path::default(), &mut found);
    found
}

fn collect(value: &Value, path: &mut yaml::Path, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            found.extend(expressions(text).into_iter().map(|one| (path.as_str().to_owned(), one.to_owned())));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let kept = path.push_index(index);
                collect(item, path, found);
                path.truncate(kept);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let kept = path.push_key(key);
                collect(field, path, found);
                path.truncate(kept);
            }
        }
        _ => {}
    }
}

fn char_offset(line: &str, characters: usize) -> Option<usize> {
    line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        let mut documents = crate::yaml::read(text).documents;
        let positions = Arc::new(documents.remove(0).positions);
        Source {
            file: "p.yaml".into(),
            text: Arc::new(Text::new(text.to_owned())),
            positions,
            references: Arc::default(),
        }
    }

    #[test]
    fn references_are_found_inside_text() {
        let source = source("é: 'ü $(params.x)'\nscript: |\n  one\n  two $(params.x) $(params.x)\n");
        let start = |path: &str| source.reference(path, "params.x").start;
        assert_eq!(start("é"), Position { line: 1, column: 7 });
        assert_eq!(start("script"), Position { line: 4, column: 7 });
        assert_eq!(source.reference("script", "params.y").start, Position { line: 3, column: 3 });
    }

    #[test]
    fn scalars_are_cited_as_written() {
        let source = source("a: yes\r\nb: 'yes'\nc: [010, 1.10, x]\nd:\n");
        assert_eq!(source.typed_scalar("a"), Some("yes"));
        assert_eq!(source.typed_scalar("b"), None);
        assert_eq!(source.typed_scalar("c[0]"), Some("010"));
        assert_eq!(source.typed_scalar("c[1]"), Some("1.10"));
        assert_eq!(source.typed_scalar("c[2]"), None);
        assert_eq!(source.typed_scalar("c[9]"), None);
    }
}
