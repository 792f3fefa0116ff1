//! Checks one batch file against a data schema, row by row.

use std::collections::BTreeMap;
use std::io::{self, Read};

use faultline_contract::Digest;
use faultline_contract::schema::{DataSchema, EmptyColumn, NameError, Purpose, ValidSchema};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::header;
use crate::lines::{MAX_LINE_BYTES, Pieces};
use crate::parallel::{Cutting, Merge, Room, Start, Stopped, side_by_side};
use crate::piece_rows::ColumnsSeen;
use crate::quarantine::{Code, QuarantineRecord, Scope, quoted};
use crate::row::RowRules;

/// An accepted row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The 1-based number among the data rows of the file, refused ones included.
    pub row: u64,
    /// The 1-based line in the file.
    pub line: u64,
    /// Where the line starts in the file, in bytes.
    pub byte_offset: u64,
    /// The record's id.
    pub id: &'a str,
    /// 0 good, 1 faulty; `None` when predicting.
    pub target: Option<u8>,
    /// One value per feature of the schema, NaN = missing; none for a sink that does not look at them.
    pub features: &'a [f32],
}

/// Takes the rows of a file as they are checked.
pub trait RowSink {
    /// Whether the sink looks at [`Row::features`]. Without them a check is faster: a number is then looked at, but not worked out.
    const FEATURES: bool = true;

    /// What can go wrong with taking a row.
    type Error;

    /// Takes an accepted row.
    ///
    /// # Errors
    /// Ends the check.
    fn accept(&mut self, row: &Row<'_>) -> Result<(), Self::Error>;

    /// Takes a refused row.
    ///
    /// # Errors
    /// Ends the check.
    fn refuse(&mut self, record: QuarantineRecord) -> Result<(), Self::Error>;
}

/// What became of a file. `rows_accepted` + `rows_quarantined` = `rows_in`, always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOutcome {
    /// The file, as named to the checker.
    pub file: String,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// The BLAKE3 of its content, known or taken where the sha256 was known.
    pub blake3: Option<Digest>,
    /// Its size.
    pub bytes: u64,
    /// The moment in its name, in seconds since 1970-01-01T00:00:00 by the fab's own clock; absent if the name was refused.
    pub time: Option<i64>,
    /// Data rows in it: its lines that are not blank, less the header.
    pub rows_in: u64,
    /// Rows accepted; 0 for a rejected file.
    pub rows_accepted: u64,
    /// Rows refused; all of them for a rejected file.
    pub rows_quarantined: u64,
    /// Rows refused one by one, by reason; empty for a rejected file.
    pub reasons: BTreeMap<Code, u64>,
    /// For each feature the number of accepted rows without a value; empty for a rejected file.
    pub missing_counts: Vec<u64>,
    /// Headers that no name matched and that were paired by rule: (header, column).
    pub paired_headers: Vec<(String, String)>,
    /// Why the file as a whole was rejected. The rows that were handed out before do not count.
    pub rejection: Option<QuarantineRecord>,
}

impl FileOutcome {
    /// Rejects the file as a whole: its rows no longer count one by one.
    pub(crate) fn reject(&mut self, mut record: QuarantineRecord) {
        record.rows = self.rows_in;
        self.rows_accepted = 0;
        self.rows_quarantined = self.rows_in;
        self.reasons.clear();
        self.missing_counts.clear();
        self.rejection = Some(record);
    }

    pub(crate) fn file_record(&self, code: Code, message: String) -> QuarantineRecord {
        QuarantineRecord {
            scope: Scope::File,
            code,
            file: self.file.clone(),
            line: None,
            byte_offset: None,
            column: None,
            value: None,
            rows: 0,
            message,
        }
    }
}

/// Why a check ended early.
#[derive(Debug, Error)]
pub enum CheckError<E> {
    /// The file could not be read.
    #[error("read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The sink refused a row.
    #[error("take the rows of `{file}`")]
    Sink {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: E,
    },
}

