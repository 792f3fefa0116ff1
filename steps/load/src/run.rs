//! The core: the rows into the database that it is given, and back.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use faultline_contract::Shard;
use faultline_records::Record;
use faultline_runtime::{Inputs, MediaType, Merge, Outputs};
use faultline_table::{Row, SourceFile, Table, TableWriter, concatenate};

use crate::LoadError;
use crate::database::{Database, Difference};

/// The name of the output.
pub(crate) const EXPORT: &str = "export.parquet";
/// How often the rows are written and read again when another run changes them in between.
const ATTEMPTS: u32 = 5;

/// What the core needs besides the table.
#[derive(Debug)]
pub struct Job {
    pub(crate) database: Arc<Database>,
    /// The name of the table among the inputs.
    pub(crate) table: String,
    /// What is put together in place of the work.
    pub(crate) merge: Option<Merged>,
}

/// What the shards say of themselves.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) shards: u32,
    /// The rows of the whole table.
    pub(crate) rows: Option<u64>,
    pub(crate) rows_added: u64,
}

/// Upserts the table and exports what the database then has of it, or puts the exports of shards together.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), LoadError> {
    if let Some(merged) = &job.merge {
        return merge(merged, inputs, outputs);
    }
    let table = Table::read(inputs.path(&job.table)?)?;
    let rows = table.row_count() as u64;
    let path = outputs.declare(EXPORT, MediaType::Parquet, Some(rows))?;
    let mut upserted = job.database.upsert(&table)?;
    let mut attempt = 1;
    while let Some(Difference { file, row }) = export(&job.database, &table, &path)? {
        if attempt == ATTEMPTS {
            return Err(LoadError::Disputed { uri: job.database.uri().to_owned(), file: file.to_string(), row });
        }
        attempt += 1;
        upserted.added += job.database.upsert(&table)?.added;
    }
    outputs.count("rows_in", rows);
    outputs.count("rows_out", rows);
    outputs.count("rows_added", upserted.added);
    Ok(())
}

fn merge(merged: &Merged, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), LoadError> {
    let file = outputs.create(EXPORT, MediaType::Parquet, None)?;
    let exports = Shard::all(merged.shards)
        .map(|shard| inputs.path(&Merge::name(shard, EXPORT)))
        .collect::<Result<Vec<_>, _>>()?;
    let (rows, mut file) = concatenate(&exports, file)?;
    file.flush()?;
    if let Some(expected) = merged.rows.filter(|expected| *expected != rows) {
        return Err(LoadError::Merged { got: rows, expected });
    }
    outputs.set_rows(EXPORT, rows);
    outputs.count("rows_in", rows);
    outputs.count("rows_out", rows);
    outputs.count("rows_added", merged.rows_added);
    Ok(())
}

/// Writes the rows as the database has them, or says which one is not as it was written.
fn export(database: &Database, table: &Table, path: &Path) -> Result<Option<Difference>, LoadError> {
    let mut writer = TableWriter::new(BufWriter::new(File::create(path)?), &table.feature_names)?;
    // The records of one file follow each other, so its name is made once.
    let mut source: Option<SourceFile> = None;
    let difference = database.read_back(table, |record| {
        let source = match source.take() {
            Some(same) if same.sha256 == record.source_sha256 => source.insert(same),
            _ => source.insert(source_of(record)),
        };
        Ok::<_, LoadError>(writer.push(source, &row_of(record))?)
    })?;
    writer.finish()?.flush()?;
    Ok(difference)
}

fn source_of(record: &Record) -> SourceFile {
    SourceFile { file: Arc::from(record.source_file.as_str()), sha256: record.source_sha256, time: record.time }
}

fn row_of(record: &Record) -> Row<'_> {
    Row {
        row: record.row,
        line: record.line,
        byte_offset: record.byte_offset,
        id: &record.id,
        target: record.target,
        features: &record.features,
    }
}

#[cfg(test)]
mod tests {
    use faultline_contract::Digest;
    use faultline_records::{Records, RecordsError, Stored, Upserted};
    use faultline_runtime::Explain;
    use faultline_table::Keys;

    use super::*;

    /// A database in which another run changes a row after each of the first writes.
    #[derive(Debug)]
    struct Disputed {
        inner: Box<dyn Records>,
        changes: std::sync::Mutex<u32>,
    }

    impl Records for Disputed {
        fn uri(&self) -> &str {
            self.inner.uri()
        }

        fn upsert(&self, dataset: &str, names: &[String], batch: &[Record]) -> Result<Upserted, RecordsError> {
            let upserted = self.inner.upsert(dataset, names, batch)?;
            let mut changes = self.changes.lock().unwrap();
            if *changes > 0 {
                *changes -= 1;
                let mut other = batch[1].clone();
                other.features[0] += 1.0;
                self.inner.upsert(dataset, names, &[other])?;
            }
            Ok(upserted)
        }

        fn page(&self, dataset: &str, source: Digest, after: u64, limit: usize) -> Result<Vec<Stored>, RecordsError> {
            self.inner.page(dataset, source, after, limit)
        }
    }

    fn table() -> Table {
        let sha256 = Digest::of(b"file");
        Table {
            keys: Keys {
                ids: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
                source_files: vec!["f.csv".into(), "f.csv".into(), "f.csv".into()],
                source_sha256s: vec![sha256; 3],
                rows: vec![1, 3, 4],
            },
            times: vec![5; 3],
            lines: vec![2, 4, 5],
            byte_offsets: vec![10, 30, 40],
            targets: vec![Some(0), None, Some(1)],
            feature_names: vec!["x".to_owned(), "y".to_owned()],
            features: vec![0.5, f32::NAN, -0.0, 1.5, 2.0, 3.0],
        }
    }

    fn load(changes: u32) -> (Result<(), LoadError>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        table().write(&path).unwrap();
        let inner = faultline_records::open("records.sqlite", folder.path()).unwrap();
        let records = Box::new(Disputed { inner, changes: changes.into() });
        let database = Arc::new(Database::new(records, "press/train".to_owned()));
        let job = Job { database, table: "transform/table.parquet".to_owned(), merge: None };
        let artifact = faultline_contract::Artifact {
            name: "transform/table.parquet".to_owned(),
            uri: String::new(),
            sha256: Digest::of(b""),
            bytes: 0,
            rows: None,
            media_type: String::new(),
        };
        let mut inputs = Inputs::default();
        inputs.insert(path.clone(), artifact);
        let mut outputs = Outputs::new(folder.path().to_owned());
        let result = run(&job, &inputs, &mut outputs);
        let same = std::fs::read(folder.path().join(EXPORT)).unwrap() == std::fs::read(&path).unwrap();
        (result, same)
    }

    #[test]
    fn rows_that_another_run_changed_are_written_again() {
        for changes in [0, 1, ATTEMPTS - 1] {
            let (result, same) = load(changes);
            result.unwrap();
            assert!(same, "{changes}");
        }
    }

    #[test]
    fn an_endless_dispute_is_temporary_and_names_the_row() {
        let (result, _) = load(ATTEMPTS);
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), faultline_contract::ExitCode::Temporary);
        assert!(error.to_string().contains("row 3 of f.csv"), "{error}");
    }
}
