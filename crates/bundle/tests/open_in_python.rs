//! `docs/open_bundle.py` opens a bundle in Python, without a line of this project's code, and says of raw rows what this crate
//! says.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "the helpers of a test may panic and speak as the tests do"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use faultline_bundle::{Bundle, Explanation, Score};
use faultline_learn::{OwnedSamples, Samples};
use faultline_table::{Columns, Values};
use serde::Deserialize;
use serde_json::{Value, json};

mod fixture;

use fixture::{FEATURES, N_SAMPLES, table};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/open_bundle.py");
const PROBABILITY_TOLERANCE: f64 = 1e-5;
const CONTRIBUTION_TOLERANCE: f64 = 1e-4;

/// What the script prints of a row.
#[derive(Deserialize)]
struct Line {
    row: usize,
    cluster: usize,
    probability: f64,
    decision: String,
    bias: f64,
    contributions: BTreeMap<String, f64>,
}

/// A Python with the packages that the script needs, which `./dev test` installs and names.
fn python() -> Option<PathBuf> {
    let python = env::var_os("FAULTLINE_PYTHON").map(PathBuf::from);
    if python.is_none() {
        let notice = "FAULTLINE_PYTHON names no Python with numpy, pyarrow and xgboost: run ./dev test";
        assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
        eprintln!("skipped: {notice}");
    }
    python
}

fn run(python: &Path, bundle: &Path, rows: &Path) -> Vec<Line> {
    let top = FEATURES.len().to_string();
    let output = Command::new(python)
        .args([Path::new(SCRIPT), bundle, rows, Path::new(&top)])
        .env("OMP_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows that the bundle was fitted on, and odd ones: nothing known; nothing that any donor has; little known; far off.
fn rows() -> OwnedSamples {
    const NAN: f32 = f32::NAN;
    let (mut features, _) = table();
    features.extend([NAN; FEATURES.len()]);
    features.extend([NAN, NAN, NAN, NAN, NAN, NAN, 4.0]);
    features.extend([100.25, NAN, NAN, NAN, NAN, NAN, NAN]);
    features.extend([-1e6, 1e3, -3.5, NAN, 7e5, 2.0, 1.0]);
    OwnedSamples::new(features, N_SAMPLES + 4, FEATURES.len()).unwrap()
}

fn write_parquet(samples: &Samples<'_>, path: &Path) {
    let ids = (0..samples.n_samples).map(|row| format!("Wafer-{row}")).collect();
    let columns = Columns::new(samples.n_samples).with("_id", Values::Text(ids)).unwrap();
    columns.with_matrix(&FEATURES.map(str::to_owned), samples.features).unwrap().write(path).unwrap();
}

/// With the columns in another order, as a file may have them.
fn write_csv(samples: &Samples<'_>, path: &Path) {
    let cell = |value: &f32| if value.is_nan() { String::new() } else { value.to_string() };
    let line = |cells: Vec<String>| cells.into_iter().rev().collect::<Vec<_>>().join(",") + "\n";
    let header = line(FEATURES.map(str::to_owned).to_vec());
    let lines = samples.rows().map(|row| line(row.iter().map(cell).collect()));
    fs::write(path, header + &lines.collect::<String>()).unwrap();
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

fn explained_alike(line: &Line, explanation: &Explanation<'_>) {
    close(line.bias, explanation.bias, CONTRIBUTION_TOLERANCE, "bias");
    assert_eq!(line.contributions.len(), explanation.top.len());
    for one in &explanation.top {
        let what = format!("row {}, {}", line.row, one.feature);
        close(line.contributions[one.feature], one.contribution, CONTRIBUTION_TOLERANCE, &what);
    }
}

fn decision(is_faulty: bool) -> &'static str {
    if is_faulty { "faulty" } else { "good" }
}

#[test]
fn python_alone_says_the_same_of_every_row() {
    let Some(python) = python() else { return };
    let samples = rows();
    let samples = samples.as_samples();
    for scale in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        fixture::write(folder.path(), scale);
        let bundle = Bundle::open(folder.path()).unwrap();
        let expected = bundle.score_with_contributions(&samples, FEATURES.len()).unwrap();
        let file = folder.path().join(if scale { "rows.csv" } else { "rows.parquet" });
        if scale {
            write_csv(&samples, &file);
        } else {
            write_parquet(&samples, &file);
        }

        let found = run(&python, folder.path(), &file);
        assert_eq!(found.len(), expected.len());
        for (row, (line, (score, explanation))) in found.iter().zip(&expected).enumerate() {
            assert_eq!((line.row, line.cluster), (row, score.cluster));
            close(line.probability, score.probability, PROBABILITY_TOLERANCE, &format!("row {row}"));
            assert_eq!(line.decision, decision(score.faulty));
            explained_alike(line, explanation);
        }
    }
}

#[test]
fn the_baseline_is_opened_too() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path(), true);
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap() };
    let width = read("preprocessor.json")["feature_names_out"].as_array().unwrap().len();
    let row = |scale: f64| (1..=width).map(|column| scale * column as f64).collect::<Vec<_>>();
    let model = json!({
        "scaler": {"means": row(0.1), "scales": row(0.7)}, "intercept": -0.4, "coefficients": row(-0.2),
    });
    fs::write(folder.path().join("1.json"), model.to_string()).unwrap();
    let mut index = read("bundle.json");
    index["models"]["1"]["family"] = json!("logistic");
    index["models"]["1"]["file"] = json!("1.json");
    fs::write(folder.path().join("bundle.json"), index.to_string()).unwrap();

    let samples = rows();
    let bundle = Bundle::open(folder.path()).unwrap();
    let expected = bundle.score_with_contributions(&samples.as_samples(), FEATURES.len()).unwrap();
    let file = folder.path().join("rows.parquet");
    write_parquet(&samples.as_samples(), &file);
    let mut by_baseline = 0;
    for (line, (score, explanation)) in run(&python, folder.path(), &file).iter().zip(&expected) {
        close(line.probability, score.probability, PROBABILITY_TOLERANCE, &format!("row {}", line.row));
        if score.cluster == 1 && explanation.top.iter().all(|one| one.contribution.abs() < 100.0) {
            explained_alike(line, explanation);
            by_baseline += 1;
        }
    }
    assert!(by_baseline > 50, "{by_baseline}");
}