/// Checks a file and hands its rows to the sink, in their order.
///
/// `name` may have folders before it; the name rule looks at the last part. The file is read once, to its end even if it is rejected early, so that
/// its rows and its digest are known. A large file is cut into pieces that are read side by side, on the threads of rayon's current pool; what is
/// found does not depend on their number, and memory (some megabytes per thread, about a hundred at most) not on the file's size. A rejection can come after rows
/// were handed out (an empty column is known only at the end); the sink's owner then drops them.
///
/// # Errors
/// [`CheckError`] if reading fails or the sink refuses a row; never for what the file holds.
pub fn check_file<S: RowSink<Error: Send> + Send>(
    reader: impl Read + Send,
    name: &str,
    schema: &ValidSchema,
    purpose: Purpose,
    sink: &mut S,
) -> Result<FileOutcome, CheckError<S::Error>> {
    check_file_in(reader, name, None, schema, purpose, sink, Cutting::within(Room::WHOLE))
}

/// What is known of a file before it is checked. Whoever says it sees to it that the file is still that one, by a digest that is taken or otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The sha256 of its content, which is not taken again.
    pub sha256: Digest,
    /// The BLAKE3 of its content; where it is absent it is taken.
    pub blake3: Option<Digest>,
}

/// The same for a file whose sha256 is known; its BLAKE3 takes a quarter of the time.
///
/// # Errors
/// As for [`check_file`].
pub fn check_known_file<S: RowSink<Error: Send> + Send>(
    reader: impl Read + Send,
    name: &str,
    known: Known,
    schema: &ValidSchema,
    purpose: Purpose,
    sink: &mut S,
) -> Result<FileOutcome, CheckError<S::Error>> {
    check_file_in(reader, name, Some(known), schema, purpose, sink, Cutting::within(Room::WHOLE))
}

pub(crate) fn check_file_in<S: RowSink<Error: Send> + Send>(
    reader: impl Read + Send,
    name: &str,
    known: Option<Known>,
    schema: &ValidSchema,
    purpose: Purpose,
    sink: &mut S,
    cutting: Cutting,
) -> Result<FileOutcome, CheckError<S::Error>> {
    let mut outcome = FileOutcome {
        file: name.to_owned(),
        sha256: known.map_or_else(|| Digest::of(b""), |known| known.sha256),
        blake3: known.and_then(|known| known.blake3),
        bytes: 0,
        time: None,
        rows_in: 0,
        rows_accepted: 0,
        rows_quarantined: 0,
        reasons: BTreeMap::new(),
        missing_counts: Vec::new(),
        paired_headers: Vec::new(),
        rejection: None,
    };
    let hasher = match known {
        None => Hasher::Sha256(Sha256::new()),
        Some(Known { blake3: None, .. }) => Hasher::Blake3(Box::default()),
        Some(Known { blake3: Some(_), .. }) => Hasher::Neither,
    };
    let reader = Hashing { inner: reader, hasher, bytes: 0 };
    let mut pieces = Pieces::new(reader, (cutting.piece_bytes, cutting.piece_lines), MAX_LINE_BYTES);
    let rejection = check_content(&mut pieces, &mut outcome, schema, purpose, sink, cutting)?;
    if let Some(record) = rejection {
        outcome.reject(record);
    }
    let reader = pieces.into_reader();
    match reader.hasher {
        Hasher::Sha256(hasher) => outcome.sha256 = Digest::finish(hasher),
        Hasher::Blake3(hasher) => outcome.blake3 = Some(Digest::from(*hasher.finalize().as_bytes())),
        Hasher::Neither => {}
    }
    outcome.bytes = reader.bytes;
    Ok(outcome)
}

