//! Where each node of a document stands: a tree beside the values, found by path.

use granit_parser::{Marker, Span};

/// A place in a file; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// From the first character to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// Where each node of one document stands, by path (`spec.tasks[0].name`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(pub(super) Node);

/// One node. Half the width of a [`Position`] is enough: documents are bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) key: Option<Stretch>,
    pub(super) value: Stretch,
    /// Written without quotes, and not text by the rules of YAML.
    pub(super) is_typed: bool,
    pub(super) children: Children,
}

/// What stands inside a node.
#[derive(Clone, Debug, Default)]
pub(super) enum Children {
    /// Nothing that can be told apart.
    #[default]
    None,
    /// The items of a sequence.
    Items(Vec<Node>),
    /// The fields of a mapping.
    Fields(Vec<(Box<str>, Node)>),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    start: (u32, u32),
    end: (u32, u32),
}

impl Stretch {
    pub(super) fn new(span: Span) -> Self {
        let point = |marker: Marker| (marker.line() as u32, marker.col() as u32 + 1);
        Self { start: point(span.start), end: point(span.end) }
    }

    fn shift(&mut self, lines: u32) {
        self.start.0 += lines;
        self.end.0 += lines;
    }

    fn extent(self) -> Extent {
        let position = |(line, column): (u32, u32)| Position { line: line as usize, column: column as usize };
        Extent { start: position(self.start), end: position(self.end) }
    }
}

impl Node {
    pub(super) fn leaf(span: Span) -> Self {
        Self { value: Stretch::new(span), ..Self::default() }
    }

    fn shift(&mut self, lines: u32) {
        self.value.shift(lines);
        if let Some(key) = &mut self.key {
            key.shift(lines);
        }
        match &mut self.children {
            Children::None => {}
            Children::Items(nodes) => nodes.iter_mut().for_each(|node| node.shift(lines)),
            Children::Fields(fields) => fields.iter_mut().for_each(|(_, node)| node.shift(lines)),
        }
    }

    fn typed_inside(&self, path: &str) -> Option<String> {
        let find = |child: &Self, path: String| if child.is_typed { Some(path) } else { child.typed_inside(&path) };
        match &self.children {
            Children::None => None,
            Children::Items(items) => {
                items.iter().enumerate().find_map(|(index, item)| find(item, format!("{path}[{index}]")))
            }
            Children::Fields(fields) => fields.iter().find_map(|(key, field)| find(field, format!("{path}.{key}"))),
        }
    }

    /// The child that `path` begins with, and what of the path is left.
    fn child<'p>(&self, path: &'p str) -> Option<(&Self, &'p str)> {
        let path = path.strip_prefix('.').unwrap_or(path);
        match &self.children {
            Children::None => None,
            Children::Items(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Children::Fields(fields) => {
                let rest =
                    |key: &str| path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
                // A key may hold dots itself: the longest that fits is meant.
                let fitting = fields.iter().filter_map(|(key, node)| Some((key.len(), node, rest(key)?)));
                fitting.max_by_key(|(length, ..)| *length).map(|(_, node, rest)| (node, rest))
            }
        }
    }
}

impl Positions {
    /// Counts the lines before the part of the file that this was read from.
    pub(super) fn shift(&mut self, lines: usize) {
        if lines > 0 {
            self.0.shift(lines as u32);
        }
    }

    /// The node at `path`, else its nearest ancestor, and whether it is the node itself.
    fn nearest(&self, path: &str) -> (&Node, bool) {
        let (mut node, mut rest) = (&self.0, path);
        while !rest.is_empty() {
            match node.child(rest) {
                Some((child, left)) => (node, rest) = (child, left),
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// Where the fault of a value is shown: the scalar itself, else the key of what holds the fault.
    pub(crate) fn value(&self, path: &str) -> Extent {
        let (node, is_exact) = self.nearest(path);
        let is_scalar = matches!(node.children, Children::None);
        match node.key {
            Some(key) if !(is_exact && is_scalar) => key.extent(),
            _ => node.value.extent(),
        }
    }

    /// Where the fault of a field itself is shown: its key.
    pub(crate) fn key(&self, path: &str) -> Extent {
        let (node, _) = self.nearest(path);
        node.key.unwrap_or(node.value).extent()
    }

    /// Where the whole value of `path` stands.
    pub(crate) fn whole(&self, path: &str) -> Extent {
        self.nearest(path).0.value.extent()
    }

    /// The value at `path` is an unquoted boolean, number or null.
    pub(crate) fn is_typed(&self, path: &str) -> bool {
        let (node, is_exact) = self.nearest(path);
        is_exact && node.is_typed
    }

    /// The first unquoted boolean, number or null below `path`, but not at it.
    pub(crate) fn typed_below(&self, path: &str) -> Option<String> {
        let (node, is_exact) = self.nearest(path);
        if is_exact { node.typed_inside(path) } else { None }
    }
}
