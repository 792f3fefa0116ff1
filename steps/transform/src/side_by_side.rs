//! Files side by side: the rows of small files are read at the same time and added in the order of the files.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use faultline_contract::documents::validate::AcceptedFile;
use faultline_runtime::Inputs;
use faultline_table::{
    CheckError, Known, QuarantineRecord, Row, RowSink, SourceFile, TableWriter, check_file, check_known_file,
};
use rayon::prelude::*;

use crate::TransformError;
use crate::run::Job;

/// Raw bytes that are read at the same time; their rows are in memory together and take less than that. A larger file is read alone,
/// straight into the table.
const ROUND_BYTES: u64 = 32 << 20;

/// Adds the accepted rows of all files. Of these no more than a round is in memory.
pub(crate) fn add_files<W: Write + Send>(
    job: &Job,
    files: &[AcceptedFile],
    inputs: &Inputs,
    writer: &mut TableWriter<W>,
) -> Result<(), TransformError> {
    for round in rounds(files) {
        match &files[round] {
            [file] => {
                let before = writer.row_count();
                check(job, file, inputs, &mut writer.rows_of(source_of(file)), TransformError::Table)?;
                counted(file, writer.row_count() - before)?;
            }
            several => {
                let read: Vec<_> = several.par_iter().map(|file| rows_of(job, file, inputs)).collect();
                for (file, rows) in several.iter().zip(read) {
                    rows?.add_to(&source_of(file), writer)?;
                }
            }
        }
    }
    Ok(())
}

/// Files that follow each other and are read together.
fn rounds(files: &[AcceptedFile]) -> Vec<Range<usize>> {
    let mut rounds: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, file) in files.iter().enumerate() {
        match rounds.last_mut() {
            Some(round) if bytes + file.bytes <= ROUND_BYTES => round.end = index + 1,
            _ => {
                rounds.push(index..index + 1);
                bytes = 0;
            }
        }
        bytes += file.bytes;
    }
    rounds
}

fn source_of(file: &AcceptedFile) -> SourceFile {
    SourceFile { file: Arc::from(file.name.as_str()), sha256: file.sha256, time: file.time_secs }
}

/// Hands the accepted rows of a file to `sink`. They count only if the file is the one that `validate` read.
fn check<S: RowSink<Error: Send> + Send>(
    job: &Job,
    file: &AcceptedFile,
    inputs: &Inputs,
    sink: &mut S,
    refused: impl Fn(S::Error) -> TransformError,
) -> Result<(), TransformError> {
    let name = &file.name;
    let read = |source| TransformError::Read { name: name.clone(), source };
    let path = inputs.path(&format!("raw/{name}")).map_err(|failure| TransformError::input(name, &failure))?;
    let opened = File::open(path).map_err(read)?;
    let (schema, purpose) = (&job.schema, job.accepted.purpose);
    let found = match file.blake3 {
        Some(_) => check_known_file(opened, name, Known { sha256: file.sha256, blake3: None }, schema, purpose, sink),
        None => check_file(opened, name, schema, purpose, sink),
    };
    let found = found.map_err(|error| match error {
        CheckError::Read { source, .. } => read(source),
        CheckError::Sink { source, .. } => refused(source),
    })?;
    let (kind, got, expected) = match file.blake3 {
        // The sha256 was handed over, not taken: it must never be what passes a file.
        Some(expected) => ("BLAKE3", found.blake3.unwrap_or(found.sha256), expected),
        None => ("sha256", found.sha256, file.sha256),
    };
    if got == expected { Ok(()) } else { Err(TransformError::Changed { name: name.clone(), kind, got, expected }) }
}

/// The rows found must be those that `validate` accepted.
fn counted(file: &AcceptedFile, got: u64) -> Result<(), TransformError> {
    let expected = file.rows_accepted;
    if got == expected { Ok(()) } else { Err(TransformError::Rows { name: file.name.clone(), got, expected }) }
}

/// The accepted rows of a file.
#[derive(Default)]
struct Rows {
    rows: Vec<OneRow>,
    /// One row after the other.
    features: Vec<f32>,
}

struct OneRow {
    row: u64,
    line: u64,
    byte_offset: u64,
    id: String,
    target: Option<u8>,
    features: Range<usize>,
}

impl RowSink for Rows {
    type Error = Infallible;

