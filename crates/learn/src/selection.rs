//! Choosing between candidates: who is held out, which folds, which grid point wins.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::LearnError;
use crate::metrics::{average_precision, roc_auc};
use crate::random::generator;

mod forward;

pub use forward::forward_split;

/// Says whether a row belongs to the holdout.
///
/// Membership hangs on the seed and the row's id alone, never on the other rows, so a wafer stays on its side over batches,
/// runs and versions: the first 8 bytes (little-endian) of the SHA-256 over the seed (8 bytes, little-endian) and the id
/// (UTF-8), divided by 2^64, are below `ratio`.
///
/// A ratio of 0 or less holds out nothing, 1 or more everything.
pub fn holdout(seed: u64, id: &str, ratio: f64) -> bool {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(id).finalize();
    let hash = digest.iter().take(8).rev().fold(0_u64, |hash, &byte| (hash << 8) | u64::from(byte));
    (hash as f64) < ratio * 2.0_f64.powi(64)
}

/// One split of the rows: what is fitted on and what is scored. Indices rise in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to score.
    pub test: Vec<usize>,
}

/// Cuts the rows into `n_folds` folds with the classes in equal shares, as nearly as they can be, over all rows and within
/// every group; every row is scored in exactly one fold.
///
/// `groups` tells the group (a cluster, say) of every row, so that the folds of a group alone are folds of all rows too.
///
/// # Errors
/// When the lengths differ, or `n_folds` is less than 2 or more than the members of the smaller class.
pub fn stratified_folds(labels: &[bool], groups: &[usize], n_folds: usize, seed: u64) -> Result<Vec<Fold>, LearnError> {
    if groups.len() != labels.len() {
        return Err(LearnError::Length { what: "the list of groups", found: groups.len(), expected: labels.len() });
    }
    let positives = labels.iter().filter(|&&label| label).count();
    if n_folds < 2 || n_folds > positives.min(labels.len() - positives) {
        return Err(LearnError::Param {
            param: "n_folds",
            found: n_folds.to_string(),
            expected: "at least 2, and no more than the members of the smaller class",
        });
    }
    let mut strata: BTreeMap<(bool, usize), Vec<usize>> = BTreeMap::new();
    for (row, (&label, &group)) in labels.iter().zip(groups).enumerate() {
        strata.entry((label, group)).or_default().push(row);
    }
    let mut fold_of = vec![0; labels.len()];
    let mut dealt = 0;
    for ((label, group), mut rows) in strata {
        rows.shuffle(&mut generator(seed, 2 * group as u64 + u64::from(label)));
        for row in rows {
            fold_of[row] = dealt % n_folds;
            dealt += 1;
        }
    }
    Ok((0..n_folds)
        .map(|fold| {
            let (test, train) = (0..labels.len()).partition(|&row| fold_of[row] == fold);
            Fold { train, test }
        })
        .collect())
}

impl Fold {
    /// The same split among the rows of `kept`, by their places in it: row `kept[i]` of the table is row `i`. `kept` rises.
    #[must_use]
    pub fn among(&self, kept: &[usize]) -> Self {
        let places = |rows: &[usize]| rows.iter().filter_map(|row| kept.binary_search(row).ok()).collect();
        Self { train: places(&self.train), test: places(&self.test) }
    }
}

/// All combinations of `lengths.len()` axes: for each, one index per axis, the last axis turning fastest.
///
/// An axis of length 0 leaves no combination; no axes leave one, the empty one.
pub fn grid(lengths: &[usize]) -> Vec<Vec<usize>> {
    lengths.iter().fold(vec![Vec::new()], |points, &length| {
        points.iter().flat_map(|point| (0..length).map(move |i| [point.as_slice(), &[i]].concat())).collect()
    })
}

