//! Pieces of work and what waits for what: boxes in ranks from top to bottom, joined by edges.

mod layout;

use std::collections::BTreeSet;

use crate::diagram::{Drawing, Mark, WIDTH, shortened, tally};
use crate::frame::unit;
use crate::text::Text;
use layout::{Layout, PER_RANK, longest_paths};
use maud::{Markup, html};

/// The most boxes of one layer; what is beyond is drawn as one.
const PER_LAYER: usize = 2 * PER_RANK;
/// The most layers; what is below is drawn as one.
const LAYERS: usize = 40;
/// Size of a box, and the room between ranks; user units.
const BOX: (f64, f64) = (182.0, 52.0);
const BETWEEN: f64 = 34.0;
/// How many characters a box has room for, in each line.
const NAME: usize = 18;
const WORDS: usize = 21;
/// Room around the picture and above a group of its own; user units.
const MARGIN: f64 = 8.0;
const HEADING: f64 = 40.0;

/// A directed graph of work.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    edges: Vec<(usize, usize)>,
    apart: Option<(Text, Vec<Node>)>,
}

/// One piece of work, or several of a kind that are drawn as one.
#[derive(Debug, Clone)]
pub struct Node {
    label: Text,
    mark: Mark,
    word: Text,
    detail: Text,
    is_stack: bool,
}

impl Node {
    /// A piece of work: its name, how it stands, and the word for that.
    pub fn new(label: impl Into<Text>, mark: Mark, word: impl Into<Text>) -> Self {
        Self { label: label.into(), mark, word: word.into(), detail: Text::default(), is_stack: false }
    }

    /// A few words more, such as `12.3 s`.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Text>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Draws it as a stack: it stands for several of a kind.
    #[must_use]
    pub fn stack(mut self) -> Self {
        self.is_stack = true;
        self
    }

    /// Several that there is no room for.
    fn rest(nodes: &[&Self]) -> Self {
        let mark = nodes.iter().map(|node| node.mark).max().unwrap_or(Mark::Done);
        let words = tally(nodes.iter().map(|node| &node.word));
        Self::new(format!("and {} more", nodes.len()), mark, words).stack()
    }

    fn summary(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(", {}", self.detail.as_str()) };
        format!("{}{detail}", self.word.as_str())
    }
}

impl Graph {
    /// A graph without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node; the first is 0.
    #[must_use]
    pub fn node(mut self, node: Node) -> Self {
        self.nodes.push(node);
        self
    }

    /// The second node waits for the first. Edges of nodes that there are not are left out.
    #[must_use]
    pub fn edge(mut self, from: usize, to: usize) -> Self {
        self.edges.push((from, to));
        self
    }

    /// Nodes below all others, under a heading, without edges.
    #[must_use]
    pub fn apart(mut self, heading: impl Into<Text>, nodes: Vec<Node>) -> Self {
        self.apart = Some((heading.into(), nodes)).filter(|(_, nodes)| !nodes.is_empty());
        self
    }

    pub(crate) fn draw(&self) -> Drawing {
        let (shown, depths, edges) = self.folded();
        let layout = Layout::new(&depths, &edges, BOX.0);
        let width = (layout.width + 2.0 * MARGIN).max(WIDTH);
        let left = (width - layout.width) / 2.0;
        let height = layout.rank_count as f64 * (BOX.1 + BETWEEN);
        let apart = self.apart.as_ref().map(|(heading, nodes)| (heading, chosen(nodes)));
        let apart_ranks = apart.as_ref().map_or(0, |(_, nodes)| nodes.len().div_ceil(PER_RANK));
        let apart_height = if apart_ranks == 0 { 0.0 } else { apart_ranks as f64 * (BOX.1 + MARGIN) + HEADING };
        let content = html! {
            g class="edges" { (edges_of(&layout, left)) }
            @for (node, &(x, rank)) in shown.iter().zip(&layout.places) { (node.draw(left + x, top(rank))) }
            @if let Some((heading, nodes)) = &apart { (draw_apart(heading, nodes, width, height + MARGIN)) }
            @if shown.is_empty() && apart.is_none() { text class="soft" x="8" y="24" { "no data" } }
        };
        let height = (height + apart_height + 2.0 * MARGIN).max(40.0);
        Drawing { width, height, description: self.description().into(), content }
    }

