//! Gradient boosted trees: XGBoost itself, with the parameters that tuning needs and XGBoost's own defaults.
//!
//! A model is bit for bit the one that Python's `xgboost` of the same version trains with `tree_method="hist"` and the same
//! parameters, and its bytes open there.

use faultline_xgboost::{Booster, DMatrix, Output, TrainingRows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Samples};
use crate::error::LearnError;

mod bins;
mod draws;
mod fold;
mod grid;
mod histogram;
mod memory;
mod objective;
#[cfg(test)]
mod parity;
mod rounds;
mod scan;
mod search;
mod split;
mod table;
mod tree;

pub use grid::BoostingGrid;
pub use search::{score_boosting, search_boosting};

/// Rows that are predicted at once; rows do not depend on each other, so the size is a matter of speed alone.
const BLOCK_ROWS: usize = 4_096;

/// Hyper-parameters of boosting, by the names and with the defaults of XGBoost's scikit-learn interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostingParams {
    /// Shrinkage of every tree, above 0 and at most 1. Default 0.3.
    pub learning_rate: f64,
    /// Levels of a tree, 1 to 64. Default 6.
    pub max_depth: u32,
    /// Number of rounds, 1 to 100,000. Default 100.
    pub n_estimators: u32,
    /// Least sum of Hessians in a leaf, 0 or more. Default 1.
    pub min_child_weight: f64,
    /// Least loss reduction of a split, 0 or more. Default 0.
    pub gamma: f64,
    /// Share of rows drawn for every tree, above 0 and at most 1. Default 1.
    pub subsample: f64,
    /// Share of features drawn for every tree, above 0 and at most 1. Default 1.
    pub colsample_bytree: f64,
    /// L2 penalty of leaf values, 0 or more. Default 1.
    pub reg_lambda: f64,
    /// L1 penalty of leaf values, 0 or more. Default 0.
    pub reg_alpha: f64,
    /// Factor on the weight of faulty rows, above 0. Default 1.
    pub scale_pos_weight: f64,
    /// Most histogram bins per feature, 2 to 65,535. Default 256.
    pub max_bin: u32,
}

impl Default for BoostingParams {
    fn default() -> Self {
        Self {
            learning_rate: 0.3,
            max_depth: 6,
            n_estimators: 100,
            min_child_weight: 1.0,
            gamma: 0.0,
            subsample: 1.0,
            colsample_bytree: 1.0,
            reg_lambda: 1.0,
            reg_alpha: 0.0,
            scale_pos_weight: 1.0,
            max_bin: 256,
        }
    }
}

/// [`BoostingParams`] within their ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidBoostingParams(BoostingParams);

impl BoostingParams {
    /// Checks every range.
    ///
    /// # Errors
    /// For the first hyper-parameter out of its range, by its name.
    pub fn check(self) -> Result<ValidBoostingParams, LearnError> {
        let share = "above 0 and at most 1";
        within("learning_rate", self.learning_rate, |x| x > 0.0 && x <= 1.0, share)?;
        within("max_depth", self.max_depth, |x| (1..=64).contains(&x), "1 to 64")?;
        within("n_estimators", self.n_estimators, |x| (1..=100_000).contains(&x), "1 to 100000")?;
        within("min_child_weight", self.min_child_weight, non_negative, "0 or more")?;
        within("gamma", self.gamma, non_negative, "0 or more")?;
        within("subsample", self.subsample, |x| x > 0.0 && x <= 1.0, share)?;
        within("colsample_bytree", self.colsample_bytree, |x| x > 0.0 && x <= 1.0, share)?;
        within("reg_lambda", self.reg_lambda, non_negative, "0 or more")?;
        within("reg_alpha", self.reg_alpha, non_negative, "0 or more")?;
        within("scale_pos_weight", self.scale_pos_weight, |x| x > 0.0 && x.is_finite(), "above 0")?;
        within("max_bin", self.max_bin, |x| (2..=65_535).contains(&x), "2 to 65535")?;
        Ok(ValidBoostingParams(self))
    }
}

