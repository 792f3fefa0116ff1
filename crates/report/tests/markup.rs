//! No string, wherever it stands on a page, can add to the page's markup.

use faultline_report::{
    Axis, Bars, Block, Card, Cell, ConfusionMatrix, Curve, Figure, Graph, Heat, Histogram, LineChart, Mark, Node,
    Notice, Page, Row, Section, Table, Text, Timeline, Tone, precision_recall, roc,
};
use proptest::prelude::*;

fn graph(text: &str) -> Graph {
    let node = || Node::new(text, Mark::Done, text).detail(text);
    Graph::new().node(node()).node(node().stack()).edge(0, 1).apart(text, vec![node()])
}

/// A page with every kind of block, in which every string is the given one.
fn page(text: &str) -> String {
    let mut table = Table::new(text).column(text).numbers(text);
    table.push(vec![Cell::words(text), Cell::number(text)]);
    table.push_strong(vec![Cell::code(text), Cell::badge(Tone::Bad, text)]);
    table.push(vec![Cell::estimate(text, text)]);
    let elbow = LineChart::new(Axis::new(text), Axis::new(text))
        .line(text, vec![(1.0, 1.0)])
        .mark((1.0, 1.0), text)
        .reference(text, (0.0, 0.0), (1.0, 1.0));
    let curve = || vec![Curve::new(text, 0.5, vec![(0.0, 0.0)])];
    let figures = vec![
        Figure::new(text, elbow).caption(text).source(text).numbers(table.clone()),
        Figure::new(text, roc(curve())),
        Figure::new(text, precision_recall(curve(), 0.1)),
        Figure::new(text, Histogram::new(Axis::new(text), 0.0, 1.0, 4).group(text, [0.5]).group(text, [])),
        Figure::new(text, Bars::new(text, text).bar(text, 1.0, text)),
        Figure::new(text, Heat::new(text, text).row(text, vec![0.0, 0.5, 1.0], text)),
        Figure::new(text, ConfusionMatrix::new(text, text, [[1, 2], [3, 4]])),
        Figure::new(text, graph(text)),
        Figure::new(text, Timeline::new(text, text, text).row(Row::new(text, Mark::Failed, text).span(0.0, 1.0, text))),
    ];
    let mut section = Section::new(text);
    section.push(figures);
    section.push(table.clone());
    section.push(vec![Card::new(text, text).range(text).note(text).tone(Tone::Good)]);
    section.push(Notice::new(Tone::Warning, text, text));
    section.push(Block::Paragraph(text.into()));
    section.push(Block::Answers(vec![(text.into(), vec![text.into()])]));
    section.push(Block::Facts(vec![(text.into(), text.into())]));
    section.push(Block::Folded(text.into(), table));
    let mut page = Page::new(text).subtitle(text).status(Tone::Good, text).footer(text);
    page.lead(Block::Paragraph(text.into()));
    page.push(section.clone());
    page.push(section);
    page.render()
}

/// The page's tags with their attribute names, as a browser's tokenizer would see them; text and attribute values left out.
fn skeleton(html: &str) -> String {
    let mut out = String::new();
    let (mut in_tag, mut in_value) = (false, false);
    for character in html.chars() {
        match character {
            '"' if in_tag => in_value = !in_value,
            _ if in_value => {}
            '<' if !in_tag => {
                in_tag = true;
                out.push('<');
            }
            '>' if in_tag => {
                in_tag = false;
                out.push_str(">\n");
            }
            other if in_tag => out.push(other),
            _ => {}
        }
    }
    assert!(!in_tag && !in_value, "the page ends inside a tag");
    out
}

#[test]
fn attacks_stay_text() {
    let expected = skeleton(&page("harmless"));
    for attack in [
        "</style><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "' onclick='x",
        "<!--",
        "]]>",
        "</svg><img src=x>",
        "&lt;b&gt;",
        "\0<\u{202e}",
    ] {
        assert_eq!(skeleton(&page(attack)), expected, "{attack}");
    }
}

#[test]
fn pages_fetch_and_run_nothing() {
    let page = page("https://example.org/x.png");
    for forbidden in ["<script", "<link", "<img", "src=", "@import", "url(", "href=\"http", "xlink"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn every_figure_is_a_page_with_a_name_of_its_own() {
    let chart = || LineChart::new(Axis::new("x"), Axis::new("y")).line("<a>", vec![(0.0, 1.0), (1.0, 2.0)]);
    let mut page = Page::new("t");
    page.lead(vec![Figure::new("ROC, out of fold", chart()), Figure::new("ROC: out of fold!", chart())]);
    let figures = page.figures();
    let names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["roc-out-of-fold", "roc-out-of-fold-2"]);
    for figure in figures {
        assert!(figure.html.contains("<svg class=\"chart\"") && figure.html.contains("<style>"), "{}", figure.html);
        assert!(figure.html.contains("&lt;a&gt;") && !figure.html.contains("<a>"), "{}", figure.html);
    }
}

#[test]
fn ids_are_unique() {
    let page = page("x");
    let mut ids: Vec<_> =
        page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(all > 10 && ids.len() == all, "{all} ids, {} distinct", ids.len());
}

proptest! {
    #[test]
    fn no_string_adds_markup(text in "[ -~\\PC\u{0}-\u{1f}]{1,40}") {
        prop_assert_eq!(skeleton(&page(&text)), skeleton(&page("harmless")));
        let shown = Text::from(&text).as_str().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        prop_assert!(page(&text).contains(&shown));
    }

    #[test]
    fn the_same_page_gives_the_same_bytes(text in "\\PC{1,20}") {
        prop_assert_eq!(page(&text), page(&text));
    }
}
