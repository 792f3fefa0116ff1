//! The bins of a table's values, one byte each, where a tree that grows finds them fast.
//!
//! A node looks at a few columns of its rows. While these are most of the table's rows, columns are read from end to end. Once they are few,
//! every one of them is a cache line of its own, fetched from memory at every level of the tree. So a node with few rows of a large table gets a
//! table of its own: its rows are gathered once, side by side, and all nodes below it read columns that lie in a near cache again. This is what
//! keeps the cost of a row from rising with the number of rows.

use rayon::prelude::*;

/// Columns of a strip: as many bytes as a cache line has.
const STRIP_COLUMNS: usize = 64;

/// Rows that are turned from lines into columns at once.
const TILE_ROWS: usize = 64;

/// Rows and columns that are turned in registers: a word of bytes.
const WORD: usize = 8;

/// Tables of more values than this have strips: what is smaller fits into a near cache as it is.
const MIN_STRIP_VALUES: usize = 1 << 20;

/// A node with no more than one row in so many is worth a table of its own.
const MIN_SPARSITY: usize = 16;

/// Nodes with fewer rows than this are grown sooner than gathered.
const MIN_GATHERED: usize = 256;

/// The bins of one row in a strip.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([u8; STRIP_COLUMNS]);

/// A table column by column, and where it is large a second time in strips of [`STRIP_COLUMNS`] columns, row by row, from where rows are
/// gathered.
#[derive(Debug, Default)]
pub(super) struct Codes {
    n_rows: usize,
    n_columns: usize,
    columns: Vec<u8>,
    /// Strip by strip; columns that lack to a whole strip are anything.
    lines: Vec<Line>,
}

