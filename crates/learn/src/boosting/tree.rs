//! One tree, grown level by level as XGBoost's `hist` does: a node is split where its best gain exceeds what `gamma` asks for.
//!
//! The order in which nodes are looked at changes no tree, since a node depends on its own rows alone. Facts from XGBoost 3.2.0:
//! `src/tree/updater_quantile_hist.cc`, `src/tree/driver.h`, `src/tree/hist/expand_entry.h`.

use super::bins::{Bins, LANES};
use super::objective::{Sums, TreeParams};
use super::scan::{Prefixes, Scan, Split, row_of};

/// Grows trees on the rows of one fold. Holds the room that growing takes.
pub(super) struct Grower<'a> {
    bins: &'a Bins,
    params: TreeParams,
    /// The entries of every column, by node; a node's children write into the list that it does not read.
    lists: [Vec<u32>; 2],
    /// Rows to fit on and rows to score, by node.
    rows: Vec<u32>,
    test_rows: Vec<u32>,
    /// Which rows go left at the split at hand.
    goes_left: Vec<u8>,
    prefixes: Prefixes,
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
            lists: [vec![0; bins.sorted.len()], vec![0; bins.sorted.len()]],
            rows: Vec::new(),
            test_rows: Vec::new(),
            goes_left: vec![0; bins.n_train],
            prefixes: std::array::from_fn(|_| vec![[0.0; 2]; bins.n_train]),
            moved: Vec::new(),
        }
    }

    /// Grows a tree of at most `max_depth` levels on the gradients of all rows and their sums, adds its leaves to the log-odds of
    /// the rows to fit on and of those to score, and says how deep it grew.
    pub(super) fn grow(
        &mut self,
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
            if let Some(split) = split.filter(|split| self.is_taken(&node, split)) {
                open.extend(self.split(&node, &split, max_depth));
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

    fn best_split(&mut self, gradients: &[[f64; 2]], node: &Node) -> Option<Split> {
        // Two children of the least weight do not fit in.
        if node.sums.hessian < 2.0 * f64::from(self.params.min_child_weight) {
            return None;
        }
        let scan =
            Scan { rows: gradients, sums: node.sums, own_gain: self.params.gain(node.sums), params: &self.params };
        let lists = if node.depth == 0 { &self.bins.sorted } else { &self.lists[node.depth as usize % 2] };
        let n_train = self.bins.n_train;
        let mut best = None;
        for (group, columns) in lists.chunks_exact(n_train * LANES).enumerate() {
            let list = |lane: usize| &columns[lane * n_train + node.rows.0..lane * n_train + node.rows.1];
            let lists = std::array::from_fn(list);
            scan.improve(group * LANES, lists, &mut self.prefixes, &mut best);
        }
        best
    }

    fn is_taken(&self, node: &Node, split: &Split) -> bool {
        let right = node.sums - split.left;
        split.gain >= self.params.gamma && split.left.hessian != 0.0 && right.hessian != 0.0
    }

    /// Parts the rows of a node, and its lists when a child may be split again.
    fn split(&mut self, node: &Node, split: &Split, max_depth: u32) -> [Node; 2] {
        let n_train = self.bins.n_train;
        let lists = if node.depth == 0 { &self.bins.sorted } else { &self.lists[node.depth as usize % 2] };
        let column = &lists[split.column * n_train + node.rows.0..split.column * n_train + node.rows.1];
        for (place, &entry) in column.iter().enumerate() {
            self.goes_left[row_of(entry)] = u8::from(place < split.n_left);
        }
        let test_column = &self.bins.test[split.column * self.bins.n_test..];
        let goes_left = &self.goes_left;
        part(&mut self.rows[node.rows.0..node.rows.1], &mut self.moved, |row| goes_left[row as usize] == 1);
        let test_left =
            part(&mut self.test_rows[node.test_rows.0..node.test_rows.1], &mut self.moved, |row| {
                test_column[row as usize] <= split.bin
            });
        let (middle, test_middle) = (node.rows.0 + split.n_left, node.test_rows.0 + test_left);
        let children = [
            Node {
                depth: node.depth + 1,
                sums: split.left,
                rows: (node.rows.0, middle),
                test_rows: (node.test_rows.0, test_middle),
            },
            Node {
                depth: node.depth + 1,
                sums: node.sums - split.left,
                rows: (middle, node.rows.1),
                test_rows: (test_middle, node.test_rows.1),
            },
        ];
        let least = 2.0 * f64::from(self.params.min_child_weight);
        if node.depth + 1 < max_depth && children.iter().any(|child| child.sums.hessian >= least) {
            self.part_lists(node, split.n_left);
        }
        children
    }

    fn part_lists(&mut self, node: &Node, n_left: usize) {
        let n_train = self.bins.n_train;
        let [even, odd] = &mut self.lists;
        let (from, to) = match node.depth {
            0 => (&self.bins.sorted, odd),
            depth if depth % 2 == 0 => (&*even, odd),
            _ => (&*odd, even),
        };
        for (from, to) in from.chunks_exact(n_train).zip(to.chunks_exact_mut(n_train)) {
            let (from, to) = (&from[node.rows.0..node.rows.1], &mut to[node.rows.0..node.rows.1]);
            let (mut left, mut right) = (0, n_left);
            for &entry in from {
                let goes_left = usize::from(self.goes_left[row_of(entry)]);
                to[if goes_left == 1 { left } else { right }] = entry;
                left += goes_left;
                right += 1 - goes_left;
            }
        }
    }
}

/// Brings those that go left to the front, both sides in their order; the number of them.
fn part(rows: &mut [u32], moved: &mut Vec<u32>, goes_left: impl Fn(u32) -> bool) -> usize {
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
