//! Which calibration a model gets, judged on rows that it was not fitted on.

use faultline_contract::documents::evaluation::{Calibration, CalibrationScore};

use super::{Calibrate as _, is_constant};
use crate::error::LearnError;
use crate::metrics::{check_probabilities, log_loss};
use crate::selection::Fold;

/// Faulty rows below which isotonic regression is not tried: its steps would rest on a handful of faults each.
pub const MIN_FAULTY_FOR_ISOTONIC: usize = 30;

/// Rows below which isotonic regression is not tried. scikit-learn's guide warns of overfitting well below a thousand.
pub const MIN_ROWS_FOR_ISOTONIC: usize = 1_000;

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The calibration to use from now on, fitted on all rows.
    pub calibration: Calibration,
    /// For every row the probability by the same method fitted on the other folds alone: what honest figures are computed
    /// from. The model's own probability where no calibration was chosen.
    pub probabilities: Vec<f64>,
    /// All methods in the order in which they were tried: none, platt, isotonic.
    pub candidates: Vec<CalibrationScore>,
}

/// Chooses the calibration with the least log loss out of fold; the simpler of equals, so none wins ties.
///
/// Each method is fitted on the probabilities of a fold's `train` rows and scored on those of its `test` rows.
/// `probabilities` are out of fold themselves, best by the same `folds`. Log loss decides because it is what Platt's fit
/// lessens and, unlike the Brier score, is hard on a calibration that calls a fault impossible.
///
/// A method is not eligible when a fold or the whole lacks a class to fit it on, when it would make all rows equal (scores
/// that rank no better than chance), and isotonic regression below [`MIN_FAULTY_FOR_ISOTONIC`] faulty or
/// [`MIN_ROWS_FOR_ISOTONIC`] rows. The score of the winner is its best case: it was the least of up to three.
///
/// # Errors
/// When lengths differ, there are no rows, a score is not within 0 and 1, a row is scored by no fold or by several, is
/// fitted on by the fold that scores it, or does not exist.
pub fn choose(labels: &[bool], probabilities: &[f64], folds: &[Fold]) -> Result<Chosen, LearnError> {
    check_probabilities(labels, probabilities)?;
    check_folds(labels.len(), folds)?;
    let untouched = log_loss(labels, probabilities)?;
    let mut best = (untouched, Calibration::None, probabilities.to_vec());
    let mut candidates = vec![CalibrationScore { method: "none".to_owned(), log_loss: Some(untouched) }];
    let faulty = labels.iter().filter(|&&label| label).count();
    let enough = faulty >= MIN_FAULTY_FOR_ISOTONIC && labels.len() >= MIN_ROWS_FOR_ISOTONIC;
    let methods: [(&str, bool, Fit); 2] =
        [("platt", true, Calibration::fit_platt), ("isotonic", enough, Calibration::fit_isotonic)];
    for (method, eligible, fit) in methods {
        let fitted = if eligible { cross_fit(labels, probabilities, folds, fit)? } else { None };
        let scored = fitted
            .map(|(calibration, calibrated)| Ok((log_loss(labels, &calibrated)?, calibration, calibrated)))
            .transpose()?;
        candidates
            .push(CalibrationScore { method: method.to_owned(), log_loss: scored.as_ref().map(|scored| scored.0) });
        if let Some(scored) = scored.filter(|scored| scored.0 < best.0) {
            best = scored;
        }
    }
    let (_, calibration, probabilities) = best;
    Ok(Chosen { calibration, probabilities, candidates })
}

/// The model's probabilities as they are, for who wants no calibration.
///
/// # Errors
/// When lengths differ, there are no rows, or a score is not within 0 and 1.
pub fn untouched(labels: &[bool], probabilities: &[f64]) -> Result<Chosen, LearnError> {
    check_probabilities(labels, probabilities)?;
    let score = CalibrationScore { method: "none".to_owned(), log_loss: Some(log_loss(labels, probabilities)?) };
    Ok(Chosen { calibration: Calibration::None, probabilities: probabilities.to_vec(), candidates: vec![score] })
}

type Fit = fn(&[bool], &[f64]) -> Result<Calibration, LearnError>;

