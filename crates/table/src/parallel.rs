//! Reads the pieces of one file side by side, and puts what they hold back into the order of the file.
//!
//! The work goes in rounds: while the pieces of one round are read into rows, the next ones are taken from the file (and digested), and the rows
//! of the round before go to the sink. So no thread waits for another but at the end of a round, and no more than three rounds are in memory.

use std::io::{self, Read};

use rayon::prelude::*;

use crate::check::{FileOutcome, Row, RowSink};
use crate::lines::{Piece, Pieces};
use crate::piece_rows::{ColumnsSeen, PieceRows, Verdict};
use crate::quarantine::{QuarantineRecord, Scope};
use crate::row::{RowFault, RowRules};

/// How a file is cut. It changes nothing of what is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutting {
    /// The size of a piece, about.
    pub(crate) piece_bytes: usize,
    /// The most lines of a piece: of short ones, which are mostly refused, a piece would take many times its bytes.
    pub(crate) piece_lines: usize,
    /// The most pieces of a round; fewer if they have as many bytes.
    pub(crate) pieces_per_round: usize,
}

/// What part of the memory of a check a file may take: its bytes, of the most that the files which are checked at the same time can have together.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: u64,
    of: u64,
}

impl Room {
    /// That of a file which is checked by itself.
    pub const WHOLE: Self = Self { bytes: 1, of: 1 };

    /// That of each of the files of those sizes, of which no more than `at_once` are checked at the same time.
    pub fn of_each(sizes: &[u64], at_once: usize) -> Vec<Self> {
        let mut largest = sizes.to_vec();
        largest.sort_unstable_by_key(|&bytes| std::cmp::Reverse(bytes));
        let of = largest.into_iter().take(at_once).sum();
        sizes.iter().map(|&bytes| Self { bytes, of }).collect()
    }

    /// Its part of so many pieces, and one in any case.
    fn part(self, pieces: usize) -> usize {
        let part = pieces as u128 * u128::from(self.bytes) / u128::from(self.of.max(1));
        (part as usize).clamp(1, pieces)
    }
}

impl Cutting {
    pub(crate) fn within(room: Room) -> Self {
        /// Small enough for the caches of one core, and for the threads to end a round at nearly the same time.
        const PIECE_BYTES: usize = 256 << 10;
        const PIECE_LINES: usize = 4096;
        const PIECES_PER_THREAD: usize = 6;
        /// Bounds the memory on a machine with many cores.
        const MOST_PIECES: usize = 128;
        let wanted = rayon::current_num_threads().saturating_mul(PIECES_PER_THREAD);
        let pieces_per_round = wanted.clamp(1, room.part(MOST_PIECES));
        Self { piece_bytes: PIECE_BYTES, piece_lines: PIECE_LINES, pieces_per_round }
    }

    /// Whether a buffer is one of pieces of the usual size: larger ones, of long lines, are not kept.
    fn is_kept(self, buffer: &[u8]) -> bool {
        buffer.len() <= self.piece_bytes.saturating_mul(2)
    }
}

/// Where the rows of a file start: in a piece, after the header.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) position: usize,
    /// The lines of the piece up to there.
    pub(crate) line_count: u64,
    /// Absent in a file without a header.
    pub(crate) piece: Option<Piece>,
}

/// Why the rows were not read to their end.
#[derive(Debug)]
pub(crate) enum Stopped<E> {
    Read(io::Error),
    Sink(E),
}

/// Puts the rows together again.
pub(crate) struct Merge<'a, S> {
    pub(crate) outcome: &'a mut FileOutcome,
    pub(crate) sink: &'a mut S,
    /// The lines of the pieces that are done.
    pub(crate) lines_before: u64,
    pub(crate) columns: ColumnsSeen,
    pub(crate) first_refused: Option<QuarantineRecord>,
}

/// Reads all rows from `start` on.
pub(crate) fn side_by_side<S: RowSink<Error: Send> + Send>(
    pieces: &mut Pieces<impl Read + Send>,
    start: Start,
    rules: &RowRules<'_>,
    merge: &mut Merge<'_, S>,
    cutting: Cutting,
) -> Result<(), Stopped<S::Error>> {
    if pieces.has_ended() {
        // A small file is not worth waking other threads.
        let rows =
            start.piece.map(|piece| read_piece::<S>(rules, &piece, piece.lines(start.position, start.line_count)));
        return rows.map_or(Ok(()), |rows| merge.take(rows)).map_err(Stopped::Sink);
    }
    // On a thread of the pool: from outside each round would have to be handed over and waited for.
    rayon::scope(|_| rounds(pieces, start, rules, merge, cutting))
}