fn check_content<S: RowSink<Error: Send> + Send>(
    pieces: &mut Pieces<impl Read + Send>,
    outcome: &mut FileOutcome,
    schema: &ValidSchema,
    purpose: Purpose,
    sink: &mut S,
    cutting: Cutting,
) -> Result<Option<QuarantineRecord>, CheckError<S::Error>> {
    let file = outcome.file.clone();
    let read = |source| CheckError::Read { file: file.clone(), source };
    let base_name = file.rsplit('/').next().unwrap_or(&file);
    let name = schema.parse_file_name(base_name);
    outcome.time = name.as_ref().ok().copied();

    let (mut lines_before, mut start) = (0, Start::default());
    let header = loop {
        let Some(piece) = pieces.next(Vec::new()).map_err(read)? else {
            let message = "no line but blank ones; expected a header and rows".to_owned();
            break Err(Box::new(outcome.file_record(Code::EmptyFile, message)));
        };
        let mut lines = piece.lines(0, 0);
        let Some(line) = lines.next_filled(None) else {
            lines_before += lines.count();
            continue;
        };
        let header = header::read(&piece, &line, lines_before, schema, purpose, outcome);
        start = Start { position: lines.position(), line_count: lines.count(), piece: Some(piece) };
        break header;
    };
    // The name counts before the content.
    let header = match name {
        Err(error) => Err(Box::new(name_record(&error, outcome, base_name))),
        Ok(_) => header,
    };
    let (delimiter, map) = match header {
        Ok(header) => header,
        Err(record) => {
            outcome.rows_in = count_rows(pieces, start).map_err(read)?;
            return Ok(Some(*record));
        }
    };
    outcome.paired_headers = map.paired;
    outcome.missing_counts = vec![0; schema.features().len()];
    let rules = RowRules::new(schema, &map.bindings, purpose, delimiter);
    let mut merge = Merge { outcome, sink, lines_before, columns: ColumnsSeen::new(schema), first_refused: None };
    side_by_side(pieces, start, &rules, &mut merge, cutting).map_err(|error| match error {
        Stopped::Read(source) => read(source),
        Stopped::Sink(source) => CheckError::Sink { file: file.clone(), source },
    })?;
    let Merge { columns, first_refused, .. } = merge;
    Ok(judge_file(outcome, schema.schema(), &columns.empty(schema, purpose), first_refused))
}

/// The rules that need the whole file.
fn judge_file(
    outcome: &FileOutcome,
    schema: &DataSchema,
    empty_columns: &[String],
    first_refused: Option<QuarantineRecord>,
) -> Option<QuarantineRecord> {
    if outcome.rows_in == 0 {
        return Some(outcome.file_record(Code::NoRows, "a header without data rows".to_owned()));
    }
    if schema.missing.empty_column == EmptyColumn::RejectFile
        && let Some(first) = empty_columns.first()
    {
        let message = format!("{} columns hold no value at all, the first is `{first}`", empty_columns.len());
        let mut record = outcome.file_record(Code::EmptyColumn, message);
        record.column = Some(first.clone());
        return Some(record);
    }
    if outcome.rows_accepted == 0 {
        let first = first_refused
            .map_or_else(String::new, |record| format!("; the first by {}: {}", record.code, record.message));
        return Some(outcome.file_record(Code::NoValidRows, format!("every row was refused{first}")));
    }
    let cells = outcome.rows_accepted * outcome.missing_counts.len() as u64;
    let ratio = outcome.missing_counts.iter().sum::<u64>() as f64 / cells as f64;
    let most = schema.missing.max_file_missing_ratio;
    (ratio > most).then(|| {
        let message =
            format!("{ratio:.3} of the cells are missing, expected at most {most} (missing.max_file_missing_ratio)");
        outcome.file_record(Code::TooManyMissing, message)
    })
}

/// Counts the rows of a file that is rejected by its name or header.
fn count_rows(pieces: &mut Pieces<impl Read>, mut start: Start) -> io::Result<u64> {
    let mut rows = 0;
    let mut piece = start.piece.take();
    while let Some(current) = piece {
        let mut lines = current.lines(start.position, start.line_count);
        while lines.next_filled(None).is_some() {
            rows += 1;
        }
        start = Start::default();
        piece = pieces.next(current.into_buffer())?;
    }
    Ok(rows)
}

fn name_record(error: &NameError, outcome: &FileOutcome, base_name: &str) -> QuarantineRecord {
    let code = match error {
        NameError::Pattern { .. } => Code::NamePattern,
        NameError::Date { .. } => Code::NameDate,
        NameError::Time { .. } => Code::NameTime,
    };
    let mut record = outcome.file_record(code, error.to_string());
    record.value = Some(quoted(base_name.as_bytes()));
    record
}

/// Counts and digests what passes through.
struct Hashing<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
}

enum Hasher {
    Sha256(Sha256),
    Blake3(Box<blake3::Hasher>),
    Neither,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(&buffer[..count]),
            Hasher::Blake3(hasher) => {
                hasher.update(&buffer[..count]);
            }
            Hasher::Neither => {}
        }
        self.bytes += count as u64;
        Ok(count)
    }
}
