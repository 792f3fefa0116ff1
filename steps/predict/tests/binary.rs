//! The real binary on a folder, with a champion in its registry and an export as load writes it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use faultline_bundle::Model;
use faultline_contract::documents::cluster::{ChosenBy, Clusters};
use faultline_contract::documents::evaluation::Calibration;
use faultline_contract::documents::predict::Summary;
use faultline_contract::documents::promote::{BUNDLE_FORMAT_VERSION, BundleIndex, BundleModel, Task};
use faultline_contract::{Digest, Manifest};
use faultline_learn::boosting::{BoostingParams, fit_boosting};
use faultline_learn::impute::KnnImputerParams;
use faultline_learn::preprocess::{Preprocessor, PreprocessorParams};
use faultline_learn::{OwnedSamples, Samples};
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_predict::Predict;
use faultline_store::StoreUrl;
use faultline_table::{Columns, Table, Values};
use faultline_testkit::generated::{check_file, check_part};
use faultline_tracking::{Author, Promotion, Registry};
use serde_json::json;

#[path = "binary/sharded.rs"]
mod sharded;

const N_ROWS: usize = 120;

struct Fixture(tempfile::TempDir);

fn names() -> Vec<String> {
    ["a", "b"].map(str::to_owned).to_vec()
}

/// Rows in two far groups; who is faulty hangs on `b`, the other way round in the other group; holes in `a`.
fn rows() -> Vec<f32> {
    (0..N_ROWS)
        .flat_map(|i| {
            let group = (i % 2) as f32;
            [if i % 13 == 5 { f32::NAN } else { group }, 50.0 * group + (i * 31 % 17) as f32 / 17.0]
        })
        .collect()
}

fn faulty(i: usize) -> u8 {
    let high = i * 31 % 17 > 8;
    u8::from(high == i.is_multiple_of(2))
}

fn export(path: &Path, names: &[String], features: &[f32]) {
    let table = Columns::new(N_ROWS)
        .with("_id", Values::Text((0..N_ROWS).map(|i| format!("w{i}")).collect()))
        .and_then(|table| table.with("_source_file", Values::Text(vec!["f.csv".to_owned(); N_ROWS])))
        .and_then(|table| table.with("_source_sha256", Values::Text(vec![Digest::of(b"raw").to_string(); N_ROWS])))
        .and_then(|table| table.with("_row", Values::I64((1..=N_ROWS as i64).collect())))
        .and_then(|table| table.with("_time", Values::Moment(vec![0; N_ROWS])))
        .and_then(|table| table.with("_line", Values::I64((2..=N_ROWS as i64 + 1).collect())))
        .and_then(|table| table.with("_byte_offset", Values::I64((0..N_ROWS as i64).collect())))
        .and_then(|table| table.with("_target", Values::OptionalU8(vec![None; N_ROWS])))
        .and_then(|table| table.with_matrix(names, features));
    table.unwrap().write(path).unwrap();
}

fn manifest(folder: &Path) {
    let content = fs::read(folder.join("export.parquet")).unwrap();
    let digest = Digest::of(&content).to_string();
    let manifest = json!({
        "format_version": 1, "step": "load", "step_key": digest, "run_id": "r0", "faultline_version": "0.1.0",
        "code_digest": digest, "params": {}, "seed": 7, "inputs": [], "counts": {}, "outcome": "accepted",
        "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z",
        "outputs": [{"name": "export.parquet", "uri": format!("file://{}", folder.join("export.parquet").display()),
                     "sha256": digest, "bytes": content.len(), "media_type": "application/vnd.apache.parquet"}],
    });
    fs::write(folder.join("load.json"), manifest.to_string()).unwrap();
}

