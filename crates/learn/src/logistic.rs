//! Logistic regression with an L2 penalty, the baseline that other models have to beat.
//!
//! The objective is the sum of the rows' negative log likelihoods plus alpha / 2 times the sum of the squared coefficients of
//! the standardised columns, the intercept unpenalised: that of scikit-learn's `LogisticRegression` with C = 1 / alpha behind a
//! `StandardScaler`. The classes weigh what they occur, and the probabilities are those of the training rows.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Samples};
use crate::error::LearnError;
use crate::scale::StandardScaler;

mod newton;

use newton::Problem;

/// Rows that are worth a task of their own.
const MIN_ROWS: usize = 256;

/// Hyper-parameters of the logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticParams {
    /// Strength of the L2 penalty, above 0. Default 1, scikit-learn's. Without any penalty, classes that a plane parts would
    /// have no finite coefficients.
    pub alpha: f64,
}

impl Default for LogisticParams {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

/// [`LogisticParams`] within their ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidLogisticParams(LogisticParams);

impl LogisticParams {
    /// Checks the range.
    ///
    /// # Errors
    /// When `alpha` is not above 0 and finite.
    pub fn check(self) -> Result<ValidLogisticParams, LearnError> {
        if self.alpha > 0.0 && self.alpha.is_finite() {
            return Ok(ValidLogisticParams(self));
        }
        Err(LearnError::Param { param: "alpha", found: self.alpha.to_string(), expected: "above 0 and finite" })
    }
}

impl ValidLogisticParams {
    /// The checked values.
    pub fn get(&self) -> &LogisticParams {
        &self.0
    }
}

/// A fitted logistic regression. It scales rows itself, so features go in as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    scaler: StandardScaler,
    intercept: f64,
    coefficients: Vec<f64>,
}

/// Fits the logistic regression on `samples` with their `labels` (`true`: faulty). Nothing in it is random.
///
/// Newton's method ends within about 1e-6 of a gradient of zero whether or not a plane parts the classes. Costs about a hundred
/// passes over the rows, more the smaller `alpha` is; beside the rows it takes a few numbers per row and column.
///
/// # Errors
/// When there is no row or no column, lengths differ, a value is not finite, only one class occurs, or no finite coefficients
/// are found.
pub fn fit_logistic(
    samples: &Samples<'_>,
    labels: &[bool],
    params: &ValidLogisticParams,
) -> Result<LogisticRegression, LearnError> {
    fit(samples, None, labels, params)
}

/// As [`fit_logistic`], on the rows named alone, whose labels come in that order. The rows are not copied.
///
/// # Errors
/// As for [`fit_logistic`], and when a row does not exist.
pub fn fit_logistic_rows(
    samples: &Samples<'_>,
    rows: &[usize],
    labels: &[bool],
    params: &ValidLogisticParams,
) -> Result<LogisticRegression, LearnError> {
    fit(samples, Some(rows), labels, params)
}

fn fit(
    samples: &Samples<'_>,
    rows: Option<&[usize]>,
    labels: &[bool],
    params: &ValidLogisticParams,
) -> Result<LogisticRegression, LearnError> {
    let n_rows = rows.map_or(samples.n_samples, <[usize]>::len);
    if n_rows == 0 || samples.n_features == 0 {
        return Err(LearnError::Empty { what: "the feature table" });
    }
    if labels.len() != n_rows {
        return Err(LearnError::Length { what: "the list of labels", found: labels.len(), expected: n_rows });
    }
    if labels.iter().all(|label| *label == labels[0]) {
        return Err(LearnError::OneClass { what: "logistic regression" });
    }
    let row = row_of(samples, rows)?;
    let scaler = rows.map_or_else(|| StandardScaler::fit(samples), |rows| StandardScaler::fit_rows(samples, rows))?;
    let (means, scales) = (scaler.means(), scaler.scales());
    let mut coefficients = Problem { row, labels, means, scales, alpha: params.0.alpha }.solve();
    let intercept = coefficients.pop().unwrap_or_default();
    if !intercept.is_finite() || coefficients.iter().any(|value| !value.is_finite()) {
        return Err(failed(&"a coefficient is not finite"));
    }
    Ok(LogisticRegression { scaler, intercept, coefficients })
}

/// The rows named, or all; each must exist and be finite.
fn row_of<'a>(
    samples: &Samples<'a>,
    rows: Option<&'a [usize]>,
) -> Result<impl Fn(usize) -> &'a [f32] + Sync + 'a, LearnError> {
    let samples = *samples;
    samples.expect_finite_rows(rows)?;
    Ok(move |i: usize| samples.row(rows.map_or(i, |rows| rows[i])))
}

