//! The real binary on a folder, with upstream manifests as preprocess and cluster write them.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use faultline_bundle::Model;
use faultline_contract::documents::train::{Candidates, Evaluation, Family};
use faultline_contract::{Digest, Manifest};
use faultline_learn::Samples;
use faultline_learn::metrics::roc_auc;
use faultline_runtime::reference::{params_schema, params_table, reference};
use faultline_runtime::task::task_yaml;
use faultline_step_train::{Train, TrainParams};
use faultline_table::{Columns, Values};
use faultline_testkit::generated::{check_file, check_part};
use faultline_testkit::step::{bytes_of, path_of};
use serde::de::DeserializeOwned;
use serde_json::json;

const N_ROWS: usize = 240;
const PARAMS: &str = r#"{"train": {
  "forest": {"n_estimators": [5, 20], "max_depth": [2, 4]},
  "boosting": {"learning_rate": [0.3], "max_depth": [2, 3], "n_estimators": [5, 20]},
  "logistic": {"alpha": [1, 10]}
}}"#;

struct Fixture(tempfile::TempDir);

/// 240 rows in two clusters of 200 and 40; the first feature tells who is faulty, but for every tenth row. Cluster 1 has one
/// faulty training row.
fn tables(folder: &Path) {
    let digest = Digest::of(b"raw").to_string();
    let range = 0..N_ROWS;
    let cluster = |row: usize| i64::from(row >= 200);
    let faulty = |row: usize| if row < 200 { row.is_multiple_of(8) } else { row == 210 };
    let hint = |row: usize| f32::from(u8::from(faulty(row) != (row % 10 == 5))) + (row * 31 % 17) as f32 / 40.0;
    let split = |row: usize| if row % 6 == 5 { "holdout" } else { "train" };
    let keyed = || {
        Columns::new(N_ROWS)
            .with("_id", Values::Text(range.clone().map(|row| format!("w{row}")).collect()))
            .unwrap()
            .with("_source_file", Values::Text(vec!["f.csv".to_owned(); N_ROWS]))
            .unwrap()
            .with("_source_sha256", Values::Text(vec![digest.clone(); N_ROWS]))
            .unwrap()
            .with("_row", Values::I64(range.clone().map(|row| row as i64 + 1).collect()))
            .unwrap()
    };
    keyed()
        .with("_time", Values::Moment(range.clone().map(|row| row as i64).collect()))
        .unwrap()
        .with("_target", Values::OptionalU8(range.clone().map(|row| Some(u8::from(faulty(row)))).collect()))
        .unwrap()
        .with("_split", Values::Text(range.clone().map(|row| split(row).to_owned()).collect()))
        .unwrap()
        .with("hint", Values::F32(range.clone().map(hint).collect()))
        .unwrap()
        .with("noise", Values::F32(range.clone().map(|row| (row * 7919 % 101) as f32).collect()))
        .unwrap()
        .write(&folder.join("features.parquet"))
        .unwrap();
    let clusters = Values::I64(range.clone().map(cluster).collect());
    keyed().with("cluster", clusters).unwrap().write(&folder.join("assignments.parquet")).unwrap();
}

