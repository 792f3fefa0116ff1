//! Columns cut into at most 256 bins, so that a value is one byte.

use rayon::prelude::*;

use crate::classifier::Samples;

/// Bins of a column at most.
pub(super) const MAX_BINS: usize = 256;

/// A table as bins, column by column.
#[derive(Debug)]
pub(super) struct Bins {
    columns: Vec<Column>,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// The bin of every row.
    pub(super) codes: Vec<u8>,
    /// Smallest and largest value of every bin, rising.
    ranges: Vec<(f32, f32)>,
}

impl Bins {
    /// Cuts every column: a bin per distinct value where there are few enough, else bins of about equally many rows.
    pub(super) fn new(samples: &Samples<'_>) -> Self {
        Self {
            columns: (0..samples.n_features)
                .into_par_iter()
                .map(|column| Column::new(&samples.rows().map(|row| row[column]).collect::<Vec<_>>()))
                .collect(),
        }
    }

    /// Number of columns.
    pub(super) fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// One column.
    pub(super) fn column(&self, feature: usize) -> &Column {
        &self.columns[feature]
    }
}

impl Column {
    fn new(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let runs: Vec<&[f32]> = sorted.chunk_by(|a, b| a >= b).collect();
        let mut ranges: Vec<(f32, f32)> = Vec::with_capacity(runs.len().min(MAX_BINS));
        let (mut rows_before, mut open) = (0, None);
        for (i, run) in runs.iter().enumerate() {
            // of too many values, the bin that the rows so far would fill if all bins were alike
            let bin = if runs.len() <= MAX_BINS { i } else { rows_before * MAX_BINS / sorted.len() };
            match ranges.last_mut().filter(|_| open == Some(bin)) {
                Some(range) => range.1 = run[0],
                None => ranges.push((run[0], run[0])),
            }
            open = Some(bin);
            rows_before += run.len();
        }
        let codes = values.iter().map(|value| ranges.partition_point(|range| range.1 < *value) as u8).collect();
        Self { codes, ranges }
    }

    /// Number of bins.
    pub(super) fn n_bins(&self) -> usize {
        self.ranges.len()
    }

    /// A threshold between two bins: rows up to `low` are at most it, rows from `high` on are above it.
    pub(super) fn threshold(&self, low: u8, high: u8) -> f32 {
        let (below, above) = (self.ranges[usize::from(low)].1, self.ranges[usize::from(high)].0);
        let middle = f64::midpoint(f64::from(below), f64::from(above)) as f32;
        if middle < above { middle } else { below }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f32]) -> Column {
        Column::new(values)
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let column = column(&[3.0, 1.0, 3.0, -0.0, 0.0]);
        assert_eq!(column.n_bins(), 3);
        assert_eq!(column.codes, [2, 1, 2, 0, 0]);
        assert!((column.threshold(1, 2) - 2.0).abs() < 1e-6);
        assert!((column.threshold(0, 2) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn many_values_share_bins_of_like_size() {
        let values: Vec<f32> = (0..1_000_u16).map(f32::from).collect();
        let column = column(&values);
        assert_eq!(column.n_bins(), MAX_BINS);
        assert!(column.codes.is_sorted());
        let in_bin = |bin: usize| column.codes.iter().filter(|&&code| usize::from(code) == bin).count();
        assert!((0..MAX_BINS).all(|bin| (3..=5).contains(&in_bin(bin))));
    }

    #[test]
    fn one_value_that_fills_many_bins_takes_one() {
        let mut values: Vec<f32> = (0..500_u16).map(f32::from).collect();
        values.extend([1_000.0; 500]);
        let column = column(&values);
        assert!(column.n_bins() <= 130);
        assert_eq!(usize::from(column.codes[999]), column.n_bins() - 1);
    }

    #[test]
    fn a_threshold_parts_neighbours_that_leave_no_number_between() {
        let next = 1.0_f32.next_up();
        let threshold = column(&[1.0, next]).threshold(0, 1);
        assert!((1.0..next).contains(&threshold));
    }
}