/// Writes the parts of a bundle, fitted on [`rows`], and returns its index without files. The two models differ.
fn write_bundle(folder: &Path) -> BundleIndex {
    let (features, all) = (rows(), (0..N_ROWS).collect::<Vec<_>>());
    let samples = Samples::new(&features, N_ROWS, 2).unwrap();
    let params =
        PreprocessorParams { imputer: KnnImputerParams { n_neighbors: 3, max_donors: 1000, seed: 7 }, scale: true };
    let (preprocessor, transformed) = Preprocessor::fit_transform(&names(), &samples, &all, &params).unwrap();
    let state = preprocessor.state();
    fs::write(folder.join("preprocessor.json"), serde_json::to_vec(state).unwrap()).unwrap();
    let donors = Columns::new(N_ROWS).with_matrix(&names(), preprocessor.donors().features).unwrap();
    donors.write(&folder.join("donors.parquet")).unwrap();

    let of = |group: usize| -> OwnedSamples {
        transformed.as_samples().select(&(group..N_ROWS).step_by(2).collect::<Vec<_>>()).unwrap()
    };
    let centroid =
        |group: usize| -> Vec<f64> { of(group).as_samples().row(0).iter().copied().map(f64::from).collect() };
    let names: Vec<String> = ["0", "1"].map(str::to_owned).to_vec();
    let clusters = Clusters {
        k: 2,
        knee: Some(2),
        chosen_by: ChosenBy::Knee,
        elbow: Vec::new(),
        feature_names: state.feature_names_out.clone(),
        centroids: vec![centroid(0), centroid(1)],
        clusters: Vec::new(),
        models: names.clone(),
        model_of_cluster: names.iter().cloned().enumerate().collect(),
    };
    fs::write(folder.join("clusters.json"), serde_json::to_vec(&clusters).unwrap()).unwrap();

    let mut models = BTreeMap::new();
    for (group, name) in names.iter().enumerate() {
        let targets: Vec<u8> = (group..N_ROWS).step_by(2).map(faulty).collect();
        let params = BoostingParams { n_estimators: 20, ..BoostingParams::default() }.check().unwrap();
        let trees = fit_boosting(&of(group).as_samples(), &targets, None, &params, 7).unwrap();
        let model = Model::Boosting(trees);
        let file = format!("models/{name}/model.ubj");
        fs::create_dir_all(folder.join("models").join(name)).unwrap();
        model.write(&folder.join(&file)).unwrap();
        models.insert(
            name.clone(),
            BundleModel { family: model.family(), file, calibration: Calibration::None, threshold: 0.5 },
        );
    }
    BundleIndex {
        format_version: BUNDLE_FORMAT_VERSION,
        task: Task::Binary,
        dataset: "test".to_owned(),
        features: state.feature_names_in.clone(),
        labels: ["good", "faulty"].map(str::to_owned),
        model_of_cluster: names,
        models,
        seed: 7,
        holdout_ratio: 0.0,
        makers: BTreeMap::new(),
        files: Vec::new(),
    }
}