impl ValidBoostingParams {
    /// The checked values.
    pub fn get(&self) -> &BoostingParams {
        &self.0
    }

    /// The same parameters in XGBoost's own names. One thread: fits run side by side, and the bytes of a model must not
    /// hang on the number of cores.
    fn to_library(&self, seed: u64) -> Vec<(&'static str, String)> {
        let params = &self.0;
        vec![
            ("objective", "binary:logistic".to_owned()),
            ("tree_method", "hist".to_owned()),
            ("nthread", "1".to_owned()),
            ("verbosity", "0".to_owned()),
            // The library's seed is a signed number.
            ("seed", (seed & i64::MAX as u64).to_string()),
            ("learning_rate", params.learning_rate.to_string()),
            ("max_depth", params.max_depth.to_string()),
            ("min_child_weight", params.min_child_weight.to_string()),
            ("gamma", params.gamma.to_string()),
            ("subsample", params.subsample.to_string()),
            ("colsample_bytree", params.colsample_bytree.to_string()),
            ("reg_lambda", params.reg_lambda.to_string()),
            ("reg_alpha", params.reg_alpha.to_string()),
            ("scale_pos_weight", params.scale_pos_weight.to_string()),
            ("max_bin", params.max_bin.to_string()),
        ]
    }
}

/// A fitted model of boosted trees.
pub struct BoostedTrees {
    booster: Booster,
}

/// Fits boosted trees on `samples`, whose `targets` are 1 (faulty) and 0 (good).
///
/// `weights` multiply the rows' share in the loss; without them every row counts 1. Rounds are prefix-consistent: the model's
/// first `n` rounds are the model that `n_estimators = n` fits (see [`BoostedTrees::predict_proba_at`]).
/// The time is proportional to rows x features x rounds; it runs on one thread.
///
/// # Errors
/// When there is no row or no column, when lengths differ, when a target is neither 0 nor 1 or all are the same, when a weight
/// is negative or not finite, when a feature is infinite, or when the XGBoost library cannot be loaded.
pub fn fit_boosting(
    samples: &Samples<'_>,
    targets: &[u8],
    weights: Option<&[f64]>,
    params: &ValidBoostingParams,
    seed: u64,
) -> Result<BoostedTrees, LearnError> {
    fit(samples, None, targets, weights, params, seed)
}

/// As [`fit_boosting`], on the rows named alone, whose targets come in that order. The rows are not copied.
///
/// # Errors
/// As for [`fit_boosting`], and when a row does not exist.
pub fn fit_boosting_rows(
    samples: &Samples<'_>,
    rows: &[usize],
    targets: &[u8],
    params: &ValidBoostingParams,
    seed: u64,
) -> Result<BoostedTrees, LearnError> {
    fit(samples, Some(rows), targets, None, params, seed)
}

fn fit(
    samples: &Samples<'_>,
    rows: Option<&[usize]>,
    targets: &[u8],
    weights: Option<&[f64]>,
    params: &ValidBoostingParams,
    seed: u64,
) -> Result<BoostedTrees, LearnError> {
    check_targets(samples, rows, targets)?;
    let weights = weights.map(|weights| checked_weights(samples, weights)).transpose()?;
    let data = binned(samples, rows, targets, weights.as_deref(), params.get().max_bin)?;
    let booster =
        Booster::train(&params.to_library(seed), &data, params.get().n_estimators).map_err(|error| refused(&error))?;
    Ok(BoostedTrees { booster })
}

