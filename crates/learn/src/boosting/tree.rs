//! One tree, grown level by level as XGBoost's `hist` does: a node is split where its best gain exceeds what `gamma` asks for.
//!
//! The order in which nodes are looked at changes no tree, since a node depends on its own rows alone. Facts from XGBoost 3.2.0:
//! `src/tree/updater_quantile_hist.cc`, `src/tree/driver.h`, `src/tree/hist/expand_entry.h`.

use super::bins::{Bins, LANES};
use super::memory::{Known, Memory};
use super::objective::{Sums, TreeParams};
use super::rounds::Grow;
use super::scan::Scan;
use super::split::Split;

/// Grows trees on the rows of one fold. Holds the room that growing takes.
pub(super) struct Grower<'a> {
    bins: &'a Bins,
    params: TreeParams,
    scan: Scan,
    memory: Memory,
    /// Rows to fit on and rows to score, by node.
    rows: Vec<u32>,
    test_rows: Vec<u32>,
    /// Which rows go left at the split at hand.
    goes_left: Vec<bool>,
    moved: Vec<u32>,
}

/// A node that may be split.
struct Node {
    depth: u32,
    sums: Sums,
    rows: (usize, usize),
    test_rows: (usize, usize),
}

impl<'a> Grower<'a> {
    pub(super) fn new(bins: &'a Bins, params: TreeParams) -> Self {
        Self {
            bins,
            params,
            scan: Scan::new(params),
            memory: Memory::default(),
            rows: Vec::new(),
            test_rows: Vec::new(),
            goes_left: vec![false; bins.n_train],
            moved: Vec::new(),
        }
    }

    fn best_split(&mut self, gradients: &[[f64; 2]], node: &Node) -> Option<Split> {
        let least = f64::from(self.params.min_child_weight);
        // Two children of the least weight do not fit in.
        if node.sums.hessian < 2.0 * least {
            return None;
        }
        let rows = &self.rows[node.rows.0..node.rows.1];
        let n_columns = self.bins.n_columns();
        self.scan.begin(rows, node.sums, gradients);
        let known = self.memory.meet(rows, gradients, n_columns);
        let mut look = |known: &mut Known, places: [usize; LANES]| {
            let greatest = self.scan.look(places, self.bins);
            places.into_iter().zip(greatest).for_each(|(place, greatest)| known.note(place, greatest));
            self.scan.judge.bar()
        };
        // The better the first column, the fewer have to be looked at after it.
        let first = known.most_promising();
        let mut bar = first.map_or(0.0, |first| look(known, [first; LANES]));
        let mut places = [0; LANES];
        let mut n_places = 0;
        for place in (0..n_columns).filter(|&place| Some(place) != first) {
            if known.rules_out(place, bar, least) {
                continue;
            }
            places[n_places] = place;
            n_places += 1;
            if n_places == LANES {
                bar = look(known, places);
                n_places = 0;
            }
        }
        if n_places > 0 {
            let again = places[0];
            places[n_places..].fill(again);
            look(known, places);
        }
        self.scan.judge.taken()
    }

    /// Parts the rows of a node.
    fn split(&mut self, node: &Node, split: &Split) -> [Node; 2] {
        for (&row, &bin) in self.bins.rows(split.column).iter().zip(self.bins.bins(split.column)) {
            self.goes_left[usize::from(row)] = bin <= split.bin;
        }
        let test_bins = self.bins.test_column(split.column);
        let goes_left = &self.goes_left;
        let left = part(&mut self.rows[node.rows.0..node.rows.1], &mut self.moved, |row| goes_left[row as usize]);
        let test_rows = &mut self.test_rows[node.test_rows.0..node.test_rows.1];
        let test_left = part(test_rows, &mut self.moved, |row| test_bins[row as usize] <= split.bin);
        let (middle, test_middle) = (node.rows.0 + left, node.test_rows.0 + test_left);
        let child = |sums, rows, test_rows| Node { depth: node.depth + 1, sums, rows, test_rows };
        [
            child(split.left, (node.rows.0, middle), (node.test_rows.0, test_middle)),
            child(node.sums - split.left, (middle, node.rows.1), (test_middle, node.test_rows.1)),
        ]
    }
}

impl Grow for Grower<'_> {
    fn grow(
        &mut self,
        _: u32,
        gradients: &[[f64; 2]],
        sums: Sums,
        max_depth: u32,
        margins: &mut [f32],
        test_margins: &mut [f32],
    ) -> u32 {
        let (n_train, n_test) = (self.bins.n_train, self.bins.n_test);
        self.rows.clear();
        self.rows.extend(0..n_train as u32);
        self.test_rows.clear();
        self.test_rows.extend(0..n_test as u32);
        let mut deepest = 0;
        let mut open = vec![Node { depth: 0, sums, rows: (0, n_train), test_rows: (0, n_test) }];
        while let Some(node) = open.pop() {
            deepest = deepest.max(node.depth);
            let split = if node.depth < max_depth { self.best_split(gradients, &node) } else { None };
            if let Some(split) = split {
                open.extend(self.split(&node, &split));
            } else {
                let value = self.params.leaf(node.sums);
                for &row in &self.rows[node.rows.0..node.rows.1] {
                    margins[row as usize] += value;
                }
                for &row in &self.test_rows[node.test_rows.0..node.test_rows.1] {
                    test_margins[row as usize] += value;
                }
            }
        }
        deepest
    }
}

/// Brings those that go left to the front, both sides in their order; the number of them.
pub(super) fn part(rows: &mut [u32], moved: &mut Vec<u32>, goes_left: impl Fn(u32) -> bool) -> usize {
    moved.clear();
    let mut left = 0;
    for i in 0..rows.len() {
        let row = rows[i];
        if goes_left(row) {
            rows[left] = row;
            left += 1;
        } else {
            moved.push(row);
        }
    }
    rows[left..].copy_from_slice(moved);
    left
}