async fn promote(folder: &Path) {
    let bundle = folder.join("bundle");
    fs::create_dir(&bundle).unwrap();
    let mut index = write_bundle(&bundle);
    let store = faultline_store::open(&StoreUrl::parse("root", folder).unwrap()).await.unwrap();
    let registry = Registry::new(store, "press".parse().unwrap());
    let run_id = "r0".parse().unwrap();
    let version = registry.claim(&run_id, "2026-01-01T00:00:00Z").await.unwrap().version;
    let models = index.models.values().map(|model| model.file.clone());
    let mut paths: Vec<String> =
        ["clusters.json", "donors.parquet", "preprocessor.json"].map(str::to_owned).into_iter().chain(models).collect();
    paths.sort();
    for path in paths {
        index.files.push(registry.put_file(version, &path, &bundle.join(&path)).await.unwrap());
    }
    registry.commit(version, &index).await.unwrap();
    let author = Author { by: "test".to_owned(), at: "2026-01-01T00:00:00Z".to_owned(), reason: "first".to_owned() };
    let promotion = Promotion { version, expected_seq: 0, run_id, author, figures: json!(null) };
    registry.promote(promotion).await.unwrap();
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        export(&folder.path().join("export.parquet"), &names(), &rows());
        manifest(folder.path());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(promote(folder.path()));
        Self(folder)
    }

    fn predict(&self, run: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_predict"))
            .current_dir(self.0.path())
            .args(["--load-manifest-uri=load.json", "--root-uri=root"])
            .arg(format!("--run-id={run}"))
            .args(if more.is_empty() { &["--model=press"] } else { more })
            .output()
            .unwrap()
    }

    fn predicted(&self, run: &str) -> Manifest {
        let output = self.predict(run, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let path = self.0.path().join(format!("root/runs/{run}/predict/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(manifest: &Manifest, name: &str) -> PathBuf {
    PathBuf::from(manifest.output(name).unwrap().uri.strip_prefix("file://").unwrap())
}

#[test]
fn one_row_comes_out_per_row_scored_by_its_own_cluster() {
    let fixture = Fixture::new();
    let manifest = fixture.predicted("r1");
    assert_eq!(["rows_in", "rows_out"].map(|name| manifest.count(name)), [N_ROWS as u64; 2]);
    assert_eq!(manifest.facts["model_version"], "1");
    let predictions = Columns::read(&path(&manifest, "predictions.parquet")).unwrap();
    assert_eq!(predictions.keys().unwrap(), Table::read(&fixture.0.path().join("export.parquet")).unwrap().keys);
    for i in 0..N_ROWS {
        assert_eq!(predictions.i64("cluster").unwrap()[i], (i % 2) as i64, "row {i}");
        assert_eq!(predictions.text("decision").unwrap()[i], ["good", "faulty"][usize::from(faulty(i))], "row {i}");
    }
    let csv = fs::read_to_string(path(&manifest, "predictions.csv")).unwrap();
    assert_eq!(csv.lines().count(), N_ROWS + 1);
    let header = "_id,_source_file,_source_sha256,_row,cluster,model_version,probability,decision,top_1_feature,top_1_contribution,\
         top_2_feature,top_2_contribution,top_3_feature,top_3_contribution";
    assert_eq!(csv.lines().next().unwrap(), header);
    let summary: Summary = serde_json::from_slice(&fs::read(path(&manifest, "summary.json")).unwrap()).unwrap();
    let called = (0..N_ROWS).map(|i| u64::from(faulty(i))).sum::<u64>();
    assert_eq!((summary.rows, summary.rows_faulty, manifest.count("faulty")), (N_ROWS as u64, called, called));
    assert_eq!(summary.clusters.iter().map(|cluster| cluster.rows).collect::<Vec<_>>(), [60, 60]);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let fixture = Fixture::new();
    let first = fixture.predicted("r1");
    let turned: Vec<f32> = rows().chunks(2).flat_map(|row| [row[1], 9.0, row[0]]).collect();
    let names = ["b", "new", "a"].map(str::to_owned);
    export(&fixture.0.path().join("export.parquet"), &names, &turned);
    manifest(fixture.0.path());
    let second = fixture.predicted("r2");
    assert_eq!(
        first.output("predictions.parquet").unwrap().sha256,
        second.output("predictions.parquet").unwrap().sha256
    );
}

#[test]
fn another_champion_is_another_step_key() {
    let fixture = Fixture::new();
    let first = fixture.predicted("r1");
    assert_eq!(fixture.predicted("r2").reused_from.as_deref().map(|uri| uri.contains("/r1/")), Some(true));
    assert!(first.inputs.iter().any(|input| input.name == "bundle/bundle.json"));
    assert_eq!(first.params["model_version"], 1);
}

#[test]
fn a_changed_file_of_the_bundle_is_refused() {
    let fixture = Fixture::new();
    let model = fixture.0.path().join("root/models/press/versions/1/models/0/model.ubj");
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, bytes).unwrap();
    let output = fixture.predict("r1", &[]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("model.ubj"), "{}", stderr(&output));
}

#[test]
fn wrong_input_gets_an_error_that_says_what_to_do() {
    let fixture = Fixture::new();
    for (more, code, words) in [
        (["--model=absent"].as_slice(), 66, "run the train pipeline first"),
        (&["--model=a/b"], 2, "--model"),
        (&["--model=press", "--tracking-uri=http://me:planted@localhost"], 78, "--tracking-uri"),
    ] {
        let output = fixture.predict("r1", more);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{more:?}: {}", stderr(&output));
    }
    let only_a: Vec<f32> = rows().chunks(2).map(|row| row[0]).collect();
    export(&fixture.0.path().join("export.parquet"), &names()[..1], &only_a);
    manifest(fixture.0.path());
    let output = fixture.predict("r1", &[]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("no feature `b`"), "{}", stderr(&output));
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/predict.yaml", &task_yaml::<Predict>());
    check_part("steps/predict/README.md", &reference::<Predict>());
}
