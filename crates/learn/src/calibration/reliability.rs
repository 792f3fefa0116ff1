//! Whether probabilities mean what they say: predicted against observed shares.

use serde::{Deserialize, Serialize};

use crate::error::LearnError;
use crate::metrics::check_probabilities;

/// How rows are put into bins by their probability. A probability on an edge goes into the lower bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// About equally many rows in each; equal probabilities stay together. The better one for rare faults.
    Quantile,
    /// Bins of equal width over 0 to 1.
    Uniform,
}

/// One bin of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityPoint {
    /// Mean probability of its rows.
    pub mean_predicted: f64,
    /// Share of its rows that are faulty.
    pub observed_share: f64,
    /// Number of its rows.
    pub rows: u64,
}

/// The reliability curve by rising probability, without empty bins: the points of scikit-learn's `calibration_curve` with
/// the strategies `quantile` and `uniform`, to 1e-9.
///
/// # Errors
/// When the lengths differ, there are no rows, a score is not within 0 and 1, or `n_bins` is 0.
pub fn reliability(
    labels: &[bool],
    probabilities: &[f64],
    bins: Bins,
    n_bins: usize,
) -> Result<Vec<ReliabilityPoint>, LearnError> {
    check_probabilities(labels, probabilities)?;
    if n_bins == 0 {
        return Err(LearnError::Param { param: "n_bins", found: "0".to_owned(), expected: "at least 1" });
    }
    let mut order: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let inner_edges: Vec<f64> = (1..n_bins)
        .map(|edge| {
            let share = edge as f64 / n_bins as f64;
            match bins {
                Bins::Uniform => share,
                Bins::Quantile => quantile(&order, share),
            }
        })
        .collect();
    let bin_of = |probability: f64| inner_edges.partition_point(|&edge| edge < probability);
    Ok(order
        .chunk_by(|a, b| bin_of(a.0) == bin_of(b.0))
        .map(|bin| {
            let rows = bin.len() as f64;
            ReliabilityPoint {
                mean_predicted: bin.iter().map(|row| row.0).sum::<f64>() / rows,
                observed_share: bin.iter().filter(|row| row.1).count() as f64 / rows,
                rows: bin.len() as u64,
            }
        })
        .collect())
}

/// The linearly interpolated quantile of sorted rows, NumPy's default definition.
fn quantile(sorted: &[(f64, bool)], share: f64) -> f64 {
    let position = share * sorted.len().saturating_sub(1) as f64;
    let below = position.floor() as usize;
    let at = |place: usize| sorted.get(place).or(sorted.last()).map_or(f64::NAN, |row| row.0);
    at(below) + (at(below + 1) - at(below)) * (position - position.floor())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_probabilities_stay_in_one_bin() {
        let labels = [true, false, false, false, true];
        let curve = reliability(&labels, &[0.2, 0.2, 0.2, 0.2, 0.9], Bins::Quantile, 5).unwrap();
        assert_eq!(curve.iter().map(|point| point.rows).collect::<Vec<_>>(), [4, 1]);
        assert!((curve[0].observed_share - 0.25).abs() < 1e-12 && (curve[0].mean_predicted - 0.2).abs() < 1e-12);
    }

    #[test]
    fn no_rows_no_bins_and_no_probabilities_are_refused() {
        assert!(matches!(reliability(&[], &[], Bins::Uniform, 5), Err(LearnError::Empty { .. })));
        assert!(matches!(reliability(&[true], &[0.5], Bins::Uniform, 0), Err(LearnError::Param { .. })));
        assert!(matches!(reliability(&[true], &[1.5], Bins::Quantile, 5), Err(LearnError::BadValue { .. })));
        assert_eq!(reliability(&[true], &[0.5], Bins::Quantile, 5).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn bins_part_the_rows(
            rows in prop::collection::vec((any::<bool>(), 0.0..=1.0_f64), 1..80), n_bins in 1_usize..12, uniform: bool,
        ) {
            let (labels, scores): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
            let curve =
                reliability(&labels, &scores, if uniform { Bins::Uniform } else { Bins::Quantile }, n_bins).unwrap();
            prop_assert!(curve.len() <= n_bins);
            prop_assert_eq!(curve.iter().map(|point| point.rows).sum::<u64>(), labels.len() as u64);
            let faulty: f64 = curve.iter().map(|point| point.observed_share * point.rows as f64).sum();
            prop_assert!((faulty - labels.iter().filter(|&&label| label).count() as f64).abs() < 1e-9);
            prop_assert!(curve.windows(2).all(|pair| pair[0].mean_predicted < pair[1].mean_predicted));
        }
    }
}