impl LogisticRegression {
    /// Opens the bytes that [`Classifier::to_bytes`] wrote.
    ///
    /// # Errors
    /// When they are not such a model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        let malformed = |message| LearnError::Malformed { what: "the logistic regression", message };
        let model: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if model.scaler.n_features() != model.coefficients.len() {
            return Err(malformed("there are not as many means as coefficients".to_owned()));
        }
        Ok(model)
    }

    /// Number of columns it was fitted on.
    pub fn n_features(&self) -> usize {
        self.coefficients.len()
    }

    /// The log-odds of a row whose columns are at their means.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Change of the log-odds per standard deviation of each column.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// How much each feature moves each row's log-odds: `n_samples` rows of `n_features + 1` values, row-major; the last of a row
    /// is the bias, the log-odds of a row whose columns are at their means, and a row adds up to its log-odds. For a linear model
    /// these are the Shapley values of features taken as independent (Lundberg and Lee, 2017).
    ///
    /// # Errors
    /// As in [`Classifier::predict_proba`].
    pub fn contributions(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features())?;
        samples.expect_finite()?;
        let of_row = |row: &[f32]| {
            let of_features = self.scaler.scaled(row).zip(&self.coefficients).map(|(value, weight)| value * weight);
            of_features.chain([self.intercept]).collect::<Vec<_>>()
        };
        Ok(samples.rows().flat_map(of_row).collect())
    }

    /// The probability of the positive class for the rows named alone, in that order.
    ///
    /// # Errors
    /// As in [`Classifier::predict_proba`], and when a row does not exist.
    pub fn predict_rows(&self, samples: &Samples<'_>, rows: &[usize]) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, Some(rows))
    }

    fn predict(&self, samples: &Samples<'_>, rows: Option<&[usize]>) -> Result<Vec<f64>, LearnError> {
        samples.expect_features(self.n_features())?;
        let row = row_of(samples, rows)?;
        let log_odds = |i: usize| {
            let values = self.scaler.scaled(row(i)).zip(&self.coefficients);
            values.fold(self.intercept, |sum, (value, weight)| sum + value * weight)
        };
        let n_rows = rows.map_or(samples.n_samples, <[usize]>::len);
        let probability = |i: usize| 1.0 / (1.0 + (-log_odds(i)).exp());
        Ok((0..n_rows).into_par_iter().with_min_len(MIN_ROWS).map(probability).collect())
    }
}

