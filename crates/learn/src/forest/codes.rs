//! The bins of a table's values, one byte each, where a tree that grows finds them fast.
//!
//! A node looks at a few columns of its rows. While these are most of the table's rows, columns are read from end to end. Once they are few,
//! every one of them is a cache line of its own, fetched from memory at every level of the tree. So a node with few rows of a large table gets a
//! table of its own: its rows are gathered once, side by side, and all nodes below it read columns that lie in a near cache again. Without
//! that a row costs half as much again among many rows.

use rayon::prelude::*;

mod turn;

/// Columns of a strip: as many bytes as a cache line has.
const STRIP_COLUMNS: usize = 64;

/// Tables of more values than this have strips: what is smaller fits into a near cache as it is.
const MIN_STRIP_VALUES: usize = 1 << 20;

/// A node with no more than one row in so many is worth a table of its own.
const MIN_SPARSITY: usize = 16;

/// Nodes with fewer rows than this are grown sooner than gathered.
const MIN_GATHERED: usize = 256;

/// The bins of one row in a strip.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line([u8; STRIP_COLUMNS]);

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
                turn::lines_of(columns, pitch, lines);
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
        self.columns.resize(bytes(self.n_rows, self.n_columns), 0);
        self.lines.clear();
        let strips = self.columns.chunks_mut(STRIP_COLUMNS * pitch);
        for (columns, lines) in strips.zip(from.lines.chunks_exact(from.n_rows)) {
            turn::columns_of(lines, rows, columns, pitch);
            if is_large {
                self.lines.extend(rows.iter().map(|row| lines[*row as usize]));
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

/// Bytes from one column to the next: whole cache lines, and an odd number of them, so that not all columns fall into the same places of a cache.
pub(super) fn pitch(n_rows: usize) -> usize {
    n_rows.next_multiple_of(STRIP_COLUMNS) | STRIP_COLUMNS
}

/// Room for so many columns of so many rows, and for a few more columns that mean nothing.
pub(super) fn room(n_rows: usize, n_columns: usize) -> Vec<u8> {
    vec![0; bytes(n_rows, n_columns)]
}

fn bytes(n_rows: usize, n_columns: usize) -> usize {
    pitch(n_rows) * n_columns.next_multiple_of(turn::COLUMNS)
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
