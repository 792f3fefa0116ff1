//! The real binary on a folder, after the real `validate` and `transform`.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

mod fixture;
mod mongodb;

use std::fmt::Write as _;
use std::fs;
use std::process::Child;

use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_load::Load;
use faultline_testkit::generated::{check_file, check_part};

use crate::fixture::{FIRST, Fixture, SCHEMA, SECOND, export, stderr, succeeded};

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
