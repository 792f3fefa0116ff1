//! The real binary on a folder.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ops::Range;
use std::process::Output;
use std::sync::Arc;

use faultline_contract::documents::preprocess::{Fate, Missingness, Split};
use faultline_contract::{Digest, Outcome};
use faultline_learn::preprocess::{Preprocessor, PreprocessorState};
use faultline_learn::{OwnedSamples, Samples};
use faultline_runtime::reference::{params_schema, params_table, reference};
use faultline_runtime::task::task_yaml;
use faultline_step_preprocess::{Preprocess, PreprocessParams};
use faultline_table::{Columns, Table};
use faultline_testkit::generated::{check_file, check_part};
use faultline_testkit::step::{StepFolder, stderr};

const NAN: f32 = f32::NAN;

/// A manifest of load with a table of rows behind it.
struct Fixture(StepFolder);

/// 60 wafers, every fourth faulty: two sensors with gaps, one that is constant, one that is empty.
fn table() -> Table {
    let mut table =
        Table { feature_names: ["a", "b", "constant", "empty"].map(str::to_owned).to_vec(), ..Table::default() };
    for row in 0..60_u16 {
        table.keys.ids.push(format!("W-{row}"));
        table.keys.source_files.push(Arc::from("w_01022024.csv"));
        table.keys.source_sha256s.push(Digest::of(b"file"));
        table.keys.rows.push(u64::from(row) + 1);
        table.times.push(1_706_745_600);
        table.lines.push(u64::from(row) + 2);
        table.byte_offsets.push(u64::from(row) * 10);
        table.targets.push(Some(u8::from(row % 4 == 0)));
        let gap = |every: u16, value: f32| if row % every == 1 { NAN } else { value };
        table.features.extend([gap(5, f32::from(row)), gap(7, f32::from(row % 9)), 3.5, NAN]);
    }
    table
}

/// Some rows of a table.
fn rows(table: &Table, rows: Range<usize>) -> Table {
    Table {
        keys: table.keys.select(&rows.clone().collect::<Vec<_>>()),
        times: table.times[rows.clone()].to_vec(),
        lines: table.lines[rows.clone()].to_vec(),
        byte_offsets: table.byte_offsets[rows.clone()].to_vec(),
        targets: table.targets[rows.clone()].to_vec(),
        feature_names: table.feature_names.clone(),
        features: table.features[rows.start * 4..rows.end * 4].to_vec(),
    }
}

impl Fixture {
    fn new(table: &Table) -> Self {
        let fixture = Self(StepFolder::new("preprocess", env!("CARGO_BIN_EXE_preprocess")));
        fixture.write(table);
        fixture
    }

    fn write(&self, table: &Table) {
        self.0.upstream("load", |folder| table.write(&folder.join("export.parquet")).unwrap());
    }

    fn preprocess(&self, run: &str, more: &[&str]) -> Output {
        self.0.run(run, &["load"], more)
    }

    fn features(&self, run: &str) -> Columns {
        Columns::read(&self.0.output(run, "features.parquet")).unwrap()
    }
}

fn held_out(features: &Columns) -> Vec<bool> {
    features.text("_split").unwrap().iter().map(|split| split == "holdout").collect()
}