    fn accept(&mut self, row: &Row<'_>) -> Result<(), Infallible> {
        let start = self.features.len();
        self.features.extend_from_slice(row.features);
        let Row { row, line, byte_offset, id, target, .. } = *row;
        let features = start..self.features.len();
        self.rows.push(OneRow { row, line, byte_offset, id: id.to_owned(), target, features });
        Ok(())
    }

    fn refuse(&mut self, _: QuarantineRecord) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Rows {
    fn add_to<W: Write + Send>(&self, source: &SourceFile, writer: &mut TableWriter<W>) -> Result<(), TransformError> {
        for OneRow { row, line, byte_offset, id, target, features } in &self.rows {
            let features = &self.features[features.clone()];
            let row = Row { row: *row, line: *line, byte_offset: *byte_offset, id, target: *target, features };
            writer.push(source, &row)?;
        }
        Ok(())
    }
}

fn rows_of(job: &Job, file: &AcceptedFile, inputs: &Inputs) -> Result<Rows, TransformError> {
    let mut rows = Rows::default();
    check(job, file, inputs, &mut rows, |never| match never {})?;
    counted(file, rows.rows.len() as u64)?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use faultline_contract::documents::validate::Accepted;
    use faultline_contract::schema::{Purpose, ValidSchema};
    use faultline_contract::{Artifact, Digest};
    use faultline_runtime::Role;

    use super::*;

    /// What becomes of a file that `validate` knows by those digests.
    fn read(sha256: Digest, blake3: Option<Digest>) -> Result<usize, TransformError> {
        let schema = br#"{"format_version": 1, "dataset": "press",
            "file_name": {"pattern": "(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
            "columns": [{"name": "id", "role": "id"}, {"name": "a"}]}"#;
        let folder = tempfile::tempdir().unwrap();
        let (name, path) = ("01022024.csv", folder.path().join("file"));
        std::fs::write(&path, CONTENT).unwrap();
        let bytes = CONTENT.len() as u64;
        let file = AcceptedFile {
            name: name.to_owned(),
            sha256,
            blake3,
            bytes,
            time_secs: 0,
            rows_accepted: 1,
            rows_quarantined: 0,
        };
        let mut inputs = Inputs::default();
        let (uri, media_type) = (String::new(), String::new());
        inputs.insert(path, Artifact { name: format!("raw/{name}"), uri, sha256, bytes, rows: None, media_type });
        let (dataset, purpose) = ("press".to_owned(), Purpose::Train);
        let accepted = Accepted { dataset, purpose, files: vec![file.clone()] };
        let schema = ValidSchema::from_json(schema).unwrap();
        let job = Job { accepted, schema, files: 0..1, role: Role::Whole };
        rows_of(&job, &file, &inputs).map(|rows| rows.rows.len())
    }

    const CONTENT: &[u8] = b"id,a\nx,1\n";

    #[test]
    fn a_file_is_known_by_its_blake3_and_in_an_older_verdict_by_its_sha256() {
        let (sha256, blake3) = (Digest::of(CONTENT), Digest::from(*blake3::hash(CONTENT).as_bytes()));
        assert_eq!(read(sha256, Some(blake3)).unwrap(), 1);
        assert_eq!(read(sha256, None).unwrap(), 1);
        let another = Digest::of(b"");
        for (sha256, blake3, said) in [(sha256, Some(another), "BLAKE3"), (another, None, "sha256")] {
            let error = read(sha256, blake3).unwrap_err();
            assert!(
                matches!(error, TransformError::Changed { kind, expected, .. } if (kind, expected) == (said, another))
            );
        }
    }

    #[test]
    fn small_files_are_read_together_and_large_ones_alone() {
        let file = |bytes| AcceptedFile {
            name: String::new(),
            sha256: Digest::of(b""),
            blake3: None,
            bytes,
            time_secs: 0,
            rows_accepted: 0,
            rows_quarantined: 0,
        };
        let of = |sizes: &[u64]| rounds(&sizes.iter().copied().map(file).collect::<Vec<_>>());
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[1, 2, 3]).first(), Some(&(0..3)));
        assert_eq!(of(&[ROUND_BYTES - 1, 1, 1]), [0..2, 2..3]);
        assert_eq!(of(&[1, 2 * ROUND_BYTES, 1, u64::MAX / 2]), [0..1, 1..2, 2..3, 3..4]);
    }
}
