//! Columns cut into at most 256 bins, so that a value is one byte.

use rayon::prelude::*;

use crate::classifier::Samples;

mod rank;

use rank::{Ranking, value_of};

/// Bins of a column at most.
pub(super) const MAX_BINS: usize = 256;

/// Columns that are cut out of the rows together: one cache line of f32.
const COLUMNS_PER_TASK: usize = 16;

/// Columns whose bins lie side by side in a strip: one cache line.
const STRIP_COLUMNS: usize = 64;

/// Rows that are laid into a strip at once, so that both sides stay in the nearest cache.
const STRIP_ROWS: usize = 256;

/// Tables of more values than this have strips: what is smaller fits into a cache as it is.
const MIN_STRIP_VALUES: usize = 1 << 20;

/// A node with fewer than one row in so many reads strips. Of its rows hardly two are then neighbours in a column, while
/// the columns that one split looks at share cache lines of a strip.
const MAX_DENSITY: usize = 24;

/// A table as bins, column by column, and where it is large a second time in strips of [`STRIP_COLUMNS`] columns, row by
/// row.
#[derive(Debug)]
pub(super) struct Bins {
    n_samples: usize,
    columns: Vec<Column>,
    strips: Vec<Vec<u8>>,
}

/// One column.
#[derive(Debug)]
struct Column {
    /// The bin of every row.
    codes: Vec<u8>,
    /// Smallest and largest value of every bin, rising.
    ranges: Vec<(f32, f32)>,
}

/// The bins of one column's rows, wherever they lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes<'a> {
    /// The bin of row `i` is at `i << shift`.
    pub(super) codes: &'a [u8],
    pub(super) shift: u32,
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
    /// Takes one byte per value, or about two where the table is large, and beside them per thread 80 bytes per row.
    pub(super) fn new(samples: &Samples<'_>, rows: Option<&[usize]>) -> Self {
        let n_samples = rows.map_or(samples.n_samples, <[usize]>::len);
        let row = |i: usize| samples.row(rows.map_or(i, |rows| rows[i]));
        let tasks: Vec<Vec<Column>> = (0..samples.n_features.div_ceil(COLUMNS_PER_TASK))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, task| {
                let first = task * COLUMNS_PER_TASK;
                let width = COLUMNS_PER_TASK.min(samples.n_features - first);
                scratch.values.resize(width * n_samples, 0.0);
                for i in 0..n_samples {
                    for (column, value) in row(i)[first..first + width].iter().enumerate() {
                        scratch.values[column * n_samples + i] = *value;
                    }
                }
                let columns = scratch.values[..width * n_samples].chunks_exact(n_samples.max(1));
                columns.map(|values| Column::new(values, &mut scratch.ranking)).collect()
            })
            .collect();
        let columns: Vec<Column> = tasks.into_iter().flatten().collect();
        let mut strips = Vec::new();
        if n_samples * columns.len() > MIN_STRIP_VALUES {
            strips = columns.par_chunks(STRIP_COLUMNS).map(|columns| strip(columns, n_samples)).collect();
        }
        Self { n_samples, columns, strips }
    }

    /// Number of columns.
    pub(super) fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// Number of rows.
    pub(super) fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of bins of a column.
    pub(super) fn n_bins(&self, feature: usize) -> usize {
        self.columns[feature].ranges.len()
    }

    /// The bins of a column, from where they are read fastest for `n_rows` of the rows.
    #[inline]
    pub(super) fn codes(&self, feature: usize, n_rows: usize) -> Codes<'_> {
        match self.strips.get(feature / STRIP_COLUMNS) {
            Some(strip) if n_rows * MAX_DENSITY < self.n_samples => {
                Codes { codes: &strip[feature % STRIP_COLUMNS..], shift: STRIP_COLUMNS.ilog2() }
            }
            _ => Codes { codes: &self.columns[feature].codes, shift: 0 },
        }
    }

    /// A threshold between two bins of a column: rows up to `low` are at most it, rows from `high` on are above it.
    pub(super) fn threshold(&self, feature: usize, low: u8, high: u8) -> f32 {
        let ranges = &self.columns[feature].ranges;
        let (below, above) = (ranges[usize::from(low)].1, ranges[usize::from(high)].0);
        let middle = f64::midpoint(f64::from(below), f64::from(above)) as f32;
        if middle < above { middle } else { below }
    }
}

impl Codes<'_> {
    /// The bin of a row.
    #[inline]
    pub(super) fn of(self, row: u32) -> u8 {
        self.codes[(row as usize) << self.shift]
    }
}

impl Column {
    fn new(values: &[f32], ranking: &mut Ranking) -> Self {
        let ranked = ranking.rank(values);
        let same = |a: &u64, b: &u64| a >> 32 == b >> 32;
        let n_runs = ranked.chunk_by(same).count();
        let mut codes = vec![0; values.len()];
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
        Self { codes, ranges }
    }
}

/// The number of rows up to the end of each bin of a column with many values.
///
/// Bins are the smaller, the nearer they are to an end of the column, down to single rows: a rare class is told by its
/// outliers, and a cut that parts some of these from the rest is often the best there is.
fn ends(n_rows: usize) -> impl Iterator<Item = usize> {
    let below = move |bin: usize| 2 * n_rows * bin * bin / (MAX_BINS * MAX_BINS);
    (1..=MAX_BINS).map(move |bin| if 2 * bin <= MAX_BINS { below(bin) } else { n_rows - below(MAX_BINS - bin) })
}

/// The bins of a few columns, row by row; columns that lack to a whole strip are 0.
fn strip(columns: &[Column], n_samples: usize) -> Vec<u8> {
    let mut strip = vec![0; n_samples * STRIP_COLUMNS];
    for (tile, rows) in strip.chunks_mut(STRIP_ROWS * STRIP_COLUMNS).enumerate() {
        for (place, column) in columns.iter().enumerate() {
            let codes = &column.codes[tile * STRIP_ROWS..];
            for (row, code) in rows.chunks_exact_mut(STRIP_COLUMNS).zip(codes) {
                row[place] = *code;
            }
        }
    }
    strip
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
        assert_eq!(bins.columns[0].codes, [2, 1, 2, 0, 0]);
        assert!((bins.threshold(0, 1, 2) - 2.0).abs() < 1e-6);
        assert!((bins.threshold(0, 0, 2) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn many_values_share_bins_that_are_single_rows_at_the_ends() {
        let values: Vec<f32> = (0..1_000_u16).map(f32::from).collect();
        let bins = column(&values);
        let codes = &bins.columns[0].codes;
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
        assert_eq!(usize::from(bins.columns[0].codes[999]), bins.n_bins(0) - 1);
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

    #[test]
    fn a_large_table_reads_the_same_from_columns_and_strips() {
        let (n_samples, n_features) = (11_000, 100);
        let values: Vec<f32> = (0..n_samples * n_features).map(|i| (i * 7919 % 65_537) as f32).collect();
        let bins = Bins::new(&Samples::new(&values, n_samples, n_features).unwrap(), None);
        assert_eq!(bins.strips.len(), 2);
        for feature in [0, 63, 64, 99] {
            let (column, strip) = (bins.codes(feature, n_samples), bins.codes(feature, 1));
            assert_ne!(column.shift, strip.shift);
            assert!((0..n_samples as u32).all(|row| column.of(row) == strip.of(row)), "{feature}");
        }
    }
}
