//! A small bundle of both families, made by the real fits.

use faultline_contract::documents::cluster::ChosenBy;
use faultline_contract::documents::promote::{BUNDLE_FORMAT_VERSION, BundleModel, Task};
use faultline_contract::documents::train::Family;
use faultline_learn::boosting::{BoostingParams, fit_boosting};
use faultline_learn::forest::{ClassWeight, Criterion, Engine, ForestParams, MaxFeatures, engine};
use faultline_learn::impute::KnnImputerParams;
use faultline_learn::preprocess::PreprocessorParams;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const N_FEATURES: usize = 4;

/// Two groups of rows far from each other, with holes, and one column that says who is faulty: its sign turns with the
/// group, so that the model of the wrong cluster is wrong.
fn table() -> (Vec<f32>, Vec<u8>) {
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for i in 0..240_u32 {
        let group = i % 2;
        let faulty = i % 5 == 0;
        let sign = if faulty == (group == 0) { 1.0 } else { -1.0 };
        let noise = (i * 7919 % 101) as f32 / 101.0;
        let hole = if i % 11 == 3 { f32::NAN } else { noise };
        features.extend([100.0 * group as f32 + noise, sign + 0.1 * noise, hole, noise * noise]);
        targets.push(u8::from(faulty));
    }
    (features, targets)
}

/// Writes a bundle: cluster 0 is served by boosting, cluster 1 by a forest.
fn write(folder: &Path) -> BundleIndex {
    let (features, targets) = table();
    let names: Vec<String> = ["group", "sign", "hole", "noise"].map(str::to_owned).to_vec();
    let samples = Samples::new(&features, targets.len(), N_FEATURES).unwrap();
    let imputer = KnnImputerParams { n_neighbors: 3, max_donors: 1000, seed: 7 };
    let train: Vec<usize> = (0..targets.len()).collect();
    let params = PreprocessorParams { imputer, scale: false };
    let (preprocessor, transformed) = Preprocessor::fit_transform(&names, &samples, &train, &params).unwrap();
    let state = preprocessor.state();
    fs::write(folder.join("preprocessor.json"), serde_json::to_vec(state).unwrap()).unwrap();
    let donors = preprocessor.donors();
    let columns = Columns::new(donors.n_samples).with_matrix(&names, donors.features).unwrap();
    columns.write(&folder.join("donors.parquet")).unwrap();

    let centroid = |group: usize| vec![100.0 * group as f64, 0.0, 0.5, 0.5];
    let clusters = json!({
        "k": 2, "knee": 2, "chosen_by": ChosenBy::Knee, "elbow": [], "feature_names": state.feature_names_out,
        "centroids": [centroid(0), centroid(1)], "clusters": [], "models": ["0", "1"], "model_of_cluster": {"0": "0", "1": "1"},
    });
    fs::write(folder.join("clusters.json"), clusters.to_string()).unwrap();

    let rows_of = |group: usize| -> Vec<usize> { train.iter().copied().filter(|row| row % 2 == group).collect() };
    let of = |group: usize| transformed.as_samples().select(&rows_of(group)).unwrap();
    let targets_of = |group: usize| -> Vec<u8> { rows_of(group).iter().map(|&row| targets[row]).collect() };
    let boosting = BoostingParams { n_estimators: 20, ..BoostingParams::default() }.check().unwrap();
    let trees = fit_boosting(&of(0).as_samples(), &targets_of(0), None, &boosting, 7).unwrap();
    let labels: Vec<bool> = targets_of(1).iter().map(|&target| target == 1).collect();
    let forest = ForestParams {
        n_estimators: 30,
        criterion: Criterion::Gini,
        max_features: MaxFeatures::Sqrt,
        max_depth: None,
        class_weight: ClassWeight::None,
        seed: 7,
    };
    let forest = engine(Engine::Histogram).fit(&of(1).as_samples(), &labels, None, &forest).unwrap();
    Model::Boosting(trees).write(&folder.join("0.ubj")).unwrap();
    Model::Forest(forest).write(&folder.join("1.parquet")).unwrap();

    let model = |family, file: &str| BundleModel { family, file: file.to_owned(), threshold: 0.5 };
    let index = BundleIndex {
        format_version: BUNDLE_FORMAT_VERSION,
        task: Task::Binary,
        dataset: "test".to_owned(),
        features: names,
        labels: ["good", "faulty"].map(str::to_owned),
        model_of_cluster: vec!["0".to_owned(), "1".to_owned()],
        models: [("0", model(Family::Boosting, "0.ubj")), ("1", model(Family::Forest, "1.parquet"))]
            .map(|(name, model)| (name.to_owned(), model))
            .into(),
        seed: 7,
        holdout_ratio: 0.0,
        makers: BTreeMap::new(),
        files: Vec::new(),
    };
    fs::write(folder.join("bundle.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    index
}

fn fixture() -> (tempfile::TempDir, BundleIndex) {
    let folder = tempfile::tempdir().unwrap();
    let index = write(folder.path());
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
