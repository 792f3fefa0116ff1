//! One tree, grown on histograms of some columns and some rows.
//!
//! All sums are exact (see [`gradients`](super::objective::gradients)), so they are the library's in whatever order they are taken, and those of a node's larger child
//! are the node's less those of the smaller one. The library counts all columns, whichever are drawn.

use super::BoostingParams;
use super::draws::{Drawn, Draws};
use super::objective::{Sums, TreeParams};
use super::rounds::Grow;
use super::split::{Judge, Split};
use super::table::Table;
use super::tree::part;

/// Columns that are counted side by side: the processor adds to one while another waits for its bin.
const ABREAST: usize = 4;

/// What the rows of every bin come to, gradient and Hessian, one drawn column after the other.
type Histogram = Vec<[f64; 2]>;

/// Grows trees on the rows of one fold. Holds the room that growing takes.
pub(super) struct HistogramGrower<'a> {
    table: &'a Table,
    judge: Judge,
    draws: Draws,
    /// What was drawn for the trees so far: a training that starts at an earlier one draws the same.
    drawn: Vec<Drawn>,
    /// Rows to fit on that were drawn, those that were not, and rows to score, by node.
    rows: Vec<u32>,
    others: Vec<u32>,
    test_rows: Vec<u32>,
    moved: Vec<u32>,
    /// Gradient and Hessian of the rows that are counted.
    pairs: Vec<[f32; 2]>,
    spare: Vec<Histogram>,
}

/// A node that may be split.
struct Node {
    depth: u32,
    sums: Sums,
    rows: (usize, usize),
    others: (usize, usize),
    test_rows: (usize, usize),
    /// None where it cannot be split.
    histogram: Option<Histogram>,
}

/// The gradients of all rows, and the columns that were drawn.
struct Round<'a> {
    gradients: &'a [[f64; 2]],
    columns: &'a [usize],
}

impl<'a> HistogramGrower<'a> {
    /// None where the library reads a share in a way that is not followed here.
    pub(super) fn new(table: &'a Table, params: &BoostingParams, seed: u64) -> Option<Self> {
        Some(Self {
            table,
            judge: Judge::new(TreeParams::new(params)?),
            draws: Draws::new(params, table.n_train, table.n_features(), seed)?,
            drawn: Vec::new(),
            rows: Vec::new(),
            others: Vec::new(),
            test_rows: Vec::new(),
            moved: Vec::new(),
            pairs: Vec::new(),
            spare: Vec::new(),
        })
    }

    /// Parts the rows into those drawn, whose sums are the answer, and the others.
    fn begin(&mut self, drawn: &Drawn, gradients: &[[f64; 2]]) -> Sums {
        self.rows.clear();
        self.others.clear();
        self.test_rows.clear();
        self.test_rows.extend(0..self.table.n_test as u32);
        let mut sums = Sums::default();
        for ((row, [gradient, hessian]), is_drawn) in gradients.iter().enumerate().zip(drawn.rows()) {
            if is_drawn {
                self.rows.push(row as u32);
                sums.gradient += gradient;
                sums.hessian += hessian;
            } else {
                self.others.push(row as u32);
            }
        }
        sums
    }

    fn count(&mut self, round: &Round<'_>, rows: (usize, usize)) -> Histogram {
        let rows = &self.rows[rows.0..rows.1];
        self.pairs.clear();
        self.pairs.extend(rows.iter().map(|&row| round.gradients[row as usize].map(|value| value as f32)));
        let mut histogram = self.spare.pop().unwrap_or_default();
        histogram.clear();
        let mut bins = [[[0.0; 2]; 256]; ABREAST];
        for columns in round.columns.chunks(ABREAST) {
            // Columns that lack to a whole group repeat the last one, and are not looked at.
            let counted: [usize; ABREAST] = std::array::from_fn(|i| columns[i.min(columns.len() - 1)]);
            count(rows, &self.pairs, counted.map(|column| self.table.column(column)), &mut bins);
            for (i, (bins, column)) in bins.iter_mut().zip(counted).enumerate() {
                let bins = &mut bins[..self.table.n_bins(column)];
                if i < columns.len() {
                    histogram.extend(&*bins);
                }
                bins.fill([0.0; 2]);
            }
        }
        histogram
    }

    fn best_split(&mut self, round: &Round<'_>, sums: Sums, histogram: &[[f64; 2]]) -> Option<Split> {
        self.judge.begin(sums);
        let mut rest = histogram;
        for &column in round.columns {
            let (bins, others) = rest.split_at(self.table.n_bins(column));
            rest = others;
            look(&mut self.judge, column, bins);
        }
        self.judge.taken()
    }

