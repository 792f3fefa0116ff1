//! Figures of merit for probabilities of the binary task, equal to scikit-learn's to 1e-9.
//!
//! `labels` are `true` for the positive class (faulty), `scores` the probabilities of it in the same order. Everything is
//! summed in a fixed order in f64.

use serde::{Deserialize, Serialize};

use crate::error::LearnError;

mod curves;

pub use curves::{PrPoint, RocPoint, average_precision, pr_curve, roc_auc, roc_curve};

/// Counts of decisions at one threshold: a row is called faulty when its probability is at least the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Faulty rows called faulty.
    pub true_positives: u64,
    /// Good rows called faulty.
    pub false_positives: u64,
    /// Good rows called good.
    pub true_negatives: u64,
    /// Faulty rows called good.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts the decisions at `threshold`.
    ///
    /// # Errors
    /// When the lengths differ, there are no rows, or a score is NaN.
    pub fn at(labels: &[bool], scores: &[f64], threshold: f64) -> Result<Self, LearnError> {
        check(labels, scores)?;
        let mut counts = Self { true_positives: 0, false_positives: 0, true_negatives: 0, false_negatives: 0 };
        for (&label, &score) in labels.iter().zip(scores) {
            let cell = match (label, score >= threshold) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (true, false) => &mut counts.false_negatives,
            };
            *cell += 1;
        }
        Ok(counts)
    }

    /// Share of right decisions.
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        right as f64 / (right + self.false_positives + self.false_negatives) as f64
    }

    /// Mean of the recalls of the classes that occur.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls =
            [recall(self.true_negatives, self.false_positives), recall(self.true_positives, self.false_negatives)];
        let (sum, count) =
            recalls.iter().flatten().fold((0.0, 0.0), |(sum, count), recall| (sum + recall, count + 1.0));
        sum / count
    }

    /// Matthews' correlation coefficient, -1 to 1; 0 where it is undefined (a class or a decision that does not occur).
    pub fn mcc(&self) -> f64 {
        let [tp, fp, tn, fn_] = [self.true_positives, self.false_positives, self.true_negatives, self.false_negatives]
            .map(|count| count as f64);
        let denominator = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        if denominator == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / denominator }
    }
}

/// Mean squared difference of probability and outcome; 0 is perfect.
///
/// # Errors
/// When the lengths differ, there are no rows, or a score is NaN.
pub fn brier_score(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    check(labels, scores)?;
    let sum: f64 = labels.iter().zip(scores).map(|(&label, &score)| (score - f64::from(u8::from(label))).powi(2)).sum();
    Ok(sum / labels.len() as f64)
}

/// Mean negative log likelihood in nats; probabilities are kept `f64::EPSILON` away from 0 and 1, as scikit-learn does.
///
/// # Errors
/// When the lengths differ, there are no rows, or a score is NaN.
pub fn log_loss(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    check(labels, scores)?;
    let sum: f64 = labels
        .iter()
        .zip(scores)
        .map(|(&label, &score)| {
            let score = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            -(if label { score } else { 1.0 - score }).ln()
        })
        .sum();
    Ok(sum / labels.len() as f64)
}

fn recall(right: u64, wrong: u64) -> Option<f64> {
    let total = right + wrong;
    (total > 0).then(|| right as f64 / total as f64)
}

fn check(labels: &[bool], scores: &[f64]) -> Result<(), LearnError> {
    if labels.len() != scores.len() {
        return Err(LearnError::Length { what: "the scores", found: scores.len(), expected: labels.len() });
    }
    if labels.is_empty() {
        return Err(LearnError::Empty { what: "the list of labels" });
    }
    match scores.iter().position(|score| score.is_nan()) {
        None => Ok(()),
        Some(position) => {
            Err(LearnError::BadValue { what: "the score", position, found: f64::NAN, expected: "a number" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_counted_at_the_threshold() {
        let counts = Confusion::at(&[true, true, false, false, false], &[0.5, 0.4, 0.5, 0.4, 0.3], 0.5).unwrap();
        assert_eq!(counts, Confusion { true_positives: 1, false_positives: 1, true_negatives: 2, false_negatives: 1 });
        assert!((counts.accuracy() - 0.6).abs() < 1e-12);
        assert!((counts.balanced_accuracy() - 7.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn a_class_that_does_not_occur_counts_for_nothing() {
        let counts = Confusion::at(&[false, false], &[0.1, 0.9], 0.5).unwrap();
        assert!((counts.balanced_accuracy() - 0.5).abs() < 1e-12);
        assert!(counts.mcc().abs() < 1e-12);
    }

    #[test]
    fn certain_and_wrong_costs_a_finite_amount() {
        let loss = log_loss(&[true], &[0.0]).unwrap();
        assert!(loss.is_finite() && loss > 30.0);
    }

    #[test]
    fn unequal_lengths_nothing_and_nan_are_refused() {
        assert!(matches!(brier_score(&[true], &[]), Err(LearnError::Length { .. })));
        assert!(matches!(brier_score(&[], &[]), Err(LearnError::Empty { .. })));
        assert!(matches!(brier_score(&[true, false], &[0.0, f64::NAN]), Err(LearnError::BadValue { position: 1, .. })));
    }
}
