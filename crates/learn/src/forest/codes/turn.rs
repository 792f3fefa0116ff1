//! Turning rows into columns and back, in blocks that stay in registers.

use super::Line;

/// Rows of a block.
const ROWS: usize = 16;

/// Columns of a block; a table has room for a multiple of it.
pub(super) const COLUMNS: usize = 32;

/// Rows and columns that are turned as words of bytes.
const WORD: usize = 8;

/// Lays the lines of some rows into columns `pitch` bytes apart.
pub(super) fn columns_of(lines: &[Line], rows: &[u32], columns: &mut [u8], pitch: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(v3::ColumnsOf { simd, lines, rows, columns, pitch });
    }
    by_blocks(lines, rows, columns, pitch, words);
}

/// Lays columns `pitch` bytes apart into lines.
pub(super) fn lines_of(columns: &[u8], pitch: usize, lines: &mut [Line]) {
    for (block, lines) in lines.chunks_mut(WORD).enumerate() {
        let row = block * WORD;
        for (group, columns) in columns.chunks_exact(WORD * pitch).enumerate() {
            let words = turned(std::array::from_fn(|i| word_at(&columns[i * pitch..], row)));
            for (line, word) in lines.iter_mut().zip(words) {
                line.0[group * WORD..][..WORD].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

/// The columns of a block, and where it is: `turn` takes the lines of its rows, its first column, and the places from its first row on.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what is compiled for a kind of processor is so only where it is inlined")]
fn by_blocks(
    lines: &[Line],
    rows: &[u32],
    columns: &mut [u8],
    pitch: usize,
    turn: impl Fn(&[&Line; ROWS], usize, &mut [u8], usize),
) {
    for (block, rows) in rows.chunks(ROWS).enumerate() {
        // a block that is not full goes beyond the last row, where there is room
        let of_rows = std::array::from_fn(|i| &lines[rows[i.min(rows.len() - 1)] as usize]);
        for (group, columns) in columns.chunks_exact_mut(COLUMNS * pitch).enumerate() {
            turn(&of_rows, group * COLUMNS, &mut columns[block * ROWS..], pitch);
        }
    }
}

/// Turns a block by words, as any processor can.
fn words(lines: &[&Line; ROWS], first: usize, columns: &mut [u8], pitch: usize) {
    for (half, lines) in lines.chunks_exact(WORD).enumerate() {
        for group in (0..COLUMNS).step_by(WORD) {
            let words = turned(std::array::from_fn(|i| word_at(&lines[i].0, first + group)));
            for (column, word) in words.into_iter().enumerate() {
                columns[(group + column) * pitch + half * WORD..][..WORD].copy_from_slice(&word.to_le_bytes());
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

/// Vectors of 256 bits.
#[cfg(target_arch = "x86_64")]
mod v3 {
    use std::arch::x86_64::__m256i;

    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, cast};

    use super::{COLUMNS, Line, ROWS, by_blocks};

    pub(super) struct ColumnsOf<'a> {
        pub(super) simd: V3,
        pub(super) lines: &'a [Line],
        pub(super) rows: &'a [u32],
        pub(super) columns: &'a mut [u8],
        pub(super) pitch: usize,
    }

    impl NullaryFnOnce for ColumnsOf<'_> {
        type Output = ();

        #[inline(always)]
        #[expect(clippy::inline_always, reason = "as `by_blocks`")]
        fn call(self) {
            let avx2 = self.simd.avx2;
            by_blocks(self.lines, self.rows, self.columns, self.pitch, |lines, first, columns, pitch| {
                let mut block: [__m256i; ROWS] = std::array::from_fn(|row| {
                    let mut bytes = [0; COLUMNS];
                    bytes.copy_from_slice(&lines[row].0[first..][..COLUMNS]);
                    cast(bytes)
                });
                // Each round lays a vector and the one half the block away side by side, byte by byte; after as many as the number of
                // rows has bits, byte `j` of vector `i` is byte `i` of vector `j`, in both halves.
                for _ in 0..ROWS.ilog2() {
                    block = std::array::from_fn(|i| {
                        let (a, b) = (block[i / 2], block[i / 2 + ROWS / 2]);
                        if i % 2 == 0 { avx2._mm256_unpacklo_epi8(a, b) } else { avx2._mm256_unpackhi_epi8(a, b) }
                    });
                }
                for (column, both) in block.into_iter().enumerate() {
                    let [low, high]: [[u8; ROWS]; 2] = cast(both);
                    columns[column * pitch..][..ROWS].copy_from_slice(&low);
                    columns[(column + ROWS) * pitch..][..ROWS].copy_from_slice(&high);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_processor_lays_the_same_columns() {
        let lines: Vec<Line> = (0..50).map(|row| Line(std::array::from_fn(|column| byte(row, column)))).collect();
        for n_rows in [1, 15, 16, 17, 40] {
            let rows: Vec<u32> = (0..n_rows).map(|i| (i * 7 % 50) as u32).collect();
            for n_columns in [COLUMNS, 2 * COLUMNS] {
                let (pitch, mut here) = (64, vec![0; 64 * n_columns]);
                let mut anywhere = here.clone();
                columns_of(&lines, &rows, &mut here, pitch);
                by_blocks(&lines, &rows, &mut anywhere, pitch, words);
                assert_eq!(here, anywhere);
                for (column, codes) in here.chunks_exact(pitch).enumerate() {
                    let expected: Vec<u8> = rows.iter().map(|row| byte(*row as usize, column)).collect();
                    assert_eq!(codes[..n_rows], expected, "{n_rows} rows, column {column}");
                }
            }
        }
    }
}
