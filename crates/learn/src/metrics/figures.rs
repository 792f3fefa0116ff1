//! All figures of merit of one model on one set of rows.

use faultline_contract::documents::evaluation::{Confusion, CostMatrix, Metrics};

use super::{CountDecisions as _, average_precision, brier_score, check_costs, log_loss, roc_auc};
use crate::error::LearnError;

/// Judges `probabilities` and the `decisions` made from them (`true`: called faulty), both in the order of `labels`.
///
/// The decisions are given rather than a threshold because rows may have been decided at different ones: each
/// cluster's model has its own.
///
/// # Errors
/// When lengths differ, there are no rows, a probability is NaN, or the costs break a rule of [`check_costs`].
pub fn metrics(
    labels: &[bool],
    probabilities: &[f64],
    decisions: &[bool],
    costs: &CostMatrix,
) -> Result<Metrics, LearnError> {
    check_costs(costs)?;
    let confusion = Confusion::of(labels, decisions)?;
    let faulty = confusion.true_positives + confusion.false_negatives;
    let both = faulty > 0 && faulty < labels.len() as u64;
    Ok(Metrics {
        rows: labels.len() as u64,
        rows_faulty: faulty,
        average_precision: (faulty > 0).then(|| average_precision(labels, probabilities)).transpose()?,
        roc_auc: both.then(|| roc_auc(labels, probabilities)).transpose()?,
        mcc: confusion.mcc(),
        balanced_accuracy: confusion.balanced_accuracy(),
        accuracy: confusion.accuracy(),
        brier_score: brier_score(labels, probabilities)?,
        log_loss: log_loss(labels, probabilities)?,
        expected_cost: costs.expected_cost(&confusion),
        confusion,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: CostMatrix = CostMatrix { false_positive: 1.0, false_negative: 10.0 };

    #[test]
    fn a_figure_without_its_class_is_none() {
        let good = metrics(&[false, false], &[0.1, 0.7], &[false, true], &COSTS).unwrap();
        assert_eq!((good.average_precision, good.roc_auc, good.confusion.false_positives), (None, None, 1));
        let faulty = metrics(&[true], &[0.1], &[false], &COSTS).unwrap();
        assert_eq!((faulty.average_precision, faulty.roc_auc, faulty.rows_faulty), (Some(1.0), None, 1));
        let both = metrics(&[false, true], &[0.1, 0.7], &[false, true], &COSTS).unwrap();
        assert_eq!((both.average_precision, both.roc_auc), (Some(1.0), Some(1.0)));
        assert!(both.expected_cost.abs() < 1e-12);
    }

    #[test]
    fn decisions_need_not_follow_one_threshold() {
        let figures = metrics(&[true, false], &[0.2, 0.6], &[true, false], &COSTS).unwrap();
        assert_eq!((figures.accuracy, figures.mcc, figures.roc_auc), (1.0, 1.0, Some(0.0)));
    }

    #[test]
    fn lengths_nothing_nan_and_costs_are_checked() {
        assert!(matches!(metrics(&[true], &[0.5], &[], &COSTS), Err(LearnError::Length { found: 0, .. })));
        assert!(matches!(metrics(&[true], &[], &[true], &COSTS), Err(LearnError::Length { found: 0, .. })));
        assert!(matches!(metrics(&[], &[], &[], &COSTS), Err(LearnError::Empty { .. })));
        assert!(matches!(metrics(&[false], &[f64::NAN], &[true], &COSTS), Err(LearnError::BadValue { .. })));
        let free = CostMatrix { false_positive: 0.0, false_negative: 0.0 };
        assert!(matches!(metrics(&[true], &[0.5], &[true], &free), Err(LearnError::Param { .. })));
    }
}
