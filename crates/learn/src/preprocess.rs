//! Everything that happens to the features before a model sees them, fitted on training rows and then fixed: impute, drop
//! constant columns, scale.

use serde::{Deserialize, Serialize};

use crate::classifier::{OwnedSamples, Samples};
use crate::error::LearnError;
use crate::impute::{KnnImputer, KnnImputerParams, KnnImputerState};
use crate::scale::StandardScaler;
use crate::variance::VarianceFilter;

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreprocessorParams {
    /// How missing values are imputed.
    pub imputer: KnnImputerParams,
    /// Whether to scale every column to mean 0 and standard deviation 1.
    pub scale: bool,
}

/// A fitted preprocessor but for the donor rows, which are a table: see [`Preprocessor::donors`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreprocessorState {
    /// Names of the columns that go in.
    pub feature_names_in: Vec<String>,
    /// Names of the columns that come out.
    pub feature_names_out: Vec<String>,
    /// The imputer; it drops columns without any value.
    pub imputer: KnnImputerState,
    /// Which of the imputed columns are kept.
    pub variance: VarianceFilter,
    /// The scaler of the columns kept; none when they are not scaled.
    pub scaler: Option<StandardScaler>,
}

/// A fitted preprocessor.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    state: PreprocessorState,
    imputer: KnnImputer,
}

impl Preprocessor {
    /// Fits on `train_rows` of `samples` alone, and transforms all rows, each by itself.
    ///
    /// Needs memory for one more table of that size, and what [`KnnImputer::transform`] says.
    ///
    /// # Errors
    /// When there are no training rows, the number of names is not that of the columns, or a value is infinite.
    pub fn fit_transform(
        feature_names: &[String],
        samples: &Samples<'_>,
        train_rows: &[usize],
        params: &PreprocessorParams,
    ) -> Result<(Self, OwnedSamples), LearnError> {
        samples.expect_features(feature_names.len())?;
        let imputer = KnnImputer::fit_rows(samples, train_rows, &params.imputer)?;
        let imputed = imputer.transform(samples)?;
        let variance = VarianceFilter::fit_rows(&imputed.as_samples(), train_rows)?;
        let mut features = variance.transform_owned(imputed)?;
        let mut scaler = None;
        if params.scale {
            let fitted = StandardScaler::fit_rows(&features.as_samples(), train_rows)?;
            features = fitted.transform_owned(features)?;
            scaler = Some(fitted);
        }
        let names_out = variance.kept().iter().map(|&column| feature_names[imputer.state().kept[column]].clone());
        let state = PreprocessorState {
            feature_names_in: feature_names.to_vec(),
            feature_names_out: names_out.collect(),
            imputer: imputer.state().clone(),
            variance,
            scaler,
        };
        Ok((Self { state, imputer }, features))
    }

    /// Puts a fitted preprocessor together again from its state and its donor rows.
    ///
    /// # Errors
    /// When they do not belong together or hold what no fit writes.
    pub fn from_state(state: PreprocessorState, donors: OwnedSamples) -> Result<Self, LearnError> {
        let n_out = state.feature_names_out.len();
        let lengths = [
            ("the imputer's columns", state.imputer.n_features_in, state.feature_names_in.len()),
            ("the variance filter's columns", state.variance.n_features_in(), state.imputer.kept.len()),
            ("the columns that come out", state.variance.kept().len(), n_out),
            ("the scaler's columns", state.scaler.as_ref().map_or(n_out, StandardScaler::n_features), n_out),
        ];
        for (what, found, expected) in lengths {
            if found != expected {
                return Err(LearnError::Length { what, found, expected });
            }
        }
        let imputer = KnnImputer::from_state(state.imputer.clone(), donors)?;
        Ok(Self { state, imputer })
    }

    /// The fit but for the donor rows.
    pub fn state(&self) -> &PreprocessorState {
        &self.state
    }

