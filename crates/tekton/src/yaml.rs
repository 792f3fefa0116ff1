//! YAML text to JSON values, with the line and column of every node.
//!
//! A cluster never sees YAML: `kubectl` turns it into JSON by YAML 1.1 rules (`yes` is true, `010` is 8) and the API server
//! decodes that. The same two steps are taken here, so a file means on a laptop what it means on a cluster.
//!
//! Text from anywhere may be handed in: depth, size and what aliases expand to are bounded, and nothing else recurses.

mod positions;
mod scalar;

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Value};

pub use positions::Position;
use positions::{Children, Node, Stretch};
pub(crate) use positions::{Extent, Positions};
use scalar::plain;

/// The largest document: what the API server of a cluster takes in one request, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 3 * 1024 * 1024;

/// The deepest nesting of lists and mappings, aliases followed.
const MAX_DEPTH: usize = 100;

/// The most values in one document, aliases written out.
const MAX_NODES: usize = 500_000;

/// One YAML document: its JSON and where its parts stand.
#[derive(Debug)]
pub(crate) struct RawDocument {
    pub(crate) value: Value,
    pub(crate) positions: Positions,
    /// Keys that are not what is written: the path, and the key as written.
    pub(crate) renamed_keys: Vec<(String, String)>,
}

/// The text is no YAML that a cluster would read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) kind: Fault,
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// What kind of text a cluster would not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not YAML.
    Syntax,
    /// A key stands twice in a mapping.
    DuplicateKey,
    /// It is too large or too deep.
    Limit,
}

/// All documents of a file, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Those that could be read; empty ones are left out.
    pub(crate) documents: Vec<RawDocument>,
    /// In order of the file.
    pub(crate) faults: Vec<SyntaxError>,
}

/// The documents of `text` as JSON, read as `kubectl` reads them.
///
/// # Errors
///
/// What is wrong with the text, with line and column.
pub fn values(text: &str) -> Result<Vec<Value>, String> {
    let Contents { documents, faults } = read(text);
    match faults.into_iter().next() {
        Some(SyntaxError { position: Position { line, column }, message, .. }) => {
            Err(format!("{line}:{column}: {message}"))
        }
        None => Ok(documents.into_iter().map(|document| document.value).collect()),
    }
}

/// Reads all documents of `text`. One that is broken does not hide the others.
pub(crate) fn read(text: &str) -> Contents {
    let mut contents = Contents::default();
    for (lines_before, part) in parts(text) {
        if part.len() > MAX_DOCUMENT_BYTES {
            let message =
                format!("got {} bytes, a cluster takes at most {MAX_DOCUMENT_BYTES} in one document", part.len());
            let position = Position { line: lines_before + 1, column: 1 };
            contents.faults.push(SyntaxError { kind: Fault::Limit, position, message });
            continue;
        }
        // The parser reads ahead of what is asked of it, so that it must know the bound as well.
        let options = granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
        let parser = Parser::new_from_str_with_options(part, options);
        let mut reader = Reader {
            parser,
            anchors: HashMap::new(),
            size: Size::default(),
            path: Path::default(),
            renamed_keys: Vec::new(),
            contents: Contents::default(),
        };
        let outcome = reader.documents();
        let mut found = reader.contents;
        found.faults.extend(outcome.err());
        for document in &mut found.documents {
            document.positions.shift(lines_before);
        }
        for fault in &mut found.faults {
            fault.position.line += lines_before;
        }
        contents.documents.append(&mut found.documents);
        contents.faults.append(&mut found.faults);
    }
    contents
}

/// The text between lines that begin a document, each with the number of lines before it.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut first_line, mut offset) = (0, 0, 0);
    // Directives stand before the line that begins their document.
    let mut is_open = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let begins =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if begins && is_open {
            parts.push((first_line, &text[start..offset]));
            (start, first_line, is_open) = (offset, number, false);
        }
        is_open |= begins || !(line.trim().is_empty() || line.starts_with(['#', '%']));
        offset += line.len();
    }
    parts.push((first_line, &text[start..]));
    parts
}

