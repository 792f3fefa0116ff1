//! Lines of a byte stream, in memory that does not grow with the stream.
//!
//! The stream is cut into pieces of whole lines, so that pieces can be read side by side; a piece is cut into its lines.
//! A line ends with LF, CR LF or CR, as in RFC 4180's readers, even within quotes: a batch file holds one record per line, so a lone quote can spoil
//! its own line only.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr2, memchr2_iter, memrchr2};

use crate::plain_cells::BLOCK_BYTES;

/// A line longer than this is handed over as too long, without its bytes.
pub(crate) const MAX_LINE_BYTES: usize = 16 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1-based within the piece, blank lines included.
    pub(crate) number: u64,
    /// Where its first byte stands in the stream.
    pub(crate) offset: u64,
    /// Where its bytes stand in the piece; `None` if it is too long.
    pub(crate) place: Option<Range<usize>>,
}

/// Whole lines of a stream.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The lines, and at least [`BLOCK_BYTES`] more bytes, the first of them 0.
    buffer: Vec<u8>,
    end: usize,
    /// Where the bytes stand in the stream.
    offset: u64,
    /// The piece stands for one line that is too long; it has no bytes.
    too_long: bool,
    max_line_bytes: usize,
}

impl Piece {
    /// The bytes from a place on: the rest of a line, the lines after it and at least [`BLOCK_BYTES`] more.
    pub(crate) fn bytes_from(&self, start: usize) -> &[u8] {
        &self.buffer[start..]
    }

    /// The bytes of a line.
    pub(crate) fn bytes(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// The bytes of all lines.
    pub(crate) fn len(&self) -> usize {
        self.end
    }

    /// The lines after the first `line_count`, which end before `start`.
    pub(crate) fn lines(&self, start: usize, line_count: u64) -> Lines<'_> {
        Lines { piece: self, at: start, number: line_count }
    }

    /// The memory of the piece, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// The lines of a piece, one after the other.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    piece: &'a Piece,
    at: usize,
    number: u64,
}

impl Lines<'_> {
    /// The next line that is not blank. With a `delimiter` that is a blank itself, a line of empty cells is none.
    pub(crate) fn next_filled(&mut self, delimiter: Option<u8>) -> Option<Line> {
        let is_filled = |byte: &u8| !byte.is_ascii_whitespace() || Some(*byte) == delimiter;
        loop {
            let line = self.advance()?;
            if line.place.as_ref().is_none_or(|place| self.piece.bytes(place.clone()).iter().any(is_filled)) {
                return Some(line);
            }
        }
    }

    /// How many lines there were so far.
    pub(crate) fn count(&self) -> u64 {
        self.number
    }

    /// Where the next line starts in the piece.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn advance(&mut self) -> Option<Line> {
        let piece = self.piece;
        let (start, offset) = (self.at, piece.offset + self.at as u64);
        if piece.too_long {
            (self.at, self.number) = (1, 1);
            return (start == 0).then_some(Line { number: 1, offset, place: None });
        }
        let rest = &piece.buffer[start..piece.end];
        if rest.is_empty() {
            return None;
        }
        self.number += 1;
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let pair = rest[length..].starts_with(b"\r\n");
        self.at = (start + length + 1 + usize::from(pair)).min(piece.end);
        let place = (length <= piece.max_line_bytes).then_some(start..start + length);
        Some(Line { number: self.number, offset, place })
    }
}

/// Cuts a stream into pieces.
#[derive(Debug)]
pub(crate) struct Pieces<R> {
    reader: R,
    /// What is read beyond the last piece.
    rest: Vec<u8>,
    /// Where `rest` stands in the stream.
    offset: u64,
    started: bool,
    ended: bool,
    /// What is to be dropped of a line that was too long.
    skips: Skip,
    piece_bytes: usize,
    piece_lines: usize,
    max_line_bytes: usize,
}

/// What is to be dropped before the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    /// All up to the end of the line.
    Line,
    /// A line feed, which would be the second half of a line's end.
    LineFeed,
}

/// Bytes read so far, in memory that is written once and used again.
struct Filled {
    buffer: Vec<u8>,
    end: usize,
}

impl Filled {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.end]
    }

    fn drop_front(&mut self, count: usize) {
        self.buffer.copy_within(count..self.end, 0);
        self.end -= count;
    }

    /// Room for `count` bytes and a window beyond them.
    fn make_room(&mut self, count: usize) {
        if self.buffer.len() < count + BLOCK_BYTES {
            self.buffer.resize(count + BLOCK_BYTES, 0);
        }
    }
}

