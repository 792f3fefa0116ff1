//! Imputing, clustering, the knee and the metrics against what scikit-learn and kneed give.
//!
//! `fixtures/sklearn_reference.py` recorded the figures: random cases, and aggregates over the real wafers.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use faultline_contract::documents::evaluation::{Confusion, CostMatrix};
use faultline_learn::impute::{KnnImputer, KnnImputerParams};
use faultline_learn::kmeans::KMeans;
use faultline_learn::knee::knee;
use faultline_learn::metrics::{CountDecisions as _, metrics};
use faultline_learn::scale::StandardScaler;
use faultline_learn::variance::VarianceFilter;
use faultline_learn::{OwnedSamples, Samples};
use faultline_testkit::data::data_folder;
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    cases: Vec<Case>,
    curves: Vec<Curve>,
}

#[derive(Deserialize)]
struct Case {
    labels: Vec<u8>,
    scores: Vec<f64>,
    roc_auc: f64,
    average_precision: f64,
    mcc: f64,
    balanced_accuracy: f64,
    accuracy: f64,
    brier: f64,
    log_loss: f64,
}

#[derive(Deserialize)]
struct Curve {
    y: Vec<f64>,
    knee: Option<usize>,
}

#[derive(Deserialize)]
struct Wafers {
    strict: Imputed,
    lenient: Imputed,
}

#[derive(Deserialize)]
struct Imputed {
    files: usize,
    rows: usize,
    /// Cells whose third and fourth neighbours are within 1e-6 of each other; not in the sums.
    ambiguous: Vec<(usize, usize)>,
    #[serde(rename = "imputed_per_column")]
    cells_per_column: Vec<u64>,
    sum_per_column: Vec<f64>,
    sum_of_squares_per_column: Vec<f64>,
    kept_by_variance: usize,
    #[serde(default)]
    inertia: Vec<f64>,
    #[serde(default)]
    inertia_scaled: Vec<f64>,
    #[serde(default)]
    knee: usize,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("fixtures/metrics.json")).unwrap()
}

fn wafers() -> Wafers {
    serde_json::from_str(include_str!("fixtures/wafer.json")).unwrap()
}

/// The rows of all batch files of 592 columns, in the order of their names; with `strict`, of those without a wholly
/// empty column.
fn read(folder: &Path, strict: bool) -> (OwnedSamples, usize) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder.join("Training_Batch_Files"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| well_named(path))
        .collect();
    paths.sort();
    let (mut features, mut rows, mut files) = (Vec::new(), 0, 0);
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let (header, lines) = lines.split_first().unwrap();
        let empty = |column: usize| lines.iter().all(|line| line[column].is_empty());
        if header.len() != 592 || (strict && (0..592).any(empty)) {
            continue;
        }
        let number = |cell: &&str| if cell.is_empty() { f32::NAN } else { cell.parse::<f64>().unwrap() as f32 };
        features.extend(lines.iter().flat_map(|line| line[1..591].iter().map(number)));
        rows += lines.len();
        files += 1;
    }
    (OwnedSamples::new(features, rows, 590).unwrap(), files)
}

/// `wafer_`, eight digits, `_`, six digits, `.csv`.
fn well_named(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap().to_lowercase();
    let stem = name.strip_prefix("wafer_").and_then(|rest| rest.strip_suffix(".csv"));
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.and_then(|stem| stem.split_once('_')).is_some_and(|(date, time)| digits(date, 8) && digits(time, 6))
}

fn close(found: f64, expected: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * expected.abs().max(1e-12)
}

fn impute(samples: &Samples<'_>) -> OwnedSamples {
    let params = KnnImputerParams { n_neighbors: 3, max_donors: usize::MAX, seed: 0 };
    KnnImputer::fit(samples, &params).unwrap().transform(samples).unwrap()
}

fn imputes_as_recorded(folder: &Path, strict: bool, recorded: &Imputed) -> OwnedSamples {
    let (table, files) = read(folder, strict);
    let table = table.as_samples();
    assert_eq!((files, table.n_samples), (recorded.files, recorded.rows));
    let filled = impute(&table);
    let mut counts = vec![0; 590];
    let (mut sums, mut squares) = (vec![0.0; 590], vec![0.0; 590]);
    for (row, (before, after)) in table.rows().zip(filled.as_samples().rows()).enumerate() {
        for column in (0..590).filter(|&i| before[i].is_nan() && !recorded.ambiguous.contains(&(row, i))) {
            let value = f64::from(after[column]);
            counts[column] += 1;
            sums[column] += value;
            squares[column] += value * value;
        }
    }
    assert_eq!(counts, recorded.cells_per_column);
    for column in 0..590 {
        for (found, expected) in [
            (sums[column], recorded.sum_per_column[column]),
            (squares[column], recorded.sum_of_squares_per_column[column]),
        ] {
            assert!(close(found, expected, 2e-6), "column {column}: {found} {expected}");
        }
    }
    let kept = VarianceFilter::fit(&filled.as_samples()).unwrap();
    assert_eq!(kept.kept().len(), recorded.kept_by_variance);
    kept.transform(&filled.as_samples()).unwrap()
}

