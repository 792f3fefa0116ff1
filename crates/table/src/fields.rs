//! Cells of a line.

use std::borrow::Cow;

use memchr::memchr;

/// A line whose quotes do not pair up. Holds the place of the quote in the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadQuote(pub(crate) usize);

/// Calls `each(index, offset, text)` for every cell, the offset counted from the start of the line, and returns the number of cells.
///
/// Quotes follow RFC 4180: a cell that starts with `"` ends with `"`, and `""` within it is one quote; they are taken off. Quotes elsewhere are
/// plain text.
pub(crate) fn split(line: &[u8], delimiter: u8, mut each: impl FnMut(usize, usize, &[u8])) -> Result<usize, BadQuote> {
    let (mut index, mut start) = (0, 0);
    loop {
        let rest = &line[start..];
        let length = if rest.first() == Some(&b'"') {
            let (length, text) = quoted_cell(rest).ok_or(BadQuote(start))?;
            if rest.get(length).is_some_and(|byte| *byte != delimiter) {
                return Err(BadQuote(start));
            }
            each(index, start, &text);
            length
        } else {
            let length = memchr(delimiter, rest).unwrap_or(rest.len());
            each(index, start, &rest[..length]);
            length
        };
        index += 1;
        start += length + 1;
        if start > line.len() {
            return Ok(index);
        }
    }
}

/// The length of a quoted cell with its quotes, and its text.
fn quoted_cell(rest: &[u8]) -> Option<(usize, Cow<'_, [u8]>)> {
    let mut text = Cow::Borrowed(&rest[..0]);
    let mut at = 1;
    loop {
        let end = at + memchr(b'"', &rest[at..])?;
        if matches!(&text, Cow::Borrowed(part) if part.is_empty()) {
            text = Cow::Borrowed(&rest[at..end]);
        } else {
            text.to_mut().extend_from_slice(&rest[at..end]);
        }
        if rest.get(end + 1) != Some(&b'"') {
            return Some((end + 1, text));
        }
        text.to_mut().push(b'"');
        at = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(line: &str) -> Result<Vec<(usize, String)>, BadQuote> {
        let mut found = Vec::new();
        let count = split(line.as_bytes(), b',', |index, offset, text| {
            assert_eq!(index, found.len());
            found.push((offset, String::from_utf8(text.to_vec()).unwrap()));
        })?;
        assert_eq!(count, found.len());
        Ok(found)
    }

    fn texts(line: &str) -> Vec<String> {
        cells(line).unwrap().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn plain_and_quoted_cells() {
        assert_eq!(texts("a,,b"), ["a", "", "b"]);
        assert_eq!(texts(""), [""]);
        assert_eq!(texts(","), ["", ""]);
        assert_eq!(texts(r#""a,b",c"d,"""#), ["a,b", "c\"d", ""]);
        assert_eq!(texts(r#""he said ""no""","""","x""y""#), ["he said \"no\"", "\"", "x\"y"]);
        assert_eq!(cells(r#"a,"b",c"#).unwrap()[2], (6, "c".to_owned()));
    }

    #[test]
    fn quotes_that_do_not_pair_up_are_refused() {
        assert_eq!(cells(r#"a,"b"#), Err(BadQuote(2)));
        assert_eq!(cells(r#""a"b,c"#), Err(BadQuote(0)));
        assert_eq!(cells(r#"""#), Err(BadQuote(0)));
        assert_eq!(cells(r#"a,""","#), Err(BadQuote(2)));
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_wrote_is_read_back(cells in prop::collection::vec("[a-c\", ;']{0,5}", 1..6)) {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            writer.write_record(&cells).unwrap();
            let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(texts(line.trim_end_matches('\n')), cells);
        }

        #[test]
        fn any_bytes_are_split_without_a_crash(line in prop::collection::vec(prop::sample::select(b"a\",\0\xff".to_vec()), 0..40)) {
            let mut count = 0;
            if let Ok(found) = split(&line, b',', |_, _, _| count += 1) {
                prop_assert_eq!(found, count);
            }
        }
    }
}