fn rounds<S: RowSink<Error: Send> + Send>(
    pieces: &mut Pieces<impl Read + Send>,
    start: Start,
    rules: &RowRules<'_>,
    merge: &mut Merge<'_, S>,
    cutting: Cutting,
) -> Result<(), Stopped<S::Error>> {
    // Where the first piece of the round is read from.
    let (mut position, mut line_count) = (start.position, start.line_count);
    let mut round: Vec<Piece> = start.piece.into_iter().collect();
    let mut spare = Vec::new();
    fill_round(pieces, &mut round, &mut spare, cutting).map_err(Stopped::Read)?;
    let mut done: Vec<PieceRows> = Vec::new();
    while !round.is_empty() || !done.is_empty() {
        let mut next = Vec::new();
        let read = |(at, piece): (usize, &Piece)| {
            let lines = if at == 0 { piece.lines(position, line_count) } else { piece.lines(0, 0) };
            read_piece::<S>(rules, piece, lines)
        };
        let (taken, (rows, filled)) = rayon::join(
            || done.drain(..).try_for_each(|rows| merge.take(rows)),
            || {
                rayon::join(
                    || -> Vec<PieceRows> { round.par_iter().enumerate().map(read).collect() },
                    || fill_round(pieces, &mut next, &mut spare, cutting),
                )
            },
        );
        taken.map_err(Stopped::Sink)?;
        filled.map_err(Stopped::Read)?;
        (position, line_count) = (0, 0);
        done = rows;
        spare.extend(round.drain(..).map(Piece::into_buffer).filter(|buffer| cutting.is_kept(buffer)));
        round = next;
    }
    Ok(())
}

fn read_piece<S: RowSink>(rules: &RowRules<'_>, piece: &Piece, lines: crate::lines::Lines<'_>) -> PieceRows {
    if S::FEATURES {
        PieceRows::read::<true>(rules, piece, lines)
    } else {
        PieceRows::read::<false>(rules, piece, lines)
    }
}

/// Takes the next pieces, into memory that is to spare.
fn fill_round(
    pieces: &mut Pieces<impl Read>,
    round: &mut Vec<Piece>,
    spare: &mut Vec<Vec<u8>>,
    cutting: Cutting,
) -> io::Result<()> {
    let most_bytes = cutting.pieces_per_round.saturating_mul(cutting.piece_bytes);
    while round.len() < cutting.pieces_per_round && round.iter().map(Piece::len).sum::<usize>() < most_bytes {
        let Some(piece) = pieces.next(spare.pop().unwrap_or_default())? else { break };
        round.push(piece);
    }
    Ok(())
}

