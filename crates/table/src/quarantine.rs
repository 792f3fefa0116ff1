//! Quarantine: what was refused, where and why.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

/// The longest value that a record quotes, in characters.
const MAX_VALUE_CHARS: usize = 64;

/// Why a file or a row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// File: its name does not match the pattern.
    NamePattern,
    /// File: the date in its name does not exist.
    NameDate,
    /// File: the time in its name does not exist.
    NameTime,
    /// File: no line but blank ones.
    EmptyFile,
    /// File: a header and no data row.
    NoRows,
    /// File: its header is not UTF-8. Row: its id or label is not.
    NotUtf8,
    /// File: its header line, row: its line is longer than 16 MiB.
    LineTooLong,
    /// File: in its header, row: in its line the quotes do not pair up.
    BadQuote,
    /// File: wrong number of columns.
    ColumnCount,
    /// File: a header names no column of the schema.
    UnknownColumn,
    /// File: a column of the schema has no header.
    MissingColumn,
    /// File: two headers name the same column.
    DuplicateColumn,
    /// File: a header is blank where a name was expected.
    BlankHeader,
    /// File: the target column is absent, though the purpose is training.
    TargetMissing,
    /// File: a column holds no value at all, and the schema rejects such files.
    EmptyColumn,
    /// File, row: a larger share of missing values than the schema allows.
    TooManyMissing,
    /// File: every row of it was refused.
    NoValidRows,
    /// File: its content is that of another accepted file.
    DuplicateFile,
    /// Row: wrong number of cells.
    FieldCount,
    /// Row: the id is missing.
    MissingId,
    /// Row: the id is longer than 256 bytes.
    IdTooLong,
    /// Row: a required value is missing.
    MissingValue,
    /// Row: a cell does not hold what its column's type says.
    TypeMismatch,
    /// Row: a number beyond the column's range, or beyond 32-bit floats.
    OutOfRange,
    /// Row: the label is missing, though the purpose is training.
    LabelMissing,
    /// Row: the schema does not know the label.
    LabelUnknown,
}

impl Code {
    /// Every reason, in the order above.
    pub const ALL: [Self; 26] = [
        Self::NamePattern,
        Self::NameDate,
        Self::NameTime,
        Self::EmptyFile,
        Self::NoRows,
        Self::NotUtf8,
        Self::LineTooLong,
        Self::BadQuote,
        Self::ColumnCount,
        Self::UnknownColumn,
        Self::MissingColumn,
        Self::DuplicateColumn,
        Self::BlankHeader,
        Self::TargetMissing,
        Self::EmptyColumn,
        Self::TooManyMissing,
        Self::NoValidRows,
        Self::DuplicateFile,
        Self::FieldCount,
        Self::MissingId,
        Self::IdTooLong,
        Self::MissingValue,
        Self::TypeMismatch,
        Self::OutOfRange,
        Self::LabelMissing,
        Self::LabelUnknown,
    ];
}

impl fmt::Display for Code {
    /// The same text as in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One refused file or row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// What it stands for.
    pub scope: Scope,
    /// Why.
    pub code: Code,
    /// The file, as named to the checker.
    pub file: String,
    /// The 1-based line; absent for a fault of the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Where the faulty cell, else the line, starts in the file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_offset: Option<u64>,
    /// The column of the schema (or the header as written) at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The faulty text, cut to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How many data rows this record stands for: 1 for a row, all its rows for a file.
    pub rows: u64,
    /// What was expected, and what to do.
    pub message: String,
}

/// What a record stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A whole file with all its rows.
    File,
    /// One row.
    Row,
}

/// A quarantine file in the making: one JSON record per line.
///
/// The rows of a file are written as they are found, so memory does not grow with their number. When the file
/// turns out to be rejected as a whole, they give way to one record.
#[derive(Debug)]
pub struct QuarantineLog {
    writer: BufWriter<File>,
    written_bytes: u64,
    file_start_bytes: u64,
}

impl QuarantineLog {
    /// Starts an empty log in a file, which must be writable.
    pub fn new(file: File) -> Self {
        Self { writer: BufWriter::new(file), written_bytes: 0, file_start_bytes: 0 }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// What writing reports.
    pub fn record(&mut self, record: &QuarantineRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.writer.write_all(&line)?;
        self.written_bytes += line.len() as u64;
        Ok(())
    }

    /// Adds the records of a file as another log has them: so many bytes of `records`, which are left out where a rejection takes their place.
    ///
    /// # Errors
    /// What reading or writing reports, and when `records` end before.
    pub(crate) fn copy(&mut self, records: &mut impl Read, bytes: u64, is_left_out: bool) -> io::Result<()> {
        let mut records = records.take(bytes);
        let copied = if is_left_out {
            io::copy(&mut records, &mut io::sink())?
        } else {
            io::copy(&mut records, &mut self.writer)?
        };
        if copied != bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the quarantine of a shard ends too early"));
        }
        self.written_bytes += if is_left_out { 0 } else { copied };
        Ok(())
    }

    /// Ends a file; with a rejection, that record takes the place of all records of the file. Gives the size of what is written of it.
    ///
    /// # Errors
    /// What writing reports.
    pub fn end_file(&mut self, rejection: Option<&QuarantineRecord>) -> io::Result<u64> {
        if let Some(rejection) = rejection {
            self.writer.flush()?;
            self.writer.get_ref().set_len(self.file_start_bytes)?;
            self.writer.seek(SeekFrom::Start(self.file_start_bytes))?;
            self.written_bytes = self.file_start_bytes;
            self.record(rejection)?;
        }
        let bytes = self.written_bytes - self.file_start_bytes;
        self.file_start_bytes = self.written_bytes;
        Ok(bytes)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// What writing reports.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The text of a cell, fit to be quoted: UTF-8, no control characters, at most 64 characters.
pub(crate) fn quoted(cell: &[u8]) -> String {
    let shown = &cell[..cell.len().min(MAX_VALUE_CHARS * 4)];
    let clean = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    String::from_utf8_lossy(shown).chars().map(clean).take(MAX_VALUE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(file: &str, scope: Scope) -> QuarantineRecord {
        QuarantineRecord {
            scope,
            code: Code::TypeMismatch,
            file: file.to_owned(),
            line: Some(2),
            byte_offset: Some(9),
            column: None,
            value: None,
            rows: 1,
            message: String::new(),
        }
    }

    #[test]
    fn a_rejected_file_takes_the_place_of_its_rows() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut log = QuarantineLog::new(file.reopen().unwrap());
        for (name, rejected) in [("a", false), ("b", true), ("c", false)] {
            for _ in 0..3 {
                log.record(&record(name, Scope::Row)).unwrap();
            }
            log.end_file(rejected.then_some(&record(name, Scope::File))).unwrap();
        }
        log.finish().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let records: Vec<QuarantineRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let places: Vec<_> = records.iter().map(|record| (record.file.as_str(), record.scope)).collect();
        let rows = |file| [(file, Scope::Row); 3];
        assert_eq!(places, [&rows("a")[..], &[("b", Scope::File)], &rows("c")].concat());
    }

    #[test]
    fn quoted_text_is_short_and_printable() {
        assert_eq!(quoted(b"a\0b\xff"), "a\u{fffd}b\u{fffd}");
        assert_eq!(quoted("ä".repeat(100).as_bytes()).chars().count(), 64);
        assert_eq!(Code::NamePattern.to_string(), "name_pattern");
    }
}
