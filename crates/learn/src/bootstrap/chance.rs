//! Whether a model can be told from one that ranks at random.

use faultline_contract::documents::evaluation::Intervals;

/// The expected average precision of a random ranking of `rows` rows of which `rows_faulty` are faulty; none without
/// a faulty row, or with more of them than rows.
///
/// It lies above the share of faulty rows, the more so the fewer they are: 0.083 for 20 in 300, whose share is 0.067
/// (Bestgen, "Exact Expected Average Precision of the Random Baseline for System Evaluation", The Prague Bulletin of
/// Mathematical Linguistics 103, 2015). The time is proportional to the rows.
pub fn chance_average_precision(rows: u64, rows_faulty: u64) -> Option<f64> {
    if rows_faulty == 0 || rows_faulty > rows {
        return None;
    }
    let mean_reciprocal_rank = (1..=rows).map(|rank| 1.0 / rank as f64).sum::<f64>() / rows as f64;
    let others = if rows > 1 { (rows_faulty - 1) as f64 / (rows - 1) as f64 } else { 0.0 };
    Some(mean_reciprocal_rank + (1.0 - mean_reciprocal_rank) * others)
}

/// Whether the interval of the area under the ROC curve leaves chance open, or worse: its lower end is at most 0.5.
/// None where there is no interval.
pub fn roc_auc_includes_chance(intervals: &Intervals) -> Option<bool> {
    Some(intervals.roc_auc?.low <= 0.5)
}

/// Whether the interval of average precision leaves chance open, or worse: its lower end is at most
/// [`chance_average_precision`] of the same rows. None where there is no interval.
///
/// The share of faulty rows would be too low a bar: of 2,000 simulated random rankings of 300 rows with 20 faulty the
/// interval lay above the share for 8.9%, above the expectation for 0.7% (8.6% and 1.6% for 80 in 1,200).
pub fn average_precision_includes_chance(intervals: &Intervals, rows: u64, rows_faulty: u64) -> Option<bool> {
    Some(intervals.average_precision?.low <= chance_average_precision(rows, rows_faulty)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::average_precision;
    use faultline_contract::documents::evaluation::Interval;

    #[test]
    fn chance_is_the_mean_over_all_rankings() {
        // every way to place two faulty rows among five
        let scores = [0.5, 0.4, 0.3, 0.2, 0.1];
        let of_pairs: Vec<f64> = (0..5)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| {
                let labels: Vec<bool> = (0..5).map(|row| row == i || row == j).collect();
                average_precision(&labels, &scores).unwrap()
            })
            .collect();
        let mean = of_pairs.iter().sum::<f64>() / of_pairs.len() as f64;
        assert!((chance_average_precision(5, 2).unwrap() - mean).abs() < 1e-12);
        assert!((chance_average_precision(300, 20).unwrap() - 0.083).abs() < 5e-4);
        assert_eq!(chance_average_precision(4, 4), Some(1.0));
        assert_eq!(chance_average_precision(1, 1), Some(1.0));
        assert_eq!((chance_average_precision(4, 0), chance_average_precision(1, 2)), (None, None));
    }

    #[test]
    fn chance_is_included_from_the_lower_end_down() {
        let at = |low| {
            let interval = Interval { low, high: low + 0.1 };
            Intervals {
                level: 0.95,
                n_resamples: 1_000,
                average_precision: Some(interval),
                roc_auc: Some(interval),
                mcc: interval,
                balanced_accuracy: interval,
                accuracy: interval,
                brier_score: interval,
                log_loss: interval,
                expected_cost: interval,
            }
        };
        assert_eq!(roc_auc_includes_chance(&at(0.51)), Some(false));
        assert_eq!((roc_auc_includes_chance(&at(0.45)), roc_auc_includes_chance(&at(0.2))), (Some(true), Some(true)));
        assert_eq!(average_precision_includes_chance(&at(0.07), 300, 20), Some(true));
        assert_eq!(average_precision_includes_chance(&at(0.09), 300, 20), Some(false));
        let none = Intervals { average_precision: None, roc_auc: None, ..at(0.5) };
        assert_eq!((roc_auc_includes_chance(&none), average_precision_includes_chance(&none, 300, 20)), (None, None));
    }
}