/// What cross-validation says about one candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// For every row the probability from the fold that did not see it.
    pub probabilities: Vec<f64>,
    /// Average precision over all rows; the figure that decides.
    pub average_precision: f64,
    /// Area under the ROC curve over all rows.
    pub roc_auc: f64,
}

/// Scores groups of candidates over folds, in parallel over groups and folds, with results in a fixed order.
///
/// A group is a set of candidates that one fit serves: boosting rounds and forests contain the smaller ones. `predict`
/// fits group `group` on `fold.train` and returns for each of its candidates the probabilities of `fold.test`, in that
/// order. The answer has one entry per group with one [`OutOfFold`] per candidate.
///
/// # Errors
/// The first error of `predict` in the order of groups and folds; when it returns the wrong number of candidates or
/// probabilities; when a row is in no fold's test part; when the labels hold one class only.
pub fn cross_validate<G, P>(
    labels: &[bool],
    folds: &[Fold],
    groups: &[G],
    predict: P,
) -> Result<Vec<Vec<OutOfFold>>, LearnError>
where
    G: Sync,
    P: Fn(&G, &Fold) -> Result<Vec<Vec<f64>>, LearnError> + Sync,
{
    if folds.is_empty() {
        return Err(LearnError::Empty { what: "the list of folds" });
    }
    let predictions: Vec<Result<Vec<Vec<f64>>, LearnError>> = (0..groups.len() * folds.len())
        .into_par_iter()
        .map(|task| predict(&groups[task / folds.len()], &folds[task % folds.len()]))
        .collect();
    let mut predictions = predictions.into_iter();
    groups
        .iter()
        .map(|_| {
            let by_fold: Vec<Vec<Vec<f64>>> = predictions.by_ref().take(folds.len()).collect::<Result<_, _>>()?;
            gather(labels, folds, &by_fold)
        })
        .collect()
}

/// Scores groups of candidates over folds as [`cross_validate`] does, fold after fold: for methods that keep all processors
/// busy by themselves, or make a fold ready once for all groups.
///
/// `predict` answers for one fold with one list per group.
///
/// # Errors
/// As for [`cross_validate`], and when folds answer for different numbers of groups.
pub fn cross_validate_in_turn(
    labels: &[bool],
    folds: &[Fold],
    mut predict: impl FnMut(&Fold) -> Result<Vec<Vec<Vec<f64>>>, LearnError>,
) -> Result<Vec<Vec<OutOfFold>>, LearnError> {
    if folds.is_empty() {
        return Err(LearnError::Empty { what: "the list of folds" });
    }
    let mut by_group: Vec<Vec<Vec<Vec<f64>>>> = Vec::new();
    for (number, fold) in folds.iter().enumerate() {
        let of_fold = predict(fold)?;
        by_group.resize_with(if number == 0 { of_fold.len() } else { by_group.len() }, Vec::new);
        if of_fold.len() != by_group.len() {
            let (found, expected) = (of_fold.len(), by_group.len());
            return Err(LearnError::Length { what: "the list of groups of a fold", found, expected });
        }
        by_group.iter_mut().zip(of_fold).for_each(|(of_group, predicted)| of_group.push(predicted));
    }
    by_group.iter().map(|by_fold| gather(labels, folds, by_fold)).collect()
}

/// As [`cross_validate_in_turn`], with folds side by side.
///
/// # Errors
/// As there.
pub fn cross_validate_by_folds(
    labels: &[bool],
    folds: &[Fold],
    predict: impl Fn(&Fold) -> Result<Vec<Vec<Vec<f64>>>, LearnError> + Sync,
) -> Result<Vec<Vec<OutOfFold>>, LearnError> {
    let predicted: Vec<_> = folds.par_iter().map(&predict).collect();
    let mut predicted = predicted.into_iter();
    cross_validate_in_turn(labels, folds, |_| predicted.next().unwrap_or_else(|| Ok(Vec::new())))
}

