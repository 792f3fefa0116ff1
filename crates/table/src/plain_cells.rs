//! Finds the cells of a stretch of a line, and whether all of them are plain numbers: 64 bytes at a time, one bit per byte.
//!
//! A word of bits answers for all bytes at once what a loop would ask of each: where cells end, whether a minus is the first byte of its cell,
//! whether a second point follows the first one. What goes on in the next word is carried there, as in Langdale and Lemire, "Parsing gigabytes of
//! JSON per second" (2019).
//!
//! What is done with the bytes of a block and with the digits of a number is compiled twice on x86-64, for all processors and for those with vectors
//! of 256 bits. What is found is the same.

#![expect(
    clippy::inline_always,
    reason = "what is dispatched to a kind of processor is compiled for it only where it is inlined"
)]

use crate::kit::{AT_ONCE, BEFORE_FIRST, Kinds, Kit, Processor, Task, number_between};

/// The bytes that are looked at together.
pub(crate) const BLOCK_BYTES: usize = 64;
/// The lowest and the highest bit of each of the four parts of a word.
const LOWEST: u64 = 0x0001_0001_0001_0001;
const HIGHEST: u64 = 0x8000_8000_8000_8000;

/// Cells that are empty or plain numbers.
#[derive(Debug, Default)]
pub(crate) struct PlainCells {
    blocks: Vec<Block>,
    /// Where the cells end, one after the other, behind the place before the first of them.
    ends: Vec<usize>,
}

/// One bit per byte of a block.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The byte behind a cell.
    ends: u64,
    /// Such a byte, of a cell without any.
    empty: u64,
}

/// What a block leaves to the next one, each 0 or 1.
#[derive(Clone, Copy, Debug)]
struct Carry {
    /// A cell starts with the next byte.
    starts: u64,
    /// The last byte is a digit.
    digit: u64,
    /// The last byte is a point behind a digit.
    point_behind_digit: u64,
    /// The open cell has had its point.
    had_point: u64,
}

impl PlainCells {
    /// Looks at the next `count` cells of a line that has `left` more bytes; `rest` starts with these and goes on for [`BLOCK_BYTES`] behind
    /// them at least. Gives the number of bytes up to the end of the last cell; `None` is no verdict: there are fewer cells, or one of them
    /// is of another kind, or so long that it may be.
    pub(crate) fn find(
        &mut self,
        processor: Processor,
        rest: &[u8],
        left: usize,
        count: usize,
        delimiter: u8,
    ) -> Option<usize> {
        processor.dispatch(Find { cells: self, rest, left, count, delimiter })
    }

    /// Calls `each` with the place of every cell that is empty.
    pub(crate) fn each_empty(&self, mut each: impl FnMut(usize)) {
        let mut before = 0;
        for block in &self.blocks {
            let mut empty = block.empty;
            while empty != 0 {
                let lower = (empty & empty.wrapping_neg()).wrapping_sub(1);
                each(before + (block.ends & lower).count_ones() as usize);
                empty &= empty.wrapping_sub(1);
            }
            before += block.ends.count_ones() as usize;
        }
    }

    /// Calls `each` with the numbers of the cells in their order, a few at a time, and the place of the first of them; NaN stands for an empty cell.
    /// It says whether it wants more. `rest` is what the cells were found in. Gives whether all were read; `false` also for a cell that is too long.
    pub(crate) fn each_numbers(
        &mut self,
        processor: Processor,
        rest: &[u8],
        each: impl FnMut(usize, &[f64]) -> bool,
    ) -> bool {
        processor.dispatch(EachNumbers { cells: self, rest, each })
    }

    /// Where the cells end, one after the other, and the place before the first of them. Bits are taken a few at a time, whether there are as many or
    /// not: a loop that ends with the last bit of each block would be guessed wrong once a block.
    #[inline(always)]
    fn list_ends(&mut self) -> &[usize] {
        let (mut count, mut block_start) = (1, 0);
        self.ends.resize(self.ends.len().max(1), 0);
        self.ends[0] = BEFORE_FIRST;
        for block in &self.blocks {
            let here = block.ends.count_ones() as usize;
            if self.ends.len() < count + here + AT_ONCE {
                self.ends.resize((count + here + AT_ONCE) * 2, 0);
            }
            let mut ends = block.ends;
            for few in self.ends[count..].chunks_exact_mut(AT_ONCE).take(here.div_ceil(AT_ONCE)) {
                for place in few {
                    *place = block_start + ends.trailing_zeros() as usize;
                    ends &= ends.wrapping_sub(1);
                }
            }
            count += here;
            block_start += BLOCK_BYTES;
        }
        &self.ends[..count]
    }
}

