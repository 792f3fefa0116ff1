//! Columns cut into at most 256 bins, so that a value is one byte.

use rayon::prelude::*;

use super::codes::{Codes, pitch, room};
use crate::classifier::Samples;

mod rank;

use rank::{Ranking, value_of};

/// Bins of a column at most.
pub(super) const MAX_BINS: usize = 256;

/// Columns that are cut out of the rows together: one cache line of f32.
const COLUMNS_PER_TASK: usize = 16;

/// A table as bins.
#[derive(Debug)]
pub(super) struct Bins {
    pub(super) codes: Codes,
    /// Smallest and largest value of every bin of every column, rising.
    ranges: Vec<Vec<(f32, f32)>>,
}

/// Room for the columns of one task.
#[derive(Default)]
struct Scratch {
    values: Vec<f32>,
    ranking: Ranking,
}

impl Bins {
    /// Cuts every column of the rows named, of all rows where none are: a bin per distinct value where there are few enough,
    /// else bins that get smaller towards both ends. Row `rows[i]` becomes row `i`; the rows must exist.
    ///
    /// Takes one byte per value, or about two where the table is large, and beside them per thread 80 bytes per row; trees that grow take an eighth of a
    /// byte per value and thread.
    pub(super) fn new(samples: &Samples<'_>, rows: Option<&[usize]>) -> Self {
        let n_samples = rows.map_or(samples.n_samples, <[usize]>::len);
        let row = |i: usize| samples.row(rows.map_or(i, |rows| rows[i]));
        let mut codes = room(n_samples, samples.n_features);
        let tasks: Vec<Vec<_>> = codes
            .par_chunks_mut(COLUMNS_PER_TASK * pitch(n_samples))
            .take(samples.n_features.div_ceil(COLUMNS_PER_TASK))
            .enumerate()
            .map_init(Scratch::default, |scratch, (task, codes)| {
                let first = task * COLUMNS_PER_TASK;
                let width = COLUMNS_PER_TASK.min(samples.n_features - first);
                scratch.values.resize(width * n_samples, 0.0);
                for i in 0..n_samples {
                    for (column, value) in row(i)[first..first + width].iter().enumerate() {
                        scratch.values[column * n_samples + i] = *value;
                    }
                }
                let columns = scratch.values[..width * n_samples].chunks_exact(n_samples.max(1));
                let codes = codes.chunks_exact_mut(pitch(n_samples));
                columns.zip(codes).map(|(values, codes)| cut(values, &mut scratch.ranking, codes)).collect()
            })
            .collect();
        let ranges = tasks.into_iter().flatten().collect();
        Self { codes: Codes::new(codes, n_samples, samples.n_features), ranges }
    }

    /// Number of columns.
    pub(super) fn n_features(&self) -> usize {
        self.ranges.len()
    }

    /// Number of rows.
    pub(super) fn n_samples(&self) -> usize {
        self.codes.n_rows()
    }

    /// Number of bins of a column.
    pub(super) fn n_bins(&self, feature: usize) -> usize {
        self.ranges[feature].len()
    }

    /// A threshold between two bins of a column: rows up to `low` are at most it, rows from `high` on are above it.
    pub(super) fn threshold(&self, feature: usize, low: u8, high: u8) -> f32 {
        let ranges = &self.ranges[feature];
        let (below, above) = (ranges[usize::from(low)].1, ranges[usize::from(high)].0);
        let middle = f64::midpoint(f64::from(below), f64::from(above)) as f32;
        if middle < above { middle } else { below }
    }
}

