//! Figures of merit for probabilities of the binary task, equal to scikit-learn's to 1e-9.
//!
//! `labels` are `true` for the positive class (faulty), `scores` the probabilities of it in the same order. Everything is
//! summed in a fixed order in f64.

use faultline_contract::documents::evaluation::Confusion;

use crate::error::LearnError;

mod cost;
mod curves;
mod figures;

pub use cost::{CALL_NOTHING, CostPoint, cheapest_threshold, check_costs, cost_curve};
pub use curves::{PrPoint, RocPoint, average_precision, pr_curve, roc_auc, roc_curve};
pub use figures::metrics;

/// Counting decisions.
pub trait CountDecisions: Sized {
    /// Counts the decisions at one `threshold` for all rows: a row is called faulty when its probability is at least that.
    ///
    /// # Errors
    /// When the lengths differ, there are no rows, or a score is NaN.
    fn at(labels: &[bool], scores: &[f64], threshold: f64) -> Result<Self, LearnError>;

    /// Counts `decisions` (`true`: called faulty), however they were made.
    ///
    /// # Errors
    /// When the lengths differ or there are no rows.
    fn of(labels: &[bool], decisions: &[bool]) -> Result<Self, LearnError>;
}

impl CountDecisions for Confusion {
    fn at(labels: &[bool], scores: &[f64], threshold: f64) -> Result<Self, LearnError> {
        check(labels, scores)?;
        let decisions: Vec<bool> = scores.iter().map(|&score| score >= threshold).collect();
        Self::of(labels, &decisions)
    }

    fn of(labels: &[bool], decisions: &[bool]) -> Result<Self, LearnError> {
        check_lengths("the decisions", labels, decisions.len())?;
        let mut counts = Self::default();
        for (&label, &called_faulty) in labels.iter().zip(decisions) {
            let cell = match (label, called_faulty) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (true, false) => &mut counts.false_negatives,
            };
            *cell += 1;
        }
        Ok(counts)
    }
}

/// Mean squared difference of probability and outcome; 0 is perfect.
///
/// # Errors
/// When the lengths differ, there are no rows, or a score is NaN.
pub fn brier_score(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    check(labels, scores)?;
    let sum: f64 = labels.iter().zip(scores).map(|(&label, &score)| squared_error(label, score)).sum();
    Ok(sum / labels.len() as f64)
}

/// Mean negative log likelihood in nats; probabilities are kept `f64::EPSILON` away from 0 and 1, as scikit-learn does.
///
/// # Errors
/// When the lengths differ, there are no rows, or a score is NaN.
pub fn log_loss(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    check(labels, scores)?;
    let sum: f64 = labels.iter().zip(scores).map(|(&label, &score)| negative_log_likelihood(label, score)).sum();
    Ok(sum / labels.len() as f64)
}

/// One row's share in the Brier score.
pub(crate) fn squared_error(label: bool, score: f64) -> f64 {
    (score - f64::from(u8::from(label))).powi(2)
}

/// One row's share in the log loss.
pub(crate) fn negative_log_likelihood(label: bool, score: f64) -> f64 {
    let score = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(if label { score } else { 1.0 - score }).ln()
}

pub(crate) fn check_lengths(what: &'static str, labels: &[bool], found: usize) -> Result<(), LearnError> {
    if labels.len() != found {
        return Err(LearnError::Length { what, found, expected: labels.len() });
    }
    if labels.is_empty() {
        return Err(LearnError::Empty { what: "the list of labels" });
    }
    Ok(())
}

pub(crate) fn check(labels: &[bool], scores: &[f64]) -> Result<(), LearnError> {
    check_lengths("the scores", labels, scores.len())?;
    match scores.iter().position(|score| score.is_nan()) {
        None => Ok(()),
        Some(position) => {
            Err(LearnError::BadValue { what: "the score", position, found: f64::NAN, expected: "a number" })
        }
    }
}

/// As [`check`], and refuses what is no probability.
pub(crate) fn check_probabilities(labels: &[bool], probabilities: &[f64]) -> Result<(), LearnError> {
    check(labels, probabilities)?;
    match probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
        None => Ok(()),
        Some(position) => {
            let found = probabilities[position];
            Err(LearnError::BadValue { what: "the score", position, found, expected: "a probability" })
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
