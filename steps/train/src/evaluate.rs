//! From probabilities to a decision threshold and figures of merit.

use faultline_contract::documents::train::Metrics;
use faultline_learn::LearnError;
use faultline_learn::metrics::{Confusion, average_precision, brier_score, log_loss, roc_auc};

/// The threshold where no better one is known: no threshold has an MCC above 0.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// The threshold with the greatest MCC, the highest of equals: one of the probabilities, or 0.5 when none does any good.
pub(crate) fn best_threshold(labels: &[bool], probabilities: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let faulty = labels.iter().filter(|&&label| label).count() as u64;
    let mut counts = Confusion {
        true_positives: 0,
        false_positives: 0,
        true_negatives: labels.len() as u64 - faulty,
        false_negatives: faulty,
    };
    let (mut best, mut threshold) = (0.0, DEFAULT_THRESHOLD);
    for (place, &row) in order.iter().enumerate() {
        if labels[row] {
            counts.true_positives += 1;
            counts.false_negatives -= 1;
        } else {
            counts.false_positives += 1;
            counts.true_negatives -= 1;
        }
        let ends_a_tie = order.get(place + 1).is_none_or(|&next| probabilities[next] < probabilities[row]);
        let mcc = counts.mcc();
        if ends_a_tie && mcc > best {
            (best, threshold) = (mcc, probabilities[row]);
        }
    }
    threshold
}

/// The figures of `probabilities`, with decisions at `threshold`. A figure that needs a class that does not occur is left
/// out.
pub(crate) fn metrics(labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Metrics, LearnError> {
    let counts = Confusion::at(labels, probabilities, threshold)?;
    let faulty = counts.true_positives + counts.false_negatives;
    let both = faulty > 0 && faulty < labels.len() as u64;
    Ok(Metrics {
        rows: labels.len() as u64,
        rows_faulty: faulty,
        average_precision: (faulty > 0).then(|| average_precision(labels, probabilities)).transpose()?,
        roc_auc: both.then(|| roc_auc(labels, probabilities)).transpose()?,
        mcc: counts.mcc(),
        balanced_accuracy: counts.balanced_accuracy(),
        accuracy: counts.accuracy(),
        brier_score: brier_score(labels, probabilities)?,
        log_loss: log_loss(labels, probabilities)?,
        true_positives: counts.true_positives,
        false_positives: counts.false_positives,
        true_negatives: counts.true_negatives,
        false_negatives: counts.false_negatives,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(labels: &[bool], probabilities: &[f64]) -> f64 {
        best_threshold(labels, probabilities)
    }

    #[test]
    fn the_threshold_parts_what_can_be_parted() {
        let found = threshold(&[false, true, false, true], &[0.1, 0.2, 0.05, 0.3]);
        assert!((found - 0.2).abs() < 1e-12);
    }

    #[test]
    fn tied_rows_stay_together() {
        // between the two rows at 0.4 no threshold can tell
        let found = threshold(&[true, true, false, false, false], &[0.9, 0.4, 0.4, 0.1, 0.1]);
        let decided = Confusion::at(&[true, true, false, false, false], &[0.9, 0.4, 0.4, 0.1, 0.1], found).unwrap();
        assert!((found - 0.4).abs() < 1e-12);
        assert_eq!((decided.true_positives, decided.false_positives), (2, 1));
    }

    #[test]
    fn a_useless_score_gets_the_default() {
        for probabilities in [[0.3, 0.3, 0.3], [0.9, 0.2, 0.1]] {
            assert!((threshold(&[false, false, true], &probabilities) - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn no_threshold_beats_the_chosen_one() {
        let labels: Vec<bool> = (0..200).map(|i| i % 7 == 0).collect();
        let probabilities: Vec<f64> = (0..200).map(|i| f64::from((i * 37 + i / 7 * 11) % 50) / 50.0).collect();
        let mcc = |threshold| Confusion::at(&labels, &probabilities, threshold).unwrap().mcc();
        let best = mcc(best_threshold(&labels, &probabilities));
        assert!(probabilities.iter().all(|&threshold| mcc(threshold) <= best));
    }

    #[test]
    fn figures_without_their_class_are_left_out() {
        let good = metrics(&[false, false], &[0.1, 0.7], 0.5).unwrap();
        assert_eq!((good.average_precision, good.roc_auc, good.false_positives), (None, None, 1));
        let both = metrics(&[false, true], &[0.1, 0.7], 0.5).unwrap();
        assert_eq!((both.average_precision, both.roc_auc, both.rows_faulty), (Some(1.0), Some(1.0), 1));
    }
}