    /// The nodes that there is room for, with their layers and edges; what there is none for is one node of its layer.
    fn folded(&self) -> (Vec<Node>, Vec<usize>, Vec<(usize, usize)>) {
        let count = self.nodes.len();
        let edges: Vec<_> = self.edges.iter().copied().filter(|&(from, to)| from < count && to < count).collect();
        let depths: Vec<_> = longest_paths(count, &edges).into_iter().map(|depth| depth.min(LAYERS)).collect();
        let mut places = vec![0; count];
        let (mut shown, mut layers) = (Vec::new(), Vec::new());
        for depth in 0..=depths.iter().copied().max().unwrap_or(0) {
            let members: Vec<_> = (0..count).filter(|&node| depths[node] == depth).collect();
            let nodes: Vec<_> = members.iter().map(|&node| &self.nodes[node]).collect();
            let first = shown.len();
            let kept = kept(&nodes, if depth < LAYERS { PER_LAYER } else { 1 });
            shown.extend(kept.iter().map(|&index| nodes[index].clone()));
            let rest: Vec<_> = (0..nodes.len()).filter(|index| !kept.contains(index)).collect();
            for (index, &node) in members.iter().enumerate() {
                places[node] = first + kept.binary_search(&index).unwrap_or(kept.len());
            }
            if !rest.is_empty() {
                shown.push(Node::rest(&rest.iter().map(|&index| nodes[index]).collect::<Vec<_>>()));
            }
            layers.resize(shown.len(), depth);
        }
        let edges: BTreeSet<_> = edges.iter().map(|&(from, to)| (places[from], places[to])).collect();
        (shown, layers, edges.into_iter().filter(|(from, to)| from != to).collect())
    }

    fn description(&self) -> String {
        let apart = self.apart.iter().flat_map(|(_, nodes)| nodes);
        let all: Vec<_> = self.nodes.iter().chain(apart).collect();
        let words = tally(all.iter().map(|node| &node.word));
        let failed = all.iter().filter(|node| node.mark == Mark::Failed).map(|node| node.label.as_str());
        let failed = failed.take(PER_LAYER).collect::<Vec<_>>().join(", ");
        let failed = if failed.is_empty() { String::new() } else { format!(" Failed: {failed}.") };
        format!("A graph of {} nodes: {words}.{failed}", all.len())
    }
}

impl Node {
    fn draw(&self, centre: f64, top: f64) -> Markup {
        let left = centre - BOX.0 / 2.0;
        let rect = |offset: f64| {
            html! {
                rect class="box" x=(unit(left + offset)) y=(unit(top - offset)) width=(unit(BOX.0)) height=(unit(BOX.1)) rx="7" {}
            }
        };
        let summary: Text = self.summary().into();
        html! {
            g class=(self.mark.class()) {
                title { (self.label) ": " (summary) }
                @if self.is_stack { (rect(4.0)) }
                (rect(0.0))
                (self.mark.sign(left + 17.0, top + 19.0))
                text class="name" x=(unit(left + 31.0)) y=(unit(top + 23.5)) { (shortened(&self.label, NAME)) }
                text class="soft" x=(unit(left + 31.0)) y=(unit(top + 41.5)) { (shortened(&summary, WORDS)) }
            }
        }
    }
}

/// The indices of the nodes to show in a row of limited room, in their order: those that failed or run before the others.
fn kept(nodes: &[&Node], room: usize) -> Vec<usize> {
    if nodes.len() <= room {
        return (0..nodes.len()).collect();
    }
    let mut indices: Vec<_> = (0..nodes.len()).collect();
    indices.sort_by_key(|&index| (std::cmp::Reverse(nodes[index].mark >= Mark::Running), index));
    // One place is for what stands for the rest.
    indices.truncate(room - 1);
    indices.sort_unstable();
    indices
}

