//! The real binary on a folder, after the real `validate` and `transform`.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use faultline_contract::{Digest, ExitCode, Manifest};
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_runtime::{Step, execute};
use faultline_step_load::Load;
use faultline_step_transform::Transform;
use faultline_step_validate::Validate;
use faultline_table::Table;
use faultline_testkit::generated::{check_file, check_part};

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;
const FIRST: (&str, &str) = ("press_01022024.csv", "Part,T,P,Result\nA,1.5,2,1\nB,,3,-1\nC,0.1,-0.0,-1\n");
const SECOND: (&str, &str) = ("press_02022024.csv", "Part,T,P,Result\nD,7,8,-1\nE,9,10,1\n");

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        let fixture = Self(folder);
        for (name, content) in files {
            fixture.raw(name, content);
        }
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn raw(&self, name: &str, content: &str) {
        fs::write(self.path("raw").join(name), content).unwrap();
    }

    /// Runs the two stages before.
    fn prepare(&self, run: &str, purpose: &str) {
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let common = [flag("root-uri", &self.path("root")), format!("--run-id={run}")];
        let own = [
            flag("raw-uri", &self.path("raw")),
            flag("schema-uri", &self.path("schema.json")),
            format!("--purpose={purpose}"),
        ];
        step::<Validate>(common.iter().chain(&own));
        let upstream = flag("validate-manifest-uri", &self.path(&format!("root/runs/{run}/validate/manifest.json")));
        step::<Transform>(common.iter().chain([&upstream]));
    }

    fn start(&self, run: &str, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_load"))
            .current_dir(self.0.path())
            .args(["--root-uri=root", &format!("--run-id={run}")])
            .arg(format!("--transform-manifest-uri=root/runs/{run}/transform/manifest.json"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs all three stages.
    fn load(&self, run: &str, purpose: &str, more: &[&str]) -> Manifest {
        self.prepare(run, purpose);
        succeeded(&self.start(run, more).wait_with_output().unwrap());
        self.manifest(run)
    }

    fn manifest(&self, run: &str) -> Manifest {
        let path = self.path(&format!("root/runs/{run}/load/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("root/records.sqlite")).unwrap()
    }

    fn stored_rows(&self) -> i64 {
        self.database().query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
    }
}

fn step<S: Step>(args: impl Iterator<Item = impl AsRef<str>>) {
    let args = std::iter::once(S::NAME.into()).chain(args.map(|arg| arg.as_ref().into()));
    assert_eq!(execute::<S>(faultline_runtime::build_info!(), args).unwrap(), ExitCode::Committed);
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn export(manifest: &Manifest) -> (Digest, Table) {
    let output = manifest.output("export.parquet").unwrap();
    (output.sha256, Table::read(Path::new(output.uri.strip_prefix("file://").unwrap())).unwrap())
}

#[test]
fn the_export_is_the_table_read_back() {
    let fixture = Fixture::new(&[FIRST, SECOND]);
    let manifest = fixture.load("r1", "train", &[]);
    let counts = ["rows_in", "rows_out", "rows_added"].map(|name| manifest.count(name));
    assert_eq!((counts, fixture.stored_rows()), ([5, 5, 5], 5));
    let (sha256, table) = export(&manifest);
    assert_eq!(sha256, manifest.inputs[0].sha256, "the layouts of the table and the export are the same");
    assert_eq!(table.keys.ids, ["A", "B", "C", "D", "E"]);
    assert_eq!(table.targets, [Some(1), Some(0), Some(0), Some(0), Some(1)]);
    assert_eq!(table.row(2)[1].to_bits(), (-0.0_f32).to_bits());
    assert!(table.row(1)[0].is_nan());
}

#[test]
fn a_run_again_adds_no_row() {
    let fixture = Fixture::new(&[FIRST, SECOND]);
    let first = fixture.load("r1", "train", &[]);
    let again = fixture.load("r2", "train", &["--no-cache"]);
    assert_eq!((again.count("rows_added"), again.reused_from.is_none()), (0, true));
    assert_eq!((fixture.stored_rows(), export(&again).0), (5, export(&first).0));
    assert!(fixture.load("r3", "train", &[]).reused_from.is_some());
}

#[test]
fn a_result_is_reused_only_if_the_database_has_its_rows() {
    for damage in [
        "DELETE FROM records WHERE id = 'D'",
        "UPDATE records SET target = NULL WHERE id = 'B'",
        "UPDATE records SET features = zeroblob(8) WHERE id = 'B'",
    ] {
        let fixture = Fixture::new(&[FIRST, SECOND]);
        let first = fixture.load("r1", "train", &[]);
        assert_eq!(fixture.database().execute(damage, []).unwrap(), 1);
        let second = fixture.load("r2", "train", &[]);
        assert!(second.reused_from.is_none(), "{damage}");
        assert_eq!((fixture.stored_rows(), export(&second).0), (5, export(&first).0), "{damage}");
    }
    let fixture = Fixture::new(&[FIRST]);
    fixture.load("r1", "train", &[]);
    let elsewhere = fixture.load("r2", "train", &["--records-uri=other.sqlite"]);
    assert!(elsewhere.reused_from.is_none(), "another database has no rows yet");
    assert_eq!(elsewhere.count("rows_added"), 3);
}

#[test]
fn a_changed_file_adds_its_rows_and_the_run_uses_only_those() {
    let fixture = Fixture::new(&[FIRST, SECOND]);
    fixture.load("r1", "train", &[]);
    fixture.raw(SECOND.0, "Part,T,P,Result\nD,7,8.5,-1\n");
    let changed = fixture.load("r2", "train", &[]);
    assert_eq!((changed.count("rows_added"), fixture.stored_rows()), (1, 6));
    let (sha256, table) = export(&changed);
    assert_eq!(table.keys.ids, ["A", "B", "C", "D"]);
    assert_eq!(table.row(3), [7.0, 8.5]);

    let alone = Fixture::new(&[FIRST, (SECOND.0, "Part,T,P,Result\nD,7,8.5,-1\n")]);
    let alone = export(&alone.load("r1", "train", &[])).0;
    assert_eq!(sha256, alone, "what else is in the database does not matter");
}

#[test]
fn runs_at_once_store_each_row_once() {
    let mut content = "Part,T,P,Result\n".to_owned();
    for row in 0..3_000 {
        writeln!(content, "W{row},{row},{}.5,{}", row * 7 % 11, [1, -1][row % 2]).unwrap();
    }
    let fixture = Fixture::new(&[FIRST, (SECOND.0, &content)]);
    let runs = ["r1", "r2", "r3"];
    for run in runs {
        fixture.prepare(run, "train");
    }
    let started: Vec<Child> = runs.iter().map(|run| fixture.start(run, &["--no-cache"])).collect();
    for child in started {
        succeeded(&child.wait_with_output().unwrap());
    }
    let manifests = runs.map(|run| fixture.manifest(run));
    assert_eq!(manifests.iter().map(|manifest| manifest.count("rows_added")).sum::<u64>(), 3_003);
    assert_eq!(fixture.stored_rows(), 3_003);
    let digests = manifests.map(|manifest| export(&manifest).0);
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn predicting_on_training_files_keeps_their_labels() {
    let fixture = Fixture::new(&[FIRST]);
    let train = fixture.load("train", "train", &[]);
    let predict = fixture.load("predict", "predict", &[]);
    assert_eq!(export(&predict).1.targets, [None; 3]);
    let again = fixture.load("again", "train", &["--no-cache"]);
    assert_eq!((again.count("rows_added"), export(&again).0), (0, export(&train).0));
    assert!(fixture.load("reused", "train", &[]).reused_from.is_some());
}

#[test]
fn another_schema_of_the_same_data_set_replaces_the_rows() {
    let fixture = Fixture::new(&[FIRST]);
    let first = fixture.load("r1", "train", &[]);
    fs::write(fixture.path("schema.json"), SCHEMA.replace("\"T\"", "\"t\"")).unwrap();
    let renamed = fixture.load("r2", "train", &[]);
    assert_eq!((renamed.count("rows_added"), fixture.stored_rows()), (0, 3));
    assert_eq!(export(&renamed).1.feature_names, ["t", "P"]);
    fs::write(fixture.path("schema.json"), SCHEMA).unwrap();
    let back = fixture.load("r3", "train", &[]);
    assert!(back.reused_from.is_none(), "the rows have other names by now");
    assert_eq!(export(&back).0, export(&first).0);
}

#[test]
fn a_database_that_cannot_serve_gets_an_error_that_says_what_to_do() {
    let fixture = Fixture::new(&[FIRST]);
    fixture.prepare("r1", "train");
    fs::write(fixture.path("text"), "this is no database, it is a text of some length").unwrap();
    for (uri, code, words) in [
        ("redis://me:hunter2@host/db", 78, "sqlite:///"),
        ("sqlite://relative", 78, "sqlite://relative"),
        ("text", 78, "no SQLite database"),
    ] {
        let output = fixture.start("r1", &[&format!("--records-uri={uri}")]).wait_with_output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{uri}: {said}");
        assert!(said.contains(words) && said.contains("--records-uri"), "{uri}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/load.yaml", &task_yaml::<Load>());
    check_part("steps/load/README.md", &reference::<Load>());
}
