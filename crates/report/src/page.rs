//! The page: a header, a table of contents and sections of blocks.

use crate::figure::Figure;
use crate::table::{Table, Tone, badge, bracketed};
use crate::text::Text;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// The colours by their names, of a light page first.
pub(crate) const COLOURS: &str = include_str!("colours.css");
/// The look of what a [`Drawing`](crate::diagram::Drawing) holds.
pub(crate) const DIAGRAM: &str = include_str!("diagram.css");
/// Nothing is fetched and nothing is run, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// One self-contained HTML page: no script, no link outside itself.
#[derive(Debug, Clone)]
pub struct Page {
    title: Text,
    subtitle: Text,
    status: Option<(Tone, Text)>,
    lead: Vec<Block>,
    sections: Vec<Section>,
    footer: Text,
}

impl Page {
    /// A page without sections.
    pub fn new(title: impl Into<Text>) -> Self {
        Self {
            title: title.into(),
            subtitle: Text::default(),
            status: None,
            lead: Vec::new(),
            sections: Vec::new(),
            footer: Text::default(),
        }
    }

    /// The line below the title.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<Text>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// A status word beside the title.
    #[must_use]
    pub fn status(mut self, tone: Tone, status: impl Into<Text>) -> Self {
        self.status = Some((tone, status.into()));
        self
    }

    /// The last line of the page.
    #[must_use]
    pub fn footer(mut self, footer: impl Into<Text>) -> Self {
        self.footer = footer.into();
        self
    }

    /// Adds a block before the first section.
    pub fn lead(&mut self, block: impl Into<Block>) {
        self.lead.push(block.into());
    }

    /// Adds a section.
    pub fn push(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Every figure as a page of its own, in the order of the page.
    pub fn figures(&self) -> Vec<FigurePage> {
        let mut pages: Vec<FigurePage> = Vec::new();
        for block in self.lead.iter().chain(self.sections.iter().flat_map(|section| &section.blocks)) {
            let Block::Figures(figures) = block else { continue };
            for figure in figures {
                let title = slug(figure.title());
                let mut name = title.clone();
                let mut count = 1;
                while pages.iter().any(|page| page.name == name) {
                    count += 1;
                    name = format!("{title}-{count}");
                }
                let html = Self::new(figure.title().clone()).single(figure);
                pages.push(FigurePage { name, html });
            }
        }
        pages
    }

    /// The page with nothing but a figure.
    fn single(&self, figure: &Figure) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body { main { (figure.render("figure-1")) } }
            }
        }
        .into_string()
    }

    fn head(&self) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (self.title) }
                style { (PreEscaped(COLOURS)) (PreEscaped(DIAGRAM)) (PreEscaped(STYLE)) }
            }
        }
    }

    /// The whole page as HTML in UTF-8. The same page gives the same bytes.
    pub fn render(&self) -> String {
        let mut ids = Ids(0);
        html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body {
                    header {
                        div class="headline" {
                            h1 { (self.title) }
                            @if let Some((tone, status)) = &self.status { (badge(*tone, status)) }
                        }
                        @if !self.subtitle.is_empty() { p class="subtitle" { (self.subtitle) } }
                    }
                    main {
                        @for block in &self.lead { (block.render(&mut ids)) }
                        @if self.sections.len() > 1 {
                            nav aria-label="Contents" {
                                ol { @for (index, section) in self.sections.iter().enumerate() { li { a href=(format!("#section-{index}")) { (section.title) } } } }
                            }
                        }
                        @for (index, section) in self.sections.iter().enumerate() {
                            section id=(format!("section-{index}")) aria-labelledby=(format!("section-{index}-title")) {
                                h2 id=(format!("section-{index}-title")) { (section.title) }
                                @for block in &section.blocks { (block.render(&mut ids)) }
                            }
                        }
                    }
                    @if !self.footer.is_empty() { footer { (self.footer) } }
                }
            }
        }
        .into_string()
    }
}

/// One figure as a page of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigurePage {
    /// A name for its file, without an ending: of letters, digits and `-`, and unlike that of any other figure of the page.
    pub name: String,
    /// The page, self-contained as the whole is.
    pub html: String,
}

/// A titled part of a page.
#[derive(Debug, Clone)]
pub struct Section {
    title: Text,
    blocks: Vec<Block>,
}

