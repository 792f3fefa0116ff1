//! Figures of merit of a version on some rows.

use faultline_contract::documents::train::Metrics;
use faultline_learn::LearnError;
use faultline_learn::metrics::{Confusion, average_precision, brier_score, log_loss, roc_auc};

/// What a version says of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    /// The probability (0..1) of `faulty`.
    pub(crate) probability: f64,
    /// Whether that reaches the threshold of the row's model.
    pub(crate) is_faulty: bool,
}

/// The figures, or `None` without rows. One that needs a class that does not occur is left out.
pub(crate) fn figures(labels: &[bool], said: &[Said]) -> Result<Option<Metrics>, LearnError> {
    if labels.is_empty() {
        return Ok(None);
    }
    let probabilities: Vec<f64> = said.iter().map(|said| said.probability).collect();
    // Each row was decided at the threshold of its own model.
    let decisions: Vec<f64> = said.iter().map(|said| f64::from(u8::from(said.is_faulty))).collect();
    let counts = Confusion::at(labels, &decisions, 0.5)?;
    let faulty = counts.true_positives + counts.false_negatives;
    let both = faulty > 0 && faulty < labels.len() as u64;
    Ok(Some(Metrics {
        rows: labels.len() as u64,
        rows_faulty: faulty,
        average_precision: (faulty > 0).then(|| average_precision(labels, &probabilities)).transpose()?,
        roc_auc: both.then(|| roc_auc(labels, &probabilities)).transpose()?,
        mcc: counts.mcc(),
        balanced_accuracy: counts.balanced_accuracy(),
        accuracy: counts.accuracy(),
        brier_score: brier_score(labels, &probabilities)?,
        log_loss: log_loss(labels, &probabilities)?,
        true_positives: counts.true_positives,
        false_positives: counts.false_positives,
        true_negatives: counts.true_negatives,
        false_negatives: counts.false_negatives,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_taken_as_they_are() {
        let said = [(0.2, true), (0.9, false), (0.1, false)];
        let said = said.map(|(probability, is_faulty)| Said { probability, is_faulty });
        let figures = figures(&[true, false, false], &said).unwrap().unwrap();
        assert_eq!((figures.true_positives, figures.true_negatives), (1, 2));
        assert_eq!(figures.roc_auc, Some(0.5), "the probabilities rank, the decisions do not");
    }

    #[test]
    fn without_rows_there_are_none() {
        assert_eq!(figures(&[], &[]).unwrap(), None);
    }
}