/// Cuts a column, whose bins it writes; the smallest and largest value of each.
fn cut(values: &[f32], ranking: &mut Ranking, codes: &mut [u8]) -> Vec<(f32, f32)> {
    let ranked = ranking.rank(values);
    let same = |a: &u64, b: &u64| a >> 32 == b >> 32;
    let n_runs = ranked.chunk_by(same).count();
    let mut ranges: Vec<(f32, f32)> = Vec::with_capacity(n_runs.min(MAX_BINS));
    // of too many values, a bin is full at the end that is meant for it or for a later one
    let mut ends = ends(values.len());
    let mut full = 0;
    let mut rows_before = 0;
    for run in ranked.chunk_by(same) {
        let value = value_of(run[0]);
        if n_runs <= MAX_BINS || rows_before >= full {
            ranges.push((value, value));
            full = ends.find(|end| *end > rows_before).unwrap_or(values.len());
        } else if let Some(range) = ranges.last_mut() {
            range.1 = value;
        }
        let code = (ranges.len() - 1) as u8;
        for ranked in run {
            codes[*ranked as u32 as usize] = code;
        }
        rows_before += run.len();
    }
    ranges
}

/// The number of rows up to the end of each bin of a column with many values.
///
/// Bins are the smaller, the nearer they are to an end of the column, down to single rows: a rare class is told by its
/// outliers, and a cut that parts some of these from the rest is often the best there is.
fn ends(n_rows: usize) -> impl Iterator<Item = usize> {
    let below = move |bin: usize| 2 * n_rows * bin * bin / (MAX_BINS * MAX_BINS);
    (1..=MAX_BINS).map(move |bin| if 2 * bin <= MAX_BINS { below(bin) } else { n_rows - below(MAX_BINS - bin) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f32]) -> Bins {
        Bins::new(&Samples::new(values, values.len(), 1).unwrap(), None)
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let bins = column(&[3.0, 1.0, 3.0, -0.0, 0.0]);
        assert_eq!(bins.n_bins(0), 3);
        assert_eq!(bins.codes.column(0), [2, 1, 2, 0, 0]);
        assert!((bins.threshold(0, 1, 2) - 2.0).abs() < 1e-6);
        assert!((bins.threshold(0, 0, 2) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn many_values_share_bins_that_are_single_rows_at_the_ends() {
        let values: Vec<f32> = (0..1_000_u16).map(f32::from).collect();
        let bins = column(&values);
        let codes = bins.codes.column(0);
        assert!(codes.is_sorted());
        let in_bin = |bin: usize| codes.iter().filter(|&&code| usize::from(code) == bin).count();
        let sizes: Vec<usize> = (0..bins.n_bins(0)).map(in_bin).collect();
        assert!((200..=MAX_BINS).contains(&sizes.len()), "{}", sizes.len());
        assert_eq!((&sizes[..4], &sizes[sizes.len() - 4..]), (&[1; 4][..], &[1; 4][..]));
        assert!(sizes.iter().all(|size| (1..=8).contains(size)), "{sizes:?}");
        let first_quarter: usize = sizes.iter().take(sizes.len() / 4).sum();
        assert!(first_quarter < 150, "{first_quarter}");
    }

    #[test]
    fn one_value_that_fills_many_bins_takes_one() {
        let mut values: Vec<f32> = (0..500_u16).map(f32::from).collect();
        values.extend([1_000.0; 500]);
        let bins = column(&values);
        assert!(bins.n_bins(0) <= 130);
        assert_eq!(usize::from(bins.codes.column(0)[999]), bins.n_bins(0) - 1);
    }

    #[test]
    fn a_threshold_parts_neighbours_that_leave_no_number_between() {
        let next = 1.0_f32.next_up();
        let threshold = column(&[1.0, next]).threshold(0, 0, 1);
        assert!((1.0..next).contains(&threshold));
    }

    #[test]
    fn a_table_of_some_rows_is_the_table_of_these_rows_alone() {
        let values: Vec<f32> = (0..600_u16).map(|i| f32::from(i * 37 % 600)).collect();
        let table = Samples::new(&values, 300, 2).unwrap();
        let rows: Vec<usize> = (0..300).filter(|row| row % 3 != 1).rev().collect();
        let alone = table.select(&rows).unwrap();
        let (found, expected) = (Bins::new(&table, Some(&rows)), Bins::new(&alone.as_samples(), None));
        assert_eq!(found.n_samples(), 200);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}