impl BoostedTrees {
    /// Opens the bytes that [`Classifier::to_bytes`] wrote, or a binary model that Python saved as UBJSON.
    ///
    /// # Errors
    /// When they are not a model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        let booster = Booster::from_ubjson(bytes, 1)
            .map_err(|error| LearnError::Malformed { what: "the boosting model", message: error.to_string() })?;
        Ok(Self { booster })
    }

    /// Number of columns it was fitted on.
    pub fn n_features(&self) -> usize {
        self.booster.n_features()
    }

    /// What [`Classifier::predict_proba`] of the model with only the first `rounds` rounds gives.
    ///
    /// # Errors
    /// As there, and when the model has fewer rounds.
    pub fn predict_proba_at(&self, samples: &Samples<'_>, rounds: u32) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, None, Output::Value, Some(rounds))
    }

    /// As [`BoostedTrees::predict_proba_at`], of the rows named alone, in that order.
    ///
    /// # Errors
    /// As there, and when a row does not exist.
    pub fn predict_rows_at(&self, samples: &Samples<'_>, rows: &[usize], rounds: u32) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, Some(rows), Output::Value, Some(rounds))
    }

    /// As [`Classifier::predict_proba`], of the rows named alone, in that order.
    ///
    /// # Errors
    /// As there, and when a row does not exist.
    pub fn predict_rows(&self, samples: &Samples<'_>, rows: &[usize]) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, Some(rows), Output::Value, None)
    }

    /// How much each feature moves each row's log-odds (`TreeSHAP`): `n_samples` rows of `n_features + 1` values, row-major; the
    /// last of a row is the bias, and a row adds up to its log-odds.
    ///
    /// # Errors
    /// As in [`Classifier::predict_proba`].
    pub fn contributions(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, None, Output::Contributions, None)
    }

    /// Levels below the root of each tree, in the order of the rounds.
    fn depths(&self) -> Result<Vec<u32>, LearnError> {
        self.booster.tree_depths().map_err(|error| refused(&error))
    }

    fn predict(
        &self,
        samples: &Samples<'_>,
        rows: Option<&[usize]>,
        output: Output,
        rounds: Option<u32>,
    ) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.booster.n_features())?;
        let predict = |block: &Samples<'_>| {
            self.booster.predict(&matrix(block)?, output, rounds).map_err(|error| refused(&error))
        };
        let blocks: Vec<Vec<f32>> = match rows {
            None => samples
                .features
                .par_chunks(BLOCK_ROWS * samples.n_features.max(1))
                .map(|features| {
                    let n_samples = features.len() / samples.n_features.max(1);
                    predict(&Samples { features, n_samples, n_features: samples.n_features })
                })
                .collect::<Result<_, _>>()?,
            Some(rows) => rows
                .par_chunks(BLOCK_ROWS)
                .map(|rows| predict(&samples.select(rows)?.as_samples()))
                .collect::<Result<_, _>>()?,
        };
        Ok(blocks.into_iter().flatten().map(f64::from).collect())
    }
}

impl Classifier for BoostedTrees {
    fn predict_proba(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, None, Output::Value, None)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, LearnError> {
        self.booster.to_ubjson().map_err(|error| refused(&error))
    }
}

fn within<T: Copy + ToString>(
    param: &'static str,
    value: T,
    holds: impl Fn(T) -> bool,
    expected: &'static str,
) -> Result<(), LearnError> {
    if holds(value) {
        return Ok(());
    }
    Err(LearnError::Param { param, found: value.to_string(), expected })
}

