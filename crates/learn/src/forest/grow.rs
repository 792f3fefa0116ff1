//! Growing one tree on binned columns.

use rand::Rng;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::bins::{Bins, MAX_BINS};
use super::nodes::{Node, Split};
use super::params::{Criterion, ForestParams};
use crate::random::{generator, substream};

/// Rows from which on a node's bins are counted; below, its few rows are sorted instead.
const MIN_HISTOGRAM_ROWS: usize = 48;

/// Weights of the negative and the positive class.
type Weights = [f64; 2];

/// A training row within a tree, with its bootstrap count in the weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) row: u32,
    pub(super) positive: bool,
    pub(super) weight: f64,
}

/// A node yet to be grown.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    depth: usize,
    seed: u64,
}

/// The best split found so far: rows up to bin `low` go left, those from bin `high` on right.
#[derive(Clone, Copy)]
struct Cut {
    score: f64,
    feature: usize,
    low: u8,
    high: u8,
}

/// Grows trees one after the other with the same buffers.
pub(super) struct Grower<'a> {
    bins: &'a Bins,
    params: &'a ForestParams,
    n_columns: usize,
    features: Vec<usize>,
    swaps: Vec<usize>,
    histogram: Vec<Weights>,
    /// Rows per bin; counted only where leaves have a least size.
    rows: Vec<usize>,
    few: Vec<(u8, bool, f64)>,
    right: Vec<Item>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(bins: &'a Bins, params: &'a ForestParams) -> Self {
        Self {
            n_columns: params.max_features.count(bins.n_features()),
            features: (0..bins.n_features()).collect(),
            swaps: Vec::new(),
            histogram: vec![[0.0; 2]; MAX_BINS],
            rows: vec![0; MAX_BINS],
            few: Vec::new(),
            right: Vec::new(),
            bins,
            params,
        }
    }

    /// Grows tree number `tree` on `items`, which it reorders.
    ///
    /// Every node draws its columns from a random stream of its own, named by the path to it, so that a depth limit cuts
    /// a tree off without changing what is above.
    pub(super) fn grow(&mut self, tree: u32, seed: u64, items: &mut [Item]) -> Vec<Node> {
        let max_depth = self.params.max_depth.unwrap_or(usize::MAX);
        let mut nodes = vec![leaf(tree, 0, items)];
        let mut open = vec![Open { node: 0, start: 0, end: items.len(), depth: 0, seed }];
        while let Some(next) = open.pop() {
            let here = &mut items[next.start..next.end];
            let totals = totals(here);
            let too_few = here.len() < 2 * self.params.min_samples_leaf;
            if next.depth >= max_depth || too_few || totals.contains(&0.0) {
                continue;
            }
            let Some(cut) = self.best_cut(here, totals, next.seed) else {
                continue;
            };
            let middle = next.start + self.part(here, &cut);
            let (left, right) = (nodes.len(), nodes.len() + 1);
            nodes.push(leaf(tree, left, &items[next.start..middle]));
            nodes.push(leaf(tree, right, &items[middle..next.end]));
            nodes[next.node].split = Some(Split {
                feature: cut.feature as u32,
                threshold: self.bins.column(cut.feature).threshold(cut.low, cut.high),
                left: left as u32,
                right: right as u32,
            });
            let depth = next.depth + 1;
            for (node, start, end) in [(right, middle, next.end), (left, next.start, middle)] {
                open.push(Open { node, start, end, depth, seed: substream(next.seed, (node - left) as u64) });
            }
        }
        nodes
    }

    /// The best cut over columns drawn without replacement: `n_columns` of them, then more until one is not constant
    /// here. The order of drawing settles ties. As in scikit-learn, a column that varies but has no place for a cut that leaves
    /// both sides enough rows counts as drawn.
    fn best_cut(&mut self, items: &[Item], totals: Weights, seed: u64) -> Option<Cut> {
        let mut random = SplitMix64::seed_from_u64(seed);
        let mut best: Option<Cut> = None;
        let mut has_varying = false;
        let n_features = self.features.len();
        for drawn in 0..n_features {
            if drawn >= self.n_columns && has_varying {
                break;
            }
            let left = (n_features - drawn) as u64;
            let pick = drawn + ((u128::from(random.next_u64()) * u128::from(left)) >> 64) as usize;
            self.features.swap(drawn, pick);
            self.swaps.push(pick);
            let feature = self.features[drawn];
            let scan = self.scan(items, totals, feature);
            has_varying |= scan.varies;
            if let Some(cut) = scan.best
                && best.is_none_or(|best| cut.score > best.score)
            {
                best = Some(cut);
            }
        }
        // undone, so that the next node draws from the same order whatever came before it
        while let Some(pick) = self.swaps.pop() {
            self.features.swap(self.swaps.len(), pick);
        }
        best
    }

    /// Looks for the best cut of one column.
    fn scan(&mut self, items: &[Item], totals: Weights, feature: usize) -> Scan {
        let column = self.bins.column(feature);
        let least = self.params.min_samples_leaf;
        let mut scan = Scan::new(self.params.criterion, totals, feature, items.len(), least);
        if column.n_bins() < 2 {
            return scan;
        }
        if items.len() >= MIN_HISTOGRAM_ROWS {
            let histogram = &mut self.histogram[..column.n_bins()];
            histogram.fill([0.0; 2]);
            for item in items {
                let bin = usize::from(column.codes[item.row as usize]);
                histogram[bin][usize::from(item.positive)] += item.weight;
            }
            let rows = &mut self.rows[..column.n_bins()];
            if least > 1 {
                rows.fill(0);
                for item in items {
                    rows[usize::from(column.codes[item.row as usize])] += 1;
                }
            }
            for (bin, (weights, rows)) in histogram.iter().zip(rows).enumerate() {
                if weights[0] + weights[1] > 0.0 {
                    scan.see(bin as u8, *weights, *rows);
                }
            }
        } else {
            self.few.clear();
            self.few.extend(items.iter().map(|item| {
                let code = column.codes[item.row as usize];
                (code, item.positive, item.weight)
            }));
            // stable: sums are taken in the order of the rows
            self.few.sort_by_key(|(code, _, _)| *code);
            for run in self.few.chunk_by(|a, b| a.0 == b.0) {
                let mut weights = [0.0; 2];
                for (_, positive, weight) in run {
                    weights[usize::from(*positive)] += weight;
                }
                scan.see(run[0].0, weights, run.len());
            }
        }
        scan
    }

    /// Moves the rows that go left to the front, both sides keeping their order; returns how many those are.
    fn part(&mut self, items: &mut [Item], cut: &Cut) -> usize {
        let codes = &self.bins.column(cut.feature).codes;
        self.right.clear();
        let mut left = 0;
        for i in 0..items.len() {
            let item = items[i];
            if codes[item.row as usize] <= cut.low {
                items[left] = item;
                left += 1;
            } else {
                self.right.push(item);
            }
        }
        items[left..].copy_from_slice(&self.right);
        left
    }
}

