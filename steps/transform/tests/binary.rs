//! The real binary on a folder, after the real `validate`.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use faultline_contract::{Digest, ExitCode, Manifest};
use faultline_runtime::execute;
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_transform::Transform;
use faultline_step_validate::Validate;
use faultline_table::Table;
use faultline_testkit::generated::{check_file, check_part};
use faultline_testkit::step::path_of;

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "gate": {"max_rejected_file_ratio": 0.5},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;
const FIRST: &str = "Part,T,P,Result\nA,1.5,2,1\nB,hot,3,-1\nC,,-0.25,-1\n";
const SECOND: &str = "Result,P,T,Part\n-1,8,7,D\n";

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        for (name, content) in files {
            fs::write(folder.path().join("raw").join(name), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn validate(&self, run: &str, purpose: &str) -> ExitCode {
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display()).into();
        let args = [
            "validate".into(),
            flag("raw-uri", &self.path("raw")),
            flag("root-uri", &self.path("root")),
            flag("schema-uri", &self.path("schema.json")),
            format!("--run-id={run}").into(),
            format!("--purpose={purpose}").into(),
        ];
        execute::<Validate>(faultline_runtime::build_info!(), args).unwrap_or_else(|failure| failure.code())
    }

    fn transform(&self, run: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_transform"))
            .current_dir(self.0.path())
            .args(["--root-uri=root", &format!("--run-id={run}")])
            .arg(format!("--validate-manifest-uri=root/runs/{run}/validate/manifest.json"))
            .output()
            .unwrap()
    }

    fn manifest(&self, run: &str) -> Manifest {
        let path = self.path(&format!("root/runs/{run}/transform/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn table(&self, run: &str) -> Table {
        Table::read(&path_of(&self.manifest(run), "table.parquet")).unwrap()
    }
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_table_holds_the_accepted_rows_in_the_order_of_their_files() {
    let fixture =
        Fixture::new(&[("press_02022024.csv", SECOND), ("press_01022024.csv", FIRST), ("notes.txt", "no batch")]);
    assert_eq!(fixture.validate("r1", "train"), ExitCode::Committed);
    succeeded(&fixture.transform("r1"));

    let table = fixture.table("r1");
    assert_eq!(table.feature_names, ["T", "P"]);
    assert_eq!(table.keys.ids, ["A", "C", "D"]);
    let files: Vec<&str> = table.keys.source_files.iter().map(AsRef::as_ref).collect();
    assert_eq!(files, ["press_01022024.csv", "press_01022024.csv", "press_02022024.csv"]);
    let (first, second) = (Digest::of(FIRST.as_bytes()), Digest::of(SECOND.as_bytes()));
    assert_eq!(table.keys.source_sha256s, [first, first, second]);
    assert_eq!((&table.keys.rows[..], &table.lines[..]), (&[1, 3, 1][..], &[2, 4, 2][..]));
    assert_eq!(table.byte_offsets, [16, 37, 16]);
    assert_eq!(table.times, [1_706_745_600, 1_706_745_600, 1_706_832_000]);
    assert_eq!(table.targets, [Some(1), Some(0), Some(0)]);
    assert_eq!(table.row(0), [1.5, 2.0]);
    assert!(table.row(1)[0].is_nan());
    assert_eq!((table.row(1)[1], table.row(2)), (-0.25, &[7.0, 8.0][..]));

    let manifest = fixture.manifest("r1");
    let counts = ["files_in", "rows_in", "rows_out"].map(|name| manifest.count(name));
    assert_eq!((counts, manifest.output("table.parquet").unwrap().rows), ([2, 3, 3], Some(3)));
    assert_eq!((&manifest.facts["dataset"], &manifest.facts["purpose"]), (&"press".into(), &"train".into()));
}

#[test]
fn predicting_leaves_the_targets_out() {
    let fixture = Fixture::new(&[("press_02022024.csv", SECOND)]);
    assert_eq!(fixture.validate("r1", "predict"), ExitCode::Committed);
    succeeded(&fixture.transform("r1"));
    assert_eq!(fixture.table("r1").targets, [None]);
}

#[test]
fn the_same_input_is_not_transformed_twice() {
    let fixture = Fixture::new(&[("press_01022024.csv", FIRST)]);
    for run in ["r1", "r2"] {
        assert_eq!(fixture.validate(run, "train"), ExitCode::Committed);
        succeeded(&fixture.transform(run));
    }
    let (first, second) = (fixture.manifest("r1"), fixture.manifest("r2"));
    assert_eq!(first.step_key, second.step_key);
    assert_eq!((first.reused_from.is_some(), second.reused_from.is_some()), (false, true));
    assert_eq!(first.outputs, second.outputs);
}

#[test]
fn a_raw_file_that_changed_since_is_refused() {
    let fixture = Fixture::new(&[("press_01022024.csv", FIRST)]);
    assert_eq!(fixture.validate("r1", "train"), ExitCode::Committed);
    fs::write(fixture.path("raw/press_01022024.csv"), FIRST.replace("1.5", "1.6")).unwrap();
    let output = fixture.transform("r1");
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    let words = stderr(&output);
    assert!(words.contains("press_01022024.csv") && words.contains("hint:"), "{words}");
    assert!(!fixture.path("root/runs/r1/transform/manifest.json").exists());
}

#[test]
fn rejected_data_is_refused() {
    let fixture = Fixture::new(&[("press_01022024.csv", FIRST), ("a.csv", FIRST), ("b.csv", FIRST)]);
    assert_eq!(fixture.validate("r1", "train"), ExitCode::DataRejected);
    let output = fixture.transform("r1");
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(!fixture.path("root/runs/r1/transform").exists());
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/transform.yaml", &task_yaml::<Transform>());
    check_part("steps/transform/README.md", &reference::<Transform>());
}
