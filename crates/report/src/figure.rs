//! A picture with its title, caption and source.

use crate::bars::Bars;
use crate::confusion::ConfusionMatrix;
use crate::graph::Graph;
use crate::heat::Heat;
use crate::histogram::Histogram;
use crate::line::LineChart;
use crate::table::Table;
use crate::text::Text;
use crate::timeline::Timeline;
use maud::{Markup, html};

/// Any picture a page can show.
#[derive(Debug, Clone)]
pub enum Picture {
    /// Lines over a common axis.
    Lines(LineChart),
    /// A histogram.
    Histogram(Histogram),
    /// Horizontal bars.
    Bars(Bars),
    /// A confusion matrix.
    Confusion(ConfusionMatrix),
    /// Strips of shades.
    Heat(Heat),
    /// Pieces of work and what waits for what.
    Graph(Graph),
    /// Pieces of work over time.
    Timeline(Timeline),
}

macro_rules! picture_from {
    ($($variant:ident($inner:ty)),+ $(,)?) => {
        $(impl From<$inner> for Picture {
            fn from(inner: $inner) -> Self {
                Self::$variant(inner)
            }
        })+
    };
}
picture_from!(
    Lines(LineChart),
    Histogram(Histogram),
    Bars(Bars),
    Confusion(ConfusionMatrix),
    Heat(Heat),
    Graph(Graph),
    Timeline(Timeline),
);

impl Picture {
    fn render(&self, id: &str, title: &Text) -> Markup {
        match self {
            Self::Lines(picture) => picture.render(id, title),
            Self::Histogram(picture) => picture.render(id, title),
            Self::Bars(picture) => picture.render(id, title),
            Self::Confusion(picture) => picture.render(id, title),
            Self::Heat(picture) => picture.render(id, title),
            Self::Graph(picture) => picture.draw().svg(id, title),
            Self::Timeline(picture) => picture.draw().svg(id, title),
        }
    }

    /// It takes the whole width of a page.
    fn is_wide(&self) -> bool {
        matches!(self, Self::Graph(_) | Self::Timeline(_))
    }
}

/// A picture with a title above it, and below it what it says, the artifact it was drawn from and, folded away, its numbers.
#[derive(Debug, Clone)]
pub struct Figure {
    title: Text,
    picture: Picture,
    caption: Text,
    source: Text,
    numbers: Option<Table>,
}

impl Figure {
    /// A figure without caption, source and numbers.
    pub fn new(title: impl Into<Text>, picture: impl Into<Picture>) -> Self {
        Self {
            title: title.into(),
            picture: picture.into(),
            caption: Text::default(),
            source: Text::default(),
            numbers: None,
        }
    }

    /// What the picture says, in a sentence or two.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<Text>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The artifact that the picture was drawn from.
    #[must_use]
    pub fn source(mut self, source: impl Into<Text>) -> Self {
        self.source = source.into();
        self
    }

    /// The numbers behind the picture.
    #[must_use]
    pub fn numbers(mut self, numbers: Table) -> Self {
        self.numbers = Some(numbers);
        self
    }

    pub(crate) fn title(&self) -> &Text {
        &self.title
    }

    pub(crate) fn render(&self, id: &str) -> Markup {
        html! {
            figure class=[self.picture.is_wide().then_some("wide")] {
                h3 { (self.title) }
                (self.picture.render(id, &self.title))
                @if !(self.caption.is_empty() && self.source.is_empty()) {
                    figcaption {
                        (self.caption)
                        @if !self.source.is_empty() { " " span class="source" { "Source: " (self.source) } }
                    }
                }
                @if let Some(numbers) = &self.numbers {
                    details { summary { "Numbers" } (numbers.render()) }
                }
            }
        }
    }
}
