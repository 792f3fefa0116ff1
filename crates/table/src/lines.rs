//! Lines of a byte stream, in memory that does not grow with the stream.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr2;

/// A line longer than this is handed over as too long, without its bytes.
pub(crate) const MAX_LINE_BYTES: usize = 16 << 20;
/// How much is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// 1-based, blank lines included.
    pub(crate) number: u64,
    /// Where its first byte stands in the stream.
    pub(crate) offset: u64,
    /// Its bytes; `None` if it is too long.
    pub(crate) bytes: Option<&'a [u8]>,
}

/// Cuts a stream into lines. A line ends with LF, CR LF or CR, as in RFC 4180's readers, even within quotes: a batch file holds one record
/// per line, so a lone quote can spoil its own line only.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Where `start` stands in the stream.
    offset: u64,
    number: u64,
    after_cr: bool,
    max_line_bytes: usize,
}

/// Where a line is.
struct Span {
    number: u64,
    offset: u64,
    /// In the buffer; `None` if the line is too long.
    place: Option<Range<usize>>,
}

/// What looking for the end of a line found.
enum Found {
    /// The line's length, without its end.
    Line(usize),
    /// More than the limit; the rest has been skipped.
    TooLong,
    /// No more bytes.
    End,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self::with_limit(reader, MAX_LINE_BYTES)
    }

    fn with_limit(reader: R, max_line_bytes: usize) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, offset: 0, number: 0, after_cr: false, max_line_bytes }
    }

    /// Drops the bytes if the stream goes on with them; for a byte order mark.
    pub(crate) fn skip_prefix(&mut self, prefix: &[u8]) -> io::Result<()> {
        if self.peek(prefix.len())? == prefix {
            self.consume(prefix.len());
        }
        Ok(())
    }

    /// The next bytes, fewer at the end of the stream.
    pub(crate) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && self.fill()? {}
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// The next line that is not blank, `None` at the end of the stream.
    pub(crate) fn next_filled(&mut self) -> io::Result<Option<Line<'_>>> {
        while let Some(span) = self.advance()? {
            let blank = span.place.as_ref().is_some_and(|place| self.buffer[place.clone()].trim_ascii().is_empty());
            if !blank {
                let bytes = span.place.map(|place| &self.buffer[place]);
                return Ok(Some(Line { number: span.number, offset: span.offset, bytes }));
            }
        }
        Ok(None)
    }

    /// Moves past the next line. Its place in the buffer holds until the next call.
    fn advance(&mut self) -> io::Result<Option<Span>> {
        if self.after_cr {
            self.after_cr = false;
            self.skip_prefix(b"\n")?;
        }
        self.number += 1;
        let (number, offset) = (self.number, self.offset);
        let place = match self.find_end()? {
            Found::End => return Ok(None),
            Found::TooLong => None,
            Found::Line(length) => {
                let start = self.start;
                self.end_line(length);
                Some(start..start + length)
            }
        };
        Ok(Some(Span { number, offset, place }))
    }

    fn find_end(&mut self) -> io::Result<Found> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = memchr2(b'\n', b'\r', &unread[searched..]) {
                let length = searched + at;
                if length <= self.max_line_bytes {
                    return Ok(Found::Line(length));
                }
                self.end_line(length);
                return Ok(Found::TooLong);
            }
            searched = unread.len();
            if searched > self.max_line_bytes {
                self.skip_line()?;
                return Ok(Found::TooLong);
            }
            if !self.fill()? {
                return Ok(if searched == 0 { Found::End } else { Found::Line(searched) });
            }
        }
    }

    /// Drops what is left of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr2(b'\n', b'\r', &self.buffer[self.start..self.end]) {
                self.end_line(at);
                return Ok(());
            }
            self.consume(self.end - self.start);
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Consumes a line and the byte that ends it, if there is one.
    fn end_line(&mut self, length: usize) {
        let ended_by = self.buffer[self.start..self.end].get(length).copied();
        self.after_cr = ended_by == Some(b'\r');
        self.consume(length + usize::from(ended_by.is_some()));
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads more; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 && (self.start == self.end || self.buffer.len() - self.end < CHUNK_BYTES / 2) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK_BYTES / 2 {
            self.buffer.resize(self.end + CHUNK_BYTES, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn lines(text: &[u8], step: usize, limit: usize) -> Vec<(u64, u64, Option<Vec<u8>>)> {
        let mut lines = Lines::with_limit(Drip(text, step), limit);
        let mut found = Vec::new();
        while let Some(span) = lines.advance().unwrap() {
            found.push((span.number, span.offset, span.place.map(|place| lines.buffer[place].to_vec())));
        }
        found
    }

    #[test]
    fn every_kind_of_line_end_is_one_end() {
        for step in 1..9 {
            let found = lines(b"a\nb\r\nc\rd\n\ne", step, 100);
            let texts: Vec<_> = found.iter().map(|(_, _, bytes)| bytes.clone().unwrap()).collect();
            assert_eq!(texts, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec(), b"d".to_vec(), vec![], b"e".to_vec()]);
            let places: Vec<_> = found.iter().map(|(number, offset, _)| (*number, *offset)).collect();
            assert_eq!(places, [(1, 0), (2, 2), (3, 5), (4, 7), (5, 9), (6, 10)]);
        }
        assert_eq!(lines(b"", 3, 100), []);
        assert_eq!(lines(b"a\r\n", 1, 100).len(), 1);
    }

    #[test]
    fn a_line_too_long_is_skipped_and_the_next_one_found() {
        for step in [1, 3, 100] {
            let found = lines(b"ok\n0123456789\r\nok\n0123456789", step, 5);
            let expected = [(1, 0, Some(b"ok".to_vec())), (2, 3, None), (3, 15, Some(b"ok".to_vec())), (4, 18, None)];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_buffer_does_not_grow_with_the_stream() {
        let mut lines = Lines::new(io::repeat(b'x').take(3 << 20).chain(io::repeat(b'\n').take(9 << 20)));
        assert_eq!(
            lines.next_filled().unwrap().map(|line| (line.number, line.bytes.map(<[u8]>::len))),
            Some((1, Some(3 << 20)))
        );
        assert_eq!(lines.next_filled().unwrap(), None);
        assert!(lines.buffer.len() <= 5 << 20, "{}", lines.buffer.len());
    }
}
