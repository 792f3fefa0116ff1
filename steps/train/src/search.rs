//! The grid search of either family, and the fit of the point that won.

use faultline_bundle::Model;
use faultline_contract::documents::train::HyperParams;
use faultline_learn::LearnError;
use faultline_learn::boosting::{fit_boosting_rows, score_boosting, search_boosting};
use faultline_learn::forest::{self, ForestGroup, ForestParams, engine};
use faultline_learn::logistic::fit_logistic_rows;
use faultline_learn::selection::{Fold, OutOfFold, cross_validate, cross_validate_in_turn, in_order};
use serde::Serialize;

use crate::ValidGrid;
use crate::data::Rows;

impl ValidGrid {
    /// The hyper-parameters of every point, in the order of the grid.
    pub(crate) fn hyper_params(&self) -> Result<Vec<HyperParams>, serde_json::Error> {
        match self {
            Self::Forest { engine, candidates } => candidates
                .iter()
                .map(|candidate| {
                    let mut named = named(candidate)?;
                    named.remove("seed");
                    named.insert("engine".to_owned(), serde_json::to_value(engine)?);
                    Ok(named)
                })
                .collect(),
            Self::Boosting(candidates) => candidates.iter().map(named).collect(),
            Self::Logistic(candidates) => candidates.iter().map(named).collect(),
        }
    }

    /// Out-of-fold probabilities and scores of every point, in the order of the grid. What one fit serves is fitted
    /// once; fits run side by side.
    pub(crate) fn cross_validate(&self, rows: &Rows, folds: &[Fold], seed: u64) -> Result<Vec<OutOfFold>, LearnError> {
        let (samples, labels) = (rows.samples.as_samples(), rows.labels());
        match self {
            Self::Forest { engine: program, candidates } => {
                let groups = forest::group(*program, candidates);
                // the trees of a forest grow side by side; what they grow on is made ready once for all groups
                let scores = cross_validate_in_turn(&labels, folds, |fold| {
                    let table = engine(*program).prepare(&samples, Some(&fold.train))?;
                    let labels = pick(&labels, &fold.train);
                    let of_group = |group: &ForestGroup| -> Result<Vec<Vec<f64>>, LearnError> {
                        let forest = table.fit(&labels, None, &group.fit)?;
                        let predict = |&member: &usize| {
                            let ForestParams { n_estimators, max_depth, .. } = candidates[member];
                            forest.predict_rows_at(&samples, &fold.test, n_estimators, max_depth)
                        };
                        group.members.iter().map(predict).collect()
                    };
                    groups.iter().map(of_group).collect()
                })?;
                Ok(in_order(groups.iter().map(|group| group.members.as_slice()), scores))
            }
            Self::Boosting(candidates) => search_boosting(&samples, &rows.targets, folds, candidates, seed),
            Self::Logistic(candidates) => {
                let scores = cross_validate(&labels, folds, candidates, |point, fold| {
                    let labels = pick(&labels, &fold.train);
                    let fitted = fit_logistic_rows(&samples, &fold.train, &labels, &point.clone().check()?)?;
                    Ok(vec![fitted.predict_rows(&samples, &fold.test)?])
                })?;
                Ok(scores.into_iter().flatten().collect())
            }
        }
    }

    /// The probabilities of the cut's late rows, by one point fitted on the early ones.
    pub(crate) fn score(&self, point: usize, rows: &Rows, cut: &Fold, seed: u64) -> Result<Vec<f64>, LearnError> {
        let samples = rows.samples.as_samples();
        match self {
            Self::Boosting(candidates) => {
                score_boosting(&samples, &rows.targets, cut, &candidates[point].clone().check()?, seed)
            }
            Self::Forest { .. } | Self::Logistic(_) => {
                self.fit(point, rows, &cut.train, seed)?.predict_rows(&samples, &cut.test)
            }
        }
    }

    /// Fits one point on the rows picked.
    pub(crate) fn fit(&self, point: usize, rows: &Rows, picked: &[usize], seed: u64) -> Result<Model, LearnError> {
        let samples = rows.samples.as_samples();
        match self {
            Self::Forest { engine: program, candidates } => {
                let table = engine(*program).prepare(&samples, Some(picked))?;
                table.fit(&rows.labels_of(picked), None, &candidates[point]).map(Model::Forest)
            }
            Self::Boosting(candidates) => {
                let params = candidates[point].clone().check()?;
                let targets: Vec<u8> = pick(&rows.targets, picked);
                fit_boosting_rows(&samples, picked, &targets, &params, seed).map(Model::Boosting)
            }
            Self::Logistic(candidates) => {
                let params = candidates[point].clone().check()?;
                fit_logistic_rows(&samples, picked, &rows.labels_of(picked), &params).map(Model::Logistic)
            }
        }
    }
}

fn named(params: &impl Serialize) -> Result<HyperParams, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(params)?)
}

fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row]).collect()
}
