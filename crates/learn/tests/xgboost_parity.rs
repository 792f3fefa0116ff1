//! Boosting against what Python's xgboost 3.2.0 trains on the same tables, bit for bit.
//!
//! `fixtures/make_xgboost_parity.py` recorded the digests.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use faultline_learn::boosting::{BoostedTrees, BoostingGrid, BoostingParams, fit_boosting, search_boosting};
use faultline_learn::selection::stratified_folds;
use faultline_learn::{Classifier, OwnedSamples};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Fixture {
    synthetic: Table,
    wafer: Table,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    files: Vec<String>,
    rows: usize,
    faulty: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    params: BoostingParams,
    model_sha256: String,
    probabilities_sha256: String,
    contributions_sha256: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/xgboost_parity.json")).unwrap()
}

/// The same generator as in the script.
fn synthetic() -> (OwnedSamples, Vec<u8>) {
    const N_FEATURES: usize = 20;
    let mut state = 88_172_645_463_325_252_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..600 {
        let row: Vec<f32> = (0..N_FEATURES).map(|_| uniform()).collect();
        targets.push(u8::from(row[0] + row[1] * row[2] + 0.5 * uniform() > 1.3));
        features.extend(row.iter().map(|&value| if uniform() < 0.05 { f32::NAN } else { value }));
    }
    (OwnedSamples::new(features, targets.len(), N_FEATURES).unwrap(), targets)
}

/// The named batch files below each other: id first, label last, an empty cell is a missing value.
fn wafers(folder: &Path, files: &[String]) -> (OwnedSamples, Vec<u8>) {
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for file in files {
        for line in fs::read_to_string(folder.join(file)).unwrap().lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |cell: &&str| if cell.is_empty() { f32::NAN } else { cell.parse::<f64>().unwrap() as f32 };
            features.extend(cells[1..591].iter().map(number));
            targets.push(u8::from(number(&cells[591]) > 0.0));
        }
    }
    (OwnedSamples::new(features, targets.len(), 590).unwrap(), targets)
}

fn data_folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FAULTLINE_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "{} is missing", folder.display());
    None
}

fn agree(table: &Table, samples: &OwnedSamples, targets: &[u8]) {
    let samples = samples.as_samples();
    let faulty = targets.iter().map(|&target| usize::from(target)).sum::<usize>();
    assert_eq!((samples.n_samples, faulty), (table.rows, table.faulty));
    for case in &table.cases {
        let params = case.params.clone().check().unwrap();
        let model = fit_boosting(&samples, targets, None, &params, 7).unwrap();
        let bytes = model.to_bytes().unwrap();
        let opened = BoostedTrees::from_bytes(&bytes).unwrap();
        let digest = |values: Vec<f64>| {
            sha256(&values.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
        };
        let probabilities = digest(opened.predict_proba(&samples).unwrap());
        assert_eq!(probabilities, case.probabilities_sha256, "probabilities of {:?}", case.params);
        let contributions = digest(opened.contributions(&samples).unwrap());
        assert_eq!(contributions, case.contributions_sha256, "contributions of {:?}", case.params);
        assert_eq!(sha256(&bytes), case.model_sha256, "model of {:?}", case.params);
    }
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn a_synthetic_table_gives_pythons_models() {
    let (samples, targets) = synthetic();
    agree(&fixture().synthetic, &samples, &targets);
}

#[test]
fn the_real_wafers_give_pythons_models() {
    let Some(folder) = data_folder() else {
        eprintln!("skipped: the real wafer files are not here, name their folder in FAULTLINE_DATA");
        return;
    };
    let table = fixture().wafer;
    let (samples, targets) = wafers(&folder.join("wafer/Training_Batch_Files"), &table.files);
    agree(&table, &samples, &targets);
}

#[test]
fn a_row_of_the_synthetic_table_alone_is_scored_as_in_it() {
    let (samples, targets) = synthetic();
    let samples = samples.as_samples();
    let params = BoostingParams::default().check().unwrap();
    let model = fit_boosting(&samples, &targets, None, &params, 7).unwrap();
    let batch = model.predict_proba(&samples).unwrap();
    for (i, expected) in batch.iter().enumerate() {
        let alone = samples.select(&[i]).unwrap();
        let found = model.predict_proba(&alone.as_samples()).unwrap();
        assert_eq!(found[0].to_bits(), expected.to_bits(), "row {i}");
    }
}

/// The search trains by itself where it can; the library, point by point, must give the same bits.
#[test]
fn a_search_on_the_real_wafers_is_the_librarys() {
    let Some(folder) = data_folder() else {
        eprintln!("skipped: the real wafer files are not here, name their folder in FAULTLINE_DATA");
        return;
    };
    let (samples, targets) = wafers(&folder.join("wafer/Training_Batch_Files"), &fixture().wafer.files);
    let filled: Vec<f32> =
        samples.into_features().into_iter().map(|value| if value.is_nan() { 0.0 } else { value }).collect();
    let whole = OwnedSamples::new(filled, targets.len(), 590).unwrap();
    let kept: Vec<usize> = (0..targets.len()).step_by(5).collect();
    let samples = whole.as_samples().select(&kept).unwrap();
    let targets: Vec<u8> = kept.iter().map(|&row| targets[row]).collect();
    let labels: Vec<bool> = targets.iter().map(|&target| target == 1).collect();
    let folds = stratified_folds(&labels, &vec![0; labels.len()], 2, 7).unwrap();
    let candidates = BoostingGrid {
        learning_rate: vec![0.5, 0.01],
        max_depth: vec![2, 12],
        n_estimators: vec![5, 40],
        ..BoostingGrid::default()
    }
    .candidates();
    let found = search_boosting(&samples.as_samples(), &targets, &folds, &candidates, 7).unwrap();
    assert_eq!(found.len(), candidates.len());
    for (candidate, found) in candidates.into_iter().zip(found) {
        let params = candidate.check().unwrap();
        for fold in &folds {
            let train = samples.as_samples().select(&fold.train).unwrap();
            let test = samples.as_samples().select(&fold.test).unwrap();
            let train_targets: Vec<u8> = fold.train.iter().map(|&row| targets[row]).collect();
            let model = fit_boosting(&train.as_samples(), &train_targets, None, &params, 7).unwrap();
            for (&row, expected) in fold.test.iter().zip(model.predict_proba(&test.as_samples()).unwrap()) {
                assert_eq!(found.probabilities[row].to_bits(), expected.to_bits(), "{params:?}, row {row}");
            }
        }
    }
}
