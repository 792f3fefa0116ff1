//! The points of a grid, tried on one fold.

use std::cmp::Reverse;

use super::bins::{Bins, MAX_ROWS};
use super::histogram::HistogramGrower;
use super::objective::TreeParams;
use super::rounds::{Start, train};
use super::table::Table;
use super::tree::Grower;
use super::{BoostedTrees, BoostingParams, check_targets, fit_boosting_rows};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::selection::Fold;

/// The rows of a fold, with all that points share: on these the points of a grid are tried.
///
/// The table is not copied: bins are kept of it, and the library is shown the rows where they lie.
pub(super) struct FoldTrials<'a> {
    samples: Samples<'a>,
    fold: &'a Fold,
    targets: Vec<u8>,
    /// None for what is not followed.
    ready: Vec<(Key, Option<Ready>)>,
}

/// What the bins and the log-odds to start with hang on, beside the rows, and how the bins are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Key {
    max_bin: u32,
    scale_pos_weight: f64,
    is_ranked: bool,
}

/// Rows made ready for one of the trainers of our own.
enum Ready {
    /// Sorted by every column: nothing is faster for few rows, where trees change little from round to round.
    Ranked(Bins),
    /// For many rows, and where rows or columns are drawn.
    Binned(Table),
}

impl<'a> FoldTrials<'a> {
    /// Bins the rows to fit on once for every setting among `candidates` that asks for bins of its own.
    ///
    /// # Errors
    /// As in [`fit_boosting_rows`], and when the fold names a row that is not there.
    pub(super) fn new(
        samples: Samples<'a>,
        targets: &[u8],
        fold: &'a Fold,
        candidates: &[BoostingParams],
    ) -> Result<Self, LearnError> {
        let n_samples = samples.n_samples.min(targets.len());
        let pick = |&row: &usize| targets.get(row).copied().ok_or(LearnError::RowOutOfRange { row, n_samples });
        let targets = fold.train.iter().map(pick).collect::<Result<Vec<u8>, _>>()?;
        check_targets(&samples, Some(&fold.train), &targets)?;
        let mut trials = Self { samples, fold, targets, ready: Vec::new() };
        for candidate in candidates {
            let key = trials.key(candidate);
            if is_platform_followed() && trials.ready.iter().all(|(known, _)| *known != key) {
                let ready = trials.make_ready(key, candidate)?;
                trials.ready.push((key, ready));
            }
        }
        Ok(trials)
    }

    fn key(&self, params: &BoostingParams) -> Key {
        let is_drawn = params.subsample < 1.0 || params.colsample_bytree < 1.0;
        Key {
            max_bin: params.max_bin,
            scale_pos_weight: params.scale_pos_weight,
            is_ranked: self.fold.train.len() <= MAX_ROWS && !is_drawn,
        }
    }

    /// None for tables that are not followed.
    fn make_ready(&self, key: Key, params: &BoostingParams) -> Result<Option<Ready>, LearnError> {
        if key.is_ranked {
            Ok(Bins::new(&self.samples, self.fold, &self.targets, params)?.map(Ready::Ranked))
        } else {
            Ok(Table::new(&self.samples, self.fold, &self.targets, params)?.map(Ready::Binned))
        }
    }

    /// The probabilities of the rows to score for every one of `points`, which differ in rounds and depth alone.
    ///
    /// # Errors
    /// As in [`fit_boosting_rows`].
    pub(super) fn score(&self, points: &[&BoostingParams], seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
        match self.score_here(points, seed) {
            Some(scores) => Ok(scores),
            None => self.score_by_library(points, seed),
        }
    }

    /// By a trainer of our own; none where it is not known to give the library's very bits.
    pub(super) fn score_here(&self, points: &[&BoostingParams], seed: u64) -> Option<Vec<Vec<f64>>> {
        let first = *points.first()?;
        let key = self.key(first);
        match self.ready.iter().find(|(known, _)| *known == key)?.1.as_ref()? {
            Ready::Ranked(bins) => {
                let start = Start { base_margin: bins.base_margin, n_test: bins.n_test };
                train(&mut Grower::new(bins, TreeParams::new(first)?), start, &self.targets, points)
            }
            Ready::Binned(table) => {
                let start = Start { base_margin: table.base_margin, n_test: table.n_test };
                train(&mut HistogramGrower::new(table, first, seed)?, start, &self.targets, points)
            }
        }
    }

    /// By models of the library, with the errors of [`fit_boosting_rows`]. The deepest limit is fitted first; lower limits that its trees stayed within, in as many
    /// rounds as a point asks for, are served by the same model.
    pub(super) fn score_by_library(&self, points: &[&BoostingParams], seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_key(|&i| (Reverse(points[i].max_depth), Reverse(points[i].n_estimators)));
        let mut scores = vec![Vec::new(); points.len()];
        let mut held: Option<Fitted> = None;
        for i in order {
            let point = points[i];
            let fitted = match held.take().filter(|held| held.serves(point)) {
                Some(held) => held,
                None => Fitted::new(&self.samples, &self.fold.train, &self.targets, point, seed)?,
            };
            scores[i] = fitted.trees.predict_rows_at(&self.samples, &self.fold.test, point.n_estimators)?;
            held = Some(fitted);
        }
        Ok(scores)
    }
}

/// A model of the library, and how deep its trees grew.
struct Fitted {
    limit: u32,
    depths: Vec<u32>,
    trees: BoostedTrees,
}

impl Fitted {
    fn new(
        samples: &Samples<'_>,
        train: &[usize],
        targets: &[u8],
        point: &BoostingParams,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let trees = fit_boosting_rows(samples, train, targets, &point.clone().check()?, seed)?;
        Ok(Self { limit: point.max_depth, depths: trees.depths()?, trees })
    }

    /// Whether the model's first rounds are the model of `point`, which differs in rounds and depth alone.
    fn serves(&self, point: &BoostingParams) -> bool {
        let within = |depths: &[u32]| depths.iter().all(|&depth| depth <= point.max_depth);
        self.depths
            .get(..point.n_estimators as usize)
            .is_some_and(|depths| self.limit == point.max_depth || within(depths))
    }
}

/// Whether the platform computes as the one does on which the trainers of our own were shown to give the library's bits.
fn is_platform_followed() -> bool {
    cfg!(all(target_arch = "x86_64", target_env = "gnu"))
}
