//! Calibration, reliability curves and the logistic regression against what scikit-learn gives.
//!
//! `fixtures/calibration_reference.py` recorded the figures.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use faultline_contract::documents::evaluation::Calibration;
use faultline_learn::calibration::{Bins, Calibrate as _, reliability};
use faultline_learn::logistic::{LogisticParams, fit_logistic};
use faultline_learn::{Classifier, Samples};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    labels: Vec<u8>,
    scores: Vec<f64>,
    platt_a: f64,
    platt_b: f64,
    isotonic: Vec<f64>,
    isotonic_points: usize,
    reliability: Strategies,
}

#[derive(Deserialize)]
struct Strategies {
    quantile: Curve,
    uniform: Curve,
}

#[derive(Deserialize)]
struct Curve {
    observed: Vec<f64>,
    predicted: Vec<f64>,
}

#[derive(Deserialize)]
struct Tables {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    n_samples: usize,
    n_features: usize,
    alpha: f64,
    features: Vec<f32>,
    labels: Vec<u8>,
    intercept: f64,
    coefficients: Vec<f64>,
    probabilities: Vec<f64>,
}

fn cases() -> Vec<Case> {
    let recorded: Recorded = serde_json::from_str(include_str!("fixtures/calibration.json")).unwrap();
    assert_eq!(recorded.cases.len(), 60);
    recorded.cases
}

fn bools(labels: &[u8]) -> Vec<bool> {
    labels.iter().map(|&label| label == 1).collect()
}

#[track_caller]
fn all_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found} {expected}");
    }
}

#[test]
fn platts_coefficients_are_scikit_learns() {
    for case in cases() {
        let Calibration::Platt { a, b } = Calibration::fit_platt(&bools(&case.labels), &case.scores).unwrap() else {
            panic!("not Platt's");
        };
        all_close(&[a, b], &[case.platt_a, case.platt_b], 1e-6);
    }
}

#[test]
fn isotonic_predictions_are_scikit_learns() {
    let grid: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
    for case in cases() {
        let calibration = Calibration::fit_isotonic(&bools(&case.labels), &case.scores).unwrap();
        all_close(&calibration.apply(&grid), &case.isotonic, 1e-9);
        let Calibration::Isotonic { x, .. } = calibration else { panic!("not isotonic") };
        assert_eq!(x.len(), case.isotonic_points);
    }
}

#[test]
fn reliability_curves_are_scikit_learns() {
    for case in cases() {
        for (bins, expected) in
            [(Bins::Quantile, &case.reliability.quantile), (Bins::Uniform, &case.reliability.uniform)]
        {
            let found = reliability(&bools(&case.labels), &case.scores, bins, 5).unwrap();
            let (predicted, observed): (Vec<f64>, Vec<f64>) =
                found.iter().map(|point| (point.mean_predicted, point.observed_share)).unzip();
            all_close(&predicted, &expected.predicted, 1e-9);
            all_close(&observed, &expected.observed, 1e-9);
        }
    }
}

/// Scaled values are kept in single precision, which is where the tolerance comes from.
#[test]
fn coefficients_are_scikit_learns() {
    let recorded: Tables = serde_json::from_str(include_str!("fixtures/logistic.json")).unwrap();
    assert_eq!(recorded.tables.len(), 5);
    for table in recorded.tables {
        let samples = Samples::new(&table.features, table.n_samples, table.n_features).unwrap();
        let params = LogisticParams { alpha: table.alpha }.check().unwrap();
        let model = fit_logistic(&samples, &bools(&table.labels), &params).unwrap();
        all_close(&[model.intercept()], &[table.intercept], 1e-5);
        all_close(model.coefficients(), &table.coefficients, 1e-5);
        all_close(&model.predict_proba(&samples).unwrap(), &table.probabilities, 1e-6);
    }
}
