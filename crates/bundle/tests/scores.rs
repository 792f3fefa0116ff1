//! What a bundle says of rows.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fs;

use faultline_bundle::{Bundle, BundleError, ContributionScale, Model};
use faultline_contract::documents::promote::BundleIndex;
use faultline_learn::Samples;
use proptest::prelude::*;

mod fixture;

use fixture::{FEATURES, N_SAMPLES, table};

const N_FEATURES: usize = FEATURES.len();

fn fixture() -> (tempfile::TempDir, BundleIndex) {
    let folder = tempfile::tempdir().unwrap();
    let index = fixture::write(folder.path(), false);
    (folder, index)
}

#[test]
fn each_row_is_scored_by_the_model_of_its_own_cluster() {
    let (folder, _) = fixture();
    let bundle = Bundle::open(folder.path()).unwrap();
    let (features, targets) = table();
    let scores = bundle.score(&Samples::new(&features, targets.len(), N_FEATURES).unwrap()).unwrap();
    for (row, (score, target)) in scores.iter().zip(targets).enumerate() {
        assert_eq!(score.cluster, row % 2);
        assert_eq!(score.faulty, target == 1, "row {row}: {score:?}");
    }
}

#[test]
fn a_bundle_without_a_part_or_with_another_one_is_refused() {
    let (folder, index) = fixture();
    let at = |name: &str| folder.path().join(name);
    let open = |index: &BundleIndex| Bundle::open_files(index.clone(), |name| at(name)).err().map(|e| e.to_string());
    assert_eq!(open(&index), None);
    let fewer = BundleIndex { model_of_cluster: vec!["0".to_owned()], ..index.clone() };
    assert_eq!(open(&fewer).unwrap(), "the number of clusters with a model is 1, expected 2");
    let unknown = BundleIndex { model_of_cluster: vec!["0".to_owned(), "7".to_owned()], ..index.clone() };
    assert_eq!(open(&unknown).unwrap(), r#"the model of a cluster is "7", expected ["0", "1"]"#);
    let mut renamed = index.clone();
    renamed.features[0] = "other".to_owned();
    assert!(open(&renamed).unwrap().starts_with("the list of features is "));
    fs::write(at("clusters.json"), "{").unwrap();
    assert_eq!(open(&index).unwrap(), "take clusters.json for a document of a bundle");
    fs::remove_file(at("clusters.json")).unwrap();
    assert!(matches!(Bundle::open(folder.path()), Err(BundleError::File { action: "read", .. })));
}

#[test]
fn a_table_of_another_width_is_refused() {
    let (folder, _) = fixture();
    let bundle = Bundle::open(folder.path()).unwrap();
    assert!(bundle.score(&Samples::new(&[1.0; 5], 1, 5).unwrap()).is_err());
    assert!(bundle.score(&Samples::new(&[], 0, N_FEATURES).unwrap()).unwrap().is_empty());
}

#[test]
fn contributions_explain_each_row_by_the_model_of_its_own_cluster() {
    let (folder, index) = fixture();
    let bundle = Bundle::open(folder.path()).unwrap();
    let (features, targets) = table();
    // beyond one block
    let rows: Vec<usize> = (0..5000).map(|row| row % N_SAMPLES).collect();
    let samples = Samples::new(&features, N_SAMPLES, N_FEATURES).unwrap().select(&rows).unwrap();
    let scores = bundle.score(&samples.as_samples()).unwrap();
    let explained = bundle.score_with_contributions(&samples.as_samples(), N_FEATURES).unwrap();
    assert_eq!(explained.len(), rows.len());
    for ((&row, expected), (score, explanation)) in rows.iter().zip(scores).zip(explained) {
        assert_eq!(score, expected);
        let names: Vec<&str> = explanation.top.iter().map(|one| one.feature).collect();
        assert_eq!(names.len(), N_FEATURES - 2, "{names:?}");
        let sum = explanation.bias + explanation.top.iter().map(|one| one.contribution).sum::<f64>();
        if row % 2 == 0 {
            assert_eq!(explanation.scale, ContributionScale::LogOdds);
            assert!((1.0 / (1.0 + (-sum).exp()) - score.probability).abs() < 1e-6);
        } else {
            assert_eq!(explanation.scale, ContributionScale::Probability);
            assert!((sum - score.probability).abs() < 1e-12);
        }
        assert_eq!(explanation.top[0].feature, "sign");
        assert_eq!(explanation.top[0].contribution > 0.0, targets[row] == 1);
        assert!(explanation.top.windows(2).all(|pair| pair[0].contribution.abs() >= pair[1].contribution.abs()));
    }
    // the models themselves say the same
    for (name, model) in &index.models {
        let model = Model::read(model.family, &folder.path().join(&model.file), N_FEATURES - 2).unwrap();
        assert_eq!(model.contribution_scale() == ContributionScale::LogOdds, name == "0");
        let rows = [0.5; 2 * (N_FEATURES - 2)];
        let found = model.contributions(&Samples::new(&rows, 2, N_FEATURES - 2).unwrap()).unwrap();
        assert_eq!(found.len(), 2 * (N_FEATURES - 1));
    }
}

#[test]
fn fewer_features_are_the_first_of_all() {
    let (folder, _) = fixture();
    let bundle = Bundle::open(folder.path()).unwrap();
    let (features, _) = table();
    let samples = Samples::new(&features, N_SAMPLES, N_FEATURES).unwrap();
    let all = bundle.score_with_contributions(&samples, N_FEATURES).unwrap();
    for top in [0, 1, 3] {
        for (few, all) in bundle.score_with_contributions(&samples, top).unwrap().iter().zip(&all) {
            assert_eq!(few.0, all.0);
            assert_eq!(few.1.top, all.1.top[..top]);
            assert_eq!((few.1.bias, few.1.scale), (all.1.bias, all.1.scale));
        }
    }
    assert!(bundle.score_with_contributions(&Samples::new(&[], 0, N_FEATURES).unwrap(), 3).unwrap().is_empty());
    assert!(bundle.score_with_contributions(&Samples::new(&[1.0], 1, 1).unwrap(), 3).is_err());
}

#[test]
fn a_reading_of_any_size_is_scored_and_leaves_the_other_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path(), true);
    let bundle = Bundle::open(folder.path()).unwrap();
    let (features, targets) = table();
    let plain = bundle.score(&Samples::new(&features, targets.len(), N_FEATURES).unwrap()).unwrap();
    for (column, value) in (0..N_FEATURES).flat_map(|column| [f32::MAX, f32::MIN].map(|value| (column, value))) {
        let mut odd = features.clone();
        for (row, cell) in odd.chunks_exact_mut(N_FEATURES).enumerate().filter(|(row, _)| row % 40 == 11) {
            cell[column] = value;
            // And one that is imputed in the sight of it.
            cell[(column + 1 + row % 2) % N_FEATURES] = f32::NAN;
        }
        let scores = bundle.score(&Samples::new(&odd, targets.len(), N_FEATURES).unwrap()).unwrap();
        for (row, (score, plain)) in scores.iter().zip(&plain).enumerate() {
            assert!((0.0..=1.0).contains(&score.probability), "column {column}, row {row}: {score:?}");
            assert!(row % 40 == 11 || score == plain, "column {column}, row {row}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_row_gets_the_same_score_in_every_batch(mut order in Just((0..240_usize).collect::<Vec<_>>()).prop_shuffle(), kept in 1..240_usize) {
        let (folder, _) = fixture();
        let bundle = Bundle::open(folder.path()).unwrap();
        let (features, targets) = table();
        let samples = Samples::new(&features, targets.len(), N_FEATURES).unwrap();
        let all = bundle.score(&samples).unwrap();
        order.truncate(kept);
        let batch = bundle.score(&samples.select(&order).unwrap().as_samples()).unwrap();
        for (row, score) in order.into_iter().zip(batch) {
            prop_assert_eq!(score.probability.to_bits(), all[row].probability.to_bits());
            prop_assert_eq!(score, all[row].clone());
        }
    }
}
