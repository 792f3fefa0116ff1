//! Where the boxes of a graph go and how its edges run: ranks from top to bottom, each edge from one rank to the next.
//!
//! The method is Sugiyama's (1981): ranks by longest paths, bends where an edge passes a rank, an order by barycentres that leaves
//! few crossings, then places near the mean of the neighbours. Edges that would run side by side share their bends.

use std::collections::BTreeMap;

/// The most boxes side by side.
pub(crate) const PER_RANK: usize = 5;
/// How often order and places are made better, down and up.
const SWEEPS: usize = 6;
/// Room between two boxes or bends; user units.
const GAP: f64 = 14.0;
/// Width of a bend; user units.
const BEND: f64 = 4.0;

/// A layout of boxes of one width.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The centre of every box, and its rank.
    pub(crate) places: Vec<(f64, usize)>,
    /// Where edges pass a rank.
    pub(crate) bends: Vec<(f64, usize)>,
    /// From the lower side of a rank to the upper side of the next.
    pub(crate) edges: Vec<Edge>,
    pub(crate) rank_count: usize,
    pub(crate) width: f64,
}

/// A part of an edge.
#[derive(Debug)]
pub(crate) struct Edge {
    /// The rank that it leaves.
    pub(crate) rank: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// It ends at a box, not at a bend.
    pub(crate) is_last: bool,
}