/// What part of a document takes once its aliases are written out.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

/// What an alias stands for.
struct Anchor {
    value: Value,
    size: Size,
    height: usize,
}

/// A node as read.
struct Parsed {
    value: Value,
    node: Node,
    /// Levels of lists and mappings in it.
    height: usize,
}

impl Parsed {
    fn null(span: Span) -> Self {
        Self { value: Value::Null, node: Node::leaf(span), height: 0 }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchor>,
    size: Size,
    /// Where the node stands that is being read.
    path: Path,
    /// Keys of the document that are not what is written.
    renamed_keys: Vec<(String, String)>,
    contents: Contents,
}

impl<'a> Reader<'a> {
    fn documents(&mut self) -> Result<(), SyntaxError> {
        while let Some((event, span)) = self.next()? {
            if let Event::DocumentStart(..) = event {
                let (event, span) = self.expect_next(span)?;
                self.size = Size::default();
                self.anchors.clear();
                self.path = Path::default();
                let Parsed { value, node, .. } = self.node(event, span, 0)?;
                let renamed_keys = std::mem::take(&mut self.renamed_keys);
                if !value.is_null() {
                    self.contents.documents.push(RawDocument { value, positions: Positions(node), renamed_keys });
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, SyntaxError> {
        self.parser.next_event().transpose().map_err(|error| {
            let marker = error.marker();
            let position = Position { line: marker.line(), column: marker.col() + 1 };
            if *error.kind() == ErrorKind::RecursionLimitExceeded {
                return SyntaxError { kind: Fault::Limit, position, message: too_deep() };
            }
            SyntaxError { kind: Fault::Syntax, position, message: format!("the YAML is broken: {}", error.info()) }
        })
    }

    fn expect_next(&mut self, at: Span) -> Result<(Event<'a>, Span), SyntaxError> {
        self.next()?.ok_or_else(|| fault(Fault::Syntax, at, "the document ends too early"))
    }

    /// Notes a fault that the rest of the document can be read past.
    fn note(&mut self, kind: Fault, span: Span, message: impl Into<String>) {
        self.contents.faults.push(fault(kind, span, message));
    }

    fn grow(&mut self, by: Size, span: Span) -> Result<(), SyntaxError> {
        self.size = Size { nodes: self.size.nodes + by.nodes, bytes: self.size.bytes + by.bytes };
        if self.size.nodes > MAX_NODES {
            let message = format!("got more than {MAX_NODES} values with all aliases written out");
            return Err(fault(Fault::Limit, span, message));
        }
        if self.size.bytes > MAX_DOCUMENT_BYTES {
            let message = format!(
                "got more than {MAX_DOCUMENT_BYTES} bytes with all aliases written out, which is all that a cluster takes"
            );
            return Err(fault(Fault::Limit, span, message));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Parsed, SyntaxError> {
        let before = self.size;
        self.grow(Size { nodes: 1, bytes: 0 }, span)?;
        let (parsed, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(Size { nodes: 0, bytes: text.len() }, span)?;
                let tag = tag.as_deref().map(|tag| tag.core_suffix().unwrap_or_default().to_owned());
                if let Some(other) = tag.as_deref().filter(|tag| !["str", "int", "float", "bool", "null"].contains(tag))
                {
                    let which =
                        if other.is_empty() { "a tag of its own".to_owned() } else { format!("the tag `!!{other}`") };
                    self.note(Fault::Syntax, span, format!("got {which}, expected plain text, a number or a boolean"));
                }
                let is_text = if tag.is_some() { tag.as_deref() == Some("str") } else { style != ScalarStyle::Plain };
                let value = if is_text { Value::String(text.into_owned()) } else { plain(&text) };
                let node = Node { is_typed: !value.is_string(), ..Node::leaf(span) };
                (Parsed { value, node, height: 0 }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(span, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(span, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            other => return Err(fault(Fault::Syntax, span, format!("unexpected {other:?}"))),
        };
        if anchor != 0 {
            let size = Size { nodes: self.size.nodes - before.nodes, bytes: self.size.bytes - before.bytes };
            // The copy that is kept for aliases counts like one more alias.
            self.grow(size, span)?;
            self.anchors.insert(anchor, Anchor { value: parsed.value.clone(), size, height: parsed.height });
        }
        Ok(parsed)
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Parsed, SyntaxError> {
        let Some(named) = self.anchors.get(&anchor) else {
            self.note(Fault::Syntax, span, "an alias stands inside the node it names");
            return Ok(Parsed::null(span));
        };
        let (size, height) = (named.size, named.height);
        check_depth(depth + height, span)?;
        self.grow(size, span)?;
        let value = self.anchors.get(&anchor).map(|named| named.value.clone()).unwrap_or_default();
        Ok(Parsed { value, node: Node::leaf(span), height })
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Result<Parsed, SyntaxError> {
        check_depth(depth + 1, start)?;
        let (mut items, mut nodes, mut height) = (Vec::new(), Vec::new(), 0);
        loop {
            let (event, span) = self.expect_next(start)?;
            if event == Event::SequenceEnd {
                break;
            }
            let kept = self.path.push_index(items.len());
            let item = self.node(event, span, depth + 1)?;
            self.path.truncate(kept);
            height = height.max(item.height);
            items.push(item.value);
            nodes.push(item.node);
        }
        let node = Node { children: Children::Items(nodes), ..Node::leaf(start) };
        Ok(Parsed { value: Value::Array(items), node, height: height + 1 })
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Parsed, SyntaxError> {
        check_depth(depth + 1, start)?;
        let (mut entries, mut nodes, mut height) = (Map::new(), Vec::new(), 0);
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.expect_next(start)?;
            let (written, key) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, ..) => (Some(text.clone().into_owned()), Some(key(&text))),
                Event::Scalar(text, ..) => (None, Some(text.into_owned())),
                other => {
                    self.note(Fault::Syntax, span, "got a list or mapping as a key, expected text");
                    self.node(other, span, depth + 1)?;
                    (None, None)
                }
            };
            self.grow(Size { nodes: 0, bytes: key.as_ref().map_or(0, String::len) }, span)?;
            let is_merge = written.as_deref() == Some("<<");
            let kept = self.path.push_key(key.as_deref().unwrap_or_default());
            if let (Some(written), Some(key)) = (&written, &key)
                && written != key
            {
                self.renamed_keys.push((self.path.as_str().to_owned(), written.clone()));
            }
            let (event, value_span) = self.expect_next(span)?;
            let mut item = self.node(event, value_span, depth + 1)?;
            self.path.truncate(kept);
            height = height.max(item.height);
            let Some(key) = key else { continue };
            if is_merge {
                merged.push((item.value, value_span));
            } else if entries.contains_key(&key) {
                self.note(Fault::DuplicateKey, span, format!("the key `{key}` stands twice in one mapping"));
            } else {
                item.node.key = Some(Stretch::new(span));
                nodes.push((key.clone().into_boxed_str(), item.node));
                entries.insert(key, item.value);
            }
        }
        for (value, span) in merged {
            self.merge(&mut entries, value, span);
        }
        let node = Node { children: Children::Fields(nodes), ..Node::leaf(start) };
        Ok(Parsed { value: Value::Object(entries), node, height: height + 1 })
    }

    /// Adds what `<<` brings in; the mapping's own entries win, then the first listed.
    fn merge(&mut self, entries: &mut Map<String, Value>, value: Value, span: Span) {
        let all = if let Value::Array(items) = value { items } else { vec![value] };
        for one in all {
            let Value::Object(more) = one else {
                self.note(Fault::Syntax, span, "got something else as the value of `<<`, expected mappings");
                return;
            };
            for (key, value) in more {
                entries.entry(key).or_insert(value);
            }
        }
    }
}

/// The key that `kubectl` makes of an unquoted one.
fn key(text: &str) -> String {
    match plain(text) {
        Value::Null => text.to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The path of a node, built up and taken back on the way through a document.
#[derive(Debug, Default)]
pub(crate) struct Path(String);

impl Path {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what to truncate to.
    pub(crate) fn push_index(&mut self, index: usize) -> usize {
        let kept = self.0.len();
        self.0.push('[');
        self.0.push_str(&index.to_string());
        self.0.push(']');
        kept
    }

    pub(crate) fn push_key(&mut self, key: &str) -> usize {
        let kept = self.0.len();
        if kept > 0 {
            self.0.push('.');
        }
        self.0.push_str(key);
        kept
    }

    pub(crate) fn truncate(&mut self, kept: usize) {
        self.0.truncate(kept);
    }
}

fn check_depth(depth: usize, span: Span) -> Result<(), SyntaxError> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(fault(Fault::Limit, span, too_deep()))
}

fn too_deep() -> String {
    format!("got lists and mappings nested more than {MAX_DEPTH} deep")
}

fn fault(kind: Fault, span: Span, message: impl Into<String>) -> SyntaxError {
    let position = Position { line: span.start.line(), column: span.start.col() + 1 };
    SyntaxError { kind, position, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn value(text: &str) -> Value {
        let mut contents = read(text);
        assert_eq!(contents.faults, []);
        contents.documents.remove(0).value
    }

    fn fault(text: &str) -> SyntaxError {
        let faults = read(text).faults;
        assert!(!faults.is_empty(), "no fault in {text:?}");
        faults[0].clone()
    }

    fn limit(text: &str) -> (Position, String) {
        let fault = fault(text);
        assert_eq!(fault.kind, Fault::Limit, "{fault:?}");
        (fault.position, fault.message)
    }

    #[test]
    fn positions_count_over_all_documents() {
        let documents = read("# note\na: 1\n---\n---\nspec:\n  tasks:\n  - name: x\n    params: [p]\n").documents;
        assert_eq!(documents.len(), 2);
        let positions = &documents[1].positions;
        let start = |path: &str| positions.value(path).start;
        assert_eq!(start("spec.tasks[0].name"), Position { line: 7, column: 11 });
        assert_eq!(positions.key("spec.tasks[0].name").start, Position { line: 7, column: 5 });
        assert_eq!(start("spec.tasks[0].params[0]"), Position { line: 8, column: 14 });
        assert_eq!(start("spec.tasks[0].nothing.here"), Position { line: 7, column: 5 });
        assert_eq!(start("spec.tasks"), Position { line: 6, column: 3 });
    }

    #[test]
    fn keys_with_dots_are_found() {
        let documents = read("labels:\n  a.b/c[0]: 1\n  a: 2\n").documents;
        assert_eq!(documents[0].positions.value("labels.a.b/c[0]").start, Position { line: 2, column: 13 });
    }

    #[test]
    fn anchors_are_copied_and_mappings_merged() {
        assert_eq!(value("a: &x [1]\nb: *x\n"), json!({"a": [1], "b": [1]}));
        let merged = value("a: &x {k: 1, l: 1}\nb:\n  <<: [*x, {m: 3}]\n  l: 2\n");
        assert_eq!(merged["b"], json!({"k": 1, "l": 2, "m": 3}));
        assert!(fault("a: &x [1]\nb: {<<: *x}\n").message.contains("expected mappings"));
        assert_eq!(value("'<<': 1"), json!({"<<": 1}));
    }

    #[test]
    fn broken_yaml_names_the_place() {
        assert!(fault("a: 1\nb: [1, 2\nc: }\n").position.line >= 2);
        let twice = fault("a: 1\nb: 2\na: 2\n");
        assert_eq!((twice.kind, twice.position), (Fault::DuplicateKey, Position { line: 3, column: 1 }));
    }

    #[test]
    fn a_broken_document_does_not_hide_the_others() {
        let contents = read("a: [\n---\nb: 1\n--- # note\nc: }\n---\nd: &x 1\na: *x\na: 2\n");
        let lines: Vec<_> = contents.faults.iter().map(|fault| fault.position.line).collect();
        assert_eq!(lines.len(), 3, "{:?}", contents.faults);
        assert_eq!(lines[1..], [5, 9]);
        let values: Vec<_> = contents.documents.into_iter().map(|document| document.value).collect();
        assert_eq!(values, [json!({"b": 1}), json!({"d": 1, "a": 1})]);
    }

    #[test]
    fn keys_are_text_by_yaml_1_1() {
        let contents = read("{1: a, y: b, 'y': c, ok: d}");
        assert_eq!(contents.documents[0].value, json!({"1": "a", "true": "b", "y": "c", "ok": "d"}));
        assert_eq!(contents.documents[0].renamed_keys, [("true".to_owned(), "y".to_owned())]);
        assert!(fault("? [a]\n: 1\n").message.contains("as a key"));
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
            assert!(read(&format!("{}1{}", open.repeat(MAX_DEPTH), close.repeat(MAX_DEPTH))).faults.is_empty());
            for depth in [MAX_DEPTH + 1, 100_000] {
                let (position, message) = limit(&open.repeat(depth));
                assert!(position.line == 1 && position.column > 1, "{position:?}");
                assert!(message.contains("100 deep"), "{message}");
            }
        }
        let chain: Vec<_> = (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
        assert!(limit(&format!("a0: &a0 []\n{}", chain.concat())).1.contains("100 deep"));
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let bomb: Vec<_> =
            (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
        assert!(limit(&format!("a0: &a0 [lol, lol]\n{}", bomb.concat())).1.contains("aliases written out"));
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 100].join(", "));
        assert!(limit(&text).1.contains("bytes"));
        assert!(fault("a: &a [*a]\n").message.contains("inside the node"));
        assert!(fault("a: *nowhere\n").position.line == 1);
    }

    #[test]
    fn a_large_document_is_refused_unread_and_the_others_are_read() {
        let large = format!("a: 1\n---\nb: {}\n---\nc: 1\n", "[".repeat(10 * 1024 * 1024));
        let contents = read(&large);
        assert_eq!(contents.documents.len(), 2);
        assert_eq!(contents.faults.len(), 1);
        assert_eq!(contents.faults[0].position, Position { line: 2, column: 1 });
        assert!(contents.faults[0].message.contains("at most 3145728"));
    }

    #[test]
    fn odd_text_is_read_or_refused_with_a_place() {
        for text in ["", "# only\n# comments\n", "---\n---\n...\n", "\u{feff}# mark\n", "~"] {
            let contents = read(text);
            assert!(contents.documents.is_empty() && contents.faults.is_empty(), "{text:?}: {contents:?}");
        }
        assert_eq!(value("%YAML 1.2\n---\na: 1\n"), json!({"a": 1}));
        assert_eq!(value("\u{feff}a: 1\r\nb: 'x'\r\n"), json!({"a": 1, "b": "x"}));
        assert_eq!(value("a: !!str 1\nb: !!int 3\n"), json!({"a": "1", "b": 3}));
        assert_eq!(value(&format!("a: {}\n", "x".repeat(1_000_000)))["a"].as_str().unwrap().len(), 1_000_000);
        for text in ["a: b\0c", "a:\n\t- b\n", "a: !!binary aGk=\n", "a: !own x\n", "a: 'open", "%FOO\na: 1", "@a"] {
            assert!(fault(text).position.line >= 1, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC*") {
            read(&text);
        }

        #[test]
        fn text_of_yaml_signs_is_read_to_its_end(text in "[-\\[\\]{}:,?&*!|>'\"%@#ab01~<. \t\r\n]{0,200}") {
            let lines = text.matches(['\r', '\n']).count() + 2;
            let contents = read(&text);
            prop_assert!(contents.faults.iter().all(|fault| fault.position.line <= lines));
        }

        #[test]
        fn json_is_yaml(items in proptest::collection::vec("[ -~]{0,20}", 0..8)) {
            let json = json!({"items": items});
            prop_assert_eq!(value(&json.to_string()), json);
        }
    }
}