impl Codes {
    /// Of columns in a [`room`] of their size.
    pub(super) fn new(columns: Vec<u8>, n_rows: usize, n_columns: usize) -> Self {
        let mut codes = Self { n_rows, n_columns, columns, lines: Vec::new() };
        if codes.is_large() {
            let pitch = pitch(n_rows);
            codes.lines = vec![Line([0; STRIP_COLUMNS]); n_rows * n_columns.div_ceil(STRIP_COLUMNS)];
            let strips = codes.columns.par_chunks(STRIP_COLUMNS * pitch);
            codes.lines.par_chunks_mut(n_rows).zip(strips).for_each(|(lines, columns)| {
                for (tile, lines) in lines.chunks_mut(TILE_ROWS).enumerate() {
                    lines_of(columns, pitch, tile * TILE_ROWS, lines);
                }
            });
        }
        codes
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The bins of a column, row by row.
    #[inline]
    pub(super) fn column(&self, column: usize) -> &[u8] {
        &self.columns[column * pitch(self.n_rows)..][..self.n_rows]
    }

    /// Whether so many of the rows should be gathered before a tree grows on them.
    pub(super) fn is_sparse(&self, n_rows: usize) -> bool {
        !self.lines.is_empty() && n_rows >= MIN_GATHERED && n_rows * MIN_SPARSITY <= self.n_rows
    }

    /// Becomes the table of some rows of another one, which has strips.
    pub(super) fn gather(&mut self, from: &Self, rows: &[u32]) {
        (self.n_rows, self.n_columns) = (rows.len(), from.n_columns);
        let (pitch, is_large) = (pitch(self.n_rows), self.is_large());
        // whatever is left there is written over
        self.columns.resize(pitch * self.n_columns.next_multiple_of(WORD), 0);
        self.lines.clear();
        let mut tile = [Line([0; STRIP_COLUMNS]); TILE_ROWS];
        let strips = self.columns.chunks_mut(STRIP_COLUMNS * pitch);
        for (columns, lines) in strips.zip(from.lines.chunks_exact(from.n_rows)) {
            for (at, rows) in rows.chunks(TILE_ROWS).enumerate() {
                for (line, row) in tile.iter_mut().zip(rows) {
                    *line = lines[*row as usize];
                }
                columns_of(&tile[..rows.len().next_multiple_of(WORD)], at * TILE_ROWS, columns, pitch);
                if is_large {
                    self.lines.extend_from_slice(&tile[..rows.len()]);
                }
            }
        }
    }

    /// The same, of which no rows are ever gathered.
    #[cfg(test)]
    pub(super) fn never_sparse(self) -> Self {
        Self { lines: Vec::new(), ..self }
    }

    fn is_large(&self) -> bool {
        self.n_rows * self.n_columns > MIN_STRIP_VALUES
    }
}

/// Lays the rows from `first` on, of columns `pitch` bytes apart, into lines.
fn lines_of(columns: &[u8], pitch: usize, first: usize, lines: &mut [Line]) {
    for (block, lines) in lines.chunks_mut(WORD).enumerate() {
        let row = first + block * WORD;
        for (group, columns) in columns.chunks_exact(WORD * pitch).enumerate() {
            let words = turned(std::array::from_fn(|i| word_at(&columns[i * pitch..], row)));
            for (line, word) in lines.iter_mut().zip(words) {
                line.0[group * WORD..][..WORD].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

/// Lays lines, a multiple of [`WORD`], into columns `pitch` bytes apart, as rows from `first` on.
fn columns_of(lines: &[Line], first: usize, columns: &mut [u8], pitch: usize) {
    for (block, lines) in lines.chunks_exact(WORD).enumerate() {
        let row = first + block * WORD;
        for (group, columns) in columns.chunks_exact_mut(WORD * pitch).enumerate() {
            let words = turned(std::array::from_fn(|i| word_at(&lines[i].0, group * WORD)));
            for (column, word) in columns.chunks_exact_mut(pitch).zip(words) {
                column[row..][..WORD].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

fn word_at(bytes: &[u8], place: usize) -> u64 {
    let mut word = [0; WORD];
    word.copy_from_slice(&bytes[place..][..WORD]);
    u64::from_le_bytes(word)
}

/// Byte `j` of word `i` becomes byte `i` of word `j`: halves change places across the diagonal, then quarters, then bytes.
fn turned(mut words: [u64; WORD]) -> [u64; WORD] {
    for (span, mask) in [(4, 0x0000_0000_FFFF_FFFF), (2, 0x0000_FFFF_0000_FFFF), (1, 0x00FF_00FF_00FF_00FF)] {
        for i in (0..WORD).filter(|i| i & span == 0) {
            let change = (words[i] >> (8 * span) ^ words[i + span]) & mask;
            words[i] ^= change << (8 * span);
            words[i + span] ^= change;
        }
    }
    words
}

/// Bytes from one column to the next: whole cache lines, and an odd number of them, so that not all columns fall into the same places of a cache.
pub(super) fn pitch(n_rows: usize) -> usize {
    n_rows.next_multiple_of(STRIP_COLUMNS) | STRIP_COLUMNS
}

/// Room for so many columns of so many rows.
pub(super) fn room(n_rows: usize, n_columns: usize) -> Vec<u8> {
    vec![0; pitch(n_rows) * n_columns.next_multiple_of(WORD)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a different byte nearly everywhere.
    fn table(n_rows: usize, n_columns: usize) -> Codes {
        let mut columns = room(n_rows, n_columns);
        for (column, codes) in columns.chunks_exact_mut(pitch(n_rows)).take(n_columns).enumerate() {
            codes.iter_mut().take(n_rows).enumerate().for_each(|(row, code)| *code = byte(row, column));
        }
        Codes::new(columns, n_rows, n_columns)
    }

    fn byte(row: usize, column: usize) -> u8 {
        (((row * 31 + column * 17) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
    }

    #[test]
    fn words_turn_about_their_diagonal() {
        let words = turned(std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|j| byte(i, j)))));
        for (i, word) in words.into_iter().enumerate() {
            assert_eq!(word.to_le_bytes(), std::array::from_fn(|j| byte(j, i)));
        }
    }

    #[test]
    fn gathered_rows_are_those_of_the_table_at_every_remove() {
        let (n_rows, n_columns) = (40_003, 131);
        let whole = table(n_rows, n_columns);
        let mut origins: Vec<u32> = (0..n_rows as u32).collect();
        // buffers that held more and fewer rows before
        let mut spare = Codes::default();
        let mut here = Codes::default();
        here.gather(&whole, &origins[..200]);
        for (step, skip) in [(3, 1), (7, 0)] {
            let from = if origins.len() == n_rows { &whole } else { &here };
            let rows: Vec<u32> = (skip..from.n_rows() as u32).step_by(step).collect();
            spare.gather(from, &rows);
            std::mem::swap(&mut here, &mut spare);
            origins = rows.iter().map(|row| origins[*row as usize]).collect();
            assert_eq!(here.n_rows(), origins.len());
            for column in [0, 7, 63, 64, 127, 128, 130] {
                let expected: Vec<u8> = origins.iter().map(|row| byte(*row as usize, column)).collect();
                assert_eq!(here.column(column), expected, "{column}");
            }
        }
    }

    #[test]
    fn few_rows_of_a_large_table_are_gathered() {
        let (large, small) = (table(16_000, 70), table(14_000, 70));
        assert!(large.is_sparse(1_000) && large.is_sparse(256));
        assert!(!large.is_sparse(1_001) && !large.is_sparse(255));
        assert!(!small.is_sparse(100));
    }
}
