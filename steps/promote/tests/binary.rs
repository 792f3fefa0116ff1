//! The real binary on a folder, behind stages made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use faultline_bundle::{Bundle, Model};
use faultline_contract::documents::evaluation::Assessment;
use faultline_contract::documents::promote::{BundleIndex, Decision, Verdict};
use faultline_contract::documents::train::Family;
use faultline_contract::{Artifact, Digest, Manifest};
use faultline_learn::boosting::{BoostingParams, fit_boosting};
use faultline_learn::forest::{Forest, Node, Split};
use faultline_learn::impute::KnnImputerParams;
use faultline_learn::preprocess::{Preprocessor, PreprocessorParams};
use faultline_learn::selection::holdout;
use faultline_learn::{OwnedSamples, Samples};
use faultline_runtime::reference::{params_schema, params_table, reference};
use faultline_runtime::task::task_yaml;
use faultline_step_promote::{Promote, PromoteParams};
use faultline_table::{Columns, Keys, Table, Values};
use faultline_testkit::generated::{check_file, check_part};
use serde_json::{Value, json};

const SEED: u64 = 7;
const RATIO: f64 = 0.5;
const ROWS: usize = 80;
const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "a"}, {"name": "b"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;

/// A store in a temporary folder.
struct Fixture(tempfile::TempDir);

/// How well a candidate does: what it says out of fold, and whether its model knows the target.
#[derive(Clone, Copy)]
struct Candidate {
    average_precision: Option<f64>,
    knows: bool,
}

/// A candidate that was not trained.
const NONE: Candidate = Candidate { average_precision: None, knows: false };

fn good(average_precision: f64) -> Candidate {
    Candidate { average_precision: Some(average_precision), knows: true }
}

fn poor(average_precision: f64) -> Candidate {
    Candidate { average_precision: Some(average_precision), knows: false }
}

/// Every fifth wafer is faulty, and its feature `a` says so.
fn is_faulty(row: usize) -> bool {
    row.is_multiple_of(5)
}

fn held_out() -> Vec<usize> {
    (0..ROWS).filter(|row| holdout(SEED, &format!("W-{row}"), RATIO)).collect()
}

fn keys() -> Keys {
    Keys {
        ids: (0..ROWS).map(|row| format!("W-{row}")).collect(),
        source_files: vec![Arc::from("press_01012024.csv"); ROWS],
        source_sha256s: vec![Digest::of(b"raw"); ROWS],
        rows: (1..=ROWS as u64).collect(),
    }
}

fn features() -> Vec<f32> {
    (0..ROWS).flat_map(|row| [if is_faulty(row) { 1.0 } else { -1.0 }, row as f32]).collect()
}

/// A forest of one stump on `a`, or of one leaf.
fn forest(knows: bool) -> Model {
    let node = |node, split, probability| Node { tree: 0, node, split, probability, cover: 10.0 };
    let nodes = if knows {
        let split = Split { feature: 0, threshold: 0.0, left: 1, right: 2 };
        vec![node(0, Some(split), 0.2), node(1, None, 0.1), node(2, None, 0.9)]
    } else {
        vec![node(0, None, 0.2)]
    };
    Model::Forest(Forest::from_nodes(2, nodes).unwrap())
}

/// Boosted trees that know the target.
fn boosting() -> Model {
    let raw = features();
    let targets: Vec<u8> = (0..ROWS).map(|row| u8::from(is_faulty(row))).collect();
    let params = BoostingParams { n_estimators: 5, ..BoostingParams::default() }.check().unwrap();
    let samples = Samples::new(&raw, ROWS, 2).unwrap();
    Model::Boosting(fit_boosting(&samples, &targets, None, &params, SEED).unwrap())
}

impl Fixture {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    /// Commits an accepted manifest over what `write` leaves in the folder of the stage.
    fn commit(&self, run: &str, stage: &str, part: Option<&str>, write: impl FnOnce(&Path)) {
        let folder = self.root().join("runs").join(run).join(stage).join(part.unwrap_or_default());
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
        let manifest = json!({
            "format_version": 1, "step": stage, "step_key": Digest::of(stage.as_bytes()), "run_id": run, "part": part,
            "faultline_version": "0.1.0", "code_digest": Digest::of(b"code"), "params": {}, "seed": SEED, "inputs": [],
            "outputs": outputs, "counts": {}, "facts": {}, "outcome": "accepted", "started_at": "t", "finished_at": "t"
        });
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    }

    /// Commits everything before promote, with one cluster and one candidate per family.
    fn stages(&self, run: &str, forest_model: Candidate, second: Candidate) {
        let names = ["a".to_owned(), "b".to_owned()];
        let raw = features();
        self.commit(run, "validate", None, |folder| fs::write(folder.join("schema.json"), SCHEMA).unwrap());
        self.commit(run, "load", None, |folder| {
            let table = Table {
                keys: keys(),
                times: vec![0; ROWS],
                lines: (2..=ROWS as u64 + 1).collect(),
                byte_offsets: vec![0; ROWS],
                targets: (0..ROWS).map(|row| Some(u8::from(is_faulty(row)))).collect(),
                feature_names: names.to_vec(),
                features: raw.clone(),
            };
            table.write(&folder.join("export.parquet")).unwrap();
        });
        self.commit(run, "preprocess", None, |folder| {
            let samples = Samples::new(&raw, ROWS, 2).unwrap();
            let train: Vec<usize> = (0..ROWS).filter(|row| !held_out().contains(row)).collect();
            let imputer = KnnImputerParams { n_neighbors: 3, max_donors: 100, seed: SEED };
            let params = PreprocessorParams { imputer, scale: false };
            let (fitted, _): (_, OwnedSamples) =
                Preprocessor::fit_transform(&names, &samples, &train, &params).unwrap();
            let donors = Columns::new(fitted.donors().n_samples).with_matrix(&names, fitted.donors().features).unwrap();
            donors.write(&folder.join("donors.parquet")).unwrap();
            fs::write(folder.join("preprocessor.json"), serde_json::to_string(fitted.state()).unwrap()).unwrap();
            let none = json!({"rows": 0, "faulty": 0});
            let split = json!({"holdout_ratio": RATIO, "train": none, "holdout": none});
            fs::write(folder.join("split.json"), split.to_string()).unwrap();
            fs::write(folder.join("suspects.json"), "[]").unwrap();
            let split = (0..ROWS).map(|row| if held_out().contains(&row) { "holdout" } else { "train" }.to_owned());
            let targets = (0..ROWS).map(|row| Some(u8::from(is_faulty(row))));
            Columns::new(ROWS)
                .with_keys(&keys())
                .and_then(|table| table.with("_time", Values::Moment(vec![0; ROWS])))
                .and_then(|table| table.with("_target", Values::OptionalU8(targets.collect())))
                .and_then(|table| table.with("_split", Values::Text(split.collect())))
                .and_then(|table| table.with_matrix(&names, &raw))
                .and_then(|table| table.write(&folder.join("features.parquet")))
                .unwrap();
        });
        self.commit(run, "cluster", None, |folder| {
            let clusters = json!({
                "k": 1, "knee": null, "chosen_by": "no_knee", "elbow": [], "feature_names": names, "centroids": [[0.0, 0.0]],
                "clusters": [], "models": ["0"], "model_of_cluster": {"0": "0"}
            });
            fs::write(folder.join("clusters.json"), clusters.to_string()).unwrap();
            let table = Columns::new(ROWS).with_keys(&keys()).unwrap().with("cluster", Values::I64(vec![0; ROWS]));
            table.unwrap().write(&folder.join("assignments.parquet")).unwrap();
        });
        let candidates = [(Family::Forest, forest_model), (Family::Boosting, second), (Family::Logistic, NONE)];
        for (family, candidate) in candidates {
            self.commit(run, "train", Some(&format!("0-{family}")), |folder| trained(folder, family, candidate));
        }
    }

    fn promote(&self, run: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_promote"))
            .current_dir(self.0.path())
            .env("FAULTLINE_MODEL", "press")
            .args(["--root-uri=root", &format!("--run-id={run}")])
            .arg(format!("--cluster-manifest-uri=root/runs/{run}/cluster/manifest.json"))
            .args(more)
            .output()
            .unwrap()
    }

    fn promoted(&self, run: &str, more: &[&str]) -> Verdict {
        let output = self.promote(run, more);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_slice(&self.output(run, "verdict.json")).unwrap()
    }

    fn manifest(&self, run: &str) -> Manifest {
        let path = self.root().join(format!("runs/{run}/promote/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn output(&self, run: &str, name: &str) -> Vec<u8> {
        let manifest = self.manifest(run);
        fs::read(manifest.output(name).unwrap().uri.strip_prefix("file://").unwrap()).unwrap()
    }

    fn model(&self, path: &str) -> PathBuf {
        self.root().join("models/press").join(path)
    }

    fn champion(&self) -> Value {
        serde_json::from_slice(&fs::read(self.model("champion.json")).unwrap()).unwrap()
    }

    fn history_len(&self) -> usize {
        fs::read_dir(self.model("history")).map_or(0, Iterator::count)
    }
}

/// What train leaves. The greater the average precision that a candidate is said to have, the more faulty rows stand at the top
/// of its out-of-fold predictions.
fn trained(folder: &Path, family: Family, candidate: Candidate) {
    let metrics = json!({
        "rows": 40, "rows_faulty": 8, "average_precision": candidate.average_precision, "mcc": 0.0, "balanced_accuracy": 0.5,
        "accuracy": 0.8, "brier_score": 0.1, "log_loss": 0.1, "expected_cost": 2.0,
        "confusion": {"true_positives": 0, "false_positives": 0, "true_negatives": 32, "false_negatives": 8}
    });
    let interval = json!({"low": 0.0, "high": 1.0});
    let mut intervals = json!({"level": 0.95, "n_resamples": 2000});
    for figure in ["mcc", "balanced_accuracy", "accuracy", "brier_score", "log_loss", "expected_cost"] {
        intervals[figure] = interval.clone();
    }
    let assessment = json!({"metrics": metrics, "intervals": intervals, "is_descriptive": true});
    let is_trained = candidate.average_precision.is_some();
    let mut evaluation = json!({"model": "0", "family": family, "rows_train": 40, "rows_train_faulty": 8});
    if is_trained {
        evaluation["trained"] = json!({
            "file": family.file(), "params": {"n_estimators": 1}, "n_folds": 4, "threshold": 0.5, "out_of_fold": assessment,
            "importances": [], "calibration": {"method": "none"}, "calibrations": [],
            "costs": {"false_positive": 1.0, "false_negative": 10.0}
        });
        let model = if family == Family::Boosting { boosting() } else { forest(candidate.knows) };
        model.write(&folder.join(family.file())).unwrap();
    } else {
        evaluation["reason"] = json!("one class only");
    }
    fs::write(folder.join("evaluation.json"), evaluation.to_string()).unwrap();
    let Some(average_precision) = candidate.average_precision else { return };
    let rows: Vec<usize> = (0..ROWS).filter(|row| !held_out().contains(row)).collect();
    let found = (average_precision * 10.0).round() as usize;
    let says = |row: &usize| match (is_faulty(*row), *row / 5 % 10 < found) {
        (true, true) => 0.9,
        (true, false) => 0.05,
        (false, _) => 0.1,
    };
    let targets = rows.iter().map(|row| Some(u8::from(is_faulty(*row))));
    Columns::new(rows.len())
        .with_keys(&keys().select(&rows))
        .and_then(|table| table.with("target", Values::OptionalU8(targets.collect())))
        .and_then(|table| table.with("fold", Values::I64(vec![0; rows.len()])))
        .and_then(|table| table.with("raw_probability", Values::F64(rows.iter().map(says).collect())))
        .and_then(|table| table.with("probability", Values::F64(rows.iter().map(says).collect())))
        .and_then(|table| table.write(&folder.join("oof.parquet")))
        .unwrap();
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_first_version_becomes_champion_and_its_bundle_opens() {
    let fixture = Fixture::new();
    fixture.stages("one", poor(0.3), NONE);
    let verdict = fixture.promoted("one", &[]);
    assert_eq!((verdict.verdict, verdict.is_first, verdict.version), (Decision::Promote, true, 1));
    assert!(verdict.warnings.iter().any(|warning| warning.contains("faulty rows")), "{:?}", verdict.warnings);
    let champion = fixture.champion();
    assert_eq!(
        (&champion["version"], &champion["action"], &champion["run_id"]),
        (&json!(1), &json!("first"), &json!("one"))
    );

    let folder = fixture.model("versions/1");
    assert_eq!(fs::read(folder.join("bundle.json")).unwrap(), fixture.output("one", "bundle.json"));
    let bundle = Bundle::open(&folder).unwrap();
    let scores = bundle.score(&Samples::new(&[1.0, 3.0], 1, 2).unwrap()).unwrap();
    assert!((scores[0].probability - 0.2).abs() < 1e-12);
    let index: &BundleIndex = bundle.index();
    assert!(index.files.iter().all(|file| file.sha256 == Digest::of(&fs::read(folder.join(&file.path)).unwrap())));
    assert!(index.makers.contains_key("train/0-forest") && !index.makers.contains_key("train/0-boosting"), "{index:?}");
}

/// Defect 3 of the original: the greatest name won.
#[test]
fn the_candidate_with_the_best_metric_is_in_the_bundle() {
    for (forest_score, boosting_score, expected) in [(0.3, 0.2, Family::Forest), (0.2, 0.3, Family::Boosting)] {
        let fixture = Fixture::new();
        fixture.stages("one", good(forest_score), good(boosting_score));
        let verdict = fixture.promoted("one", &[]);
        assert_eq!(verdict.choices[0].chosen, Some(expected));
        assert!(fixture.model("versions/1/models/0").join(expected.file()).is_file());
    }
}

#[test]
fn only_a_better_version_takes_the_champions_place() {
    let fixture = Fixture::new();
    fixture.stages("poor", poor(0.3), NONE);
    fixture.promoted("poor", &[]);

    // Out of fold it looks worse; on the rows held out it is better, and these decide.
    fixture.stages("good", good(0.1), NONE);
    let verdict = fixture.promoted("good", &[]);
    assert_eq!((verdict.verdict, verdict.version, verdict.champion_version), (Decision::Promote, 2, Some(1)));
    let precision = |known: Option<Assessment>| known.unwrap().metrics.average_precision.unwrap();
    assert!(precision(verdict.challenger) > precision(verdict.champion) + 0.5);
    assert!(verdict.difference.unwrap().average_precision.interval.low > 0.0);

    fixture.stages("worse", poor(0.9), NONE);
    let verdict = fixture.promoted("worse", &[]);
    assert_eq!((verdict.verdict, verdict.version, verdict.champion_version), (Decision::Hold, 3, Some(2)));
    fixture.stages("same", good(0.1), NONE);
    let verdict = fixture.promoted("same", &[]);
    assert!(verdict.verdict == Decision::Hold && verdict.reason.contains("same model"), "{}", verdict.reason);
    assert_eq!((fixture.champion()["version"].as_u64(), fixture.history_len()), (Some(2), 2));
    assert!(fixture.model("versions/3/bundle.json").is_file(), "a version that is held can be looked at");
}

#[test]
fn a_killed_promotion_ends_as_if_it_had_not_been() {
    let fixture = Fixture::new();
    fixture.stages("poor", poor(0.3), NONE);
    fixture.promoted("poor", &[]);
    fixture.stages("good", good(0.1), NONE);
    let undisturbed = fixture.promoted("good", &[]);
    let outputs = fixture.manifest("good").outputs;
    let digests: Vec<_> = outputs.iter().map(|output| (output.name.clone(), output.sha256)).collect();
    // Killed before its manifest; before the copy of the history; before the history; before the index.
    let leavings = [None, Some("champion.json"), Some("history/00000002.json"), Some("versions/2/bundle.json")];
    for nth in 1..=leavings.len() {
        fs::remove_file(fixture.root().join("runs/good/promote/manifest.json")).unwrap();
        for lost in leavings[..nth].iter().flatten() {
            fs::remove_file(fixture.model(lost)).unwrap();
        }
        assert_eq!(fixture.promoted("good", &[]), undisturbed, "{nth}");
        let again = fixture.manifest("good").outputs;
        assert_eq!(again.iter().map(|output| (output.name.clone(), output.sha256)).collect::<Vec<_>>(), digests);
        assert_eq!((fixture.champion()["version"].as_u64(), fixture.history_len()), (Some(2), 2), "{nth}");
    }
}

#[test]
fn gates_are_asked_of_the_first_version_too() {
    let fixture = Fixture::new();
    fixture.stages("one", poor(0.3), NONE);
    fs::write(fixture.0.path().join("params.json"), r#"{"promote": {"min_roc_auc": 0.6}}"#).unwrap();
    let verdict = fixture.promoted("one", &["--params-uri=params.json"]);
    assert_eq!(verdict.verdict, Decision::Hold, "{}", verdict.reason);
    assert_eq!(fixture.history_len(), 0);
}

#[test]
fn a_cluster_that_nothing_serves_is_rejected() {
    let fixture = Fixture::new();
    fixture.stages("one", NONE, NONE);
    let output = fixture.promote("one", &[]);
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(stderr(&output).contains("no model can serve cluster 0: 0-forest: one class only"), "{}", stderr(&output));
    assert!(!fixture.model("").exists(), "no version is made");
}

#[test]
fn faults_have_their_codes() {
    let fixture = Fixture::new();
    fixture.stages("one", good(0.3), NONE);
    fs::write(fixture.0.path().join("params.json"), r#"{"promote": {"min_roc_auc": 6}}"#).unwrap();
    for (more, code, words) in [
        ("--model=a/b", 2, "a/b"),
        ("--tracking-uri=sqlite:///mlflow.db", 78, "--tracking-uri"),
        ("--params-uri=params.json", 78, "min_roc_auc is 6"),
    ] {
        let output = fixture.promote("one", &[more]);
        assert_eq!(output.status.code(), Some(code), "{more}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{more}: {}", stderr(&output));
    }
    fs::remove_dir_all(fixture.root().join("runs/one/train/0-boosting")).unwrap();
    let output = fixture.promote("one", &[]);
    assert_eq!(output.status.code(), Some(66), "{}", stderr(&output));
    assert!(stderr(&output).contains("train/0-boosting/manifest.json"), "{}", stderr(&output));
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/promote.yaml", &task_yaml::<Promote>());
    check_file("schemas/params/promote.json", &params_schema::<PromoteParams>().unwrap());
    check_part("steps/promote/README.md", &format!("{}{}", params_table::<PromoteParams>(), reference::<Promote>()));
}
