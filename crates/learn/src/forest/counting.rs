//! Counting what the rows of a node come to, bin by bin.

use super::bins::MAX_BINS;
use super::tally::Tally;

/// Columns that are counted side by side: the processor adds to one while another waits for its bin.
pub(super) const ABREAST: usize = 4;

/// Bins whose marks are read at once: a word of bytes.
const WORD: usize = 8;

/// The bins of some columns; empty between two uses.
pub(super) struct Histograms<T>(Box<[Histogram<T>; ABREAST]>);

/// What the rows of each bin of a column come to.
pub(super) struct Histogram<T> {
    bins: [T; MAX_BINS],
    /// 1 for a bin that has rows, where they are marked.
    marks: [u8; MAX_BINS],
    /// Bins that were marked.
    list: [u8; MAX_BINS],
}

impl<T: Tally> Histograms<T> {
    pub(super) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Histogram {
            bins: [T::default(); MAX_BINS],
            marks: [0; MAX_BINS],
            list: [0; MAX_BINS],
        })))
    }

    /// Counts the rows by their codes in up to [`ABREAST`] columns; the histograms of these. `MARKS` says whether bins that have rows are marked.
    pub(super) fn count<const MARKS: bool>(
        &mut self,
        rows: &[u32],
        tallies: &[T],
        codes: &[&[u8]],
    ) -> &mut [Histogram<T>] {
        match *codes {
            [a] => self.abreast::<1, MARKS>(rows, tallies, [a]),
            [a, b] => self.abreast::<2, MARKS>(rows, tallies, [a, b]),
            [a, b, c] => self.abreast::<3, MARKS>(rows, tallies, [a, b, c]),
            [a, b, c, d] => self.abreast::<4, MARKS>(rows, tallies, [a, b, c, d]),
            _ => {}
        }
        &mut self.0[..codes.len().min(ABREAST)]
    }

    fn abreast<const N: usize, const MARKS: bool>(&mut self, rows: &[u32], tallies: &[T], codes: [&[u8]; N]) {
        // of one length, so that one check of the bounds serves all
        let length = codes[0].len();
        let codes = codes.map(|codes| &codes[..length]);
        for (row, tally) in rows.iter().zip(tallies) {
            let place = *row as usize;
            for (histogram, codes) in self.0.iter_mut().zip(&codes) {
                let code = usize::from(codes[place]);
                histogram.bins[code] = histogram.bins[code].plus(*tally);
                if MARKS {
                    histogram.marks[code] = 1;
                }
            }
        }
    }
}

impl<T: Tally> Histogram<T> {
    /// All of the first `n_bins`, which are emptied.
    pub(super) fn all(&mut self, n_bins: usize) -> impl Iterator<Item = (u8, T)> {
        self.bins[..n_bins].iter_mut().enumerate().map(|(bin, here)| (bin as u8, std::mem::take(here)))
    }

    /// Those of the first `n_bins` that are marked, which are emptied.
    pub(super) fn marked(&mut self, n_bins: usize) -> impl Iterator<Item = (u8, T)> {
        let Self { bins, marks, list } = self;
        let (words, _) = marks.as_chunks_mut::<WORD>();
        let mut n_marked = 0;
        // as many bins at a time as an integer has bits, so that its end, which no processor foresees, comes seldom
        for (span, words) in words[..n_bins.div_ceil(WORD)].chunks_mut(WORD).enumerate() {
            let mut set = 0_u64;
            for (place, word) in words.iter_mut().enumerate() {
                set |= bits_of(u64::from_le_bytes(std::mem::take(word))) << (WORD * place);
            }
            while set != 0 {
                list[n_marked % MAX_BINS] = (span * WORD * WORD) as u8 + set.trailing_zeros() as u8;
                n_marked += 1;
                set &= set - 1;
            }
        }
        list[..n_marked].iter().map(|bin| (*bin, std::mem::take(&mut bins[usize::from(*bin)])))
    }
}

/// The lowest bit of every byte, side by side. The product moves byte `i` up by `7 * (8 - i)` bits to bit `56 + i`; no two of its bits meet.
fn bits_of(word: u64) -> u64 {
    word.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::super::tally::Counts;
    use super::*;

    #[test]
    fn bits_are_those_of_the_bytes() {
        for bits in 0..=u8::MAX {
            let bytes = std::array::from_fn(|place| bits >> place & 1);
            assert_eq!(bits_of(u64::from_le_bytes(bytes)), u64::from(bits));
        }
    }

    #[test]
    fn marked_bins_are_those_that_have_rows_and_all_are_empty_afterwards() {
        let mut histograms = Histograms::<Counts>::new();
        for (n_rows, n_bins) in [(1, 1), (5, 3), (40, 63), (40, 64), (40, 65), (90, 250), (3_000, 256)] {
            let columns: [Vec<u8>; ABREAST] = std::array::from_fn(|column| {
                (0..n_rows).map(|row| ((row * row + 31 * row * column) % n_bins) as u8).collect()
            });
            let rows: Vec<u32> = (0..n_rows as u32).filter(|row| row % 3 != 1).collect();
            let tallies: Vec<Counts> = rows.iter().map(|row| Counts::of(row % 2 == 0, 1 + row % 5)).collect();
            for width in 1..=ABREAST {
                let codes: Vec<&[u8]> = columns[..width].iter().map(Vec::as_slice).collect();
                let marked: Vec<Vec<_>> = histograms
                    .count::<true>(&rows, &tallies, &codes)
                    .iter_mut()
                    .map(|histogram| histogram.marked(n_bins).collect())
                    .collect();
                for (column, histogram) in histograms.count::<false>(&rows, &tallies, &codes).iter_mut().enumerate() {
                    let of_bin = |bin: usize| {
                        let here = rows
                            .iter()
                            .zip(&tallies)
                            .filter(|(row, _)| usize::from(codes[column][**row as usize]) == bin);
                        here.fold(Counts::default(), |sum, (_, tally)| sum.plus(*tally))
                    };
                    let expected: Vec<_> = (0..n_bins).map(|bin| (bin as u8, of_bin(bin))).collect();
                    assert_eq!(histogram.all(n_bins).collect::<Vec<_>>(), expected);
                    let with_rows: Vec<_> = expected.into_iter().filter(|(_, tally)| tally.rows() > 0).collect();
                    assert_eq!(marked[column], with_rows);
                }
            }
        }
    }
}
