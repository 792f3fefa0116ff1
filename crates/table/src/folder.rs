//! Checks the batch files of a folder, one after the other, or puts together what was found of shares of it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};

use faultline_contract::Digest;
use faultline_contract::schema::{Purpose, ValidSchema, ValidationCounts};
use serde::{Deserialize, Serialize};

use crate::check::{CheckError, FileOutcome, Known, Row, RowSink, check_file_in};
use crate::parallel::{Cutting, Room};
use crate::quarantine::{Code, QuarantineLog, QuarantineRecord};

/// A folder being checked. Files are given in the order of their names, so that the outcome does not depend on the listing.
pub struct FolderCheck<'a> {
    schema: &'a ValidSchema,
    purpose: Purpose,
    log: QuarantineLog,
    accepted: HashMap<Digest, String>,
    files: Vec<FileOutcome>,
}

/// What was found of one file of a share, before the files of other shares are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFile {
    /// What became of it by itself.
    pub outcome: FileOutcome,
    /// How many bytes of its share's quarantine records are its own; they stand in the order of the files.
    pub quarantine_bytes: u64,
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
        let mut outcome = self.check_alone(reader, name, None, Room::WHOLE)?;
        self.reject_copy(&mut outcome);
        Ok(self.end_file(outcome, true)?.0)
    }

    /// Checks the next file of a share, by itself: whether its content is that of another file is told by [`FolderCheck::add`], which knows
    /// the files of all shares.
    ///
    /// # Errors
    /// If the file cannot be read or a record cannot be written.
    pub fn check_share(
        &mut self,
        reader: impl Read + Send,
        name: &str,
        known: Known,
        room: Room,
    ) -> Result<SharedFile, CheckError<io::Error>> {
        let outcome = self.check_alone(reader, name, Some(known), room)?;
        let (outcome, quarantine_bytes) = self.end_file(outcome, true)?;
        Ok(SharedFile { outcome: outcome.clone(), quarantine_bytes })
    }

    /// Adds the next file as its share found it, with its records, which are the next of `quarantine`. After the files of all shares in their
    /// order the outcome is that of [`FolderCheck::check`] for each.
    ///
    /// # Errors
    /// If the records cannot be read or written.
    pub fn add(&mut self, file: SharedFile, quarantine: &mut impl Read) -> Result<&FileOutcome, CheckError<io::Error>> {
        let SharedFile { mut outcome, quarantine_bytes } = file;
        let is_copy = self.reject_copy(&mut outcome);
        self.copy(&outcome, quarantine, quarantine_bytes, is_copy)?;
        // The record of a file that its share rejected is among those that were copied.
        Ok(self.end_file(outcome, is_copy)?.0)
    }

    /// Adds the next file of a share as a share of that share found it, by itself. The outcome is that of [`FolderCheck::check_share`] for each.
    ///
    /// # Errors
    /// If the records cannot be read or written.
    pub fn add_share(&mut self, file: SharedFile, quarantine: &mut impl Read) -> Result<(), CheckError<io::Error>> {
        self.copy(&file.outcome, quarantine, file.quarantine_bytes, false)?;
        self.end_file(file.outcome, false).map(drop)
    }

    fn check_alone(
        &mut self,
        reader: impl Read + Send,
        name: &str,
        known: Option<Known>,
        room: Room,
    ) -> Result<FileOutcome, CheckError<io::Error>> {
        let (sink, cutting) = (&mut Refused(&mut self.log), Cutting::within(room));
        check_file_in(reader, name, known, self.schema, self.purpose, sink, cutting)
    }

    fn copy(
        &mut self,
        of: &FileOutcome,
        quarantine: &mut impl Read,
        bytes: u64,
        is_left_out: bool,
    ) -> Result<(), CheckError<io::Error>> {
        let copied = self.log.copy(quarantine, bytes, is_left_out);
        copied.map_err(|source| CheckError::Sink { file: of.file.clone(), source })
    }

    /// Rejects a file whose content is that of an accepted file before it; says whether it did.
    fn reject_copy(&mut self, outcome: &mut FileOutcome) -> bool {
        if outcome.rejection.is_some() {
            return false;
        }
        let Some(first) = self.accepted.get(&outcome.sha256) else {
            self.accepted.insert(outcome.sha256, outcome.file.clone());
            return false;
        };
        let message = format!("the content is that of `{first}`; remove one of the two");
        outcome.reject(outcome.file_record(Code::DuplicateFile, message));
        true
    }

    fn end_file(
        &mut self,
        outcome: FileOutcome,
        writes_rejection: bool,
    ) -> Result<(&FileOutcome, u64), CheckError<io::Error>> {
        let ended = self.log.end_file(outcome.rejection.as_ref().filter(|_| writes_rejection));
        let bytes = ended.map_err(|source| CheckError::Sink { file: outcome.file.clone(), source })?;
        let at = self.files.len();
        self.files.push(outcome);
        Ok((&self.files[at], bytes))
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

    fn sha256_of(content: &str) -> Known {
        Known { sha256: Digest::of(content.as_bytes()), blake3: None }
    }

    /// As [`check`], by shares that end before the files at `borders`.
    fn check_shares(files: &[(&str, &str)], borders: &[usize]) -> (FolderOutcome, Vec<QuarantineRecord>) {
        let schema = ValidSchema::from_json(SCHEMA.as_bytes()).unwrap();
        let merged = tempfile::NamedTempFile::new().unwrap();
        let mut merge = FolderCheck::new(&schema, Purpose::Train, merged.reopen().unwrap());
        let mut start = 0;
        for end in borders.iter().copied().chain([files.len()]) {
            let quarantine = tempfile::NamedTempFile::new().unwrap();
            let mut share = FolderCheck::new(&schema, Purpose::Train, quarantine.reopen().unwrap());
            // Every other share is put together from shares itself, of one file each.
            let mut found = Vec::new();
            for (name, content) in &files[start..end] {
                if start % 2 == 0 {
                    found.push(share.check_share(content.as_bytes(), name, sha256_of(content), Room::WHOLE).unwrap());
                    continue;
                }
                let alone = tempfile::NamedTempFile::new().unwrap();
                let mut of_one = FolderCheck::new(&schema, Purpose::Train, alone.reopen().unwrap());
                let file = of_one.check_share(content.as_bytes(), name, sha256_of(content), Room::WHOLE).unwrap();
                of_one.finish().unwrap();
                share.add_share(file.clone(), &mut alone.reopen().unwrap()).unwrap();
                found.push(file);
            }
            share.finish().unwrap();
            let mut records = File::open(quarantine.path()).unwrap();
            for file in found {
                let content = files.iter().find(|(name, _)| *name == file.outcome.file).unwrap().1;
                assert_eq!(file.outcome.blake3, Some(Digest::from(*blake3::hash(content.as_bytes()).as_bytes())));
                let told = serde_json::from_str(&serde_json::to_string(&file).unwrap()).unwrap();
                assert_eq!(file, told);
                merge.add(told, &mut records).unwrap();
            }
            start = end;
        }
        let mut outcome = merge.finish().unwrap();
        // The digest that the check of a whole folder does not take.
        outcome.files.iter_mut().for_each(|file| file.blake3 = None);
        let records = std::fs::read_to_string(merged.path()).unwrap();
        (outcome, records.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn shares_put_together_are_the_folder_wherever_they_end() {
        let (good, other) = ("id,a,y\nx,1,1\ny,word,1\n", "id,a,y\nz,,-1\n");
        let files = [
            ("01012020.csv", good),
            ("02012020.csv", other),
            ("03012020.csv", good),
            ("04012020.csv", other),
            ("05012020.csv", "id,a,y\n,1,1\n"),
            ("x.csv", good),
        ];
        let whole = check(&files);
        assert_eq!(whole.0.file_reasons[&Code::DuplicateFile], 2);
        for first in 0..=files.len() {
            for second in first..=files.len() {
                assert_eq!(check_shares(&files, &[first, second]), whole, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_known_digest_is_not_taken_again() {
        let schema = ValidSchema::from_json(SCHEMA.as_bytes()).unwrap();
        let mut share = FolderCheck::new(&schema, Purpose::Train, tempfile::tempfile().unwrap());
        let known = Known { sha256: Digest::of(b"one"), blake3: Some(Digest::of(b"two")) };
        let file = share.check_share("id,a,y\nx,1,1\n".as_bytes(), "01012020.csv", known, Room::WHOLE).unwrap().outcome;
        assert_eq!((file.sha256, file.blake3), (known.sha256, known.blake3));
    }

    #[test]
    fn a_quarantine_that_ends_too_early_is_an_error() {
        let schema = ValidSchema::from_json(SCHEMA.as_bytes()).unwrap();
        let quarantine = tempfile::NamedTempFile::new().unwrap();
        let mut share = FolderCheck::new(&schema, Purpose::Train, quarantine.reopen().unwrap());
        let content = "id,a,y\nx,1,1\ny,word,1\n";
        let file = share.check_share(content.as_bytes(), "01012020.csv", sha256_of(content), Room::WHOLE).unwrap();
        assert!(file.quarantine_bytes > 1);
        let records = vec![b' '; file.quarantine_bytes as usize - 1];
        assert!(matches!(share.add(file, &mut records.as_slice()), Err(CheckError::Sink { .. })));
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
