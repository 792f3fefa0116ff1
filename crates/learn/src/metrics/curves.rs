//! Curves over all thresholds and the areas under them.

use serde::{Deserialize, Serialize};

use super::check;
use crate::error::LearnError;

/// One point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Rows with at least this probability are called faulty; none for the origin, where no row is.
    pub threshold: Option<f64>,
    /// Share of the good rows that are called faulty.
    pub false_positive_rate: f64,
    /// Share of the faulty rows that are called faulty.
    pub true_positive_rate: f64,
}

/// One point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrPoint {
    /// Rows with at least this probability are called faulty.
    pub threshold: f64,
    /// Share of the faulty rows that are called faulty.
    pub recall: f64,
    /// Share of the rows called faulty that are.
    pub precision: f64,
}

/// The rows with a score of at least `threshold`, counted by class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) threshold: f64,
    pub(super) positives: u64,
    pub(super) negatives: u64,
}

/// Area under the ROC curve: the chance that a faulty row scores above a good one, ties counting half.
///
/// # Errors
/// When the lengths differ, there are no rows, a score is NaN, or only one class occurs.
pub fn roc_auc(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    let steps = steps(labels, scores)?;
    let (positives, negatives) = both_classes(&steps, "the area under the ROC curve")?;
    let mut doubled_area: u128 = 0;
    let mut before = (0, 0);
    for step in &steps {
        let width = u128::from(step.negatives - before.1);
        doubled_area += width * u128::from(step.positives + before.0);
        before = (step.positives, step.negatives);
    }
    Ok(doubled_area as f64 / 2.0 / (positives as f64 * negatives as f64))
}

/// Average precision: the sum over distinct thresholds of the gain in recall times the precision there, without
/// interpolation.
///
/// # Errors
/// When the lengths differ, there are no rows, a score is NaN, or no row is faulty.
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Result<f64, LearnError> {
    let mut recall_before = 0.0;
    Ok(pr_curve(labels, scores)?
        .iter()
        .map(|point| {
            let gain = point.recall - recall_before;
            recall_before = point.recall;
            gain * point.precision
        })
        .sum())
}

/// The ROC curve from (0, 0) to (1, 1), one point per distinct score.
///
/// # Errors
/// When the lengths differ, there are no rows, a score is NaN, or only one class occurs.
pub fn roc_curve(labels: &[bool], scores: &[f64]) -> Result<Vec<RocPoint>, LearnError> {
    let steps = steps(labels, scores)?;
    let (positives, negatives) = both_classes(&steps, "the ROC curve")?;
    let origin = RocPoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    Ok(std::iter::once(origin)
        .chain(steps.iter().map(|step| RocPoint {
            threshold: Some(step.threshold),
            false_positive_rate: step.negatives as f64 / negatives as f64,
            true_positive_rate: step.positives as f64 / positives as f64,
        }))
        .collect())
}

/// The precision-recall curve by falling threshold, one point per distinct score.
///
/// # Errors
/// When the lengths differ, there are no rows, a score is NaN, or no row is faulty.
pub fn pr_curve(labels: &[bool], scores: &[f64]) -> Result<Vec<PrPoint>, LearnError> {
    let steps = steps(labels, scores)?;
    let positives = steps.last().map_or(0, |last| last.positives);
    if positives == 0 {
        return Err(LearnError::OneClass { what: "the precision-recall curve" });
    }
    Ok(steps
        .iter()
        .map(|step| PrPoint {
            threshold: step.threshold,
            recall: step.positives as f64 / positives as f64,
            precision: step.positives as f64 / (step.positives + step.negatives) as f64,
        })
        .collect())
}

fn both_classes(steps: &[Step], what: &'static str) -> Result<(u64, u64), LearnError> {
    steps
        .last()
        .map(|last| (last.positives, last.negatives))
        .filter(|&(positives, negatives)| positives > 0 && negatives > 0)
        .ok_or(LearnError::OneClass { what })
}

/// Cumulative counts at every distinct score, the highest score first.
pub(super) fn steps(labels: &[bool], scores: &[f64]) -> Result<Vec<Step>, LearnError> {
    check(labels, scores)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut steps: Vec<Step> = Vec::new();
    let (mut positives, mut negatives) = (0, 0);
    for row in order {
        if labels[row] {
            positives += 1;
        } else {
            negatives += 1;
        }
        let step = Step { threshold: scores[row], positives, negatives };
        match steps.last_mut() {
            // scores fall, so this means equal; zeros of either sign are
            Some(last) if last.threshold <= step.threshold => *last = step,
            _ => steps.push(step),
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        let auc = roc_auc(&[true, false, true, false], &[0.5, 0.5, 0.9, 0.1]).unwrap();
        assert!((auc - 0.875).abs() < 1e-12);
    }

    #[test]
    fn all_equal_scores_are_chance_and_base_rate() {
        let labels = [true, false, false, false];
        assert!((roc_auc(&labels, &[0.3; 4]).unwrap() - 0.5).abs() < 1e-12);
        assert!((average_precision(&labels, &[0.3; 4]).unwrap() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn curves_end_in_their_corners() {
        let labels = [true, false, true, false, false];
        let scores = [0.9, 0.8, 0.7, 0.7, 0.1];
        let roc = roc_curve(&labels, &scores).unwrap();
        assert_eq!(roc.len(), 5);
        assert!((roc[4].false_positive_rate - 1.0).abs() < 1e-12);
        assert!((roc[4].true_positive_rate - 1.0).abs() < 1e-12);
        let pr = pr_curve(&labels, &scores).unwrap();
        assert!((pr[0].precision - 1.0).abs() < 1e-12);
        assert!((pr[3].precision - 0.4).abs() < 1e-12);
    }

    #[test]
    fn zero_of_either_sign_is_one_threshold() {
        assert!((roc_auc(&[true, false], &[0.0, -0.0]).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn one_class_has_no_area() {
        assert!(matches!(roc_auc(&[true, true], &[0.1, 0.2]), Err(LearnError::OneClass { .. })));
        assert!(matches!(average_precision(&[false], &[0.1]), Err(LearnError::OneClass { .. })));
    }
}