fn chosen(nodes: &[Node]) -> Vec<Node> {
    let all: Vec<_> = nodes.iter().collect();
    let kept = kept(&all, PER_LAYER);
    let rest: Vec<_> = (0..all.len()).filter(|index| !kept.contains(index)).map(|index| all[index]).collect();
    let rest = (!rest.is_empty()).then(|| Node::rest(&rest));
    kept.iter().map(|&index| nodes[index].clone()).chain(rest).collect()
}

fn top(rank: usize) -> f64 {
    (rank as f64).mul_add(BOX.1 + BETWEEN, MARGIN)
}

fn edges_of(layout: &Layout, left: f64) -> Markup {
    html! {
        @for edge in &layout.edges {
            @let (from, to) = (left + edge.from, left + edge.to);
            @let (start, end) = (top(edge.rank) + BOX.1, top(edge.rank + 1));
            @let tip = if edge.is_last { 6.0 } else { 0.0 };
            @let half = start.midpoint(end);
            path d=(format!("M{} {}C{} {} {} {} {} {}", unit(from), unit(start), unit(from), unit(half), unit(to), unit(half), unit(to), unit(end - tip))) {}
            @if edge.is_last { path class="tip" d=(format!("M{} {}l-4 -7h8z", unit(to), unit(end))) {} }
        }
        @for &(x, rank) in &layout.bends { path d=(format!("M{} {}v{}", unit(left + x), unit(top(rank)), unit(BOX.1))) {} }
    }
}

fn draw_apart(heading: &Text, nodes: &[Node], width: f64, top: f64) -> Markup {
    html! {
        path class="apart" d=(format!("M{} {}H{}", unit(MARGIN), unit(top), unit(width - MARGIN))) {}
        text class="soft" x=(unit(MARGIN)) y=(unit(top + 20.0)) { (heading) }
        @for (rank, row) in nodes.chunks(PER_RANK).enumerate() {
            @let room = (width - 2.0 * MARGIN) / row.len() as f64;
            @let room = room.min(BOX.0 + 22.0);
            @let first = width / 2.0 - room * (row.len() as f64 - 1.0) / 2.0;
            @for (index, node) in row.iter().enumerate() {
                (node.draw(room.mul_add(index as f64, first), (rank as f64).mul_add(BOX.1 + MARGIN, top + HEADING - MARGIN)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: usize) -> Graph {
        let graph = (0..count)
            .fold(Graph::new(), |graph, index| graph.node(Node::new(format!("n{index}"), Mark::Done, "Succeeded")));
        (1..count).fold(graph, |graph, index| graph.edge(index - 1, index))
    }

    #[test]
    fn a_wide_layer_keeps_what_failed_and_counts_the_rest() {
        let node = |index: usize| {
            let (mark, word) = if index == 250 { (Mark::Failed, "Failed") } else { (Mark::Done, "Succeeded") };
            Node::new(format!("n{index}"), mark, word)
        };
        let drawing = (0..300).fold(Graph::new(), |graph, index| graph.node(node(index))).draw();
        let svg = drawing.content.into_string();
        assert!(svg.contains(">n250<") && svg.contains("and 291 more") && svg.contains("291 Succeeded"), "{svg}");
        assert!(drawing.description.as_str().contains("299 Succeeded, 1 Failed. Failed: n250."));
        assert!((drawing.width - WIDTH).abs() < 1.0);
    }

    #[test]
    fn a_deep_graph_ends_in_what_is_below() {
        let (nodes, depths, edges) = chain(100).folded();
        assert_eq!((nodes.len(), depths[LAYERS], edges.len()), (LAYERS + 1, LAYERS, LAYERS));
        assert_eq!(nodes[LAYERS].label.as_str(), "and 60 more");
    }

    #[test]
    fn edges_of_unknown_nodes_are_left_out() {
        assert_eq!(chain(2).edge(0, 9).folded().2, [(0, 1)]);
    }

    #[test]
    fn nothing_says_so() {
        assert!(Graph::new().draw().content.into_string().contains("no data"));
    }
}
