//! The real binary in shards, held against the same rows loaded at once.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use faultline_contract::{ExitCode, Manifest};
use faultline_runtime::{Step, execute};
use faultline_step_transform::Transform;
use faultline_step_validate::Validate;
use faultline_testkit::step::bytes_of;

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(rows_of_files: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        for (file, rows) in rows_of_files.iter().enumerate() {
            let mut content = "Part,T,P,Result\n".to_owned();
            for row in 0..*rows {
                writeln!(content, "{file}-{row},{},{row},{}", ["1.25", "", "-0.0"][row % 3], [1, -1][row % 2]).unwrap();
            }
            fs::write(folder.path().join(format!("raw/press_{:02}012024.csv", file + 1)), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn step<S: Step>(&self, run: &str, more: &[&str]) {
        let flag = |name: &str, value: &str| format!("--{name}={}", self.path(value).display());
        let common = [S::NAME.to_owned(), flag("root-uri", "root"), format!("--run-id={run}")];
        let args = common.into_iter().chain(more.iter().map(|flag| (*flag).to_owned())).map(Into::into);
        assert_eq!(execute::<S>(faultline_runtime::build_info!(), args).unwrap(), ExitCode::Committed);
    }

    /// Runs the two stages before, `transform` in so many shards where there are any.
    fn prepare(&self, run: &str, shards: u32) {
        let at = |name: &str, path: &str| format!("--{name}={}", self.path(path).display());
        self.step::<Validate>(run, &[&at("raw-uri", "raw"), &at("schema-uri", "schema.json")]);
        let upstream = at("validate-manifest-uri", &format!("root/runs/{run}/validate/manifest.json"));
        for index in 1..=shards {
            self.step::<Transform>(run, &[&upstream, &format!("--shard={index}/{shards}")]);
        }
        self.step::<Transform>(run, &[&upstream, &format!("--merge-shards={shards}")]);
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

    fn load(&self, run: &str, more: &[&str]) -> Output {
        self.start(run, more).wait_with_output().unwrap()
    }

    fn manifest(&self, run: &str) -> Manifest {
        serde_json::from_slice(&fs::read(self.path(&format!("root/runs/{run}/load/manifest.json"))).unwrap()).unwrap()
    }

    fn stored_rows(&self) -> i64 {
        let database = rusqlite::Connection::open(self.path("root/records.sqlite")).unwrap();
        database.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
    }
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn shards_side_by_side_leave_the_same_export_and_each_row_once() {
    // The export is more than one row group of 8,192.
    let rows_of_files = [30, 8900, 5];
    let alone = Fixture::new(&rows_of_files);
    alone.prepare("whole", 0);
    succeeded(&alone.load("whole", &[]));
    let whole = alone.manifest("whole");
    for shards in [1, 3, 8] {
        let fixture = Fixture::new(&rows_of_files);
        fixture.prepare("r", shards);
        let all = (1..=shards).map(|index| fixture.start("r", &[&format!("--shard={index}/{shards}")]));
        let all: Vec<Child> = all.collect();
        for shard in all {
            succeeded(&shard.wait_with_output().unwrap());
        }
        succeeded(&fixture.load("r", &[&format!("--merge-shards={shards}")]));
        let merged = fixture.manifest("r");
        let export = |manifest: &Manifest| manifest.output("export.parquet").map(|export| (export.sha256, export.rows));
        assert_eq!(export(&merged), export(&whole), "{shards} shards");
        let bytes = |manifest: &Manifest| bytes_of(manifest, "export.parquet");
        assert!(bytes(&merged) == bytes(&whole), "{shards} shards");
        assert_eq!((&merged.counts, merged.count("rows_added")), (&whole.counts, 8935));
        assert_eq!((merged.step_key, merged.merged_from.len() as u32), (whole.step_key, shards));
        assert_eq!(fixture.stored_rows(), 8935);

        // The next run finds all of it done, as long as the database has the rows.
        fixture.prepare("again", 0);
        succeeded(&fixture.load("again", &[]));
        assert!(fixture.manifest("again").reused_from.is_some());
        fs::remove_file(fixture.path("root/records.sqlite")).unwrap();
        fixture.prepare("emptied", 0);
        succeeded(&fixture.load("emptied", &[]));
        assert_eq!((fixture.manifest("emptied").reused_from, fixture.stored_rows()), (None, 8935));
    }
}

#[test]
fn the_shards_see_to_the_rows_of_an_earlier_result_and_the_merge_asks_for_none() {
    let fixture = Fixture::new(&[30, 40, 5]);
    let shards = |run: &str| {
        fixture.prepare(run, 2);
        for shard in ["--shard=1/2", "--shard=2/2"] {
            succeeded(&fixture.load(run, &[shard]));
        }
    };
    shards("first");
    succeeded(&fixture.load("first", &["--merge-shards=2"]));
    fs::remove_file(fixture.path("root/records.sqlite")).unwrap();
    shards("second");
    assert_eq!(fixture.stored_rows(), 75);
    fs::remove_file(fixture.path("root/records.sqlite")).unwrap();
    succeeded(&fixture.load("second", &["--merge-shards=2"]));
    assert!(fixture.manifest("second").reused_from.is_some());
}

#[test]
fn shards_need_a_table_of_as_many_shards() {
    let fixture = Fixture::new(&[4, 5]);
    fixture.prepare("r", 2);
    for (more, words) in [
        (&["--shard=1/3"][..], "from 2 shards, expected 3"),
        (&["--shard=1/3"], "start a new run with 3"),
        (&["--merge-shards=2"], "load --shard 1/2"),
        (&["--shard=1/2", "--merge-shards=2"], "two things at once"),
    ] {
        let output = fixture.load("r", more);
        assert!(!output.status.success() && stderr(&output).contains(words), "{}", stderr(&output));
    }
    fixture.prepare("plain", 0);
    let output = fixture.load("plain", &["--shard=1/2"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("from 0 shards") && stderr(&output).contains("hint:"), "{}", stderr(&output));
}
