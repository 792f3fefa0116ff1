//! Checks the batch files of a folder, one after the other.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};

use faultline_contract::Digest;
use faultline_contract::schema::{Purpose, ValidSchema, ValidationCounts};

use crate::check::{CheckError, FileOutcome, Row, RowSink, check_file};
use crate::quarantine::{Code, QuarantineLog, QuarantineRecord};

/// A folder being checked. Files are given in the order of their names, so that the outcome does not depend on the listing.
pub struct FolderCheck<'a> {
    schema: &'a ValidSchema,
    purpose: Purpose,
    log: QuarantineLog,
    accepted: HashMap<Digest, String>,
    files: Vec<FileOutcome>,
}

/// What became of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderOutcome {
    /// Each file, in the order given.
    pub files: Vec<FileOutcome>,
    /// Counts over all files.
    pub counts: ValidationCounts,
    /// Rejected files by reason.
    pub file_reasons: BTreeMap<Code, u64>,
    /// Rows by the reason they were quarantined for, one by one or with their file.
    pub row_reasons: BTreeMap<Code, u64>,
    /// For each feature the number of accepted rows without a value.
    pub missing_counts: Vec<u64>,
}

impl<'a> FolderCheck<'a> {
    /// Starts a check that writes its quarantine records to a file, which must be writable.
    pub fn new(schema: &'a ValidSchema, purpose: Purpose, quarantine: File) -> Self {
        let log = QuarantineLog::new(quarantine);
        Self { schema, purpose, log, accepted: HashMap::new(), files: Vec::new() }
    }

    /// Checks the next file. One whose content is that of an accepted file before it is rejected, so that no row can
    /// stand on both sides of a split.
    ///
    /// # Errors
    /// If the file cannot be read or a record cannot be written.
    pub fn check(&mut self, reader: impl Read + Send, name: &str) -> Result<&FileOutcome, CheckError<io::Error>> {
        let mut outcome = check_file(reader, name, self.schema, self.purpose, &mut Refused(&mut self.log))?;
        if outcome.rejection.is_none() {
            if let Some(first) = self.accepted.get(&outcome.sha256) {
                let message = format!("the content is that of `{first}`; remove one of the two");
                outcome.reject(outcome.file_record(Code::DuplicateFile, message));
            } else {
                self.accepted.insert(outcome.sha256, name.to_owned());
            }
        }
        let ended = self.log.end_file(outcome.rejection.as_ref());
        ended.map_err(|source| CheckError::Sink { file: name.to_owned(), source })?;
        let at = self.files.len();
        self.files.push(outcome);
        Ok(&self.files[at])
    }

    /// Ends the check.
    ///
    /// # Errors
    /// If the quarantine records cannot be written.
    pub fn finish(self) -> io::Result<FolderOutcome> {
        self.log.finish()?;
        let mut outcome = FolderOutcome {
            files: Vec::new(),
            counts: ValidationCounts::default(),
            file_reasons: BTreeMap::new(),
            row_reasons: BTreeMap::new(),
            missing_counts: vec![0; self.schema.features().len()],
        };
        for file in &self.files {
            let counts = &mut outcome.counts;
            counts.files_in += 1;
            counts.rows_in += file.rows_in;
            counts.rows_accepted += file.rows_accepted;
            counts.rows_quarantined += file.rows_quarantined;
            if let Some(rejection) = &file.rejection {
                counts.files_quarantined += 1;
                *outcome.file_reasons.entry(rejection.code).or_default() += 1;
                *outcome.row_reasons.entry(rejection.code).or_default() += file.rows_in;
            } else {
                counts.files_accepted += 1;
                counts.rows_quarantined_in_accepted_files += file.rows_quarantined;
                for (code, rows) in &file.reasons {
                    *outcome.row_reasons.entry(*code).or_default() += rows;
                }
                for (total, count) in outcome.missing_counts.iter_mut().zip(&file.missing_counts) {
                    *total += count;
                }
            }
        }
        outcome.files = self.files;
        Ok(outcome)
    }
}

/// Lets accepted rows pass and writes down the refused ones.
struct Refused<'a>(&'a mut QuarantineLog);

impl RowSink for Refused<'_> {
    const FEATURES: bool = false;

    type Error = io::Error;

    fn accept(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn refuse(&mut self, record: QuarantineRecord) -> io::Result<()> {
        self.0.record(&record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"format_version": 1, "dataset": "press",
        "file_name": {"pattern": "(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
        "columns": [{"name": "id", "role": "id"}, {"name": "a"}, {"name": "y", "role": "target"}]}"#;

    fn check(files: &[(&str, &str)]) -> (FolderOutcome, Vec<QuarantineRecord>) {
        let schema = ValidSchema::from_json(SCHEMA.as_bytes()).unwrap();
        let quarantine = tempfile::NamedTempFile::new().unwrap();
        let mut check = FolderCheck::new(&schema, Purpose::Train, quarantine.reopen().unwrap());
        for (name, content) in files {
            check.check(content.as_bytes(), name).unwrap();
        }
        let text = |records: String| records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let outcome = check.finish().unwrap();
        (outcome, text(std::fs::read_to_string(quarantine.path()).unwrap()))
    }

    /// Defect 5 of the original system: a listing with exactly one match crashed.
    #[test]
    fn one_file_with_one_row_is_a_folder() {
        let (outcome, records) = check(&[("01012020.csv", "id,a,y\nx,1,1\n")]);
        let counts = &outcome.counts;
        assert_eq!((counts.files_in, counts.files_accepted, counts.rows_in, counts.rows_accepted), (1, 1, 1, 1));
        assert_eq!((outcome.missing_counts, records), (vec![0], Vec::new()));
        assert_eq!(faultline_contract::schema::QualityGate::default().judge(counts), []);
    }

    #[test]
    fn a_copy_of_an_accepted_file_is_rejected_and_its_rows_are_counted_once() {
        let (good, other) = ("id,a,y\nx,1,1\ny,word,1\n", "id,a,y\nz,,-1\n");
        let files = [("01012020.csv", good), ("02012020.csv", other), ("03012020.csv", good), ("x.csv", good)];
        let (outcome, records) = check(&files);
        let counts = &outcome.counts;
        assert_eq!((counts.files_accepted, counts.files_quarantined), (2, 2));
        assert_eq!((counts.rows_in, counts.rows_accepted, counts.rows_quarantined), (7, 2, 5));
        assert_eq!(counts.rows_quarantined_in_accepted_files, 1);
        assert_eq!(outcome.missing_counts, [1]);
        let codes: Vec<(Code, u64)> = records.iter().map(|record| (record.code, record.rows)).collect();
        assert_eq!(codes, [(Code::TypeMismatch, 1), (Code::DuplicateFile, 2), (Code::NamePattern, 2)]);
        assert!(records[1].message.contains("`01012020.csv`"), "{}", records[1].message);
        assert_eq!(outcome.row_reasons[&Code::DuplicateFile], 2);
    }
}