/// The method fitted on all rows, and every row's probability by the method fitted without its fold.
fn cross_fit(
    labels: &[bool],
    probabilities: &[f64],
    folds: &[Fold],
    fit: Fit,
) -> Result<Option<(Calibration, Vec<f64>)>, LearnError> {
    let fit_or_skip = |labels: &[bool], probabilities: &[f64]| match fit(labels, probabilities) {
        Ok(calibration) => Ok(Some(calibration)),
        Err(LearnError::OneClass { .. } | LearnError::Empty { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let Some(whole) = fit_or_skip(labels, probabilities)?.filter(|whole| !is_constant(whole)) else {
        return Ok(None);
    };
    let mut calibrated = vec![f64::NAN; labels.len()];
    for fold in folds {
        let train_labels: Vec<bool> = fold.train.iter().map(|&row| labels[row]).collect();
        let Some(calibration) = fit_or_skip(&train_labels, &at(probabilities, &fold.train))? else {
            return Ok(None);
        };
        for (&row, probability) in fold.test.iter().zip(calibration.apply(&at(probabilities, &fold.test))) {
            calibrated[row] = probability;
        }
    }
    Ok(Some((whole, calibrated)))
}

fn at(values: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| values[row]).collect()
}

fn check_folds(n_samples: usize, folds: &[Fold]) -> Result<(), LearnError> {
    let mut scored_by = vec![0; n_samples];
    for fold in folds {
        let mut tested = vec![false; n_samples];
        for &row in &fold.test {
            *tested.get_mut(row).ok_or(LearnError::RowOutOfRange { row, n_samples })? = true;
            scored_by[row] += 1;
        }
        for &row in &fold.train {
            if *tested.get(row).ok_or(LearnError::RowOutOfRange { row, n_samples })? {
                return Err(LearnError::FittedAndScored { row });
            }
        }
    }
    match scored_by.iter().position(|&found| found != 1) {
        None => Ok(()),
        Some(row) => Err(LearnError::Scored { row, found: scored_by[row] }),
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::generator;
    use crate::selection::stratified_folds;

    /// Rows whose true log-odds are `slope` times those of the score, less `shift`.
    fn rows(n_samples: usize, slope: f64, shift: f64, seed: u64) -> (Vec<bool>, Vec<f64>, Vec<Fold>) {
        let mut random = generator(seed, 0);
        let (labels, scores): (Vec<bool>, Vec<f64>) = (0..n_samples)
            .map(|_| {
                let log_odds: f64 = random.gen_range(-4.0..2.0);
                let truth = 1.0 / (1.0 + (shift - slope * log_odds).exp());
                (random.r#gen::<f64>() < truth, 1.0 / (1.0 + (-log_odds).exp()))
            })
            .unzip();
        let folds = stratified_folds(&labels, &vec![0; labels.len()], 5, seed).unwrap();
        (labels, scores, folds)
    }

    fn losses(chosen: &Chosen) -> Vec<Option<f64>> {
        chosen.candidates.iter().map(|candidate| candidate.log_loss).collect()
    }

    #[test]
    fn an_overconfident_model_is_calibrated_and_scored_out_of_fold() {
        let (labels, scores, folds) = rows(600, 0.4, 1.0, 1);
        let chosen = choose(&labels, &scores, &folds).unwrap();
        let Calibration::Platt { a, b } = chosen.calibration else { panic!("{chosen:?}") };
        assert!((a + 0.4).abs() < 0.15 && (b - 1.0).abs() < 0.3, "{a} {b}");
        assert_eq!(chosen.calibration, Calibration::fit_platt(&labels, &scores).unwrap());
        let [Some(none), Some(platt), None] = losses(&chosen)[..] else { panic!("{chosen:?}") };
        assert!(platt < none);
        assert!((platt - log_loss(&labels, &chosen.probabilities).unwrap()).abs() < 1e-15);
        let fold = &folds[2];
        let train_labels: Vec<bool> = fold.train.iter().map(|&row| labels[row]).collect();
        let without = Calibration::fit_platt(&train_labels, &at(&scores, &fold.train)).unwrap();
        assert_eq!(at(&chosen.probabilities, &fold.test), without.apply(&at(&scores, &fold.test)));
    }

    #[test]
    fn a_row_never_has_a_say_in_its_own_calibration() {
        let (mut labels, scores, folds) = rows(300, 0.4, 1.0, 2);
        let before = choose(&labels, &scores, &folds).unwrap();
        assert_ne!(before.calibration, Calibration::None);
        let row = folds[0].test[0];
        labels[row] = !labels[row];
        let after = choose(&labels, &scores, &folds).unwrap();
        assert_ne!(before.calibration, after.calibration);
        assert_eq!(at(&before.probabilities, &folds[0].test), at(&after.probabilities, &folds[0].test));
    }

    #[test]
    fn a_calibrated_model_is_mostly_left_alone() {
        let left = (0..40).filter(|&seed| {
            let (labels, scores, folds) = rows(300, 1.0, 0.0, seed);
            choose(&labels, &scores, &folds).unwrap().calibration == Calibration::None
        });
        assert!(left.count() >= 28);
    }

    #[test]
    fn isotonic_needs_rows_and_wins_on_a_bent_curve() {
        let bent = |n_samples: usize| {
            let mut random = generator(3, 1);
            let (labels, scores): (Vec<bool>, Vec<f64>) = (0..n_samples)
                .map(|_| {
                    let score: f64 = random.r#gen();
                    // flat, then a jump
                    (random.r#gen::<f64>() < if score < 0.8 { 0.1 } else { 0.6 }, score)
                })
                .unzip();
            let folds = stratified_folds(&labels, &vec![0; labels.len()], 5, 0).unwrap();
            choose(&labels, &scores, &folds).unwrap()
        };
        assert_eq!(losses(&bent(MIN_ROWS_FOR_ISOTONIC - 1))[2], None);
        let chosen = bent(4 * MIN_ROWS_FOR_ISOTONIC);
        assert!(matches!(chosen.calibration, Calibration::Isotonic { .. }), "{:?}", chosen.candidates);
    }

    #[test]
    fn ties_go_to_none_and_what_cannot_be_fitted_is_not_eligible() {
        // one class only
        let folds = [Fold { train: vec![1], test: vec![0] }, Fold { train: vec![0], test: vec![1] }];
        let chosen = choose(&[false, false], &[0.1, 0.2], &folds).unwrap();
        assert_eq!((chosen.calibration.clone(), losses(&chosen)[1]), (Calibration::None, None));
        // both, but a fold's training rows hold one
        let chosen = choose(&[false, true], &[0.1, 0.2], &folds).unwrap();
        assert_eq!((chosen.calibration.clone(), losses(&chosen)[1]), (Calibration::None, None));
        // the wrong way round: a constant would score better than none, but erase the ranking
        let labels: Vec<bool> = (0..60).map(|i| i < 20).collect();
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i) / 60.0).collect();
        let chosen =
            choose(&labels, &scores, &stratified_folds(&labels, &vec![0; labels.len()], 3, 0).unwrap()).unwrap();
        assert_eq!((chosen.calibration.clone(), losses(&chosen)[1]), (Calibration::None, None));
        assert_eq!(chosen.probabilities, scores);
    }

    #[test]
    fn folds_must_score_every_row_once_and_not_fit_on_it() {
        let (labels, scores) = ([true, false], [0.5, 0.4]);
        let fold = |train: &[usize], test: &[usize]| Fold { train: train.to_vec(), test: test.to_vec() };
        let error = |folds: &[Fold]| choose(&labels, &scores, folds).unwrap_err().to_string();
        assert_eq!(error(&[fold(&[1], &[0])]), "row 1 is scored by 0 folds, expected 1");
        assert_eq!(error(&[fold(&[], &[0, 1]), fold(&[], &[0])]), "row 0 is scored by 2 folds, expected 1");
        assert_eq!(error(&[fold(&[0, 1], &[0])]), "row 0 is fitted on by the fold that scores it");
        assert_eq!(error(&[fold(&[], &[2])]), "row 2 does not exist, the table has 2 rows");
    }
}
