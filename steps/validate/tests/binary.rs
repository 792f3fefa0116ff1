//! The real binary on a folder.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use faultline_contract::documents::validate::{Accepted, Profile};
use faultline_contract::{Digest, Manifest, Outcome};
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_validate::Validate;
use faultline_testkit::generated::{check_file, check_part};

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "gate": {"max_rejected_file_ratio": 0.5},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;
const GOOD: &str = "Part,T,P,Result\nA,1.5,2,1\nB,,3,-1\nC,hot,3,-1\n";

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

    fn validate(&self, run: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_validate"))
            .current_dir(self.0.path())
            .args(["--raw-uri=raw", "--root-uri=root", "--schema-uri=schema.json"])
            .arg(format!("--run-id={run}"))
            .args(more)
            .output()
            .unwrap()
    }

    fn manifest(&self, run: &str) -> Manifest {
        let path = self.0.path().join(format!("root/runs/{run}/validate/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn output(&self, run: &str, name: &str) -> String {
        let manifest = self.manifest(run);
        let uri = &manifest.output(name).unwrap().uri;
        fs::read_to_string(PathBuf::from(uri.strip_prefix("file://").unwrap())).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn accepts_what_is_right_and_quarantines_the_rest_with_reasons() {
    let fixture = Fixture::new(&[("press_01022024.csv", GOOD), ("press_31022024.csv", GOOD)]);
    let path = fixture.0.path().join("files-accepted");
    let result = format!("--result-files-accepted-path={}", path.display());
    let output = fixture.validate("r1", &[&result]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(path).unwrap(), "1");

    let manifest = fixture.manifest("r1");
    let counts =
        ["files_in", "files_accepted", "files_quarantined", "rows_in", "rows_accepted", "rows_quarantined", "rows_out"];
    assert_eq!(counts.map(|name| manifest.count(name)), [2, 1, 1, 6, 2, 4, 2]);
    let accepted: Accepted = serde_json::from_str(&fixture.output("r1", "accepted.json")).unwrap();
    assert_eq!((accepted.files.len(), accepted.files[0].rows_accepted, accepted.files[0].rows_quarantined), (1, 2, 1));
    assert_eq!(accepted.files[0].time_secs, 1_706_745_600);
    assert_eq!(accepted.files[0].sha256, Digest::of(GOOD.as_bytes()));
    assert_eq!(accepted.files[0].blake3, Some(Digest::from(*blake3::hash(GOOD.as_bytes()).as_bytes())));
    let profile: Profile = serde_json::from_str(&fixture.output("r1", "profile.json")).unwrap();
    assert_eq!((profile.file_reasons["name_date"], profile.row_reasons["type_mismatch"]), (1, 1));
    assert_eq!(profile.columns[0].missing, 1);

    let quarantine = fixture.output("r1", "quarantine.jsonl");
    let entries: Vec<serde_json::Value> = quarantine.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = entries.iter().find(|entry| entry["code"] == "type_mismatch").unwrap();
    assert_eq!(
        (&row["file"], &row["line"], &row["byte_offset"], &row["column"], &row["value"]),
        (&"press_01022024.csv".into(), &4.into(), &36.into(), &"T".into(), &"hot".into())
    );
}

#[test]
fn a_failed_gate_commits_the_evidence_and_exits_with_65() {
    let fixture = Fixture::new(&[("press_01022024.csv", GOOD), ("a.csv", GOOD), ("b.csv", "x")]);
    let output = fixture.validate("r1", &[]);
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(stderr(&output).contains("max_rejected_file_ratio"), "{}", stderr(&output));
    assert_eq!(fixture.manifest("r1").outcome, Outcome::Rejected);
    assert_eq!(
        fixture.output("r1", "quarantine.jsonl").lines().filter(|line| line.contains("name_pattern")).count(),
        2
    );
}

#[test]
fn predicting_needs_no_labels() {
    let fixture = Fixture::new(&[("press_01022024.csv", "Part,T,P\nA,1,2\n")]);
    assert_eq!(fixture.validate("train", &[]).status.code(), Some(65));
    let output = fixture.validate("predict", &["--purpose=predict"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn wrong_input_gets_an_error_that_says_what_to_do() {
    let fixture = Fixture::new(&[]);
    for (more, code, words) in [
        (vec![], 66, "--raw-uri"),
        (vec!["--schema-uri=builtin://waffle"], 78, "builtin://wafer-strict"),
        (vec!["--schema-uri=absent.json"], 66, "absent.json"),
        (vec!["--purpose=guess"], 2, "possible values: train, predict"),
        (vec!["--seed=x"], 2, "--seed"),
        (vec!["--raw-uri=."], 78, "is in the raw folder"),
        (vec!["--raw-uri=root"], 78, "is in the raw folder"),
        (vec!["--raw-uri=.", "--shard=1/2"], 78, "is in the raw folder"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_validate"))
            .current_dir(fixture.0.path())
            .args(["--root-uri=root", "--run-id=r1"])
            .args(if more.iter().any(|flag| flag.starts_with("--raw-uri")) { &[][..] } else { &["--raw-uri=raw"][..] })
            .args(&more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{more:?}: {}", stderr(&output));
    }
    fs::write(fixture.0.path().join("schema.json"), SCHEMA.replace("\"gate\"", "\"gates\"")).unwrap();
    let output = fixture.validate("r1", &[]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("gates") && stderr(&output).contains("hint:"), "{}", stderr(&output));
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/validate.yaml", &task_yaml::<Validate>());
    check_part("steps/validate/README.md", &reference::<Validate>());
}
