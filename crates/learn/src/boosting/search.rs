//! The grid search: every point out of fold.

use rayon::prelude::*;

use super::fold::FoldTrials;
use super::grid::{BoostingGroup, group};
use super::{BoostingParams, ValidBoostingParams};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::selection::{Fold, OutOfFold, cross_validate_by_folds, in_order};

/// Scores every one of `candidates` out of fold, in their order.
///
/// The probabilities are bit for bit those of the models that [`super::fit_boosting`] fits on each fold, one by one. They are had
/// for less: a fold is binned once; points that differ in rounds alone, or in a limit of depth that no tree reaches, are one
/// training; and tables without missing values are trained on by trainers of our own, which grow the library's trees several times
/// faster where its arithmetic is known to be the same. Folds and fits run side by side.
///
/// # Errors
/// As in [`super::fit_boosting`] and [`cross_validate_by_folds`], and for the first candidate out of its ranges.
pub fn search_boosting(
    samples: &Samples<'_>,
    targets: &[u8],
    folds: &[Fold],
    candidates: &[BoostingParams],
    seed: u64,
) -> Result<Vec<OutOfFold>, LearnError> {
    for candidate in candidates {
        candidate.clone().check()?;
    }
    let labels: Vec<bool> = targets.iter().map(|&target| target == 1).collect();
    let groups = group(candidates);
    let scores = cross_validate_by_folds(&labels, folds, |fold| {
        let trials = FoldTrials::new(*samples, targets, fold, candidates)?;
        let score = |group: &BoostingGroup| {
            let points: Vec<&BoostingParams> = group.members.iter().map(|&member| &candidates[member]).collect();
            trials.score(&points, seed)
        };
        groups.par_iter().map(score).collect()
    })?;
    Ok(in_order(groups.iter().map(|group| group.members.as_slice()), scores))
}

/// The probabilities of a fold's `test` rows by the model of `params` that [`super::fit_boosting_rows`] fits on its `train` rows, bit for bit; no model is
/// kept, and where the search would, it is had for less.
///
/// # Errors
/// As in [`super::fit_boosting_rows`].
pub fn score_boosting(
    samples: &Samples<'_>,
    targets: &[u8],
    fold: &Fold,
    params: &ValidBoostingParams,
    seed: u64,
) -> Result<Vec<f64>, LearnError> {
    let params = params.get();
    let trials = FoldTrials::new(*samples, targets, fold, std::slice::from_ref(params))?;
    Ok(trials.score(&[params], seed)?.pop().unwrap_or_default())
}