/// See [`PlainCells::find`].
struct Find<'a> {
    cells: &'a mut PlainCells,
    rest: &'a [u8],
    left: usize,
    count: usize,
    delimiter: u8,
}

impl Task for Find<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, kit: impl Kit) -> Option<usize> {
        let blocks = &mut self.cells.blocks;
        blocks.clear();
        let mut carry = Carry { starts: 1, digit: 0, point_behind_digit: 0, had_point: 0 };
        let (mut wanted, mut start) = (u32::try_from(self.count).ok()?, 0);
        while let Some(inside) = self.left.checked_sub(start) {
            let kinds = kit.kinds(self.rest.get(start..)?.first_chunk()?, self.delimiter);
            let (mut ends, mut known) = (kinds.delimiters, u64::MAX);
            if inside < BLOCK_BYTES {
                // The end of the line ends its last cell.
                let end = 1_u64 << inside;
                known = end | end.wrapping_sub(1);
                ends = (ends & end.wrapping_sub(1)) | end;
            }
            let here = ends.count_ones();
            if here >= wanted {
                let last = nth_bit(ends, wanted);
                known = last | last.wrapping_sub(1);
                ends &= known;
            }
            let empty = plain_block(&kinds, ends, known, &mut carry)?;
            blocks.push(Block { ends, empty });
            if here >= wanted {
                return Some(start + (u64::BITS - 1).saturating_sub(known.leading_zeros()) as usize);
            }
            wanted -= here;
            start += BLOCK_BYTES;
        }
        None
    }
}

/// See [`PlainCells::each_numbers`].
struct EachNumbers<'a, F> {
    cells: &'a mut PlainCells,
    rest: &'a [u8],
    each: F,
}

impl<F: FnMut(usize, &[f64]) -> bool> Task for EachNumbers<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn run(mut self, kit: impl Kit) -> bool {
        let mut place = 0;
        let mut ends = self.cells.list_ends();
        while let (Some(before), Some(those)) = (ends.first_chunk(), ends.get(1..).and_then(<[usize]>::first_chunk)) {
            let Some(numbers) = kit.numbers(self.rest, before, those) else { return false };
            if !(self.each)(place, &numbers) {
                return false;
            }
            place += AT_ONCE;
            ends = &ends[AT_ONCE..];
        }
        ends.windows(2).all(|pair| {
            let Some(number) = number_between(self.rest, pair[0], pair[1]) else { return false };
            place += 1;
            (self.each)(place - 1, &[number])
        })
    }
}

/// Whether the known bytes of a block are those of empty cells and plain numbers; if so, those behind empty cells.
#[inline(always)]
fn plain_block(kinds: &Kinds, ends: u64, known: u64, carry: &mut Carry) -> Option<u64> {
    let [digits, points, minuses] = [kinds.digits, kinds.points, kinds.minuses].map(|bits| bits & known & !ends);
    let starts = (ends << 1) | carry.starts;
    let behind_digit = (digits << 1) | carry.digit;
    let points_behind_digit = points & behind_digit;
    // From behind each point a bit is carried over what is neither a point nor an end, to the next of these.
    let marks = points | ends;
    let (carried, beyond) = ((points << 1) | carry.had_point).overflowing_add(!marks);

    let unknown = !(digits | points | minuses | ends) & known;
    let minus_within = minuses & !starts;
    let second_point = carried & points;
    let without_digit = ends & !(starts | behind_digit | (points_behind_digit << 1) | carry.point_behind_digit);
    // Any value fits into f32 as long as its cell has less than 31 bytes, and a longer one covers a whole part of a word.
    let apart = ends | !known;
    let long = apart.wrapping_sub(LOWEST) & !apart & HIGHEST;

    carry.starts = ends >> 63;
    carry.digit = digits >> 63;
    carry.point_behind_digit = points_behind_digit >> 63;
    carry.had_point = (points >> 63) | u64::from(beyond);
    (unknown | minus_within | second_point | without_digit | long == 0).then_some(ends & starts)
}