fn non_negative(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

fn check_targets(samples: &Samples<'_>, rows: Option<&[usize]>, targets: &[u8]) -> Result<(), LearnError> {
    samples.expect_rows(rows.unwrap_or_default())?;
    let n_rows = rows.map_or(samples.n_samples, <[usize]>::len);
    if n_rows == 0 || samples.n_features == 0 {
        return Err(LearnError::Empty { what: "the feature table" });
    }
    if targets.len() != n_rows {
        return Err(LearnError::Length { what: "the list of targets", found: targets.len(), expected: n_rows });
    }
    if let Some(position) = targets.iter().position(|&target| target > 1) {
        return Err(LearnError::BadValue {
            what: "the target",
            position,
            found: f64::from(targets[position]),
            expected: "0 or 1",
        });
    }
    if targets.iter().all(|target| target == &targets[0]) {
        return Err(LearnError::OneClass { what: "boosting" });
    }
    Ok(())
}

fn checked_weights(samples: &Samples<'_>, weights: &[f64]) -> Result<Vec<f32>, LearnError> {
    if weights.len() != samples.n_samples {
        return Err(LearnError::Length {
            what: "the list of weights",
            found: weights.len(),
            expected: samples.n_samples,
        });
    }
    if let Some(position) = weights.iter().position(|&weight| !non_negative(weight)) {
        return Err(LearnError::BadValue {
            what: "the weight",
            position,
            found: weights[position],
            expected: "0 or more and finite",
        });
    }
    Ok(weights.iter().map(|&weight| weight as f32).collect())
}

fn matrix(samples: &Samples<'_>) -> Result<DMatrix, LearnError> {
    DMatrix::from_dense(samples.features, samples.n_samples, samples.n_features).map_err(|error| refused(&error))
}

/// The rows as the library trains on them.
fn binned(
    samples: &Samples<'_>,
    rows: Option<&[usize]>,
    targets: &[u8],
    weights: Option<&[f32]>,
    max_bin: u32,
) -> Result<DMatrix, LearnError> {
    let labels: Vec<f32> = targets.iter().map(|&target| f32::from(target)).collect();
    let Samples { features, n_features, .. } = *samples;
    let rows = TrainingRows { features, n_features, rows, labels: &labels, weights };
    DMatrix::binned(rows, max_bin).map_err(|error| refused(&error))
}

fn refused(error: &faultline_xgboost::Error) -> LearnError {
    LearnError::Method { method: "boosting", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::OwnedSamples;
    use crate::explain::mean_absolute;

    fn xor() -> (OwnedSamples, Vec<u8>) {
        let cells: Vec<(u8, u8)> = (0..200_u32).map(|i| ((i % 2) as u8, (i / 2 % 2) as u8)).collect();
        let features =
            cells.iter().enumerate().flat_map(|(i, &(a, b))| [f32::from(a), f32::from(b), i as f32]).collect();
        let targets = cells.iter().map(|&(a, b)| u8::from(a != b && a == 1)).collect();
        (OwnedSamples::new(features, 200, 3).unwrap(), targets)
    }

    fn fit(params: BoostingParams) -> BoostedTrees {
        let (samples, targets) = xor();
        fit_boosting(&samples.as_samples(), &targets, None, &params.check().unwrap(), 7).unwrap()
    }

    fn probabilities(model: &BoostedTrees) -> Vec<f64> {
        model.predict_proba(&xor().0.as_samples()).unwrap()
    }

    #[test]
    fn it_learns_what_is_there() {
        let (_, targets) = xor();
        for (probability, target) in probabilities(&fit(BoostingParams::default())).iter().zip(targets) {
            assert_eq!(*probability > 0.5, target == 1, "{probability}");
        }
    }

    #[test]
    fn a_row_alone_is_scored_as_in_its_batch() {
        let model = fit(BoostingParams::default());
        let (samples, _) = xor();
        let batch = probabilities(&model);
        for (row, expected) in samples.as_samples().rows().zip(batch) {
            let alone = model.predict_proba(&Samples::new(row, 1, 3).unwrap()).unwrap();
            assert_eq!(alone[0].to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn rows_beyond_one_block_keep_their_order() {
        let model = fit(BoostingParams::default());
        let (samples, _) = xor();
        let many = samples.as_samples().select(&(0..BLOCK_ROWS + 300).map(|i| i % 200).collect::<Vec<_>>()).unwrap();
        let once = probabilities(&model);
        let found = model.predict_proba(&many.as_samples()).unwrap();
        assert_eq!(found.len(), BLOCK_ROWS + 300);
        assert!(found.iter().enumerate().all(|(i, probability)| probability.to_bits() == once[i % 200].to_bits()));
    }

    #[test]
    fn fewer_rounds_are_a_prefix_of_more() {
        let long = fit(BoostingParams { n_estimators: 40, ..BoostingParams::default() });
        let short = fit(BoostingParams { n_estimators: 10, ..BoostingParams::default() });
        let (samples, _) = xor();
        assert_eq!(long.predict_proba_at(&samples.as_samples(), 10).unwrap(), probabilities(&short));
        assert!(long.predict_proba_at(&samples.as_samples(), 41).is_err());
    }

    #[test]
    fn bytes_bring_the_model_back() {
        let model = fit(BoostingParams { subsample: 0.5, ..BoostingParams::default() });
        let bytes = model.to_bytes().unwrap();
        let opened = BoostedTrees::from_bytes(&bytes).unwrap();
        assert_eq!(probabilities(&opened), probabilities(&model));
        assert_eq!(opened.to_bytes().unwrap(), bytes);
        assert!(matches!(BoostedTrees::from_bytes(&bytes[1..]), Err(LearnError::Malformed { .. })));
    }

    #[test]
    fn a_seed_fixes_the_draw() {
        let half = || BoostingParams { subsample: 0.5, ..BoostingParams::default() }.check().unwrap();
        let (samples, targets) = xor();
        let bytes = |seed| {
            fit_boosting(&samples.as_samples(), &targets, None, &half(), seed)
                .and_then(|model| model.to_bytes())
                .unwrap()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
        assert_eq!(bytes(u64::MAX), bytes(i64::MAX as u64));
    }

    #[test]
    fn weights_and_scale_pos_weight_raise_the_faulty() {
        let (samples, targets) = xor();
        let shallow = |scale_pos_weight| BoostingParams {
            max_depth: 1,
            n_estimators: 2,
            scale_pos_weight,
            ..BoostingParams::default()
        };
        let weights: Vec<f64> = targets.iter().map(|&target| 1.0 + 4.0 * f64::from(target)).collect();
        let params = shallow(1.0).check().unwrap();
        let weighted = fit_boosting(&samples.as_samples(), &targets, Some(&weights), &params, 7).unwrap();
        let sum = |model: &BoostedTrees| probabilities(model).iter().sum::<f64>();
        let plain = sum(&fit(shallow(1.0)));
        assert!(sum(&weighted) > plain);
        assert!(sum(&fit(shallow(5.0))) > plain);
    }

    #[test]
    fn contributions_add_up_and_point_at_the_cause() {
        let model = fit(BoostingParams::default());
        let (samples, _) = xor();
        let contributions = model.contributions(&samples.as_samples()).unwrap();
        for (shares, probability) in contributions.chunks(4).zip(probabilities(&model)) {
            let odds: f64 = shares.iter().sum();
            assert!((1.0 / (1.0 + (-odds).exp()) - probability).abs() < 1e-5);
        }
        let moved = mean_absolute(&contributions, 3);
        assert!(moved[2] < moved[0] && moved[2] < moved[1], "{moved:?}");
    }

    /// One tree of two features: contributions by the definition of Shapley values, where what is not known is weighed by
    /// the rows that the tree was grown on (all of the same Hessian in the first round).
    #[test]
    fn contributions_are_the_shapley_values_of_the_log_odds() {
        let cells = [([0.0, 0.0], 30, 3), ([0.0, 1.0], 50, 5), ([1.0, 0.0], 40, 10), ([1.0, 1.0], 20, 18)];
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for (cell, rows, faulty) in cells {
            (0..rows).for_each(|_| features.extend(cell));
            targets.extend((0..rows).map(|i| u8::from(i < faulty)));
        }
        let params = BoostingParams { max_depth: 2, n_estimators: 1, ..BoostingParams::default() }.check().unwrap();
        let samples = Samples::new(&features, targets.len(), 2).unwrap();
        let model = fit_boosting(&samples, &targets, None, &params, 7).unwrap();

        let cell_features: Vec<f32> = cells.iter().flat_map(|(cell, _, _)| *cell).collect();
        let cell_samples = Samples::new(&cell_features, 4, 2).unwrap();
        let probabilities = model.predict_proba(&cell_samples).unwrap();
        let odds: Vec<f64> = probabilities.iter().map(|p| (p / (1.0 - p)).ln()).collect();
        // of cells a, b, by rows
        let mean = |a: usize, b: usize| {
            let (rows_a, rows_b) = (f64::from(cells[a].1), f64::from(cells[b].1));
            ((rows_a * odds[a] + rows_b * odds[b]) / (rows_a + rows_b), rows_a + rows_b)
        };
        let ((low, low_rows), (high, high_rows)) = (mean(0, 1), mean(2, 3));
        let whole = low_rows + high_rows;
        let nothing = (low * low_rows + high * high_rows) / whole;
        let found = model.contributions(&cell_samples).unwrap();
        for (cell, found) in found.chunks(3).enumerate() {
            // the tree splits on the first feature first, so with the second alone a row goes both ways there
            let first = if cell < 2 { low } else { high };
            let second = (odds[cell % 2] * low_rows + odds[2 + cell % 2] * high_rows) / whole;
            let expected = [
                0.5 * (first - nothing) + 0.5 * (odds[cell] - second),
                0.5 * (second - nothing) + 0.5 * (odds[cell] - first),
                nothing,
            ];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{cell}: {found} {expected}");
            }
        }
        assert!(found.chunks(3).all(|row| row[0].abs() > 0.01 && row[1].abs() > 1e-4), "{found:?}");
    }

    #[test]
    fn every_range_is_checked() {
        let refuses = |change: fn(&mut BoostingParams), name: &str| {
            let mut params = BoostingParams::default();
            change(&mut params);
            match params.check() {
                Err(LearnError::Param { param, .. }) => assert_eq!(param, name),
                other => panic!("{name}: {other:?}"),
            }
        };
        refuses(|p| p.learning_rate = 0.0, "learning_rate");
        refuses(|p| p.max_depth = 0, "max_depth");
        refuses(|p| p.n_estimators = 0, "n_estimators");
        refuses(|p| p.min_child_weight = -1.0, "min_child_weight");
        refuses(|p| p.gamma = f64::NAN, "gamma");
        refuses(|p| p.subsample = 1.5, "subsample");
        refuses(|p| p.colsample_bytree = 0.0, "colsample_bytree");
        refuses(|p| p.reg_lambda = f64::INFINITY, "reg_lambda");
        refuses(|p| p.reg_alpha = -0.1, "reg_alpha");
        refuses(|p| p.scale_pos_weight = 0.0, "scale_pos_weight");
        refuses(|p| p.max_bin = 1, "max_bin");
    }

    #[test]
    fn bad_inputs_are_refused_by_rule() {
        let params = BoostingParams::default().check().unwrap();
        let table = [1.0, 2.0];
        let samples = Samples::new(&table, 2, 1).unwrap();
        let message = |targets: &[u8], weights: Option<&[f64]>| {
            fit_boosting(&samples, targets, weights, &params, 7).err().unwrap().to_string()
        };
        assert_eq!(message(&[1], None), "the list of targets has length 1, expected 2");
        assert_eq!(message(&[0, 2], None), "the target at position 1 is 2, expected 0 or 1");
        assert_eq!(message(&[1, 1], None), "the labels hold one class only, boosting needs both");
        assert_eq!(message(&[0, 1], Some(&[1.0])), "the list of weights has length 1, expected 2");
        assert_eq!(
            message(&[0, 1], Some(&[1.0, -1.0])),
            "the weight at position 1 is -1, expected 0 or more and finite"
        );
        let empty = Samples::new(&[], 0, 1).unwrap();
        assert!(matches!(fit_boosting(&empty, &[], None, &params, 7), Err(LearnError::Empty { .. })));
    }
}