impl Section {
    /// A section without blocks.
    pub fn new(title: impl Into<Text>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a block.
    pub fn push(&mut self, block: impl Into<Block>) {
        self.blocks.push(block.into());
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// What a section is made of.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Paragraph(Text),
    /// Figures worth seeing at a glance.
    Cards(Vec<Card>),
    /// A note that stands out.
    Notice(Notice),
    /// A table.
    Table(Table),
    /// Pictures side by side where there is room.
    Figures(Vec<Figure>),
    /// Questions with the sentences that answer each.
    Answers(Vec<(Text, Vec<Text>)>),
    /// Names with their values.
    Facts(Vec<(Text, Text)>),
    /// A table that is folded away behind a summary.
    Folded(Text, Table),
}

impl Block {
    fn render(&self, ids: &mut Ids) -> Markup {
        html! {
            @match self {
                Self::Paragraph(text) => p { (text) },
                Self::Cards(cards) => div class="cards" { @for card in cards { (card.render()) } },
                Self::Notice(notice) => (notice.render()),
                Self::Table(table) => (table.render()),
                Self::Figures(figures) => div class="figures" { @for figure in figures { (figure.render(&ids.next())) } },
                Self::Answers(answers) => div class="answers" {
                    @for (question, sentences) in answers {
                        div class="answer" { h2 class="question" { (question) } ul { @for sentence in sentences { li { (sentence) } } } }
                    }
                },
                Self::Facts(facts) => dl { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } },
                Self::Folded(summary, table) => details { summary { (summary) } (table.render()) },
            }
        }
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Notice> for Block {
    fn from(notice: Notice) -> Self {
        Self::Notice(notice)
    }
}

impl From<Vec<Card>> for Block {
    fn from(cards: Vec<Card>) -> Self {
        Self::Cards(cards)
    }
}

impl From<Vec<Figure>> for Block {
    fn from(figures: Vec<Figure>) -> Self {
        Self::Figures(figures)
    }
}

impl From<Figure> for Block {
    fn from(figure: Figure) -> Self {
        Self::Figures(vec![figure])
    }
}

/// One figure worth seeing at a glance.
#[derive(Debug, Clone)]
pub struct Card {
    tone: Tone,
    label: Text,
    value: Text,
    range: Text,
    note: Text,
}

impl Card {
    /// A neutral card with a label and a formatted value.
    pub fn new(label: impl Into<Text>, value: impl Into<Text>) -> Self {
        Self {
            tone: Tone::Neutral,
            label: label.into(),
            value: value.into(),
            range: Text::default(),
            note: Text::default(),
        }
    }

    /// The range that the value lies in, such as `0.60 to 0.83`.
    #[must_use]
    pub fn range(mut self, range: impl Into<Text>) -> Self {
        self.range = range.into();
        self
    }

    /// A line below the value.
    #[must_use]
    pub fn note(mut self, note: impl Into<Text>) -> Self {
        self.note = note.into();
        self
    }

    /// How much it matters.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    fn render(&self) -> Markup {
        html! {
            div class=(format!("card {}", self.tone.class())) {
                span class="label" { (self.label) }
                span class="value" { (self.value) (bracketed(&self.range)) }
                @if !self.note.is_empty() { span class="note" { (self.note) } }
            }
        }
    }
}

/// A note that stands out: what is the matter, and what to make of it.
#[derive(Debug, Clone)]
pub struct Notice {
    tone: Tone,
    title: Text,
    text: Text,
}

impl Notice {
    /// A note with its tone, a short title and a sentence or two.
    pub fn new(tone: Tone, title: impl Into<Text>, text: impl Into<Text>) -> Self {
        Self { tone, title: title.into(), text: text.into() }
    }

    fn render(&self) -> Markup {
        html! { div class=(format!("notice {}", self.tone.class())) role="note" { strong { (self.title) } " " (self.text) } }
    }
}

/// A title as a file's name: its letters and digits, with `-` for all that is between them.
fn slug(title: &Text) -> String {
    let title = title.as_str().to_ascii_lowercase();
    title
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// Hands out ids that are unique in a page.
#[derive(Debug)]
struct Ids(usize);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("figure-{}", self.0)
    }
}
