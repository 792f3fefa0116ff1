//! Growing one tree on binned columns.

use std::ops::Range;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::bins::Bins;
use super::codes::Codes;
use super::counting::{ABREAST, Histograms};
use super::judge::{Judge, Scorer, share};
use super::nodes::Split;
use super::params::ForestParams;
use super::sweep::{Cut, Sweep};
use super::tally::Tally;
use super::tree::Tree;
use crate::random::substream;

/// Rows from which on all bins of a node are gone through; below, those that have rows are marked and the others passed over.
const MANY_ROWS: usize = 192;

/// The rows of a tree, and how often each was drawn; those of a node lie side by side.
#[derive(Debug, Default)]
pub(super) struct Items<T> {
    pub(super) rows: Vec<u32>,
    pub(super) tallies: Vec<T>,
}

/// A node yet to be grown.
struct Open<T> {
    node: u32,
    start: usize,
    end: usize,
    depth: usize,
    seed: u64,
    total: T,
}

/// The tables that the nodes being grown are read from, each gathered from the one before it.
struct Tables<'a> {
    whole: &'a Codes,
    /// The table of a node and of all below it, and the node's place among the items. Those past `n_gathered` are spare.
    gathered: Vec<(Range<usize>, Codes)>,
    n_gathered: usize,
}

/// What the columns of a node have shown so far.
struct Search<'a, T> {
    total: T,
    scorer: Scorer<'a>,
    best: Option<Cut<T>>,
    has_varying: bool,
}

/// Grows trees one after the other with the same buffers.
pub(super) struct Grower<'a, T> {
    bins: &'a Bins,
    tables: Tables<'a>,
    judge: &'a Judge,
    max_depth: usize,
    least: usize,
    n_columns: usize,
    features: Vec<u32>,
    swaps: Vec<usize>,
    histograms: Histograms<T>,
    sweep: Box<Sweep<T>>,
    pub(super) items: Items<T>,
    spare: Items<T>,
    open: Vec<Open<T>>,
}

impl<'a, T: Tally> Grower<'a, T> {
    pub(super) fn new(bins: &'a Bins, judge: &'a Judge, params: &ForestParams) -> Self {
        Self {
            max_depth: params.max_depth.unwrap_or(usize::MAX),
            least: params.min_samples_leaf,
            n_columns: params.max_features.count(bins.n_features()),
            features: (0..bins.n_features() as u32).collect(),
            swaps: Vec::new(),
            histograms: Histograms::new(),
            sweep: Box::new(Sweep::new()),
            items: Items { rows: Vec::new(), tallies: Vec::new() },
            spare: Items { rows: Vec::new(), tallies: Vec::new() },
            open: Vec::new(),
            tables: Tables { whole: &bins.codes, gathered: Vec::new(), n_gathered: 0 },
            bins,
            judge,
        }
    }

    /// Grows a tree on `items`, which it reorders.
    ///
    /// Every node draws its columns from a random stream of its own, named by the path to it, so that a depth limit cuts
    /// a tree off without changing what is above.
    pub(super) fn grow(&mut self, seed: u64) -> Tree {
        let end = self.items.rows.len();
        let total = self.items.tallies.iter().fold(T::default(), |sum, tally| sum.plus(*tally));
        self.spare.rows.resize(end, 0);
        self.spare.tallies.resize(end, T::default());
        let mut tree = Tree::default();
        leaf(&mut tree, total);
        self.open.clear();
        self.tables.n_gathered = 0;
        self.open_if(Open { node: 0, start: 0, end, depth: 0, seed, total });
        while let Some(next) = self.open.pop() {
            self.tables.turn_to(next.start..next.end, &mut self.items.rows);
            let Some(cut) = self.best_cut(next.start..next.end, next.total, next.seed) else {
                continue;
            };
            let right = next.total.minus(cut.left);
            let middle = next.start + cut.left.rows();
            let children = [leaf(&mut tree, cut.left), leaf(&mut tree, right)];
            let threshold = self.bins.threshold(cut.feature as usize, cut.low, cut.high);
            tree.split(next.node, Split { feature: cut.feature, threshold, left: children[0], right: children[1] });
            let n_open = self.open.len();
            let below = [(1, right, middle, next.end), (0, cut.left, next.start, middle)];
            for (side, total, start, end) in below {
                let seed = substream(next.seed, side as u64);
                self.open_if(Open { node: children[side], start, end, depth: next.depth + 1, seed, total });
            }
            // leaves do not need their rows
            if self.open.len() > n_open {
                self.part(next.start..next.end, &cut);
            }
        }
        tree.shrink();
        tree
    }

    /// Lists a node to be grown, unless it is certain to be a leaf.
    fn open_if(&mut self, node: Open<T>) {
        let too_few = node.total.rows() / 2 < self.least;
        if node.depth < self.max_depth && !too_few && !node.total.is_pure() {
            self.open.push(node);
        }
    }

