//! Reads the header line of a file.

use faultline_contract::schema::{Delimiter, HeaderError, HeaderMap, Purpose, ValidSchema};

use crate::check::FileOutcome;
use crate::fields::{self, BadQuote};
use crate::lines::{Line, MAX_LINE_BYTES, Piece};
use crate::quarantine::{Code, QuarantineRecord, quoted};

/// The delimiter of the file, and what its columns are. `line` is one of the piece, before which the file has `lines_before`.
pub(crate) fn read(
    piece: &Piece,
    line: &Line,
    lines_before: u64,
    schema: &ValidSchema,
    purpose: Purpose,
    outcome: &FileOutcome,
) -> Result<(u8, HeaderMap), Box<QuarantineRecord>> {
    let refuse = |code, message: &str| {
        let mut record = outcome.file_record(code, message.to_owned());
        (record.line, record.byte_offset) = (Some(lines_before + line.number), Some(line.offset));
        Box::new(record)
    };
    let Some(place) = line.place.clone() else {
        return Err(refuse(Code::LineTooLong, &format!("the header line is longer than {MAX_LINE_BYTES} bytes")));
    };
    let bytes = piece.bytes(place);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(refuse(Code::NotUtf8, "the file is UTF-16, expected UTF-8; save it as `CSV UTF-8`"));
    }
    if bytes.contains(&0) {
        return Err(refuse(
            Code::NotUtf8,
            "the header holds NUL bytes: it is UTF-16 or no text; save the file as `CSV UTF-8`",
        ));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(refuse(Code::NotUtf8, "the header is not UTF-8; save the file as `CSV UTF-8`"));
    }
    let delimiter = match schema.schema().delimiter {
        Delimiter::Auto => detect_delimiter(bytes),
        Delimiter::Comma => b',',
        Delimiter::Semicolon => b';',
        Delimiter::Tab => b'\t',
        Delimiter::Pipe => b'|',
    };
    let mut headers = Vec::new();
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
    if let Err(BadQuote(_)) = fields::split(bytes, delimiter, |_, _, cell| headers.push(text(cell))) {
        return Err(refuse(Code::BadQuote, "the quotes of the header line do not pair up"));
    }
    let map = schema.map_headers(&headers, purpose).map_err(|error| {
        let (code, column) = match &error {
            HeaderError::ColumnCount { .. } => (Code::ColumnCount, None),
            HeaderError::Duplicate { column, .. } => (Code::DuplicateColumn, Some(column)),
            HeaderError::TargetMissing { column } => (Code::TargetMissing, Some(column)),
            HeaderError::Blank { .. } => (Code::BlankHeader, None),
            HeaderError::Unknown { header, .. } => (Code::UnknownColumn, Some(header)),
            HeaderError::Missing { .. } => (Code::MissingColumn, None),
        };
        let mut record = refuse(code, &error.to_string());
        record.column = column.map(|column| quoted(column.as_bytes()));
        record
    })?;
    Ok((delimiter, map))
}

/// The delimiter that cuts the header into the most cells; a comma if there is none.
fn detect_delimiter(header: &[u8]) -> u8 {
    let count = |delimiter| fields::split(header, delimiter, |_, _, _| ()).unwrap_or(0);
    // Of equal ones the last counts, so the order is that of rising preference.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_cuts_most() {
        for (header, delimiter) in [
            ("a,b,c", b','),
            ("a;b;c", b';'),
            ("a\tb", b'\t'),
            ("a|b|c,d", b'|'),
            ("\"a;b;c\",d", b','),
            ("alone", b','),
            ("", b','),
        ] {
            assert_eq!(detect_delimiter(header.as_bytes()), delimiter, "{header}");
        }
    }
}
