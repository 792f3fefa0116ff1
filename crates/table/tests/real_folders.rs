//! The real batch files, where they are at hand.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and tell as tests do")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use faultline_contract::schema::{EmptyColumn, ImportOptions, Purpose, ValidSchema, import};
use faultline_table::{
    Code, FolderCheck, FolderOutcome, QuarantineRecord, Scope, SourceFile, Table, TableWriter, check_file,
};

/// The folder of the real data, or `None` with a notice. In CI its absence is a failure.
fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("FAULTLINE_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from).join("wafer");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is absent", folder.display());
    println!("left out: {} is absent; set FAULTLINE_DATA", folder.display());
    None
}

fn schema(name: &str) -> ValidSchema {
    let path = format!("{}/../../schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    ValidSchema::from_json(&fs::read(path).unwrap()).unwrap()
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn check(folder: &Path, schema: &ValidSchema, purpose: Purpose) -> (FolderOutcome, Vec<QuarantineRecord>) {
    let quarantine = tempfile::NamedTempFile::new().unwrap();
    let mut check = FolderCheck::new(schema, purpose, quarantine.reopen().unwrap());
    for name in file_names(folder) {
        check.check(File::open(folder.join(&name)).unwrap(), &name).unwrap();
    }
    let outcome = check.finish().unwrap();
    let text = fs::read_to_string(quarantine.path()).unwrap();
    let records: Vec<QuarantineRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.iter().map(|record| record.rows).sum::<u64>(), outcome.counts.rows_quarantined);
    assert_eq!(outcome.counts.rows_accepted + outcome.counts.rows_quarantined, outcome.counts.rows_in);
    (outcome, records)
}

fn reasons(counts: &[(Code, u64)]) -> BTreeMap<Code, u64> {
    counts.iter().copied().collect()
}

#[test]
fn the_strict_schema_accepts_9_files_and_837_rows() {
    let Some(data) = data() else { return };
    let schema = schema("wafer-strict");
    let (outcome, records) = check(&data.join("Training_Batch_Files"), &schema, Purpose::Train);
    assert_eq!((outcome.counts.files_in, outcome.counts.files_accepted, outcome.counts.rows_accepted), (41, 9, 837));
    let expected = [(Code::NamePattern, 6), (Code::ColumnCount, 19), (Code::EmptyColumn, 7)];
    assert_eq!(outcome.file_reasons, reasons(&expected));
    assert_eq!(records.len(), 32);
    assert!(records.iter().all(|record| record.scope == Scope::File));
    assert_eq!(schema.gate().judge(&outcome.counts), []);
}

#[test]
fn the_usual_schema_accepts_16_files_and_1537_rows() {
    let Some(data) = data() else { return };
    let schema = schema("wafer");
    let (outcome, _) = check(&data.join("Training_Batch_Files"), &schema, Purpose::Train);
    assert_eq!((outcome.counts.files_accepted, outcome.counts.rows_accepted), (16, 1537));
    assert_eq!(outcome.file_reasons, reasons(&[(Code::NamePattern, 6), (Code::ColumnCount, 19)]));
    assert_eq!(schema.gate().judge(&outcome.counts), []);
}

#[test]
fn the_imported_agreements_accept_what_the_shipped_schemas_accept() {
    let Some(data) = data() else { return };
    let training = fs::read(data.join("schema_training.json")).unwrap();
    let prediction = fs::read(data.join("schema_prediction.json")).unwrap();
    let schema = |empty_column| {
        let options = ImportOptions { empty_column, ..ImportOptions::default() };
        import(&training, Some(&prediction), &options).unwrap().schema.check().unwrap()
    };
    let usual = schema(EmptyColumn::Keep);
    let (outcome, _) = check(&data.join("Training_Batch_Files"), &usual, Purpose::Train);
    assert_eq!((outcome.counts.files_accepted, outcome.counts.rows_accepted), (16, 1537));
    let schema = schema(EmptyColumn::RejectFile);
    assert_eq!((schema.features().len(), schema.id().name.as_str()), (590, "Wafer"));
    let (outcome, _) = check(&data.join("Training_Batch_Files"), &schema, Purpose::Train);
    let expected = [(Code::NamePattern, 6), (Code::ColumnCount, 19), (Code::EmptyColumn, 7)];
    assert_eq!((outcome.file_reasons, outcome.counts.rows_accepted), (reasons(&expected), 837));
    let (outcome, _) = check(&data.join("Prediction_Batch_files"), &schema, Purpose::Predict);
    assert_eq!((outcome.counts.files_accepted, outcome.file_reasons[&Code::NamePattern]), (9, 1));
}

#[test]
fn the_prediction_folder_by_both_schemas() {
    let Some(data) = data() else { return };
    let folder = data.join("Prediction_Batch_files");
    let (usual, _) = check(&folder, &schema("wafer"), Purpose::Predict);
    assert_eq!((usual.counts.files_in, usual.counts.files_accepted, usual.counts.rows_accepted), (19, 18, 1737));
    assert_eq!(usual.file_reasons, reasons(&[(Code::NamePattern, 1)]));
    let (strict, _) = check(&folder, &schema("wafer-strict"), Purpose::Predict);
    assert_eq!((strict.counts.files_accepted, strict.counts.rows_accepted), (9, 837));
    assert_eq!(strict.file_reasons, reasons(&[(Code::NamePattern, 1), (Code::EmptyColumn, 9)]));
}

#[test]
fn the_table_of_the_accepted_files_holds_every_accepted_row_at_its_place() {
    let Some(data) = data() else { return };
    let folder = data.join("Training_Batch_Files");
    let schema = schema("wafer");
    let (outcome, _) = check(&folder, &schema, Purpose::Train);
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("table.parquet");
    let mut writer = TableWriter::new(File::create(&path).unwrap(), &schema.feature_names()).unwrap();
    for file in outcome.files.iter().filter(|file| file.rejection.is_none()) {
        let source = SourceFile { file: file.file.as_str().into(), sha256: file.sha256, time: file.time.unwrap() };
        let raw = File::open(folder.join(&file.file)).unwrap();
        let again = check_file(raw, &file.file, &schema, Purpose::Train, &mut writer.rows_of(source)).unwrap();
        assert_eq!(&again, file, "the second pass decides as the first");
    }
    writer.finish().unwrap();
    let table = Table::read(&path).unwrap();
    assert_eq!(table.row_count(), 1537);
    assert_eq!(table.targets.iter().filter(|target| **target == Some(1)).count(), 89);
    for row in [0, 100, 1536] {
        let raw = fs::read(folder.join(&*table.keys.source_files[row])).unwrap();
        let line = &raw[usize::try_from(table.byte_offsets[row]).unwrap()..];
        assert!(line.starts_with(table.keys.ids[row].as_bytes()), "row {row}");
        assert_eq!(table.lines[row], table.keys.rows[row] + 1);
    }
    let missing: u64 = outcome.missing_counts.iter().sum();
    assert_eq!(table.features.iter().filter(|value| value.is_nan()).count() as u64, missing);
}
