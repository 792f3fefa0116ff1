//! What is done with many bytes or several numbers at once, for the kinds of processors: those that the program is compiled for, and those that are
//! found when it runs.

#![expect(
    clippy::inline_always,
    reason = "what is dispatched to a kind of processor is compiled for it only where it is inlined"
)]

use wide::u8x16;

use crate::number::{self, MAX_NUMBER_BYTES, WINDOW_BYTES};
use crate::plain_cells::BLOCK_BYTES;

/// Numbers that are read together.
pub(crate) const AT_ONCE: usize = 4;
/// Where a cell would end that stands before the first one.
pub(crate) const BEFORE_FIRST: usize = usize::MAX;

/// The bytes of a block by their kind, one bit per byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) delimiters: u64,
    pub(crate) digits: u64,
    pub(crate) points: u64,
    pub(crate) minuses: u64,
}

/// What hangs on the kind of processor. All give the same.
pub(crate) trait Kit: Copy {
    /// The bytes of a block by their kind.
    fn kinds(self, block: &[u8; BLOCK_BYTES], delimiter: u8) -> Kinds;

    /// The numbers of cells that follow each other, NaN for an empty one: `ends` are the places behind them in `rest`, and `before` those of the
    /// cells one before each. `None` if one is too long.
    fn numbers(self, rest: &[u8], before: &[usize; AT_ONCE], ends: &[usize; AT_ONCE]) -> Option<[f64; AT_ONCE]>;
}

/// Work that is compiled for each kind of processor.
pub(crate) trait Task {
    type Output;

    /// Does the work. To be inlined, with all that is worth being compiled anew.
    fn run(self, kit: impl Kit) -> Self::Output;
}

/// The kind of processor that the program runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Processor {
    /// Any that the program is compiled for.
    Any,
    /// One with vectors of 256 bits.
    #[cfg(target_arch = "x86_64")]
    V3(pulp::x86::V3),
}

impl Processor {
    /// This one.
    pub(crate) fn here() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Self::V3(simd);
        }
        Self::Any
    }

    #[inline(always)]
    pub(crate) fn dispatch<T: Task>(self, task: T) -> T::Output {
        match self {
            Self::Any => task.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::V3(simd) => simd.vectorize(v3::With(simd, task)),
        }
    }
}

/// What every processor can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Kit for Portable {
    #[inline(always)]
    fn kinds(self, block: &[u8; BLOCK_BYTES], delimiter: u8) -> Kinds {
        let mut kinds = Kinds { delimiters: 0, digits: 0, points: 0, minuses: 0 };
        for (index, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*part);
            let from_zero = bytes - u8x16::splat(b'0');
            let bits = |found: u8x16| u64::from(found.to_bitmask()) << (16 * index);
            kinds.delimiters |= bits(bytes.simd_eq(u8x16::splat(delimiter)));
            kinds.digits |= bits(from_zero.min(u8x16::splat(9)).simd_eq(from_zero));
            kinds.points |= bits(bytes.simd_eq(u8x16::splat(b'.')));
            kinds.minuses |= bits(bytes.simd_eq(u8x16::splat(b'-')));
        }
        kinds
    }

    #[inline(always)]
    fn numbers(self, rest: &[u8], before: &[usize; AT_ONCE], ends: &[usize; AT_ONCE]) -> Option<[f64; AT_ONCE]> {
        let mut numbers = [f64::NAN; AT_ONCE];
        for (number, (before, end)) in numbers.iter_mut().zip(before.iter().zip(ends)) {
            *number = number_between(rest, *before, *end)?;
        }
        Some(numbers)
    }
}

/// The number of a plain cell behind the one that ends at `before`; NaN for an empty one, `None` for one that is too long.
#[inline(always)]
pub(crate) fn number_between(rest: &[u8], before: usize, end: usize) -> Option<f64> {
    let start = before.wrapping_add(1);
    let length = end.wrapping_sub(start);
    if length == 0 {
        return Some(f64::NAN);
    }
    let window = rest.get(start..)?.first_chunk::<WINDOW_BYTES>()?;
    (length <= MAX_NUMBER_BYTES).then(|| number::decimal(window, length as u32))
}

