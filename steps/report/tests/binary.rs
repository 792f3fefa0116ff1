//! The real binary on a folder, behind stages made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use faultline_contract::{Artifact, Digest, Manifest};
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_report::ReportStep;
use faultline_table::{Columns, Keys, Values};
use faultline_testkit::generated::{check_file, check_part};
use serde_json::{Value, json};

/// A store in a temporary folder, and one run in it.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run_folder(&self) -> PathBuf {
        self.0.path().join("root/runs/one")
    }

    /// Commits a manifest over what `write` leaves in the folder of the stage; `changes` are put into it.
    fn commit(&self, stage: &str, part: Option<&str>, changes: &Value, write: impl FnOnce(&Path)) {
        let folder = self.run_folder().join(stage).join(part.unwrap_or_default());
        fs::create_dir_all(&folder).unwrap();
        write(&folder);
        let outputs: Vec<Artifact> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| {
                let content = fs::read(&path).unwrap();
                Artifact {
                    name: path.file_name().unwrap().to_string_lossy().into_owned(),
                    uri: format!("file://{}", path.display()),
                    sha256: Digest::of(&content),
                    bytes: content.len() as u64,
                    rows: None,
                    media_type: "x/y".to_owned(),
                }
            })
            .collect();
        let mut manifest = json!({
            "format_version": 1, "step": stage, "step_key": Digest::of(stage.as_bytes()), "run_id": "one", "part": part,
            "faultline_version": "0.1.0", "code_digest": Digest::of(b"code"), "params": {}, "seed": 7, "inputs": [],
            "outputs": outputs, "counts": {}, "facts": {}, "outcome": "accepted",
            "started_at": "2026-01-02T03:04:05.678Z", "finished_at": "2026-01-02T03:04:06Z"
        });
        for (key, value) in changes.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    }

    fn validate(&self, changes: &Value) {
        let profile = json!({
            "file_reasons": {"column_count": 2}, "row_reasons": {"column_count": 40, "type_mismatch": 1}, "paired_headers": [],
            "columns": [{"name": "<b>T</b>", "missing": 6, "empty_files": 2}, {"name": "P", "missing": 0, "empty_files": 0}]
        });
        let entry = json!({
            "scope": "file", "code": "column_count", "file": "a<script>.csv", "rows": 20, "message": "expected 4 columns"
        });
        self.commit("validate", None, changes, |folder| {
            fs::write(folder.join("profile.json"), profile.to_string()).unwrap();
            fs::write(folder.join("quarantine.jsonl"), format!("{entry}\n")).unwrap();
        });
    }

    /// Commits every stage of a training run.
    fn training(&self) {
        self.validate(&json!({"counts": {"files_in": 5, "files_accepted": 3, "files_quarantined": 2, "rows_in": 101,
            "rows_accepted": 60, "rows_quarantined": 41, "rows_out": 60}}));
        let nothing = json!({});
        self.commit("transform", None, &nothing, |_| ());
        self.commit("load", None, &nothing, |_| ());
        let (train, held_out) = (json!({"rows": 40, "faulty": 8}), json!({"rows": 20, "faulty": 4}));
        self.commit("preprocess", None, &nothing, |folder| {
            let split = json!({"holdout_ratio": 0.3, "train": train, "holdout": held_out});
            fs::write(folder.join("split.json"), split.to_string()).unwrap();
            let features = json!([{"name": "<b>T</b>", "missing": 4, "fate": "kept"}, {"name": "P", "missing": 40, "fate": "dropped_empty"}]);
            fs::write(folder.join("missingness.json"), json!({"rows": 40, "features": features}).to_string()).unwrap();
        });
        self.commit("cluster", None, &nothing, |folder| {
            let clusters = json!({
                "k": 3, "knee": 3, "chosen_by": "knee", "feature_names": ["T"], "centroids": [[0.0], [1.0], [2.0]],
                "elbow": [{"k": 1, "inertia": 8.4e10}, {"k": 2, "inertia": 4.4e10}, {"k": 3, "inertia": 3.4e10}],
                "clusters": [{"cluster": 0, "train": train, "holdout": held_out, "trainable": false}],
                "models": ["pooled"], "model_of_cluster": {"0": "pooled"}
            });
            fs::write(folder.join("clusters.json"), clusters.to_string()).unwrap();
        });
        for family in ["forest", "boosting"] {
            self.commit("train", Some(&format!("pooled-{family}")), &nothing, |folder| trained(folder, family));
        }
        self.commit("promote", None, &nothing, |folder| {
            let contenders: Vec<Value> =
                ["forest", "boosting"].iter().map(|family| json!({"family": family, "params": {}})).collect();
            let verdict = json!({
                "verdict": "promote", "is_first": true, "reason": "it is the first version", "warnings": ["Only 4 faulty rows"],
                "model": "press", "version": 1, "challenger": metrics(), "gate": {"min_average_precision_gain": 0.0},
                "choices": [{"model": "pooled", "clusters": [0], "chosen": "forest", "contenders": contenders}]
            });
            fs::write(folder.join("verdict.json"), verdict.to_string()).unwrap();
            scored(20).write(&folder.join("holdout.parquet")).unwrap();
        });
    }

    fn report(&self, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_report"))
            .current_dir(self.0.path())
            .args(["--root-uri=root", "--run-id=one"])
            .args(more)
            .output()
            .unwrap()
    }

    /// The page after a report that succeeded.
    fn page(&self, more: &[&str]) -> String {
        let output = self.report(more);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(self.run_folder().join("report/report.html")).unwrap()
    }

    /// The manifests of all reports of the run, by path.
    fn manifests(&self) -> Vec<(PathBuf, Manifest)> {
        let mut found: Vec<_> = fs::read_dir(self.run_folder().join("report"))
            .unwrap()
            .map(|entry| entry.unwrap().path().join("manifest.json"))
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), serde_json::from_slice(&fs::read(path).unwrap()).unwrap()))
            .collect();
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found
    }
}