impl<S: RowSink> Merge<'_, S> {
    /// Takes the rows of the next piece.
    fn take(&mut self, rows: PieceRows) -> Result<(), S::Error> {
        let width = rows.missing_counts.len();
        for (total, count) in self.outcome.missing_counts.iter_mut().zip(&rows.missing_counts) {
            *total += u64::from(*count);
        }
        self.columns.merge(&rows.columns);
        let mut ids = 0;
        let mut features = rows.features.chunks_exact(width.max(1));
        for row in rows.rows {
            self.outcome.rows_in += 1;
            let (line, byte_offset) = (self.lines_before + row.line, row.byte_offset);
            match row.verdict {
                Verdict::Accepted(id_end, target) => {
                    self.outcome.rows_accepted += 1;
                    let id = &rows.ids[ids..id_end];
                    ids = id_end;
                    let features = features.next().unwrap_or_default();
                    self.sink.accept(&Row { row: self.outcome.rows_in, line, byte_offset, id, target, features })?;
                }
                Verdict::Refused(fault) => {
                    let record = self.record(*fault, line, byte_offset);
                    self.outcome.rows_quarantined += 1;
                    *self.outcome.reasons.entry(record.code).or_default() += 1;
                    if self.first_refused.is_none() {
                        self.first_refused = Some(record.clone());
                    }
                    self.sink.refuse(record)?;
                }
            }
        }
        self.lines_before += rows.line_count;
        Ok(())
    }

    fn record(&self, fault: RowFault, line: u64, byte_offset: u64) -> QuarantineRecord {
        QuarantineRecord {
            scope: Scope::Row,
            code: fault.code,
            file: self.outcome.file.clone(),
            line: Some(line),
            byte_offset: Some(byte_offset + fault.offset_in_line),
            column: fault.column,
            value: fault.value,
            rows: 1,
            message: fault.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use faultline_contract::schema::{Purpose, ValidSchema};
    use proptest::prelude::*;
    use rayon::ThreadPool;

    use super::*;
    use crate::check::check_file_in;

    static POOLS: LazyLock<[ThreadPool; 2]> =
        LazyLock::new(|| [1, 3].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()));

    /// An accepted row; the features by their bits.
    type Accepted = (u64, u64, u64, String, Option<u8>, Vec<u32>);

    /// All that a sink is told, in order.
    #[derive(Debug, Default, PartialEq)]
    struct Told(Vec<(Option<Accepted>, Option<QuarantineRecord>)>);

    /// A sink that does not look at features.
    #[derive(Default)]
    struct Plain(Told);

    impl RowSink for Told {
        type Error = std::convert::Infallible;

        fn accept(&mut self, row: &Row<'_>) -> Result<(), Self::Error> {
            let bits = row.features.iter().map(|value| value.to_bits()).collect();
            let accepted = (row.row, row.line, row.byte_offset, row.id.to_owned(), row.target, bits);
            self.0.push((Some(accepted), None));
            Ok(())
        }

        fn refuse(&mut self, record: QuarantineRecord) -> Result<(), Self::Error> {
            self.0.push((None, Some(record)));
            Ok(())
        }
    }

    impl RowSink for Plain {
        const FEATURES: bool = false;

        type Error = std::convert::Infallible;

        fn accept(&mut self, row: &Row<'_>) -> Result<(), Self::Error> {
            self.0.accept(row)
        }

        fn refuse(&mut self, record: QuarantineRecord) -> Result<(), Self::Error> {
            self.0.refuse(record)
        }
    }

    fn check<S: RowSink<Error: Send + std::fmt::Debug> + Send + Default>(
        content: &[u8],
        strict: bool,
        cutting: Cutting,
    ) -> (FileOutcome, S) {
        let empty = if strict { "reject_file" } else { "keep" };
        let json = format!(
            r#"{{"format_version": 1, "dataset": "small", "missing": {{"empty_column": "{empty}"}},
                "file_name": {{"pattern": "x_(?<date>[0-9]{{8}})\\.csv", "date_format": "%d%m%Y"}},
                "columns": [{{"name": "id", "role": "id", "type": "string"}}, {{"name": "a", "max": 100}},
                    {{"name": "b"}}, {{"name": "c"}}, {{"name": "y", "role": "target", "type": "integer"}}]}}"#
        );
        let schema = ValidSchema::from_json(json.as_bytes()).unwrap();
        let mut sink = S::default();
        let outcome =
            check_file_in(content, "x_01022020.csv", None, &schema, Purpose::Train, &mut sink, cutting).unwrap();
        (outcome, sink)
    }

    const WHOLE: Cutting = Cutting { piece_bytes: 1 << 20, piece_lines: 1 << 20, pieces_per_round: 1 };

    fn content() -> impl Strategy<Value = Vec<u8>> {
        let cell = prop::sample::select(vec![
            "1",
            "2.5",
            "-31.25",
            "-3e2",
            "1234.5678",
            "123456789.25",
            "",
            "NaN",
            "1e400",
            "word",
            "\"",
            "\"\"",
            "\"1,2\"",
            "a\"b",
            "-",
            "101",
            "é",
        ]);
        let row = prop::collection::vec(cell, 4..6).prop_map(|cells| format!("w-1,{}", cells.join(",")));
        let line = prop_oneof![
            4 => Just("w,1,,3.5,1".to_owned()),
            4 => Just("v,-1.25,,1234.5678,-1".to_owned()),
            2 => row,
            1 => Just(String::new()),
            1 => "[ ,\"1]{0,30}",
        ];
        let end = prop::sample::select(vec!["\n", "\n", "\r\n", "\r"]);
        (any::<bool>(), any::<bool>(), prop::collection::vec((line, end), 0..40), any::<bool>()).prop_map(
            |(mark, blank, lines, ended)| {
                let mut text = if mark { "\u{feff}".to_owned() } else { String::new() };
                text.push_str(if blank { "\r\n\nid,a,b,c,y\r" } else { "id,a,b,c,y\n" });
                text.extend(lines.iter().flat_map(|(line, end)| [line.as_str(), *end]));
                let text = if ended { text.as_str() } else { text.trim_end_matches(['\r', '\n']) };
                text.as_bytes().to_vec()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn neither_the_cutting_nor_the_threads_change_what_is_found(
            content in content(),
            strict: bool,
            piece_bytes in 1_usize..120,
            piece_lines in 1_usize..9,
            pieces_per_round in 1_usize..6,
        ) {
            let whole: (_, Told) = check(&content, strict, WHOLE);
            let cutting = Cutting { piece_bytes, piece_lines, pieces_per_round };
            for pool in &*POOLS {
                let (outcome, told) = pool.install(|| check::<Told>(&content, strict, cutting));
                prop_assert_eq!(&outcome, &whole.0);
                prop_assert_eq!(&told, &whole.1);
            }
            let (outcome, Plain(told)) = check(&content, strict, cutting);
            prop_assert_eq!(outcome, whole.0);
            let mut expected = whole.1;
            expected.0.iter_mut().filter_map(|(accepted, _)| accepted.as_mut()).for_each(|row| row.5.clear());
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn files_at_the_same_time_share_the_pieces_of_one() {
        let pieces = |threads: usize, room| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Cutting::within(room).pieces_per_round)
        };
        assert_eq!([1, 2, 8, 64].map(|threads| pieces(threads, Room::WHOLE)), [6, 12, 48, 128]);
        // Of many files eight at a time, and a large one among small ones.
        for room in Room::of_each(&[5; 40], 8) {
            assert_eq!([1, 2, 8, 64].map(|threads| pieces(threads, room)), [6, 12, 16, 16]);
        }
        let rooms = Room::of_each(&[1, 0, 1_000_000, 1], 3);
        assert_eq!(rooms.into_iter().map(|room| pieces(16, room)).collect::<Vec<_>>(), [1, 1, 96, 1]);
        assert_eq!(Room::of_each(&[0, 0], 2).into_iter().map(|room| pieces(2, room)).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_round_is_bounded_by_its_bytes_and_buffers_of_long_lines_are_not_kept() {
        let content = format!("{}\n", "x".repeat(1000)).repeat(50);
        let cutting = Cutting { piece_bytes: 64, piece_lines: 5, pieces_per_round: 20 };
        let mut pieces = Pieces::new(content.as_bytes(), (64, 5), 4096);
        let mut round = Vec::new();
        fill_round(&mut pieces, &mut round, &mut Vec::new(), cutting).unwrap();
        assert_eq!(round.iter().map(Piece::len).collect::<Vec<_>>(), [1001; 2]);
        assert!(!round.into_iter().map(Piece::into_buffer).any(|buffer| cutting.is_kept(&buffer)));
        let short = Pieces::new(b"x\n".as_slice(), (64, 5), 4096).next(Vec::new()).unwrap().unwrap();
        assert!(cutting.is_kept(&short.into_buffer()));
    }

    #[test]
    fn a_reader_that_fails_and_a_sink_that_fails_end_the_check() {
        struct Full(usize);
        impl RowSink for Full {
            type Error = &'static str;
            fn accept(&mut self, _: &Row<'_>) -> Result<(), Self::Error> {
                self.0 = self.0.checked_sub(1).ok_or("full")?;
                Ok(())
            }
            fn refuse(&mut self, _: QuarantineRecord) -> Result<(), Self::Error> {
                Ok(())
            }
        }
        struct Torn<'a>(&'a [u8]);
        impl Read for Torn<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() { Err(io::ErrorKind::ConnectionReset.into()) } else { self.0.read(buffer) }
            }
        }
        let schema = br#"{"format_version": 1, "dataset": "small",
            "file_name": {"pattern": "x_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
            "columns": [{"name": "id", "role": "id", "type": "string"}, {"name": "a"}, {"name": "y", "role": "target"}]}"#;
        let schema = ValidSchema::from_json(schema).unwrap();
        let content = format!("id,a,y\n{}", "w,1,1\n".repeat(1000));
        let cutting = Cutting { piece_bytes: 64, piece_lines: 5, pieces_per_round: 2 };
        let check = |reader: &mut (dyn Read + Send), room: usize| {
            check_file_in(reader, "x_01022020.csv", None, &schema, Purpose::Train, &mut Full(room), cutting)
        };
        let outcome = check(&mut content.as_bytes(), 1000).unwrap();
        assert_eq!(outcome.rows_accepted, 1000);
        assert!(matches!(check(&mut content.as_bytes(), 999), Err(crate::CheckError::Sink { source: "full", .. })));
        assert!(matches!(check(&mut Torn(content.as_bytes()), 1000), Err(crate::CheckError::Read { .. })));
    }
}