    /// The imputer's donor rows: training rows as they were given, missing values NaN.
    pub fn donors(&self) -> Samples<'_> {
        self.imputer.donors()
    }

    /// Transforms rows, each by itself.
    ///
    /// # Errors
    /// When the number of columns is not the one that was fitted on or a value is infinite.
    pub fn transform(&self, samples: &Samples<'_>) -> Result<OwnedSamples, LearnError> {
        let kept = self.state.variance.transform_owned(self.imputer.transform(samples)?)?;
        match &self.state.scaler {
            Some(scaler) => scaler.transform_owned(kept),
            None => Ok(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f32 = f32::NAN;

    fn names() -> Vec<String> {
        ["a", "constant", "empty", "b"].map(str::to_owned).to_vec()
    }

    fn params(scale: bool) -> PreprocessorParams {
        PreprocessorParams { imputer: KnnImputerParams { n_neighbors: 2, max_donors: 100, seed: 1 }, scale }
    }

    /// Four training rows and one that is held out.
    fn table(held_out: [f32; 4]) -> Vec<f32> {
        let train = [1.0, 5.0, NAN, 2.0, 2.0, NAN, NAN, 4.0, 3.0, 5.0, NAN, NAN, 4.0, 5.0, NAN, 8.0];
        [&train[..], &held_out].concat()
    }

    fn fit(table: &[f32], scale: bool) -> (Preprocessor, OwnedSamples) {
        let samples = Samples::new(table, 5, 4).unwrap();
        Preprocessor::fit_transform(&names(), &samples, &[0, 1, 2, 3], &params(scale)).unwrap()
    }

    #[test]
    fn empty_and_constant_columns_go_and_the_rest_is_filled() {
        let (fitted, features) = fit(&table([2.0, 7.0, 1.0, 4.0]), false);
        assert_eq!(fitted.state().feature_names_out, ["a", "b"]);
        let features = features.as_samples();
        assert_eq!(features.row(2), [3.0, 6.0]);
        assert_eq!(features.row(4), [2.0, 4.0]);
    }

    #[test]
    fn held_out_rows_change_nothing_that_is_fitted() {
        let (one, _) = fit(&table([2.0, 7.0, 1.0, 4.0]), true);
        let (other, _) = fit(&table([-900.0, NAN, 33.0, 1e6]), true);
        assert_eq!(one.state(), other.state());
        assert_eq!(one.donors().n_samples, 4);
        let bits = |fitted: &Preprocessor| -> Vec<u32> {
            fitted.donors().features.iter().map(|value| value.to_bits()).collect()
        };
        assert_eq!(bits(&one), bits(&other));
    }

    #[test]
    fn a_row_alone_and_from_a_state_comes_out_the_same() {
        let table = table([NAN, NAN, NAN, 5.0]);
        for scale in [false, true] {
            let (fitted, features) = fit(&table, scale);
            let text = serde_json::to_string(fitted.state()).unwrap();
            let donors = OwnedSamples::new(fitted.donors().features.to_vec(), 4, 4).unwrap();
            let again = Preprocessor::from_state(serde_json::from_str(&text).unwrap(), donors).unwrap();
            for (row, expected) in table.chunks(4).zip(features.as_samples().rows()) {
                let alone = again.transform(&Samples::new(row, 1, 4).unwrap()).unwrap();
                assert_eq!(alone.as_samples().row(0), expected);
            }
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let (fitted, _) = fit(&table([2.0, 7.0, 1.0, 4.0]), true);
        let donors = || OwnedSamples::new(fitted.donors().features.to_vec(), 4, 4).unwrap();
        let state = fitted.state();
        assert!(Preprocessor::from_state(state.clone(), donors()).is_ok());
        let renamed = PreprocessorState { feature_names_out: names(), ..state.clone() };
        let narrower = PreprocessorState { feature_names_in: names()[1..].to_vec(), ..state.clone() };
        for state in [renamed, narrower] {
            assert!(matches!(Preprocessor::from_state(state, donors()), Err(LearnError::Length { .. })));
        }
    }

    #[test]
    fn without_training_rows_there_is_nothing_to_fit() {
        let samples = Samples::new(&[1.0; 4], 1, 4).unwrap();
        let fitted = Preprocessor::fit_transform(&names(), &samples, &[], &params(true));
        assert!(matches!(fitted, Err(LearnError::Empty { .. })));
    }
}