impl<R: Read> Pieces<R> {
    /// Pieces of about that many bytes, more where a line is longer, and of so many lines at most.
    pub(crate) fn new(reader: R, (piece_bytes, piece_lines): (usize, usize), max_line_bytes: usize) -> Self {
        let (rest, skips) = (Vec::new(), Skip::Nothing);
        let (offset, started, ended) = (0, false, false);
        Self { reader, rest, offset, started, ended, skips, piece_bytes, piece_lines, max_line_bytes }
    }

    /// Whether there is no other piece.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended && self.rest.is_empty()
    }

    /// What the bytes are read from.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }

    /// The next piece, `None` at the end of the stream. `buffer` lends its memory; what it holds is of no account.
    pub(crate) fn next(&mut self, buffer: Vec<u8>) -> io::Result<Option<Piece>> {
        let mut filled = Filled { buffer, end: self.rest.len() };
        filled.make_room(self.rest.len().max(self.piece_bytes));
        filled.buffer[..self.rest.len()].copy_from_slice(&self.rest);
        self.rest.clear();
        let mut wanted = self.piece_bytes;
        loop {
            self.fill(&mut filled, wanted)?;
            if !self.started && (self.ended || filled.end >= BYTE_ORDER_MARK.len()) {
                self.started = true;
                if filled.bytes().starts_with(BYTE_ORDER_MARK) {
                    self.drop_front(&mut filled, BYTE_ORDER_MARK.len());
                }
            }
            self.skip(&mut filled);
            if self.ended {
                let end = filled.end;
                return Ok((end > 0).then(|| self.piece(filled, end)));
            }
            if let Some(cut) = last_line_end(filled.bytes()).filter(|_| self.started) {
                return Ok(Some(self.piece(filled, cut)));
            }
            // With one more byte there may be a CR at the end.
            if filled.end > self.max_line_bytes + 1 {
                let piece = Piece { offset: self.offset, too_long: true, ..Piece::default() };
                self.skips = Skip::Line;
                self.skip(&mut filled);
                self.rest.extend_from_slice(filled.bytes());
                return Ok(Some(piece));
            }
            wanted = filled.end + self.piece_bytes;
        }
    }

    /// The first bytes as a piece, as far as the lines allow; the others wait for the next one.
    fn piece(&mut self, filled: Filled, end: usize) -> Piece {
        let end = end_of_lines(&filled.bytes()[..end], self.piece_lines);
        self.rest.extend_from_slice(&filled.bytes()[end..]);
        let offset = self.offset;
        self.offset += end as u64;
        let mut buffer = filled.buffer;
        // A window on the last cell must not take what is left of other lines for a part of it.
        buffer[end..end + BLOCK_BYTES].fill(0);
        Piece { buffer, end, offset, too_long: false, max_line_bytes: self.max_line_bytes }
    }

    /// Reads until there are that many bytes, fewer only at the end of the stream.
    fn fill(&mut self, filled: &mut Filled, wanted: usize) -> io::Result<()> {
        filled.make_room(wanted);
        while filled.end < wanted && !self.ended {
            match self.reader.read(&mut filled.buffer[filled.end..wanted]) {
                Ok(count) => {
                    filled.end += count;
                    self.ended = count == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn skip(&mut self, filled: &mut Filled) {
        if self.skips == Skip::Line {
            let Some(at) = memchr2(b'\n', b'\r', filled.bytes()) else {
                self.drop_front(filled, filled.end);
                return;
            };
            self.skips = if filled.buffer[at] == b'\r' { Skip::LineFeed } else { Skip::Nothing };
            self.drop_front(filled, at + 1);
        }
        if self.skips == Skip::LineFeed && filled.end > 0 {
            self.skips = Skip::Nothing;
            if filled.bytes().starts_with(b"\n") {
                self.drop_front(filled, 1);
            }
        }
    }

    fn drop_front(&mut self, filled: &mut Filled, count: usize) {
        filled.drop_front(count);
        self.offset += count as u64;
    }
}

/// Where the last line that is whole for sure ends. A CR at the very end may be the first half of a CR LF.
fn last_line_end(buffer: &[u8]) -> Option<usize> {
    let last = memrchr2(b'\n', b'\r', buffer)?;
    if buffer[last] == b'\n' || last + 1 < buffer.len() {
        return Some(last + 1);
    }
    Some(memrchr2(b'\n', b'\r', &buffer[..last])? + 1)
}

/// Where the first lines end, so many at most; a CR LF counts twice.
fn end_of_lines(bytes: &[u8], most: usize) -> usize {
    let last = memchr2_iter(b'\n', b'\r', bytes).nth(most.saturating_sub(1));
    last.map_or(bytes.len(), |at| at + 1 + usize::from(bytes[at..].starts_with(b"\r\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    type Found = (u64, u64, Option<Vec<u8>>);

    fn lines(text: &[u8], (piece_bytes, piece_lines): (usize, usize), limit: usize) -> Vec<Found> {
        let mut pieces = Pieces::new(Drip(text, 3), (piece_bytes, piece_lines), limit);
        let (mut found, mut before) = (Vec::new(), 0);
        while let Some(piece) = pieces.next(Vec::new()).unwrap() {
            let mut lines = piece.lines(0, 0);
            assert!(piece.len() > 0 || piece.too_long);
            while let Some(line) = lines.advance() {
                let bytes = line.place.map(|place| piece.bytes(place).to_vec());
                found.push((before + line.number, line.offset, bytes));
            }
            assert!(lines.count() <= piece_lines as u64);
            before = found.last().map_or(0, |(number, _, _)| *number);
        }
        assert!(pieces.has_ended());
        found
    }

    /// The same byte by byte.
    fn lines_plainly(text: &[u8], limit: usize) -> Vec<Found> {
        let start = if text.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
        let (mut found, mut line, mut offset) = (Vec::new(), Vec::new(), start);
        let mut end_line = |line: &mut Vec<u8>, offset: usize| {
            let bytes = std::mem::take(line);
            found.push((found.len() as u64 + 1, offset as u64, (bytes.len() <= limit).then_some(bytes)));
        };
        let mut at = start;
        while at < text.len() {
            match text[at] {
                b'\n' | b'\r' => {
                    at += if text[at..].starts_with(b"\r\n") { 2 } else { 1 };
                    end_line(&mut line, offset);
                    offset = at;
                }
                byte => {
                    line.push(byte);
                    at += 1;
                }
            }
        }
        if !line.is_empty() {
            end_line(&mut line, offset);
        }
        found
    }

    #[test]
    fn every_kind_of_line_end_is_one_end() {
        for piece in [1, 2, 3, 4, 5, 6, 7, 8, 20].into_iter().flat_map(|bytes| [(bytes, 1), (bytes, 2), (bytes, 100)]) {
            let found = lines(b"a\nb\r\nc\rd\n\ne", piece, 100);
            let texts: Vec<_> = found.iter().map(|(_, _, bytes)| bytes.clone().unwrap()).collect();
            assert_eq!(texts, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec(), b"d".to_vec(), vec![], b"e".to_vec()]);
            let places: Vec<_> = found.iter().map(|(number, offset, _)| (*number, *offset)).collect();
            assert_eq!(places, [(1, 0), (2, 2), (3, 5), (4, 7), (5, 9), (6, 10)]);
        }
        assert_eq!(lines(b"", (3, 1), 100), []);
        assert_eq!(lines(b"a\r\n", (1, 1), 100).len(), 1);
    }

    #[test]
    fn a_line_too_long_is_skipped_and_the_next_one_found() {
        for piece_bytes in [1, 3, 7, 100] {
            let found = lines(b"ok\n0123456789\r\nok\n0123456789", (piece_bytes, 1), 5);
            let expected = [(1, 0, Some(b"ok".to_vec())), (2, 3, None), (3, 15, Some(b"ok".to_vec())), (4, 18, None)];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_piece_does_not_grow_with_the_stream() {
        let stream = io::repeat(b'x').take(3 << 20).chain(io::repeat(b'\n').take(9 << 20));
        let mut pieces = Pieces::new(stream, (1 << 20, 1 << 20), MAX_LINE_BYTES);
        let (mut longest, mut filled) = (0, 0);
        while let Some(piece) = pieces.next(Vec::new()).unwrap() {
            longest = longest.max(piece.end);
            let mut lines = piece.lines(0, 0);
            while let Some(line) = lines.next_filled(None) {
                filled += 1;
                assert_eq!(line.place, Some(0..3 << 20));
            }
        }
        assert_eq!(filled, 1);
        assert!(longest <= 5 << 20, "{longest}");
    }

    #[test]
    fn a_line_of_blanks_is_one_of_empty_cells_where_they_are_cut_by_blanks() {
        let filled = |text: &'static [u8], delimiter| {
            let piece = Pieces::new(text, (100, 100), 100).next(Vec::new()).unwrap().unwrap();
            let mut lines = piece.lines(0, 0);
            std::iter::from_fn(|| lines.next_filled(delimiter)).count()
        };
        for (delimiter, count) in [(Some(b'\t'), 3), (Some(b','), 2), (None, 2)] {
            assert_eq!(filled(b"a\tb\n\t\n  \n\nc\td\n", delimiter), count);
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_hold_the_same_lines(
            text in prop::collection::vec(prop::sample::select(b"ab\n\r\xef\xbb\xbf".to_vec()), 0..60),
            mark: bool,
            piece in (1_usize..40, 1_usize..9),
            limit in 1_usize..12,
        ) {
            let text = if mark { [BYTE_ORDER_MARK, &text].concat() } else { text };
            prop_assert_eq!(lines(&text, piece, limit), lines_plainly(&text, limit));
        }
    }
}
