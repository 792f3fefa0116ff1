//! Tables of facts.

use crate::text::Text;
use maud::{Markup, html};

/// How much something matters; shown by a word as well as by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to act on.
    Neutral,
    /// As wanted.
    Good,
    /// Wants a look.
    Warning,
    /// Wants an action.
    Bad,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One cell of a table.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Words, aligned left.
    Words(Text),
    /// A number that is already formatted, aligned right.
    Number(Text),
    /// A formatted figure with the range it lies in, aligned right.
    Estimate(Text, Text),
    /// A digest, URI or other literal, in a fixed-width face. It breaks anywhere.
    Code(Text),
    /// A status word in its colour.
    Badge(Tone, Text),
}

impl Cell {
    /// Words, aligned left.
    pub fn words(text: impl Into<Text>) -> Self {
        Self::Words(text.into())
    }

    /// A formatted number, aligned right.
    pub fn number(text: impl Into<Text>) -> Self {
        Self::Number(text.into())
    }

    /// A formatted figure, and the range it lies in such as `0.60 to 0.83`.
    pub fn estimate(figure: impl Into<Text>, range: impl Into<Text>) -> Self {
        Self::Estimate(figure.into(), range.into())
    }

    /// A literal in a fixed-width face.
    pub fn code(text: impl Into<Text>) -> Self {
        Self::Code(text.into())
    }

    /// A status word in its colour.
    pub fn badge(tone: Tone, text: impl Into<Text>) -> Self {
        Self::Badge(tone, text.into())
    }

    fn render(&self) -> Markup {
        html! {
            @match self {
                Self::Words(text) => td { (text) },
                Self::Number(text) => td class="number" { (text) },
                Self::Estimate(figure, range) => td class="number" { (figure) (bracketed(range)) },
                Self::Code(text) => td { code { (text) } },
                Self::Badge(tone, text) => td { (badge(*tone, text)) },
            }
        }
    }
}

/// A table with headings. Rows may be shorter than the headings; cells beyond them are left out.
#[derive(Debug, Clone)]
pub struct Table {
    caption: Text,
    headings: Vec<(Text, bool)>,
    rows: Vec<Vec<Cell>>,
    strong: Vec<usize>,
}

impl Table {
    /// A table without columns and rows; the caption stands above it.
    pub fn new(caption: impl Into<Text>) -> Self {
        Self { caption: caption.into(), headings: Vec::new(), rows: Vec::new(), strong: Vec::new() }
    }

    /// Adds a column of words.
    #[must_use]
    pub fn column(mut self, heading: impl Into<Text>) -> Self {
        self.headings.push((heading.into(), false));
        self
    }

    /// Adds a column of numbers: its heading is aligned right.
    #[must_use]
    pub fn numbers(mut self, heading: impl Into<Text>) -> Self {
        self.headings.push((heading.into(), true));
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Adds a row that stands out, such as the chosen candidate.
    pub fn push_strong(&mut self, row: Vec<Cell>) {
        self.strong.push(self.rows.len());
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn render(&self) -> Markup {
        html! {
            div class="scroll" role="region" tabindex="0" aria-label=(self.caption) {
                table class="facts" {
                    caption { span { (self.caption) } }
                    thead {
                        tr {
                            @for (heading, is_number) in &self.headings { th scope="col" class=[is_number.then_some("number")] { (heading) } }
                        }
                    }
                    tbody {
                        @for (index, row) in self.rows.iter().enumerate() {
                            tr class=[self.strong.contains(&index).then_some("strong")] {
                                @for cell in row.iter().take(self.headings.len()) { (cell.render()) }
                            }
                        }
                        @if self.rows.is_empty() {
                            tr { td class="nothing" colspan=(self.headings.len().max(1)) { "none" } }
                        }
                    }
                }
            }
        }
    }
}

/// The range behind a figure; nothing when there is none.
pub(crate) fn bracketed(range: &Text) -> Markup {
    html! { @if !range.is_empty() { " " small class="range" { "(" (range) ")" } } }
}

/// A status word in its colour.
pub(crate) fn badge(tone: Tone, text: &Text) -> Markup {
    html! { span class=(format!("badge {}", tone.class())) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_says_so() {
        assert!(Table::new("t").column("a").render().into_string().contains("none"));
    }

    #[test]
    fn strong_rows_stand_out_and_surplus_cells_are_left_out() {
        let mut table = Table::new("t").column("a").numbers("b");
        table.push(vec![Cell::words("x")]);
        table.push_strong(vec![Cell::words("y"), Cell::number("1"), Cell::code("surplus")]);
        let page = table.render().into_string();
        assert_eq!(page.matches("<tr class=\"strong\">").count(), 1);
        assert!(!page.contains("surplus"));
    }
}