/// Vectors of 256 bits.
#[cfg(target_arch = "x86_64")]
mod v3 {
    use std::arch::x86_64::{__m256d, __m256i};

    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, cast};

    use super::{AT_ONCE, BLOCK_BYTES, Kinds, Kit, Portable, Task, WINDOW_BYTES};

    /// The longest number of those that are read together.
    const MOST_BYTES: i64 = 9;
    const LOWEST_OF_BYTES: i64 = 0x0101_0101_0101_0101;
    const LOWER_HALF: i64 = 0xffff_ffff;
    /// What the two digits of a pair are worth, 10 and 1, and the two pairs of four digits, 100 and 1; the first is in the lowest bits.
    const TENS_AND_ONES: i16 = 0x010a;
    const HUNDREDS_AND_ONES: i32 = 0x0001_0064;
    const POWERS_OF_TEN: [u32; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;

    pub(super) struct With<T>(pub(super) V3, pub(super) T);

    impl<T: Task> NullaryFnOnce for With<T> {
        type Output = T::Output;

        #[inline(always)]
        fn call(self) -> T::Output {
            self.1.run(self.0)
        }
    }

    impl Kit for V3 {
        #[inline(always)]
        fn kinds(self, block: &[u8; BLOCK_BYTES], delimiter: u8) -> Kinds {
            let (avx, avx2) = (self.avx, self.avx2);
            let halves: [__m256i; 2] = cast(*block);
            let bits = |kind: &dyn Fn(__m256i) -> __m256i| {
                let [low, high] = halves.map(|half| avx2._mm256_movemask_epi8(kind(half)) as u32);
                u64::from(low) | (u64::from(high) << 32)
            };
            let byte = |byte: u8| avx._mm256_set1_epi8(byte as i8);
            let equal = |to: u8| bits(&|half| avx2._mm256_cmpeq_epi8(half, byte(to)));
            let digits = bits(&|half| {
                let from_zero = avx2._mm256_sub_epi8(half, byte(b'0'));
                avx2._mm256_cmpeq_epi8(avx2._mm256_min_epu8(from_zero, byte(9)), from_zero)
            });
            Kinds { delimiters: equal(delimiter), digits, points: equal(b'.'), minuses: equal(b'-') }
        }

        /// As in [`crate::number`], a number in each quarter of a vector; where one is longer than is usual, one by one.
        #[inline(always)]
        fn numbers(self, rest: &[u8], before: &[usize; AT_ONCE], ends: &[usize; AT_ONCE]) -> Option<[f64; AT_ONCE]> {
            let (avx, avx2) = (self.avx, self.avx2);
            let each = |number: i64| avx._mm256_set1_epi64x(number);
            let zero = avx._mm256_setzero_si256();
            let window = |cell: usize| rest.get(before[cell].wrapping_add(1)..)?.first_chunk::<WINDOW_BYTES>();
            let (even, odd): (__m256i, __m256i) = (cast([*window(0)?, *window(2)?]), cast([*window(1)?, *window(3)?]));
            // The first eight bytes of each cell, and eight from the second one on.
            let first = avx2._mm256_unpacklo_epi64(even, odd);
            let second =
                avx2._mm256_unpacklo_epi64(avx2._mm256_srli_si256::<1>(even), avx2._mm256_srli_si256::<1>(odd));
            let length = avx2._mm256_sub_epi64(avx2._mm256_sub_epi64(cast(*ends), cast(*before)), each(1));

            let bits = avx2._mm256_slli_epi64::<3>(length);
            let points = avx2._mm256_cmpeq_epi8(first, avx._mm256_set1_epi8(b'.' as i8));
            let point = avx2._mm256_andnot_si256(avx2._mm256_sllv_epi64(each(-1), bits), points);
            let without_point = avx2._mm256_cmpeq_epi64(point, zero);
            // Nine bytes are read if a point that is neither the first nor the last one is among them.
            let no_point_inside = avx2._mm256_cmpeq_epi64(avx2._mm256_srli_epi64::<8>(point), zero);
            let too_long = avx2._mm256_or_si256(
                avx2._mm256_and_si256(avx2._mm256_cmpgt_epi64(length, each(MOST_BYTES - 1)), no_point_inside),
                avx2._mm256_cmpgt_epi64(length, each(MOST_BYTES)),
            );
            if avx._mm256_testz_si256(too_long, too_long) == 0 {
                return Portable.numbers(rest, before, ends);
            }

            // All bytes ahead of the point; all if there is none.
            let ahead = avx2._mm256_sub_epi64(avx2._mm256_and_si256(point, each(LOWEST_OF_BYTES)), each(1));
            let text = avx2._mm256_blendv_epi8(second, first, ahead);
            // A minus counts as a zero ahead, for it comes before the zero.
            let digits = avx2._mm256_subs_epu8(text, avx._mm256_set1_epi8(b'0' as i8));
            let unused = avx2._mm256_sub_epi64(
                each(64),
                avx2._mm256_sub_epi64(bits, avx2._mm256_andnot_si256(without_point, each(8))),
            );
            let digits = avx2._mm256_sllv_epi64(digits, unused);
            let pairs = avx2._mm256_maddubs_epi16(digits, avx._mm256_set1_epi16(TENS_AND_ONES));
            let fours = avx2._mm256_madd_epi16(pairs, avx._mm256_set1_epi32(HUNDREDS_AND_ONES));
            let number =
                avx2._mm256_add_epi64(avx2._mm256_mul_epu32(fours, each(10_000)), avx2._mm256_srli_epi64::<32>(fours));

            // Digits behind the point: those behind the bytes ahead of it and itself.
            let count_ahead = avx2._mm256_sad_epu8(avx2._mm256_and_si256(ahead, each(LOWEST_OF_BYTES)), zero);
            let behind = avx2._mm256_sub_epi64(avx2._mm256_sub_epi64(length, each(1)), count_ahead);
            let behind = avx2._mm256_max_epi32(behind, zero);
            let power = avx2._mm256_permutevar8x32_epi32(cast(POWERS_OF_TEN), behind);
            let power = avx2._mm256_and_si256(power, each(LOWER_HALF));

            let exact = |number: __m256i| -> __m256d {
                let above = avx2._mm256_or_si256(number, each(TWO_TO_52.to_bits() as i64));
                avx._mm256_sub_pd(cast(above), avx._mm256_set1_pd(TWO_TO_52))
            };
            let value = avx._mm256_div_pd(exact(number), exact(power));
            let minus = avx2._mm256_cmpeq_epi8(first, avx._mm256_set1_epi8(b'-' as i8));
            let value = avx._mm256_xor_pd(value, cast(avx2._mm256_slli_epi64::<63>(minus)));
            let empty: __m256d = cast(avx2._mm256_cmpeq_epi64(length, zero));
            Some(cast(avx._mm256_blendv_pd(value, avx._mm256_set1_pd(f64::NAN), empty)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asks for the kinds of a block, and for the numbers of four cells.
    struct Ask<'a>(&'a [u8; BLOCK_BYTES], &'a str);

    impl Task for Ask<'_> {
        type Output = (Kinds, Option<[u64; AT_ONCE]>);

        fn run(self, kit: impl Kit) -> Self::Output {
            let Self(block, cells) = self;
            let bytes = [cells.as_bytes(), b"\n-1.5,.7", &[0; BLOCK_BYTES]].concat();
            let ends: Vec<usize> = cells.match_indices(',').map(|(at, _)| at).chain([cells.len()]).collect();
            let before: Vec<usize> = [BEFORE_FIRST].into_iter().chain(ends.iter().copied()).collect();
            let numbers = kit.numbers(&bytes, before.first_chunk().unwrap(), ends.first_chunk().unwrap());
            (kit.kinds(block, b','), numbers.map(|numbers| numbers.map(f64::to_bits)))
        }
    }

    fn same_everywhere(block: &[u8; BLOCK_BYTES], cells: &str) -> Option<[u64; AT_ONCE]> {
        let any = Processor::Any.dispatch(Ask(block, cells));
        assert_eq!(Processor::here().dispatch(Ask(block, cells)), any, "{cells}");
        any.1
    }

    #[test]
    fn every_length_and_every_place_of_the_point_is_read_by_all() {
        for digits in 1..=15 {
            for point in 0..=digits {
                let digits = &"987654321012345"[..digits];
                for cell in [digits.to_owned(), format!("{}.{}", &digits[..point], &digits[point..])] {
                    for cell in [format!("-{cell}"), cell] {
                        let read = same_everywhere(&[0; BLOCK_BYTES], &format!("{cell},1.5,,{cell}"));
                        let expected = cell.parse::<f64>().unwrap().to_bits();
                        let all = [expected, 1.5_f64.to_bits(), f64::NAN.to_bits(), expected];
                        assert_eq!(read, (cell.len() <= MAX_NUMBER_BYTES).then_some(all), "{cell}");
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn all_processors_find_the_same(
            block in prop::array::uniform32(prop_oneof![any::<u8>(), prop::sample::select(b",.-0123456789:/".to_vec())]),
            cells in prop::collection::vec("-?[0-9]{1,4}(\\.[0-9]{0,4})?|-?\\.[0-9]{1,7}|[0-9]{0,9}", AT_ONCE),
        ) {
            let twice: [u8; BLOCK_BYTES] = [block, block].concat().try_into().unwrap();
            let read = same_everywhere(&twice, &cells.join(","));
            let number = |cell: &String| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
            let expected: Vec<u64> = cells.iter().map(|cell| number(cell).to_bits()).collect();
            prop_assert_eq!(read.map(Vec::from), Some(expected));
        }
    }
}