    /// The best cut over columns drawn without replacement: `n_columns` of them, then more until one is not constant
    /// here. The order of drawing settles ties. As in scikit-learn, a column that varies but has no place for a cut that leaves
    /// both sides enough rows counts as drawn.
    fn best_cut(&mut self, range: Range<usize>, total: T, seed: u64) -> Option<Cut<T>> {
        let mut random = SplitMix64::seed_from_u64(seed);
        let mut search = Search { total, scorer: self.judge.scorer(total), best: None, has_varying: false };
        let n_features = self.features.len();
        while self.swaps.len() < n_features && !(search.has_varying && self.swaps.len() >= self.n_columns) {
            // those that are looked at in any case, then one by one
            let first = self.swaps.len();
            for drawn in first..self.n_columns.max(first + 1) {
                let left = (n_features - drawn) as u64;
                let pick = drawn + ((u128::from(random.next_u64()) * u128::from(left)) >> 64) as usize;
                self.features.swap(drawn, pick);
                self.swaps.push(pick);
            }
            self.look_at(first..self.swaps.len(), &range, &mut search);
        }
        // undone, so that the next node draws from the same order whatever came before it
        while let Some(pick) = self.swaps.pop() {
            self.features.swap(self.swaps.len(), pick);
        }
        search.best
    }

    /// Looks at some of the drawn columns.
    fn look_at(&mut self, drawn: Range<usize>, range: &Range<usize>, search: &mut Search<'_, T>) {
        let features = &self.features[drawn];
        let (rows, tallies) = (&self.items.rows[range.clone()], &self.items.tallies[range.clone()]);
        let n_groups = features.len().div_ceil(ABREAST);
        let mut rest = features;
        for group in 0..n_groups {
            let (features, others) = rest.split_at(rest.len().div_ceil(n_groups - group));
            rest = others;
            let mut codes = [&[][..]; ABREAST];
            for (codes, feature) in codes.iter_mut().zip(features) {
                *codes = self.tables.here().column(*feature as usize);
            }
            let codes = &codes[..features.len()];
            let is_few = rows.len() < MANY_ROWS;
            let histograms = if is_few {
                self.histograms.count::<true>(rows, tallies, codes)
            } else {
                self.histograms.count::<false>(rows, tallies, codes)
            };
            for (histogram, feature) in histograms.iter_mut().zip(features) {
                let n_bins = self.bins.n_bins(*feature as usize);
                if is_few {
                    self.sweep.go_through(search.total, self.least, histogram.marked(n_bins));
                } else {
                    self.sweep.go_through(search.total, self.least, histogram.all(n_bins));
                }
                search.take(&self.sweep, *feature);
            }
        }
    }

    /// Moves the rows that go left to the front, both sides keeping their order.
    fn part(&mut self, range: Range<usize>, cut: &Cut<T>) {
        let codes = self.tables.here().column(cut.feature as usize);
        let (rows, tallies) = (&mut self.items.rows[range.clone()], &mut self.items.tallies[range]);
        let (spare_rows, spare_tallies) = (&mut self.spare.rows[..], &mut self.spare.tallies[..]);
        // without a branch, which no processor could foresee
        let (mut left, mut right) = (0, 0);
        for i in 0..rows.len() {
            let (row, tally) = (rows[i], tallies[i]);
            (rows[left], tallies[left]) = (row, tally);
            (spare_rows[right], spare_tallies[right]) = (row, tally);
            let goes_left = usize::from(codes[row as usize] <= cut.low);
            left += goes_left;
            right += 1 - goes_left;
        }
        rows[left..].copy_from_slice(&spare_rows[..right]);
        tallies[left..].copy_from_slice(&spare_tallies[..right]);
    }
}

impl Tables<'_> {
    /// The table that rows are named in.
    fn here(&self) -> &Codes {
        self.gathered[..self.n_gathered].last().map_or(self.whole, |(_, codes)| codes)
    }

    /// Makes ready for the node whose rows are at that place of `items`, which are named anew where they get a table of their own. Nodes come
    /// depth first, from the left.
    fn turn_to(&mut self, node: Range<usize>, items: &mut [u32]) {
        while self.gathered[..self.n_gathered].last().is_some_and(|(done, _)| done.end <= node.start) {
            self.n_gathered -= 1;
        }
        if !self.here().is_sparse(node.len()) {
            return;
        }
        if self.n_gathered == self.gathered.len() {
            self.gathered.push((0..0, Codes::default()));
        }
        let (before, spare) = self.gathered.split_at_mut(self.n_gathered);
        let from = before.last().map_or(self.whole, |(_, codes)| codes);
        let rows = &mut items[node.clone()];
        let (place, codes) = &mut spare[0];
        *place = node;
        codes.gather(from, rows);
        rows.iter_mut().zip(0..).for_each(|(row, name)| *row = name);
        self.n_gathered += 1;
    }
}

impl<T: Tally> Search<'_, T> {
    fn take(&mut self, sweep: &Sweep<T>, feature: u32) {
        self.has_varying |= sweep.varies();
        let floor = self.best.map_or(f64::NEG_INFINITY, |best| best.score);
        self.best = sweep.best(&self.scorer, feature, floor).or(self.best);
    }
}

/// Adds a node that is a leaf so far.
fn leaf(tree: &mut Tree, total: impl Tally) -> u32 {
    let (probability, cover) = share(total);
    tree.push(probability, cover)
}