fn manifest(folder: &Path, step: &str, output: &str) {
    let content = fs::read(folder.join(output)).unwrap();
    let digest = Digest::of(&content).to_string();
    let manifest = json!({
        "format_version": 1, "step": step, "step_key": digest, "run_id": "r0", "faultline_version": "0.1.0",
        "code_digest": digest, "params": {}, "seed": 7, "inputs": [], "counts": {}, "outcome": "accepted",
        "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z",
        "outputs": [{"name": output, "uri": format!("file://{}", folder.join(output).display()), "sha256": digest,
                     "bytes": content.len(), "media_type": "application/vnd.apache.parquet"}],
    });
    fs::write(folder.join(format!("{step}.json")), manifest.to_string()).unwrap();
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        tables(folder.path());
        manifest(folder.path(), "preprocess", "features.parquet");
        manifest(folder.path(), "cluster", "assignments.parquet");
        fs::write(folder.path().join("params.json"), PARAMS).unwrap();
        Self(folder)
    }

    fn command(&self, run: &str, model: &str, family: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command
            .current_dir(self.0.path())
            .args(["--preprocess-manifest-uri=preprocess.json", "--cluster-manifest-uri=cluster.json"])
            .args(["--root-uri=root", "--params-uri=params.json"])
            .args([format!("--run-id={run}"), format!("--cluster-model={model}"), format!("--family={family}")]);
        command
    }

    fn train(&self, run: &str, model: &str, family: &str) -> Manifest {
        let output = self.command(run, model, family).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let path = self.0.path().join(format!("root/runs/{run}/train/{model}-{family}/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn document<T: DeserializeOwned>(manifest: &Manifest, name: &str) -> T {
    serde_json::from_slice(&bytes_of(manifest, name)).unwrap()
}

fn digests(manifest: &Manifest) -> Vec<(String, String)> {
    manifest.outputs.iter().map(|output| (output.name.clone(), output.sha256.to_string())).collect()
}

#[test]
fn every_family_finds_what_there_is_to_find() {
    let fixture = Fixture::new();
    for (family, points) in [(Family::Forest, 4), (Family::Boosting, 4), (Family::Logistic, 2)] {
        let manifest = fixture.train("r1", "0", family.as_str());
        assert_eq!(["rows_in", "rows_out"].map(|name| manifest.count(name)), [167, 167]);
        let candidates: Candidates = document(&manifest, "candidates.json");
        assert_eq!(candidates.candidates.len(), points);
        let evaluation: Evaluation = document(&manifest, "evaluation.json");
        let trained = evaluation.trained.unwrap();
        let best = candidates.candidates.iter().map(|point| point.average_precision).max_by(f64::total_cmp).unwrap();
        assert!(candidates.candidates.iter().any(|candidate| candidate.params == trained.params));
        assert_eq!(manifest.facts["average_precision"], best.to_string());
        let found = trained.out_of_fold;
        assert!(best > 0.3 && found.metrics.roc_auc.unwrap() > 0.8, "{family}: {best} {found:?}");
        let interval = found.intervals.roc_auc.unwrap();
        assert!(interval.low < found.metrics.roc_auc.unwrap() && interval.high > interval.low);
        assert!(found.is_descriptive, "20 faulty rows are few");
        assert_eq!((trained.importances[0].feature.as_str(), trained.n_folds), ("hint", 4));
        assert!((trained.importances.iter().map(|known| known.share).sum::<f64>() - 1.0).abs() < 1e-9);

        let oof = Columns::read(&path_of(&manifest, "oof.parquet")).unwrap();
        assert_eq!(oof.row_count(), 167);
        assert!((0..4).all(|fold| oof.i64("fold").unwrap().contains(&fold)));
        assert!(oof.f64("probability").unwrap().iter().all(|probability| (0.0..=1.0).contains(probability)));
        assert!(!oof.text("_id").unwrap().contains(&"w5".to_owned()), "w5 is held out");
        let alarms = oof.f64("probability").unwrap().iter().filter(|&&said| said >= trained.threshold).count() as u64;
        assert_eq!(found.metrics.confusion.true_positives + found.metrics.confusion.false_positives, alarms);
    }
}

#[test]
fn models_are_judged_on_the_same_folds() {
    let fixture = Fixture::new();
    let folds = |model: &str| -> BTreeMap<String, i64> {
        let oof = Columns::read(&path_of(&fixture.train("r1", model, "forest"), "oof.parquet")).unwrap();
        oof.text("_id").unwrap().iter().cloned().zip(oof.i64("fold").unwrap().iter().copied()).collect()
    };
    let (own, pooled) = (folds("0"), folds("pooled"));
    assert_eq!((own.len(), pooled.len()), (167, 200));
    assert!(own.iter().all(|(id, fold)| pooled[id] == *fold));
}

#[test]
fn the_late_rows_are_told_by_the_early_ones() {
    let fixture = Fixture::new();
    let manifest = fixture.train("r1", "pooled", "boosting");
    let forward = document::<Evaluation>(&manifest, "evaluation.json").trained.unwrap().forward.unwrap();
    assert_eq!((forward.rows_early, forward.late.metrics.rows), (140, 60));
    let late = Columns::read(&path_of(&manifest, "forward.parquet")).unwrap();
    assert_eq!(late.row_count(), 60);
    let first = late.i64("_row").unwrap().iter().min().copied().unwrap();
    assert!(first > 165, "the earliest late row is {first}");
    fs::write(fixture.0.path().join("params.json"), r#"{"train": {"forward_ratio": 0}}"#).unwrap();
    let without = fixture.train("r2", "pooled", "boosting");
    assert!(without.output("forward.parquet").is_none());
    assert!(document::<Evaluation>(&without, "evaluation.json").trained.unwrap().forward.is_none());
}

#[test]
fn the_written_model_opens() {
    let fixture = Fixture::new();
    let features = Columns::read(&fixture.0.path().join("features.parquet")).unwrap();
    let matrix = features.matrix(&["hint", "noise"].map(str::to_owned)).unwrap();
    let labels: Vec<bool> = features.optional_u8("_target").unwrap().iter().map(|target| *target == Some(1)).collect();
    for family in Family::ALL {
        let manifest = fixture.train("r1", "pooled", family.as_str());
        let trained = document::<Evaluation>(&manifest, "evaluation.json").trained.unwrap();
        let model = Model::read(family, &path_of(&manifest, &trained.file), 2).unwrap();
        let said = model.predict_proba(&Samples::new(&matrix, N_ROWS, 2).unwrap()).unwrap();
        assert!(roc_auc(&labels, &said).unwrap() > 0.8, "{family}");
    }
}

#[test]
fn a_family_that_the_params_do_not_ask_for_is_not_trained() {
    let fixture = Fixture::new();
    fs::write(fixture.0.path().join("params.json"), r#"{"train": {"logistic": null}}"#).unwrap();
    let manifest = fixture.train("r1", "0", "logistic");
    let evaluation: Evaluation = document(&manifest, "evaluation.json");
    assert!(evaluation.trained.is_none() && evaluation.reason.unwrap().contains("ask for no model"));
}

#[test]
fn holdout_targets_have_no_say_in_what_is_trained() {
    let fixture = Fixture::new();
    let before = fixture.train("r1", "0", "boosting");
    let features = fixture.0.path().join("features.parquet");
    let table = Columns::read(&features).unwrap();
    let (targets, split) = (table.optional_u8("_target").unwrap(), table.text("_split").unwrap());
    let flipped = targets
        .iter()
        .zip(split)
        .map(|(target, split)| if split == "holdout" { target.map(|target| 1 - target) } else { *target });
    let mut turned = Columns::new(N_ROWS).with_keys(&table.keys().unwrap()).unwrap();
    for name in ["_time", "_target", "_split", "hint", "noise"] {
        let values = match name {
            "_target" => Values::OptionalU8(flipped.clone().collect()),
            _ => table.values(name).unwrap().clone(),
        };
        turned = turned.with(name, values).unwrap();
    }
    turned.write(&features).unwrap();
    manifest(fixture.0.path(), "preprocess", "features.parquet");
    let after = fixture.train("r2", "0", "boosting");
    assert_eq!(digests(&before), digests(&after));
}

#[test]
fn too_little_to_learn_from_is_said_and_is_no_error() {
    let fixture = Fixture::new();
    for (model, words) in [("1", "1 of them faulty"), ("9", "0 training rows")] {
        let manifest = fixture.train("r1", model, "forest");
        let evaluation: Evaluation = document(&manifest, "evaluation.json");
        assert!(evaluation.trained.is_none());
        assert!(evaluation.reason.unwrap().contains(words));
        assert_eq!(document::<Candidates>(&manifest, "candidates.json").candidates, []);
        assert_eq!(Columns::read(&path_of(&manifest, "oof.parquet")).unwrap().row_count(), 0);
        assert!(manifest.output("forest.parquet").is_none());
        assert_eq!((manifest.count("rows_out"), &manifest.facts["average_precision"]), (0, &json!("none")));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let fixture = Fixture::new();
    for family in ["forest", "boosting"] {
        let first = fixture.train("r1", "0", family);
        let mut command = fixture.command("r2", "0", family);
        command.arg("--no-cache").env("RAYON_NUM_THREADS", "1");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let path = fixture.0.path().join(format!("root/runs/r2/train/0-{family}/manifest.json"));
        let second: Manifest = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(second.reused_from, None);
        assert_eq!(digests(&first), digests(&second));
    }
}

#[test]
fn the_grid_of_the_other_family_does_not_change_the_step_key() {
    let fixture = Fixture::new();
    let first = fixture.train("r1", "0", "boosting");
    let params = fixture.0.path().join("params.json");
    fs::write(&params, PARAMS.replace(r#""max_depth": [2, 4]"#, r#""max_depth": [3]"#)).unwrap();
    let second = fixture.train("r2", "0", "boosting");
    assert_eq!(first.step_key, second.step_key);
    assert!(second.reused_from.is_some());
    fs::write(&params, PARAMS.replace("0.3", "0.2")).unwrap();
    assert_ne!(fixture.train("r3", "0", "boosting").step_key, first.step_key);
}

#[test]
fn wrong_input_gets_an_error_that_says_what_to_do() {
    let fixture = Fixture::new();
    let params = fixture.0.path().join("params.json");
    for (content, words) in [
        (r#"{"train": {"boosting": {"eta": [0.1]}}}"#, "learning_rate"),
        (r#"{"train": {"boosting": {"learning_rate": [7]}}}"#, "learning_rate is 7, expected above 0 and at most 1"),
        (r#"{"train": {"n_folds": 1}}"#, "n_folds is 1, expected at least 2"),
    ] {
        fs::write(&params, content).unwrap();
        let output = fixture.command("r1", "0", "boosting").output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    for (model, family, words) in [("x", "forest", "pooled"), ("0", "trees", "forest, boosting, logistic")] {
        let output = fixture.command("r1", model, family).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_missing_library_is_a_configuration_error_with_the_command_to_run() {
    let fixture = Fixture::new();
    let mut command = fixture.command("r1", "0", "boosting");
    let output = command.env("XGBOOST_LIB_DIR", fixture.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("scripts/fetch-xgboost"), "{}", stderr(&output));
    let mut forest = fixture.command("r1", "0", "forest");
    assert_eq!(forest.env("XGBOOST_LIB_DIR", fixture.0.path()).output().unwrap().status.code(), Some(0));
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/train.yaml", &task_yaml::<Train>());
    check_file("schemas/params/train.json", &params_schema::<TrainParams>().unwrap());
    check_part("steps/train/README.md", &format!("{}{}", params_table::<TrainParams>(), reference::<Train>()));
}