/// The bit that is the `nth` from below, counted from 1.
#[inline(always)]
fn nth_bit(mut bits: u64, nth: u32) -> u64 {
    for _ in 1..nth {
        bits &= bits.wrapping_sub(1);
    }
    bits & bits.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{MAX_NUMBER_BYTES, scan_window};
    use proptest::prelude::*;

    /// What is found in the first cells of a line, or in other bytes behind its end.
    type Found = Option<(usize, Vec<usize>, Option<Vec<Option<u64>>>)>;

    fn padded(line: &str, behind: &str) -> Vec<u8> {
        [line.as_bytes(), behind.as_bytes(), &[0; BLOCK_BYTES]].concat()
    }

    /// The same on every processor.
    fn found(line: &str, behind: &str, count: usize) -> Found {
        let any = found_on(Processor::Any, line, behind, count);
        assert_eq!(found_on(Processor::here(), line, behind, count), any, "{count} of {line}");
        any
    }

    fn found_on(processor: Processor, line: &str, behind: &str, count: usize) -> Found {
        let (bytes, mut cells) = (padded(line, behind), PlainCells::default());
        let taken = cells.find(processor, &bytes, line.len(), count, b',')?;
        let (mut empty, mut numbers) = (Vec::new(), Vec::new());
        cells.each_empty(|place| empty.push(place));
        let all = cells.each_numbers(processor, &bytes, |place, few| {
            assert_eq!(place, numbers.len());
            numbers.extend(few.iter().map(|number| (!number.is_nan()).then(|| number.to_bits())));
            true
        });
        Some((taken, empty, all.then_some(numbers)))
    }

    /// The same cell by cell; a cell that is long is `None` as a whole.
    fn found_plainly(line: &str, count: usize) -> Found {
        let cells: Vec<&str> = line.split(',').take(count).collect();
        let is_plain = |cell: &&str| {
            let number = cell.strip_prefix('-').unwrap_or(cell);
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            cell.is_empty()
                || (digits > 0
                    && number.len() - digits <= 1
                    && number.bytes().all(|byte| b"0123456789.".contains(&byte)))
        };
        if cells.len() < count || !cells.iter().all(is_plain) {
            return None;
        }
        let taken = cells.iter().map(|cell| cell.len() + 1).sum::<usize>() - 1;
        let empty = (0..count).filter(|place| cells[*place].is_empty()).collect();
        let number = |cell: &&str| {
            let window = std::array::from_fn(|at| cell.as_bytes().get(at).copied().unwrap_or(b','));
            let value = if cell.is_empty() { None } else { Some(scan_window::<true>(&window)?.0.to_bits()) };
            Some(value)
        };
        Some((taken, empty, cells.iter().map(number).collect()))
    }

    #[test]
    fn cells_are_found_up_to_the_wanted_one_and_at_the_end_of_the_line() {
        let bits = |value: f64| Some(value.to_bits());
        let all = vec![bits(1.5), None, bits(-20.0), None];
        assert_eq!(found("1.5,,-20,", "\n7,8", 4), Some((9, vec![1, 3], Some(all.clone()))));
        assert_eq!(found("1.5,,-20,", "\n7,8", 3), Some((8, vec![1], Some(all[..3].to_vec()))));
        assert_eq!(found("1.5,,-20,", "\n7,8", 5), None);
        assert_eq!(found("", "", 1), Some((0, vec![0], Some(vec![None]))));
        assert_eq!(found("1,x", "", 1), Some((1, vec![], Some(vec![bits(1.0)]))));
        assert_eq!(found("1,x", "", 2), None);
    }

    #[test]
    fn a_long_cell_is_no_number_here_and_a_longer_one_is_not_looked_at() {
        for at in 0..130 {
            let before = "1".repeat(at % 9 + 1) + &",22222222".repeat(at / 9);
            let count = at / 9 + 3;
            let line = |digits: usize| format!("{before},{},3", "9".repeat(digits));
            let numbers = |digits| found(&line(digits), "\n", count).map(|(_, _, numbers)| numbers.is_some());
            assert_eq!(numbers(MAX_NUMBER_BYTES), Some(true));
            assert!(!numbers(MAX_NUMBER_BYTES + 1).unwrap_or(false));
            assert_eq!(numbers(31), None, "{at}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        let cell = prop_oneof![
            6 => "-?[0-9]{1,4}(\\.[0-9]{0,8})?",
            2 => Just(String::new()),
            1 => "[-.0-9]{0,14}",
        ];
        let wrong = prop_oneof![60 => Just(String::new()), 1 => "[x\" eE+]"];
        prop::collection::vec((cell, wrong), 1..60)
            .prop_map(|cells| cells.into_iter().map(|(cell, wrong)| cell + &wrong).collect::<Vec<_>>().join(","))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn cells_together_are_what_they_are_one_by_one(line in line(), behind in "[\n\r][-.0-9,]{0,80}", more in 0_usize..70) {
            let cells = line.split(',').count();
            for count in [cells, more % (cells + 2)] {
                if count > 0 {
                    prop_assert_eq!(found(&line, &behind, count), found_plainly(&line, count), "{} of {}", count, line);
                }
            }
        }
    }
}