/// What the calibrations of the test below make of a row's own probability.
fn calibrated(score: &Score) -> f64 {
    let p = score.probability;
    match score.cluster {
        0 => {
            let clipped = p.clamp(1e-4, 1.0 - 1e-4);
            1.0 / (1.0 + (0.5 - 1.5 * (clipped / (1.0 - clipped)).ln()).exp())
        }
        _ if p <= 0.1 => 0.05,
        _ if p <= 0.5 => 0.05 + (p - 0.1) / 0.4 * 0.15,
        _ if p <= 0.9 => 0.2 + (p - 0.5) / 0.4 * 0.7,
        _ => 0.9,
    }
}

#[test]
fn calibration_moves_the_probability_and_leaves_the_contributions() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path(), false);
    let bundle = Bundle::open(folder.path()).unwrap();
    let samples = rows();
    let expected = bundle.score_with_contributions(&samples.as_samples(), FEATURES.len()).unwrap();

    let path = folder.path().join("bundle.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["models"]["0"]["calibration"] = json!({"method": "platt", "a": -1.5, "b": 0.5});
    index["models"]["1"]["calibration"] = json!({"method": "isotonic", "x": [0.1, 0.5, 0.9], "y": [0.05, 0.2, 0.9]});
    for name in ["0", "1"] {
        index["models"][name]["threshold"] = json!(0.7);
    }
    fs::write(&path, index.to_string()).unwrap();
    let file = folder.path().join("rows.parquet");
    write_parquet(&samples.as_samples(), &file);

    for (line, (score, explanation)) in run(&python, folder.path(), &file).iter().zip(&expected) {
        close(line.probability, calibrated(score), PROBABILITY_TOLERANCE, &format!("row {}", line.row));
        assert_eq!(line.decision, decision(calibrated(score) >= 0.7));
        explained_alike(line, explanation);
    }

    index["models"]["0"]["calibration"] = json!({"method": "none"});
    fs::write(&path, index.to_string()).unwrap();
    let found = run(&python, folder.path(), &file);
    for (line, (score, _)) in found.iter().zip(&expected).filter(|(_, (score, _))| score.cluster == 0) {
        close(line.probability, score.probability, PROBABILITY_TOLERANCE, &format!("row {}", line.row));
    }
}
