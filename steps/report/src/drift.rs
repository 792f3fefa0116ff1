//! How far features moved between two groups of rows.

use faultline_table::Table;

/// Rows of a table, early and late.
#[derive(Debug)]
pub(crate) struct Halves {
    pub(crate) early: Vec<usize>,
    pub(crate) late: Vec<usize>,
}

/// One feature, early and late.
#[derive(Debug)]
pub(crate) struct Drift<'a> {
    pub(crate) feature: &'a str,
    pub(crate) early: Moments,
    pub(crate) late: Moments,
    /// The late mean less the early one, in units of the standard deviation within the groups (Cohen's d with the mean of
    /// the two variances); NaN where a group has fewer than two values, or neither varies.
    pub(crate) shift: f64,
}

/// What is known of the values of one feature in one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    rows: usize,
    present: usize,
    /// NaN without a value.
    pub(crate) mean: f64,
    /// With n - 1; NaN with fewer than two values.
    variance: f64,
}

impl Moments {
    fn of(table: &Table, feature: usize, rows: &[usize]) -> Self {
        let values = || rows.iter().map(|&row| f64::from(table.row(row)[feature])).filter(|value| !value.is_nan());
        let present = values().count();
        let mean = values().sum::<f64>() / present as f64;
        let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
        let variance = if present < 2 { f64::NAN } else { squares / (present - 1) as f64 };
        Self { rows: rows.len(), present, mean, variance }
    }

    /// The share of rows without a value.
    pub(crate) fn missing_share(&self) -> f64 {
        (self.rows - self.present) as f64 / self.rows as f64
    }
}

/// Every feature of the table in its order.
pub(crate) fn drifts<'a>(table: &'a Table, halves: &Halves) -> Vec<Drift<'a>> {
    let drift = |(index, feature): (usize, &'a String)| {
        let early = Moments::of(table, index, &halves.early);
        let late = Moments::of(table, index, &halves.late);
        let deviation = early.variance.midpoint(late.variance).sqrt();
        let shift = if deviation > 0.0 { (late.mean - early.mean) / deviation } else { f64::NAN };
        Drift { feature, early, late, shift }
    };
    table.feature_names.iter().enumerate().map(drift).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(values: &[[f32; 2]]) -> (f64, f64, f64) {
        let table = Table {
            keys: faultline_table::Keys {
                ids: vec![String::new(); values.len() * 2],
                source_files: vec!["f".into(); values.len() * 2],
                source_sha256s: vec![faultline_contract::Digest::of(b"f"); values.len() * 2],
                rows: (0..values.len() as u64 * 2).collect(),
            },
            feature_names: vec!["T".to_owned()],
            features: values.iter().map(|pair| pair[0]).chain(values.iter().map(|pair| pair[1])).collect(),
            ..Table::default()
        };
        let halves = Halves { early: (0..values.len()).collect(), late: (values.len()..values.len() * 2).collect() };
        let drift = drifts(&table, &halves);
        (drift[0].shift, drift[0].early.missing_share(), drift[0].late.missing_share())
    }

    #[test]
    fn a_shift_is_in_standard_deviations() {
        // variances 1 and 4: the deviation is the root of 2.5
        let (shift, ..) = moved(&[[1.0, 10.0], [2.0, 12.0], [3.0, 14.0]]);
        assert!((shift - 10.0 / 2.5_f64.sqrt()).abs() < 1e-12, "{shift}");
    }

    #[test]
    fn missing_values_are_passed_over_and_counted() {
        let (shift, early, late) = moved(&[[1.0, f32::NAN], [2.0, 5.0], [3.0, 6.0], [f32::NAN, f32::NAN]]);
        assert!(shift > 0.0);
        assert_eq!((early, late), (0.25, 0.5));
    }

    #[test]
    fn what_does_not_vary_has_no_shift() {
        assert!(moved(&[[1.0, 2.0], [1.0, 2.0]]).0.is_nan());
        assert!(moved(&[[1.0, f32::NAN], [2.0, f32::NAN]]).0.is_nan());
    }
}