    /// Parts the rows of a node, and counts those of its children where these may be split.
    fn split(&mut self, round: &Round<'_>, node: Node, split: &Split, max_depth: u32) -> [Node; 2] {
        let (codes, test_codes) = (self.table.column(split.column), self.table.test_column(split.column));
        let left = |codes: &[u8], row: u32| u16::from(codes[row as usize]) <= split.bin;
        let mut cut = |all: &mut Vec<u32>, (start, end): (usize, usize), codes: &[u8]| {
            let middle = start + part(&mut all[start..end], &mut self.moved, |row| left(codes, row));
            [(start, middle), (middle, end)]
        };
        let rows = cut(&mut self.rows, node.rows, codes);
        let others = cut(&mut self.others, node.others, codes);
        let test_rows = cut(&mut self.test_rows, node.test_rows, test_codes);
        let sums = [split.left, node.sums - split.left];
        let mut histograms = [None, None];
        match node.histogram {
            Some(mut whole) if node.depth + 1 < max_depth => {
                let lengths = rows.map(|(start, end)| end - start);
                let smaller = usize::from(lengths[1] < lengths[0]);
                let counted = self.count(round, rows[smaller]);
                for (whole, counted) in whole.iter_mut().zip(&counted) {
                    whole[0] -= counted[0];
                    whole[1] -= counted[1];
                }
                histograms[smaller] = Some(counted);
                histograms[1 - smaller] = Some(whole);
            }
            whole => self.spare.extend(whole),
        }
        let mut histograms = histograms.into_iter();
        std::array::from_fn(|side| Node {
            depth: node.depth + 1,
            sums: sums[side],
            rows: rows[side],
            others: others[side],
            test_rows: test_rows[side],
            histogram: histograms.next().flatten(),
        })
    }
}

impl Grow for HistogramGrower<'_> {
    fn grow(
        &mut self,
        number: u32,
        gradients: &[[f64; 2]],
        _: Sums,
        max_depth: u32,
        margins: &mut [f32],
        test_margins: &mut [f32],
    ) -> u32 {
        while self.drawn.len() <= number as usize {
            self.drawn.push(self.draws.next());
        }
        let drawn = std::mem::take(&mut self.drawn);
        let sums = self.begin(&drawn[number as usize], gradients);
        let round = Round { gradients, columns: &drawn[number as usize].columns };
        let rows = (0, self.rows.len());
        let histogram = (max_depth > 0).then(|| self.count(&round, rows));
        let (others, test_rows) = ((0, self.others.len()), (0, self.test_rows.len()));
        let mut open = vec![Node { depth: 0, sums, rows, others, test_rows, histogram }];
        let mut deepest = 0;
        while let Some(node) = open.pop() {
            deepest = deepest.max(node.depth);
            let split = node.histogram.as_ref().and_then(|bins| self.best_split(&round, node.sums, bins));
            if let Some(split) = split {
                open.extend(self.split(&round, node, &split, max_depth));
                continue;
            }
            let value = self.judge.params.leaf(node.sums);
            let lists = [(&self.rows, node.rows), (&self.others, node.others)];
            for &row in lists.into_iter().flat_map(|(rows, (start, end))| &rows[start..end]) {
                margins[row as usize] += value;
            }
            for &row in &self.test_rows[node.test_rows.0..node.test_rows.1] {
                test_margins[row as usize] += value;
            }
            self.spare.extend(node.histogram);
        }
        self.drawn = drawn;
        deepest
    }
}

fn count(rows: &[u32], pairs: &[[f32; 2]], codes: [&[u8]; ABREAST], bins: &mut [[[f64; 2]; 256]; ABREAST]) {
    for (&row, pair) in rows.iter().zip(pairs) {
        let [gradient, hessian] = pair.map(f64::from);
        for column in 0..ABREAST {
            let bin = &mut bins[column][usize::from(codes[column][row as usize])];
            bin[0] += gradient;
            bin[1] += hessian;
        }
    }
}

/// Looks at the splits of a column. Bins without rows give the split before them once more, of which the first is taken.
fn look(judge: &mut Judge, column: usize, bins: &[[f64; 2]]) {
    let (alpha, lambda) = (f64::from(judge.params.reg_alpha), f64::from(judge.params.reg_lambda));
    let least = f64::from(judge.params.min_child_weight);
    let shrunk = |gradient: f64| (gradient.abs() - alpha).max(0.0);
    let whole = judge.sums;
    let mut bar = judge.bar();
    let mut left = Sums::default();
    let last = bins.len().saturating_sub(1);
    for (bin, [gradient, hessian]) in bins[..last].iter().enumerate() {
        left.gradient += gradient;
        left.hessian += hessian;
        let right = whole - left;
        let (a, b) = (shrunk(left.gradient), shrunk(right.gradient));
        let (left_weight, right_weight) = (left.hessian + lambda, right.hessian + lambda);
        let is_heavy = left.hessian >= least && right.hessian >= least;
        if is_heavy && a * a * right_weight + b * b * left_weight >= bar * (left_weight * right_weight) {
            judge.weigh(column, bin as u16, left);
            bar = judge.bar();
        }
    }
}