/// The number of edges on the longest path to each node. Nodes on a cycle count as if nothing led to them from that cycle.
pub(crate) fn longest_paths(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut depths = vec![0; count];
    let mut open = vec![0_usize; count];
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in edges {
        open[to] += 1;
        next[from].push(to);
    }
    let mut ready: Vec<_> = (0..count).filter(|&node| open[node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &to in &next[node] {
            depths[to] = depths[to].max(depths[node] + 1);
            open[to] -= 1;
            if open[to] == 0 {
                ready.push(to);
            }
        }
    }
    depths
}

impl Layout {
    /// Lays out boxes of the given width; `depths` are their layers, and edges that do not lead to a deeper one are left out.
    pub(crate) fn new(depths: &[usize], edges: &[(usize, usize)], box_width: f64) -> Self {
        let ranks = ranks(depths);
        let edges: Vec<_> = edges.iter().copied().filter(|&(from, to)| ranks[from] < ranks[to]).collect();
        let mut grid = Grid::new(&ranks, box_width);
        grid.connect(&ranks, &edges);
        for _ in 0..SWEEPS {
            grid.order();
        }
        grid.place();
        let bends = (ranks.len()..grid.items.len()).map(|item| (grid.x[item], grid.items[item].rank)).collect();
        let edge = |(from, item): (usize, &Item)| {
            let edge =
                |&to: &usize| Edge { rank: item.rank, from: grid.x[from], to: grid.x[to], is_last: to < ranks.len() };
            item.below.iter().map(edge).collect::<Vec<_>>()
        };
        Self {
            places: (0..ranks.len()).map(|item| (grid.x[item], ranks[item])).collect(),
            bends,
            edges: grid.items.iter().enumerate().flat_map(edge).collect(),
            rank_count: grid.rows.len(),
            width: grid.width(),
        }
    }
}

/// Splits layers that are too wide into several ranks.
fn ranks(depths: &[usize]) -> Vec<usize> {
    let mut layers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    depths.iter().enumerate().for_each(|(node, &depth)| layers.entry(depth).or_default().push(node));
    let mut ranks = vec![0; depths.len()];
    let mut rank = 0;
    for nodes in layers.values() {
        for part in nodes.chunks(PER_RANK) {
            for &node in part {
                ranks[node] = rank;
            }
            rank += 1;
        }
    }
    ranks
}

/// Boxes first, then bends, and the rows that they stand in.
#[derive(Debug)]
struct Grid {
    items: Vec<Item>,
    rows: Vec<Vec<usize>>,
    x: Vec<f64>,
    /// How far from the middle items may be; every row has room within that.
    reach: f64,
}

#[derive(Debug)]
struct Item {
    rank: usize,
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Edges that run side by side: those from one box or those to one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bundle {
    From(usize),
    To(usize),
}

impl Grid {
    fn new(ranks: &[usize], box_width: f64) -> Self {
        let rank_count = ranks.iter().max().map_or(0, |last| last + 1);
        let mut grid = Self { items: Vec::new(), rows: vec![Vec::new(); rank_count], x: Vec::new(), reach: 0.0 };
        for &rank in ranks {
            grid.add(rank, box_width);
        }
        grid
    }

    fn add(&mut self, rank: usize, width: f64) -> usize {
        let item = self.items.len();
        self.items.push(Item { rank, width, above: Vec::new(), below: Vec::new() });
        self.rows[rank].push(item);
        self.x.push(0.0);
        item
    }

    /// Adds the edges, and a bend in every rank that a bundle of them passes.
    fn connect(&mut self, ranks: &[usize], edges: &[(usize, usize)]) {
        let is_long = |&(from, to): &(usize, usize)| ranks[to] - ranks[from] > 1;
        let mut long: BTreeMap<Bundle, usize> = BTreeMap::new();
        for &(from, to) in edges.iter().filter(|edge| is_long(edge)) {
            *long.entry(Bundle::From(from)).or_default() += 1;
            *long.entry(Bundle::To(to)).or_default() += 1;
        }
        let mut bends: BTreeMap<(Bundle, usize), usize> = BTreeMap::new();
        for &(from, to) in edges {
            let [one, other] = [Bundle::From(from), Bundle::To(to)];
            let bundle = if long.get(&one) >= long.get(&other) { one } else { other };
            let mut last = from;
            for rank in ranks[from] + 1..ranks[to] {
                let bend = *bends.entry((bundle, rank)).or_insert_with(|| self.add(rank, BEND));
                self.join(last, bend);
                last = bend;
            }
            self.join(last, to);
        }
    }

    fn join(&mut self, from: usize, to: usize) {
        if !self.items[from].below.contains(&to) {
            self.items[from].below.push(to);
            self.items[to].above.push(from);
        }
    }

    /// Sorts every row by the mean position of what its items hang on, downwards, then upwards.
    fn order(&mut self) {
        let mut position = vec![0.0; self.items.len()];
        let note = |row: &[usize], position: &mut Vec<f64>| {
            row.iter().enumerate().for_each(|(index, &item)| position[item] = index as f64);
        };
        self.rows.iter().for_each(|row| note(row, &mut position));
        let down = (0..self.rows.len()).map(|rank| (rank, true));
        let up = (0..self.rows.len()).rev().map(|rank| (rank, false));
        for (rank, is_down) in down.chain(up) {
            let items = &self.items;
            let key = |item: usize| {
                let neighbours = if is_down { &items[item].above } else { &items[item].below };
                mean(neighbours.iter().map(|&neighbour| position[neighbour])).unwrap_or(position[item])
            };
            let mut sorted: Vec<_> = self.rows[rank].iter().map(|&item| (key(item), item)).collect();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
            self.rows[rank] = sorted.into_iter().map(|(_, item)| item).collect();
            note(&self.rows[rank], &mut position);
        }
    }

    /// Moves items towards the mean of what they hang on, as far as their order and the room allow.
    fn place(&mut self) {
        let widths = self.rows.iter().map(|row| row.iter().map(|&item| self.items[item].width + GAP).sum::<f64>());
        let full = self.items.iter().map(|item| item.width + GAP).fold(0.0, f64::max) * PER_RANK as f64;
        self.reach = (widths.fold(full, f64::max) - GAP) / 2.0;
        for rank in 0..self.rows.len() {
            self.settle(rank, |_| 0.0);
        }
        for _ in 0..SWEEPS {
            for rank in (0..self.rows.len()).chain((0..self.rows.len()).rev()) {
                let wanted: Vec<_> = (0..self.items.len()).map(|item| self.wanted(item)).collect();
                self.settle(rank, |item| wanted[item]);
            }
        }
        let left = (0..self.items.len()).map(|item| self.x[item] - self.items[item].width / 2.0);
        let left = left.fold(f64::INFINITY, f64::min);
        self.x.iter_mut().for_each(|x| *x -= left);
    }

    fn wanted(&self, item: usize) -> f64 {
        let Item { above, below, .. } = &self.items[item];
        mean(above.iter().chain(below).map(|&neighbour| self.x[neighbour])).unwrap_or(self.x[item])
    }

    /// Gives the items of a row their places: in order, none too near, none beyond reach, and on the whole where they are wanted.
    fn settle(&mut self, rank: usize, wanted: impl Fn(usize) -> f64) {
        let mut least = f64::NEG_INFINITY;
        let row = &self.rows[rank];
        for &item in row {
            let half = self.items[item].width / 2.0;
            self.x[item] = wanted(item).max(least + half);
            least = self.x[item] + half + GAP;
        }
        let shift = mean(row.iter().map(|&item| wanted(item) - self.x[item])).unwrap_or(0.0);
        let mut least = -self.reach;
        for &item in row {
            let half = self.items[item].width / 2.0;
            self.x[item] = (self.x[item] + shift).max(least + half);
            least = self.x[item] + half + GAP;
        }
        let mut most = self.reach;
        for &item in row.iter().rev() {
            let half = self.items[item].width / 2.0;
            self.x[item] = self.x[item].min(most - half);
            most = self.x[item] - half - GAP;
        }
    }

    fn width(&self) -> f64 {
        (0..self.items.len()).map(|item| self.x[item] + self.items[item].width / 2.0).fold(0.0, f64::max)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depths_are_longest_paths_and_cycles_do_not_hang() {
        assert_eq!(longest_paths(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]), [0, 1, 2, 3]);
        assert_eq!(longest_paths(3, &[(0, 1), (1, 0), (1, 2)]), [0, 0, 0]);
    }

    #[test]
    fn a_chain_is_straight_and_its_shortcut_bends_around_it() {
        let edges = [(0, 1), (1, 2), (0, 2)];
        let layout = Layout::new(&longest_paths(3, &edges), &edges, 100.0);
        assert_eq!((layout.rank_count, layout.bends.len(), layout.edges.len()), (3, 1, 4));
        let (bend, middle) = (layout.bends[0].0, layout.places[1].0);
        assert!((bend - middle).abs() > 50.0, "{layout:?}");
    }

    #[test]
    fn a_wide_layer_takes_several_ranks_and_shares_bends() {
        let edges: Vec<_> = (1..=12).map(|node| (0, node)).collect();
        let layout = Layout::new(&longest_paths(13, &edges), &edges, 100.0);
        assert_eq!((layout.rank_count, layout.bends.len()), (4, 2));
        assert!(layout.width < 600.0, "{layout:?}");
    }

    proptest! {
        #[test]
        fn boxes_and_bends_of_a_rank_keep_their_distance(
            pairs in proptest::collection::vec((0..12_usize, 0..12_usize), 0..30)
        ) {
            let edges: Vec<_> = pairs.into_iter().filter(|(from, to)| from < to).collect();
            let layout = Layout::new(&longest_paths(12, &edges), &edges, 100.0);
            let boxes = layout.places.iter().map(|&(x, rank)| (rank, x, 50.0));
            let mut all: Vec<_> = boxes.chain(layout.bends.iter().map(|&(x, rank)| (rank, x, BEND / 2.0))).collect();
            all.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
            for pair in all.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                prop_assert!(pair[1].1 - pair[0].1 > pair[0].2 + pair[1].2, "{:?}", pair);
            }
            prop_assert!(layout.places.iter().all(|place| place.0 >= 49.9 && place.0 <= layout.width));
        }
    }
}