/// Goes through a column's bins from below and keeps the best place to cut.
struct Scan {
    criterion: Criterion,
    totals: Weights,
    feature: usize,
    left: Weights,
    rows: usize,
    rows_left: usize,
    min_samples_leaf: usize,
    last: Option<u8>,
    varies: bool,
    best: Option<Cut>,
}

impl Scan {
    fn new(criterion: Criterion, totals: Weights, feature: usize, rows: usize, min_samples_leaf: usize) -> Self {
        let (left, rows_left, last, varies, best) = ([0.0; 2], 0, None, false, None);
        Self { criterion, totals, feature, left, rows, rows_left, min_samples_leaf, last, varies, best }
    }

    /// Takes in the next bin that has rows. Their number matters only where leaves have a least size.
    fn see(&mut self, bin: u8, weights: Weights, rows: usize) {
        let leaves_enough =
            self.min_samples_leaf < 2 || self.rows_left.min(self.rows - self.rows_left) >= self.min_samples_leaf;
        self.varies |= self.last.is_some();
        if let Some(low) = self.last
            && leaves_enough
        {
            let right = [self.totals[0] - self.left[0], self.totals[1] - self.left[1]];
            let score = purity(self.criterion, self.left) + purity(self.criterion, right);
            if self.best.is_none_or(|best| score > best.score) {
                self.best = Some(Cut { score, feature: self.feature, low, high: bin });
            }
        }
        self.left[0] += weights[0];
        self.left[1] += weights[1];
        self.rows_left += rows;
        self.last = Some(bin);
    }
}

/// A bootstrap sample: `n_samples` draws with replacement, as counts.
pub(super) fn bootstrap(n_samples: usize, seed: u64, stream: u64) -> Vec<u32> {
    let mut counts = vec![0; n_samples];
    let mut random = generator(seed, stream);
    for _ in 0..n_samples {
        counts[random.gen_range(0..n_samples)] += 1;
    }
    counts
}

/// The weight of a side less its weighted impurity, up to a constant: the higher, the purer.
fn purity(criterion: Criterion, [negative, positive]: Weights) -> f64 {
    let total = negative + positive;
    if total <= 0.0 {
        return 0.0;
    }
    match criterion {
        Criterion::Gini => (negative * negative + positive * positive) / total,
        Criterion::Entropy => x_log_x(negative) + x_log_x(positive) - x_log_x(total),
    }
}

fn x_log_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

fn totals(items: &[Item]) -> Weights {
    let mut totals = [0.0; 2];
    for item in items {
        totals[usize::from(item.positive)] += item.weight;
    }
    totals
}

fn leaf(tree: u32, node: usize, items: &[Item]) -> Node {
    let [negative, positive] = totals(items);
    let cover = negative + positive;
    Node { tree, node: node as u32, split: None, probability: positive / cover, cover }
}