fn metrics() -> Value {
    json!({
        "rows": 20, "rows_faulty": 4, "average_precision": 0.4, "roc_auc": 0.6, "mcc": 0.1, "balanced_accuracy": 0.6,
        "accuracy": 0.8, "brier_score": 0.1, "log_loss": 0.3, "true_positives": 3, "false_positives": 5,
        "true_negatives": 11, "false_negatives": 1
    })
}

/// Rows with a target and a probability; every fifth is faulty.
fn scored(rows: usize) -> Columns {
    let keys = Keys {
        ids: (0..rows).map(|row| format!("W-{row}")).collect(),
        source_files: vec![Arc::from("w.csv"); rows],
        source_sha256s: vec![Digest::of(b"w"); rows],
        rows: (1..=rows as u64).collect(),
    };
    Columns::new(rows)
        .with_keys(&keys)
        .and_then(|table| {
            table.with(
                "target",
                Values::OptionalU8((0..rows).map(|row| Some(u8::from(row.is_multiple_of(5)))).collect()),
            )
        })
        .and_then(|table| table.with("probability", Values::F64((0..rows).map(|row| (row % 7) as f64 / 7.0).collect())))
        .unwrap()
}

fn trained(folder: &Path, family: &str) {
    let evaluation = json!({
        "model": "pooled", "family": family, "rows_train": 40, "rows_train_faulty": 8,
        "trained": {
            "file": "x", "params": {"max_depth": 4}, "n_folds": 4, "threshold": 0.25, "out_of_fold": metrics(),
            "importances": [{"feature": "<b>T</b>", "share": 1.0}]
        }
    });
    fs::write(folder.join("evaluation.json"), evaluation.to_string()).unwrap();
    scored(40).write(&folder.join("oof.parquet")).unwrap();
}

#[test]
fn a_training_run_is_told_in_full() {
    let fixture = Fixture::new();
    fixture.training();
    let page = fixture.page(&[]);
    for expected in [
        "promoted as version 1",
        "1 columns have no value at all in up to 2 of 3 accepted files.",
        "knee at k = 3",
        "column count",
        "ROC, out of fold",
        "ROC, rows held out",
        "Confusion on the rows held out",
        "A ROC AUC of 0.600 is modest.",
        "Only 4 faulty rows",
        "1 clusters are too small",
        "max_depth=4",
        "2026-01-02 03:04:05 UTC",
        &Digest::of(b"code").short(12),
    ] {
        assert!(page.contains(expected), "{expected:?} is not on the page");
    }
    assert!(!page.contains("<b>T") && !page.contains("<script"), "names are text");
    assert_eq!(page.matches("<figure>").count(), 12);
    let manifest = &fixture.manifests()[0].1;
    assert_eq!((manifest.count("rows_in"), manifest.count("rows_out")), (60, 60));
    assert!(manifest.facts["report_uri"].as_str().unwrap().ends_with("runs/one/report/report.html"));
}

#[test]
fn a_rejected_run_says_why() {
    let fixture = Fixture::new();
    fixture.validate(&json!({"outcome": "rejected", "facts": {"rejection": "2 of 5 files were rejected"}}));
    let page = fixture.page(&["--pipeline=predict"]);
    for expected in [
        "Prediction run",
        "rejected by the gate of validate",
        "2 of 5 files were rejected",
        "transform, load, predict",
        "a&lt;script&gt;.csv",
    ] {
        assert!(page.contains(expected), "{expected:?} is not on the page");
    }
}

#[test]
fn a_run_without_a_single_result_still_has_a_page() {
    let page = Fixture::new().page(&[]);
    assert!(page.contains("nothing was committed") && page.contains("stopped before validate was done"), "{page}");
}

#[test]
fn each_state_of_a_run_has_a_report_and_the_newest_is_at_hand() {
    let fixture = Fixture::new();
    fixture.validate(&json!({}));
    let failed = fixture.page(&[]);
    let first = fixture.manifests();
    assert_eq!(fixture.page(&[]), failed);
    assert_eq!(fixture.manifests(), first, "the same state is reported once");

    fixture.training();
    let page = fixture.page(&[]);
    assert!(failed.contains("The run did not finish.") && !page.contains("The run did not finish."));
    assert_eq!(fixture.manifests().len(), 2);
}

#[test]
fn a_damaged_document_is_named() {
    let fixture = Fixture::new();
    fixture.commit("preprocess", None, &json!({}), |folder| fs::write(folder.join("split.json"), "{}").unwrap());
    let output = fixture.report(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("preprocess/split.json") && stderr.contains("holdout_ratio"), "{stderr}");
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/report.yaml", &task_yaml::<ReportStep>());
    check_part("steps/report/README.md", &reference::<ReportStep>());
}
