//! The real binary on a folder.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::process::Output;
use std::sync::Arc;

use faultline_contract::Digest;
use faultline_contract::documents::cluster::{ChosenBy, Clusters};
use faultline_runtime::reference::{params_schema, params_table, reference};
use faultline_runtime::task::task_yaml;
use faultline_step_cluster::{Cluster, ClusterParams};
use faultline_table::{Columns, Keys, Values};
use faultline_testkit::generated::{check_file, check_part};
use faultline_testkit::step::{StepFolder, stderr};

/// A manifest of preprocess with features behind it.
struct Fixture(StepFolder);

/// One wafer: its two features, whether it is faulty, whether it is held out.
type Wafer = ([f32; 2], bool, bool);

/// Three heaps of 40, the third without a faulty wafer; every fifth wafer is held out.
fn heaps() -> Vec<Wafer> {
    (0..120_u8)
        .map(|i| {
            let heap = i % 3;
            let spread = f32::from(i / 3) / 40.0;
            ([f32::from(heap) * 50.0 + spread, spread], heap < 2 && i % 4 == 0, i % 5 == 0)
        })
        .collect()
}

fn features(wafers: &[Wafer]) -> Columns {
    let keys = Keys {
        ids: (0..wafers.len()).map(|i| format!("W-{i}")).collect(),
        source_files: vec![Arc::from("w.csv"); wafers.len()],
        source_sha256s: vec![Digest::of(b"w"); wafers.len()],
        rows: (1..=wafers.len() as u64).collect(),
    };
    let matrix: Vec<f32> = wafers.iter().flat_map(|(values, _, _)| *values).collect();
    let split = wafers.iter().map(|(_, _, held_out)| if *held_out { "holdout" } else { "train" }.to_owned());
    let targets = wafers.iter().map(|(_, faulty, _)| Some(u8::from(*faulty)));
    Columns::new(wafers.len())
        .with_keys(&keys)
        .and_then(|table| table.with("_time", Values::Moment(vec![0; wafers.len()])))
        .and_then(|table| table.with("_target", Values::OptionalU8(targets.collect())))
        .and_then(|table| table.with("_split", Values::Text(split.collect())))
        .and_then(|table| table.with_matrix(&["a".to_owned(), "b".to_owned()], &matrix))
        .unwrap()
}

impl Fixture {
    fn new(wafers: &[Wafer]) -> Self {
        let fixture = Self(StepFolder::new("cluster", env!("CARGO_BIN_EXE_cluster")));
        fixture.write(wafers);
        fixture
    }

    fn write(&self, wafers: &[Wafer]) {
        self.0.upstream("preprocess", |folder| features(wafers).write(&folder.join("features.parquet")).unwrap());
    }

    fn cluster(&self, run: &str, more: &[&str]) -> Output {
        self.0.run(run, &["preprocess"], more)
    }

    fn assigned(&self, run: &str) -> Vec<i64> {
        let table = Columns::read(&self.0.output(run, "assignments.parquet")).unwrap();
        table.i64("cluster").unwrap().to_vec()
    }
}

#[test]
fn heaps_become_clusters_and_those_that_cannot_be_trained_share_a_model() {
    let fixture = Fixture::new(&heaps());
    let path = fixture.0.path().join("models");
    let output = fixture.cluster("r1", &[&format!("--result-models-path={}", path.display())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let clusters: Clusters = fixture.0.document("r1", "clusters.json");
    assert_eq!((clusters.k, clusters.knee, clusters.chosen_by), (3, Some(3), ChosenBy::Knee));
    assert_eq!(clusters.elbow.len(), 10);
    let assigned = fixture.assigned("r1");
    assert!((0..120).all(|row| assigned[row] == assigned[row % 3]), "{assigned:?}");
    let rows: Vec<u64> = clusters.clusters.iter().map(|c| c.train.rows + c.holdout.rows).collect();
    assert_eq!(rows, [40, 40, 40]);

    let without_faulty = assigned[2] as usize;
    assert!(!clusters.clusters[without_faulty].trainable);
    assert_eq!(clusters.model_of_cluster[&without_faulty], "pooled");
    assert_eq!(clusters.models.len(), 3);
    assert_eq!(clusters.models[2], "pooled");
    let result: Vec<String> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(result, clusters.models);
}

#[test]
fn held_out_rows_change_nothing_that_is_fitted() {
    let fixture = Fixture::new(&heaps());
    assert_eq!(fixture.cluster("r1", &[]).status.code(), Some(0));
    let mut other = heaps();
    for (values, _, _) in other.iter_mut().filter(|(_, _, held_out)| *held_out) {
        *values = [-500.0, 500.0];
    }
    fixture.write(&other);
    assert_eq!(fixture.cluster("r2", &[]).status.code(), Some(0));
    let [one, two]: [Clusters; 2] = ["r1", "r2"].map(|run| fixture.0.document(run, "clusters.json"));
    assert_eq!((one.centroids, one.elbow, one.models), (two.centroids, two.elbow, two.models));
}

#[test]
fn no_knee_few_rows_and_one_row_are_one_cluster() {
    let alike: Vec<Wafer> = (0..40).map(|i| ([1.0, 2.0], i % 3 == 0, false)).collect();
    for (wafers, chosen_by, models) in [
        (&alike[..], ChosenBy::NoKnee, ["0"]),
        (&alike[..2], ChosenBy::TooFewRows, ["pooled"]),
        (&alike[..1], ChosenBy::TooFewRows, ["pooled"]),
    ] {
        let fixture = Fixture::new(wafers);
        let output = fixture.cluster("r1", &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let clusters: Clusters = fixture.0.document("r1", "clusters.json");
        assert_eq!((clusters.k, clusters.chosen_by), (1, chosen_by));
        assert_eq!(clusters.models, models);
    }
}

#[test]
fn params_decide_the_number_and_who_is_too_small() {
    let fixture = Fixture::new(&heaps());
    fixture.0.params(r#"{"k": 2, "min_rows": 1000}"#);
    assert_eq!(fixture.cluster("r1", &["--params-uri=params.json"]).status.code(), Some(0));
    let clusters: Clusters = fixture.0.document("r1", "clusters.json");
    assert_eq!((clusters.k, clusters.chosen_by), (2, ChosenBy::Params));
    assert_eq!(clusters.models, ["pooled"]);

    for (section, words) in [(r#"{"k_max": 0}"#, "`k_max` is 0"), (r#"{"kmax": 3}"#, "k_max")] {
        fixture.0.params(section);
        let output = fixture.cluster("r2", &["--params-uri=params.json"]);
        assert_eq!(output.status.code(), Some(78), "{section}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{section}: {}", stderr(&output));
    }
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/cluster.yaml", &task_yaml::<Cluster>());
    check_file("schemas/params/cluster.json", &params_schema::<ClusterParams>().unwrap());
    check_part("steps/cluster/README.md", &format!("{}{}", params_table::<ClusterParams>(), reference::<Cluster>()));
}