#[test]
fn features_come_out_whole_with_what_they_were_fitted_by() {
    let fixture = Fixture::new(&table());
    let output = fixture.preprocess("r1", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let manifest = fixture.0.manifest("r1");
    let features = fixture.features("r1");
    let names: Vec<&str> = features.names().collect();
    assert_eq!(names, ["_id", "_source_file", "_source_sha256", "_row", "_time", "_target", "_split", "a", "b"]);
    let matrix = features.matrix(&["a".to_owned(), "b".to_owned()]).unwrap();
    assert!(matrix.iter().all(|value| value.is_finite()));
    let split: Split = fixture.0.document("r1", "split.json");
    let count_held_out = held_out(&features).iter().filter(|held_out| **held_out).count() as u64;
    assert_eq!((split.holdout.rows, split.train.rows), (count_held_out, 60 - count_held_out));
    assert_eq!(split.train.faulty + split.holdout.faulty, 15);
    assert!(split.holdout.rows > 3, "{split:?}");
    assert_eq!(["rows_in", "rows_out", "features_in", "features_out"].map(|name| manifest.count(name)), [60, 60, 4, 2]);

    let missingness: Missingness = fixture.0.document("r1", "missingness.json");
    let fates: Vec<Fate> = missingness.features.iter().map(|feature| feature.fate).collect();
    assert_eq!(fates, [Fate::Kept, Fate::Kept, Fate::DroppedConstant, Fate::DroppedEmpty]);
    assert_eq!(missingness.features[3].missing, split.train.rows);

    // what was written is enough to get the same features of a row alone
    let state: PreprocessorState = fixture.0.document("r1", "preprocessor.json");
    let donors = Columns::read(&fixture.0.output("r1", "donors.parquet")).unwrap();
    let donors = OwnedSamples::new(donors.matrix(&state.feature_names_in).unwrap(), donors.row_count(), 4).unwrap();
    let again = Preprocessor::from_state(state, donors).unwrap();
    let table = table();
    for row in 0..60 {
        let alone = again.transform(&Samples::new(table.row(row), 1, 4).unwrap()).unwrap();
        assert_eq!(alone.as_samples().features, &matrix[row * 2..row * 2 + 2]);
    }
}

#[test]
fn held_out_rows_change_nothing_that_is_fitted() {
    let fixture = Fixture::new(&table());
    assert_eq!(fixture.preprocess("r1", &[]).status.code(), Some(0));
    let held_out = held_out(&fixture.features("r1"));
    let mut other = table();
    for (row, held_out) in held_out.iter().enumerate() {
        if *held_out {
            other.features[row * 4..row * 4 + 4].copy_from_slice(&[-1e6, NAN, 77.0, 1.0]);
            other.targets[row] = Some(1);
        }
    }
    fixture.write(&other);
    let output = fixture.preprocess("r2", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for name in ["preprocessor.json", "donors.parquet", "missingness.json"] {
        assert_eq!(fixture.0.bytes("r1", name), fixture.0.bytes("r2", name), "{name}");
    }
    assert_ne!(fixture.0.bytes("r1", "features.parquet"), fixture.0.bytes("r2", "features.parquet"));
}

#[test]
fn a_wafer_stays_on_its_side_in_a_larger_batch() {
    let fixture = Fixture::new(&table());
    assert_eq!(fixture.preprocess("r1", &[]).status.code(), Some(0));
    let all = fixture.features("r1");
    fixture.write(&rows(&table(), 30..60));
    assert_eq!(fixture.preprocess("r2", &[]).status.code(), Some(0));
    let some = fixture.features("r2");
    assert_eq!(held_out(&all)[30..], held_out(&some));
}

#[test]
fn params_hold_out_scale_and_sample_as_they_say() {
    let fixture = Fixture::new(&table());
    fixture.0.params(r#"{"holdout_ratio": 0.0, "scale": false, "max_donors": 20}"#);
    let output = fixture.preprocess("r1", &["--params-uri=params.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let manifest = fixture.0.manifest("r1");
    assert_eq!(["rows_train", "rows_holdout", "donors"].map(|name| manifest.count(name)), [60, 0, 20]);
    let features = fixture.features("r1");
    assert!((features.f32("a").unwrap()[59] - 59.0).abs() < 1e-6);
    let state: PreprocessorState = fixture.0.document("r1", "preprocessor.json");
    assert!(state.scaler.is_none());
}

#[test]
fn data_that_nothing_can_be_learned_from_is_rejected_with_the_evidence() {
    let mut good_only = table();
    good_only.targets.fill(Some(0));
    let one_row = rows(&table(), 0..1);
    let mut constant = table();
    constant.features.fill(1.0);
    for (table, words) in [(good_only, "0 of"), (one_row, "row"), (constant, "no feature")] {
        let fixture = Fixture::new(&table);
        let output = fixture.preprocess("r1", &[]);
        assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(fixture.0.manifest("r1").outcome, Outcome::Rejected);
        let _: Split = fixture.0.document("r1", "split.json");
    }
}

#[test]
fn wrong_params_get_an_error_that_says_which() {
    let fixture = Fixture::new(&table());
    for (section, words) in [
        (r#"{"holdout_ratio": 1.5}"#, "`holdout_ratio` is 1.5"),
        (r#"{"neighbors": 3}"#, "n_neighbors"),
        (r#"{"max_donors": -1}"#, "preprocess.max_donors"),
    ] {
        fixture.0.params(section);
        let output = fixture.preprocess("r1", &["--params-uri=params.json"]);
        assert_eq!(output.status.code(), Some(78), "{section}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{section}: {}", stderr(&output));
    }
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/preprocess.yaml", &task_yaml::<Preprocess>());
    check_file("schemas/params/preprocess.json", &params_schema::<PreprocessParams>().unwrap());
    check_part(
        "steps/preprocess/README.md",
        &format!("{}{}", params_table::<PreprocessParams>(), reference::<Preprocess>()),
    );
}