/// Fits k = 1 to 10 and compares each inertia: at most 1% above scikit-learn's, and at most `below` under it, since a
/// better fit than scikit-learn's ten starts found is welcome.
fn clusters_as_recorded(samples: &Samples<'_>, recorded: &[f64], below: f64) -> Vec<f64> {
    let fits = KMeans::fit_up_to(samples, recorded.len(), 10, 7).unwrap();
    let inertia: Vec<f64> = fits.iter().map(KMeans::inertia).collect();
    assert_eq!(inertia.len(), 10);
    for (k, (found, expected)) in (1..).zip(inertia.iter().zip(recorded)) {
        assert!(
            (1.0 - below..=1.01).contains(&(found / expected)),
            "k = {k}: {found:e} against {expected:e} of {inertia:?}"
        );
    }
    inertia
}

#[test]
fn metrics_are_scikit_learns() {
    let cases = recorded().cases;
    assert_eq!(cases.len(), 1_000);
    let costs = CostMatrix { false_positive: 1.0, false_negative: 10.0 };
    let mut with_ties = 0;
    for case in cases {
        let labels: Vec<bool> = case.labels.iter().map(|&label| label == 1).collect();
        let scores = &case.scores;
        let tied = |i: usize| (0..i).any(|j| scores[j].total_cmp(&scores[i]).is_eq() && labels[j] != labels[i]);
        with_ties += usize::from((0..labels.len()).any(tied));
        let decisions: Vec<bool> = scores.iter().map(|&score| score >= 0.5).collect();
        let found = metrics(&labels, scores, &decisions, &costs).unwrap();
        assert_eq!(found.confusion, Confusion::at(&labels, scores, 0.5).unwrap());
        for (what, found, expected) in [
            ("roc_auc", found.roc_auc.unwrap(), case.roc_auc),
            ("average_precision", found.average_precision.unwrap(), case.average_precision),
            ("mcc", found.mcc, case.mcc),
            ("balanced_accuracy", found.balanced_accuracy, case.balanced_accuracy),
            ("accuracy", found.accuracy, case.accuracy),
            ("brier", found.brier_score, case.brier),
            ("log_loss", found.log_loss, case.log_loss),
        ] {
            assert!((found - expected).abs() < 1e-9, "{what}: {found} {expected} of {labels:?} {scores:?}");
        }
    }
    assert!(with_ties > 500, "{with_ties} cases have a faulty and a good row of one score");
}

#[test]
fn knees_are_kneeds() {
    let curves = recorded().curves;
    let with_knee = curves.iter().filter(|curve| curve.knee.is_some()).count();
    assert!(with_knee > 50 && with_knee < curves.len());
    for curve in curves {
        let x: Vec<f64> = (1..=curve.y.len()).map(|k| k as f64).collect();
        let found = knee(&x, &curve.y).unwrap().map(|index| index + 1);
        assert_eq!(found, curve.knee, "{:?}", curve.y);
    }
}

#[test]
fn the_strict_wafers_are_imputed_and_clustered_as_scikit_learn_does() {
    let Some(folder) = data_folder("wafer") else { return };
    let recorded = wafers().strict;
    assert_eq!((recorded.files, recorded.rows, recorded.kept_by_variance), (9, 837, 474));
    let kept = imputes_as_recorded(&folder, true, &recorded);
    let inertia = clusters_as_recorded(&kept.as_samples(), &recorded.inertia, 0.03);
    let x: Vec<f64> = (1..=10).map(f64::from).collect();
    assert_eq!(knee(&x, &inertia).unwrap().map(|index| index + 1), Some(recorded.knee));
    assert_eq!(recorded.knee, 3);
}

#[test]
fn the_strict_wafers_are_clustered_as_scikit_learn_does_when_scaled() {
    let Some(folder) = data_folder("wafer") else { return };
    let recorded = wafers().strict;
    let filled = impute(&read(&folder, true).0.as_samples());
    let kept = VarianceFilter::fit(&filled.as_samples()).unwrap().transform(&filled.as_samples()).unwrap();
    let scaler = StandardScaler::fit(&kept.as_samples()).unwrap();
    clusters_as_recorded(&scaler.transform(&kept.as_samples()).unwrap().as_samples(), &recorded.inertia_scaled, 0.05);
}

#[test]
fn wafers_with_empty_columns_are_imputed_as_scikit_learn_does() {
    let Some(folder) = data_folder("wafer") else { return };
    let recorded = wafers().lenient;
    assert_eq!((recorded.files, recorded.rows), (16, 1_537));
    imputes_as_recorded(&folder, false, &recorded);
}
