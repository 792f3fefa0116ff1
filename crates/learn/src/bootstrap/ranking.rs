//! Figures of a ranking over rows that count more or less often, without sorting again.

use super::{Count, Strata};

/// The rows sorted once by falling score.
#[derive(Debug)]
pub(super) struct Ranking {
    places: Vec<Place>,
    n_faulty: usize,
}

#[derive(Debug)]
struct Place {
    /// Its place among the rows class by class.
    row: u32,
    /// Whether the next row has a lower score.
    ends_a_tie: bool,
}

/// The figures that hang on the order of the rows alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Areas {
    /// NaN when no faulty row counts.
    pub(super) average_precision: f64,
    /// NaN when a class does not count.
    pub(super) roc_auc: f64,
}

impl Ranking {
    /// Sorts the rows; there is a score for each, and none is NaN.
    pub(super) fn new(strata: &Strata, scores: &[f64]) -> Self {
        let mut order: Vec<(f64, u32)> = strata.arranged(|row| scores[row]).into_iter().zip(0..).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let next_scores = order.iter().skip(1).map(|&(score, _)| Some(score)).chain([None]);
        let places = order
            .iter()
            .zip(next_scores)
            .map(|(&(score, row), next)| Place { row, ends_a_tie: next.is_none_or(|next| next < score) })
            .collect();
        Self { places, n_faulty: strata.n_faulty }
    }

    /// The figures when the rows count that often, in one pass over them.
    pub(super) fn areas(&self, counts: &[Count]) -> Areas {
        let (mut faulty, mut good) = (0_u64, 0_u64);
        let mut before = (0, 0);
        let (mut doubled_area, mut weighted_precision) = (0, 0.0);
        for place in &self.places {
            let row = place.row as usize;
            // Counts of 0 are too many to be told apart by branches.
            let (count, is_faulty) = (u64::from(counts[row]), u64::from(row < self.n_faulty));
            faulty += count * is_faulty;
            good += count * (1 - is_faulty);
            if place.ends_a_tie {
                doubled_area += u128::from(good - before.1) * u128::from(faulty + before.0);
                if faulty != before.0 {
                    weighted_precision += (faulty - before.0) as f64 * (faulty as f64 / (faulty + good) as f64);
                }
                before = (faulty, good);
            }
        }
        Areas {
            average_precision: weighted_precision / faulty as f64,
            roc_auc: doubled_area as f64 / 2.0 / (faulty as f64 * good as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{average_precision, roc_auc};

    proptest! {
        #[test]
        fn counting_a_row_twice_is_having_it_twice(
            rows in prop::collection::vec((any::<bool>(), 0_u8..6, 0_u8..4), 1..50),
        ) {
            let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 5.0).collect();
            let counts: Vec<Count> = rows.iter().map(|row| row.2).collect();
            let repeated: Vec<usize> =
                (0..rows.len()).flat_map(|i| std::iter::repeat_n(i, counts[i].into())).collect();
            let repeated_labels: Vec<bool> = repeated.iter().map(|&i| labels[i]).collect();
            let repeated_scores: Vec<f64> = repeated.iter().map(|&i| scores[i]).collect();
            let strata = Strata::new(&labels).unwrap();
            let found = Ranking::new(&strata, &scores).areas(&strata.arranged(|row| counts[row]));
            match average_precision(&repeated_labels, &repeated_scores) {
                Ok(expected) => prop_assert!((found.average_precision - expected).abs() < 1e-12),
                Err(_) => prop_assert!(found.average_precision.is_nan()),
            }
            match roc_auc(&repeated_labels, &repeated_scores) {
                Ok(expected) => prop_assert!((found.roc_auc - expected).abs() < 1e-12),
                Err(_) => prop_assert!(found.roc_auc.is_nan()),
            }
        }
    }
}