/// The index of the greatest score, the earlier of equals; `None` when there is none or all are NaN.
pub fn best(scores: &[f64]) -> Option<usize> {
    scores
        .iter()
        .enumerate()
        .filter(|(_, score)| !score.is_nan())
        .fold(None, |best: Option<(usize, f64)>, (i, &score)| match best {
            Some((_, so_far)) if so_far >= score => best,
            _ => Some((i, score)),
        })
        .map(|(i, _)| i)
}

/// Puts the scores of grouped points back into the order of the grid.
pub fn in_order<'a>(members: impl Iterator<Item = &'a [usize]>, scores: Vec<Vec<OutOfFold>>) -> Vec<OutOfFold> {
    let mut placed: Vec<(usize, OutOfFold)> =
        members.zip(scores).flat_map(|(members, scores)| members.iter().copied().zip(scores)).collect();
    placed.sort_by_key(|(position, _)| *position);
    placed.into_iter().map(|(_, score)| score).collect()
}

/// Puts one group's probabilities into the order of the rows and scores them.
fn gather(labels: &[bool], folds: &[Fold], by_fold: &[Vec<Vec<f64>>]) -> Result<Vec<OutOfFold>, LearnError> {
    let n_candidates = by_fold.first().map_or(0, Vec::len);
    let mut rows = vec![vec![f64::NAN; labels.len()]; n_candidates];
    for (fold, predicted) in folds.iter().zip(by_fold) {
        if predicted.len() != n_candidates {
            return Err(LearnError::Length {
                what: "the list of candidates of a fold",
                found: predicted.len(),
                expected: n_candidates,
            });
        }
        for (row_of, probabilities) in rows.iter_mut().zip(predicted) {
            if probabilities.len() != fold.test.len() {
                return Err(LearnError::Length {
                    what: "the probabilities of a fold",
                    found: probabilities.len(),
                    expected: fold.test.len(),
                });
            }
            for (&row, &probability) in fold.test.iter().zip(probabilities) {
                let n_samples = labels.len();
                *row_of.get_mut(row).ok_or(LearnError::RowOutOfRange { row, n_samples })? = probability;
            }
        }
    }
    rows.into_iter()
        .map(|probabilities| {
            Ok(OutOfFold {
                average_precision: average_precision(labels, &probabilities)?,
                roc_auc: roc_auc(labels, &probabilities)?,
                probabilities,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn membership_is_what_it_always_was() {
        // these answers are a contract: a change moves wafers over to the other side
        let held_out: Vec<u32> = (0..40).filter(|i| holdout(42, &format!("Wafer-{i}"), 0.2)).collect();
        assert_eq!(held_out, [3, 5, 6, 10, 25, 29, 33, 38]);
    }

    #[test]
    fn the_holdout_has_about_its_share() {
        let count = (0..10_000).filter(|i| holdout(7, &i.to_string(), 0.2)).count();
        assert!((1_850..2_150).contains(&count), "{count}");
        assert!(!holdout(7, "x", 0.0));
        assert!(holdout(7, "x", 1.0));
    }

    #[test]
    fn too_many_folds_are_refused() {
        let labels = [true, true, false, false, false];
        for (n_folds, is_ok) in [(2, true), (3, false), (1, false)] {
            assert_eq!(stratified_folds(&labels, &[0; 5], n_folds, 0).is_ok(), is_ok, "{n_folds}");
        }
        assert!(stratified_folds(&[], &[], 2, 0).is_err());
        assert!(stratified_folds(&labels, &[0; 4], 2, 0).is_err());
    }

    #[test]
    fn a_split_holds_among_some_of_the_rows() {
        let fold = Fold { train: vec![0, 2, 3, 5], test: vec![1, 4] };
        assert_eq!(fold.among(&[1, 2, 5]), Fold { train: vec![1, 2], test: vec![0] });
    }

    #[test]
    fn the_last_axis_turns_fastest() {
        assert_eq!(grid(&[2, 2]), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(grid(&[]), [[0_usize; 0]]);
        assert!(grid(&[2, 0]).is_empty());
    }

    #[test]
    fn the_earlier_of_equals_wins() {
        assert_eq!(best(&[0.1, 0.3, 0.3]), Some(1));
        assert_eq!(best(&[f64::NAN, 0.0]), Some(1));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn cross_validation_puts_every_row_in_its_place() {
        let labels = [true, false, true, false, true, false];
        let folds = stratified_folds(&labels, &[0; 6], 3, 1).unwrap();
        let scores = cross_validate(&labels, &folds, &[1.0, -1.0], |sign, fold| {
            let by_label = |&row: &usize| sign * f64::from(u8::from(labels[row]));
            Ok(vec![fold.test.iter().map(by_label).collect(), vec![0.5; fold.test.len()]])
        })
        .unwrap();
        let auc: Vec<f64> = scores.iter().flatten().map(|score| score.roc_auc).collect();
        assert_eq!(auc, [1.0, 0.5, 0.0, 0.5]);
        assert_eq!(scores[0][0].probabilities, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);

        // fold after fold, for both groups at once
        let in_turn = cross_validate_in_turn(&labels, &folds, |fold| {
            let of_group = |sign: f64| {
                let by_label = |&row: &usize| sign * f64::from(u8::from(labels[row]));
                vec![fold.test.iter().map(by_label).collect(), vec![0.5; fold.test.len()]]
            };
            Ok(vec![of_group(1.0), of_group(-1.0)])
        });
        assert_eq!(in_turn.unwrap(), scores);
    }

    #[test]
    fn folds_that_differ_in_their_groups_are_refused() {
        let labels = [true, false, true, false];
        let folds = stratified_folds(&labels, &[0; 4], 2, 1).unwrap();
        let mut n_groups = 0;
        let scored = cross_validate_in_turn(&labels, &folds, |fold| {
            n_groups += 1;
            Ok(vec![vec![vec![0.5; fold.test.len()]]; n_groups])
        });
        assert!(matches!(scored, Err(LearnError::Length { found: 2, expected: 1, .. })));
        assert!(cross_validate_in_turn(&labels, &[], |_| Ok(Vec::new())).is_err());
    }

    #[test]
    fn a_row_that_no_fold_scores_is_an_error() {
        let labels = [true, false];
        let folds = [Fold { train: vec![1], test: vec![0] }];
        let scored = cross_validate(&labels, &folds, &[()], |(), _| Ok(vec![vec![0.5]]));
        assert!(matches!(scored, Err(LearnError::BadValue { .. })));
    }

    proptest! {
        #[test]
        fn folds_part_the_rows_and_share_the_classes(
            rows in prop::collection::vec((any::<bool>(), 0_usize..3), 8..80), n_folds in 2_usize..5, seed: u64,
        ) {
            let (labels, groups): (Vec<bool>, Vec<usize>) = rows.into_iter().unzip();
            let Ok(folds) = stratified_folds(&labels, &groups, n_folds, seed) else { return Ok(()); };
            let mut scored: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
            scored.sort_unstable();
            prop_assert_eq!(scored, (0..labels.len()).collect::<Vec<_>>());
            for fold in &folds {
                prop_assert_eq!(fold.train.len() + fold.test.len(), labels.len());
                prop_assert!(fold.train.iter().all(|row| !fold.test.contains(row)));
            }
            let spread = |belongs: &dyn Fn(usize) -> bool| {
                let members = folds.iter().map(|fold| fold.test.iter().filter(|&&row| belongs(row)).count());
                members.clone().max().unwrap() - members.min().unwrap()
            };
            for class in [false, true] {
                prop_assert!(spread(&|row| labels[row] == class) <= 1);
                for group in 0..3 {
                    prop_assert!(spread(&|row| labels[row] == class && groups[row] == group) <= 1);
                }
            }
        }
    }
}