impl Classifier for LogisticRegression {
    fn predict_proba(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError> {
        self.predict(samples, None)
    }

    /// JSON: `intercept`, `coefficients`, and the `scaler` with `means` and `scales`; the log-odds of a row are the intercept
    /// plus the sum of coefficient x (value - mean) / scale.
    fn to_bytes(&self) -> Result<Vec<u8>, LearnError> {
        serde_json::to_vec(self).map_err(|error| failed(&error))
    }
}

fn failed(error: &impl ToString) -> LearnError {
    LearnError::Method { method: "logistic regression", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::generator;

    fn params() -> ValidLogisticParams {
        LogisticParams::default().check().unwrap()
    }

    /// Columns of very different scale, one of them constant; the first two decide.
    fn table(n_samples: usize) -> (Vec<f32>, Vec<bool>) {
        let mut random = generator(5, 0);
        let features: Vec<f32> = (0..n_samples)
            .flat_map(|_| [random.gen_range(0.0..1e6), random.gen_range(-1e-3..1e-3), 7.0, random.gen_range(-1.0..1.0)])
            .collect();
        let labels = features.chunks(4).map(|row| row[0] / 1e6 + row[1] * 5e2 > 0.9).collect();
        (features, labels)
    }

    #[test]
    fn contributions_add_up_to_the_log_odds() {
        let (features, labels) = table(50);
        let samples = Samples::new(&features, 50, 4).unwrap();
        let model = fit_logistic(&samples, &labels, &params()).unwrap();
        let probabilities = model.predict_proba(&samples).unwrap();
        let contributions = model.contributions(&samples).unwrap();
        for (row, probability) in contributions.chunks(5).zip(probabilities) {
            let log_odds: f64 = row.iter().sum();
            assert!((1.0 / (1.0 + (-log_odds).exp()) - probability).abs() < 1e-9);
            assert!(row[2].abs() < 1e-12, "a constant column moves nothing");
        }
    }

    #[test]
    fn it_learns_what_a_plane_parts_whatever_the_scales() {
        let (features, labels) = table(200);
        let samples = Samples::new(&features, 200, 4).unwrap();
        let model = fit_logistic(&samples, &labels, &params()).unwrap();
        let auc = crate::metrics::roc_auc(&labels, &model.predict_proba(&samples).unwrap()).unwrap();
        assert!(auc > 0.99, "{auc}");
        // a constant column is no reason for anything
        assert!(model.coefficients()[2].abs() < 1e-12 && model.coefficients()[0] > 1.0);
    }

    #[test]
    fn the_bytes_open_again_and_a_refit_gives_the_same() {
        let (features, labels) = table(100);
        let samples = Samples::new(&features, 100, 4).unwrap();
        let model = fit_logistic(&samples, &labels, &params()).unwrap();
        let bytes = model.to_bytes().unwrap();
        assert_eq!(bytes, fit_logistic(&samples, &labels, &params()).unwrap().to_bytes().unwrap());
        let read = LogisticRegression::from_bytes(&bytes).unwrap();
        assert_eq!(read.predict_proba(&samples).unwrap(), model.predict_proba(&samples).unwrap());
        let alone = read.predict_proba(&Samples::new(samples.row(17), 1, 4).unwrap()).unwrap();
        assert_eq!(alone, [model.predict_proba(&samples).unwrap()[17]]);
    }

    #[test]
    fn the_order_of_the_classes_in_the_rows_does_not_matter() {
        for labels in [[true, true, false, false], [false, false, true, true]] {
            let features = labels.map(|label| if label { 1.0 } else { 0.0 });
            let samples = Samples::new(&features, 4, 1).unwrap();
            let found = fit_logistic(&samples, &labels, &params()).unwrap().predict_proba(&samples).unwrap();
            assert!(found.iter().zip(labels).all(|(&probability, label)| (probability > 0.5) == label), "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_fitted_or_read_is_refused() {
        let fit = |features: &[f32], n_features, labels: &[bool]| {
            fit_logistic(&Samples::new(features, features.len() / n_features, n_features).unwrap(), labels, &params())
        };
        assert!(matches!(fit(&[], 1, &[]), Err(LearnError::Empty { .. })));
        assert!(matches!(fit(&[1.0, 2.0], 1, &[true]), Err(LearnError::Length { .. })));
        assert!(matches!(fit(&[1.0, 2.0], 1, &[true, true]), Err(LearnError::OneClass { .. })));
        assert!(matches!(fit(&[1.0, f32::NAN], 1, &[true, false]), Err(LearnError::BadValue { position: 1, .. })));
        let model = fit(&[1.0, 2.0], 1, &[true, false]).unwrap();
        assert!(matches!(
            model.predict_proba(&Samples::new(&[1.0, 2.0], 1, 2).unwrap()),
            Err(LearnError::Length { .. })
        ));
        let missing = Samples::new(&[f32::NAN], 1, 1).unwrap();
        assert!(matches!(model.predict_proba(&missing), Err(LearnError::BadValue { .. })));
        assert!(matches!(LogisticRegression::from_bytes(b"{}"), Err(LearnError::Malformed { .. })));
        let short = br#"{"scaler":{"means":[1.0],"scales":[1.0]},"intercept":0.0,"coefficients":[]}"#;
        assert!(matches!(LogisticRegression::from_bytes(short), Err(LearnError::Malformed { .. })));
    }

    #[test]
    fn the_gradient_is_zero_at_the_end_whatever_the_penalty() {
        let (features, labels) = table(300);
        let samples = Samples::new(&features, 300, 4).unwrap();
        for alpha in [1e-6, 0.01, 1.0, 1_000.0] {
            let model = fit_logistic(&samples, &labels, &LogisticParams { alpha }.check().unwrap()).unwrap();
            let residuals: Vec<f64> = model
                .predict_proba(&samples)
                .unwrap()
                .iter()
                .zip(&labels)
                .map(|(probability, label)| probability - f64::from(u8::from(*label)))
                .collect();
            assert!(residuals.iter().sum::<f64>().abs() < 1e-4, "{alpha}");
            for (column, weight) in model.coefficients().iter().enumerate() {
                let slope: f64 = samples
                    .rows()
                    .zip(&residuals)
                    .map(|(row, residual)| model.scaler.scaled(row).nth(column).unwrap() * residual)
                    .sum();
                // predictions scale in single precision
                assert!((slope + alpha * weight).abs() < 1e-4, "{alpha}, column {column}: {slope} {weight}");
            }
        }
    }

    #[test]
    fn some_rows_of_a_table_are_as_good_as_these_rows_alone_on_any_number_of_threads() {
        let (features, labels) = table(3_000);
        let samples = Samples::new(&features, 3_000, 4).unwrap();
        let rows: Vec<usize> = (0..3_000).filter(|row| row % 4 > 0).collect();
        let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let alone = samples.select(&rows).unwrap();
        let expected = fit_logistic(&alone.as_samples(), &labels, &params()).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| fit_logistic_rows(&samples, &rows, &labels, &params()).unwrap());
            assert_eq!(found, expected, "{threads}");
            let predicted = pool.install(|| found.predict_rows(&samples, &rows).unwrap());
            assert_eq!(predicted, expected.predict_proba(&alone.as_samples()).unwrap());
        }
        let outside = fit_logistic_rows(&samples, &[0, 3_000], &[true, false], &params());
        assert!(matches!(outside, Err(LearnError::RowOutOfRange { row: 3_000, .. })));
        assert!(expected.predict_rows(&samples, &[3_000]).is_err());
    }

    #[test]
    fn the_penalty_is_checked() {
        for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(LogisticParams { alpha }.check(), Err(LearnError::Param { param: "alpha", .. })));
        }
    }
}
