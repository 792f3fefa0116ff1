//! Diagrams as a picture of their own, below each other, in a file that any viewer can show.

use crate::diagram::{Drawing, WIDTH};
use crate::frame::unit;
use crate::graph::Graph;
use crate::page::{COLOURS, DIAGRAM};
use crate::text::Text;
use crate::timeline::Timeline;
use maud::{PreEscaped, html};

/// Room around everything, for the title, and for the title of a diagram; user units.
const MARGIN: f64 = 20.0;
const TITLE: f64 = 72.0;
const HEADING: f64 = 36.0;

/// A picture made of diagrams.
#[derive(Debug)]
pub struct Poster {
    title: Text,
    subtitle: Text,
    parts: Vec<(Text, Drawing)>,
}

impl Poster {
    /// A poster without diagrams.
    pub fn new(title: impl Into<Text>, subtitle: impl Into<Text>) -> Self {
        Self { title: title.into(), subtitle: subtitle.into(), parts: Vec::new() }
    }

    /// Adds a graph below what is there.
    #[must_use]
    pub fn graph(mut self, title: impl Into<Text>, graph: &Graph) -> Self {
        self.parts.push((title.into(), graph.draw()));
        self
    }

    /// Adds a timeline below what is there.
    #[must_use]
    pub fn timeline(mut self, title: impl Into<Text>, timeline: &Timeline) -> Self {
        self.parts.push((title.into(), timeline.draw()));
        self
    }

    /// The picture as an SVG file. The same poster gives the same bytes.
    pub fn render(&self) -> String {
        let width = self.parts.iter().map(|(_, part)| part.width).fold(WIDTH, f64::max) + 2.0 * MARGIN;
        let height = TITLE + self.parts.iter().map(|(_, part)| part.height + HEADING).sum::<f64>() + MARGIN;
        let mut top = TITLE;
        let mut tops = Vec::new();
        for (_, part) in &self.parts {
            tops.push(top + HEADING);
            top += part.height + HEADING;
        }
        let [width, height] = [width, height].map(|size| format!("{size:.0}"));
        let markup = html! {
            svg xmlns="http://www.w3.org/2000/svg" class="diagram" width=(width) height=(height)
                viewBox=(format!("0 0 {width} {height}")) role="img" aria-labelledby="title desc" {
                title id="title" { (self.title) }
                desc id="desc" { (self.description()) }
                style { (PreEscaped(resolved(DIAGRAM))) }
                rect class="paper" width=(width) height=(height) {}
                text class="title" x=(unit(MARGIN)) y="36" { (self.title) }
                text class="soft" x=(unit(MARGIN)) y="58" { (self.subtitle) }
                @for ((title, part), top) in self.parts.iter().zip(tops) {
                    text class="name" x=(unit(MARGIN)) y=(unit(top - 14.0)) { (title) }
                    g transform=(format!("translate({} {})", unit(MARGIN), unit(top))) { (part.content) }
                }
            }
        };
        markup.into_string()
    }

    fn description(&self) -> Text {
        self.parts.iter().map(|(_, part)| part.description.as_str()).collect::<Vec<_>>().join(" ").into()
    }
}

/// The style with the colours of a light page in place of their names: few programs besides browsers know variables.
fn resolved(style: &str) -> String {
    let light = COLOURS.split('}').next().unwrap_or_default();
    let colours =
        light.split(';').filter_map(|rule| rule.trim().split_once(':').filter(|(name, _)| name.starts_with("--")));
    colours.fold(style.to_owned(), |style, (name, colour)| style.replace(&format!("var({name})"), colour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::Mark;
    use crate::graph::Node;
    use crate::timeline::Row;

    fn poster(text: &str) -> String {
        let graph = Graph::new().node(Node::new(text, Mark::Done, text).detail(text)).apart(text, Vec::new());
        let timeline = Timeline::new(text, text, text).row(Row::new(text, Mark::Failed, text).span(0.0, 1.0, text));
        Poster::new(text, text).graph(text, &graph).timeline(text, &timeline).render()
    }

    #[test]
    fn a_poster_stands_alone() {
        let svg = poster("<a&b>");
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>"));
        assert!(svg.contains("&lt;a&amp;b&gt;") && !svg.contains("<a"), "{svg}");
        assert!(!svg.contains("var("), "a colour has no value: {svg}");
    }

    #[test]
    fn the_same_poster_gives_the_same_bytes() {
        assert_eq!(poster("a"), poster("a"));
    }
}
