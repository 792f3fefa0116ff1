//! Contributions of a forest against what the shap package gives for the same trees, grown by scikit-learn.
//!
//! `fixtures/make_shap_parity.py` recorded the figures.

use faultline_learn::forest::Forest;
use faultline_learn::{Classifier, Samples};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Fixture {
    rows: Vec<Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    forest: Forest,
    probabilities: Vec<f64>,
    bias: f64,
    contributions: Vec<Vec<f64>>,
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < TOLERANCE, "{what}: {found}, expected {expected}");
}

#[test]
fn shap_says_the_same_of_the_same_forests() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/shap_parity.json")).unwrap();
    let n_features = fixture.rows[0].len();
    let rows = fixture.rows.concat();
    let samples = Samples::new(&rows, fixture.rows.len(), n_features).unwrap();
    assert_eq!(fixture.cases.len(), 4);
    for case in fixture.cases {
        let probabilities = case.forest.predict_proba(&samples).unwrap();
        probabilities
            .iter()
            .zip(&case.probabilities)
            .for_each(|(&found, &expected)| close(found, expected, "probability"));
        let contributions = case.forest.contributions(&samples).unwrap();
        assert_eq!(contributions.len(), case.contributions.len() * (n_features + 1));
        for (found, expected) in contributions.chunks(n_features + 1).zip(&case.contributions) {
            found.iter().zip(expected).for_each(|(&found, &expected)| close(found, expected, "contribution"));
            close(found[n_features], case.bias, "bias");
        }
    }
}
