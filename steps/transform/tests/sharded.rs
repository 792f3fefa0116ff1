//! The real binary in shards, held against the same files read at once.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use faultline_contract::{ExitCode, Manifest};
use faultline_runtime::execute;
use faultline_step_validate::Validate;
use faultline_testkit::step::bytes_of;

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "gate": {"max_rejected_file_ratio": 0.9, "max_quarantined_row_ratio": 1.0},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;

struct Fixture(tempfile::TempDir);

impl Fixture {
    /// One file with so many rows for each number, with gaps and rows that are refused.
    fn new(rows_of_files: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        for (file, rows) in rows_of_files.iter().enumerate() {
            let mut content = "Part,T,P,Result\n".to_owned();
            for row in 0..*rows {
                let value = ["1.25", "", "hot", "-0.0", "7e3"][(row * 7 + file) % 5];
                writeln!(content, "{file}-{row},{value},{row},{}", [1, -1][row % 2]).unwrap();
            }
            let name = format!("press_{:02}{:02}2024.csv", file % 28 + 1, file / 28 + 1);
            fs::write(folder.path().join("raw").join(name), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn validate(&self, run: &str) {
        let flag = |name: &str, value: &str| format!("--{name}={}", self.path(value).display()).into();
        let own = [flag("raw-uri", "raw"), flag("root-uri", "root"), flag("schema-uri", "schema.json")];
        let args = ["validate".into(), format!("--run-id={run}").into()].into_iter().chain(own);
        assert_eq!(execute::<Validate>(faultline_runtime::build_info!(), args).unwrap(), ExitCode::Committed);
    }

    fn transform(&self, run: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_transform"))
            .current_dir(self.0.path())
            .args(["--root-uri=root", "--no-cache", &format!("--run-id={run}")])
            .arg(format!("--validate-manifest-uri=root/runs/{run}/validate/manifest.json"))
            .args(more)
            .output()
            .unwrap()
    }

    fn succeeds(&self, run: &str, more: &[&str]) {
        let output = self.transform(run, more);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    fn manifest(&self, run: &str, part: &str) -> Manifest {
        let path = self.path(&format!("root/runs/{run}/transform/{part}manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn any_number_of_shards_leaves_the_same_table_under_the_same_key() {
    for rows_of_files in [&[5][..], &[700, 3, 2500], &[1, 1, 1, 1, 1, 1, 1, 1, 9000, 40, 40]] {
        let fixture = Fixture::new(rows_of_files);
        fixture.validate("whole");
        fixture.succeeds("whole", &[]);
        let whole = fixture.manifest("whole", "");
        for shards in [1, 3, 8] {
            let run = format!("in-{shards}");
            fixture.validate(&run);
            for index in (1..=shards).rev() {
                fixture.succeeds(&run, &[&format!("--shard={index}/{shards}")]);
            }
            fixture.succeeds(&run, &[&format!("--merge-shards={shards}")]);
            let merged = fixture.manifest(&run, "");
            let table = |manifest: &Manifest| manifest.output("table.parquet").map(|table| (table.sha256, table.rows));
            assert_eq!(table(&merged), table(&whole), "{rows_of_files:?} in {shards} shards");
            let bytes = |manifest: &Manifest| bytes_of(manifest, "table.parquet");
            assert!(bytes(&merged) == bytes(&whole), "{rows_of_files:?} in {shards} shards");
            assert_eq!((merged.step_key, &merged.inputs), (whole.step_key, &whole.inputs));
            assert_eq!((&merged.counts, &merged.facts), (&whole.counts, &whole.facts));
            let rows: u64 = (1..=shards)
                .map(|index| fixture.manifest(&run, &format!("shard-{index}-of-{shards}/")).count("rows_out"))
                .sum();
            assert_eq!(rows, whole.count("rows_out"));
        }
    }
}

#[test]
fn a_merge_of_other_files_or_of_too_few_shards_is_refused() {
    let fixture = Fixture::new(&[40, 50, 60]);
    fixture.validate("r");
    fixture.succeeds("r", &["--shard=1/2"]);
    let output = fixture.transform("r", &["--merge-shards=2"]);
    assert_eq!(output.status.code(), Some(66), "{}", stderr(&output));
    assert!(stderr(&output).contains("transform --shard 2/2"), "{}", stderr(&output));

    fixture.succeeds("r", &["--shard=2/2"]);
    let raw = fixture.path("raw/press_01032024.csv");
    fs::write(&raw, "Part,T,P,Result\nnew,1,2,1\n").unwrap();
    fixture.validate("other");
    let upstream = "--validate-manifest-uri=root/runs/other/validate/manifest.json";
    let output = Command::new(env!("CARGO_BIN_EXE_transform"))
        .current_dir(fixture.0.path())
        .args(["--root-uri=root", "--run-id=r", "--merge-shards=2", upstream])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("another share of the work"), "{}", stderr(&output));
}
