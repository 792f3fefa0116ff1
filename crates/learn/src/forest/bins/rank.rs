//! Sorting the values of a column.

/// Columns of fewer values are sorted by comparing.
const MIN_RADIX: usize = 256;

/// Digits of the radix sort: the lowest bit of each, above the 32 bits that name the row.
const DIGITS: [u32; 3] = [32, 43, 54];
const DIGIT_BITS: u32 = 11;

/// Room to sort in.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    ranked: Vec<u64>,
    spare: Vec<u64>,
    counts: Vec<u32>,
}

impl Ranking {
    /// The rows of a column by rising value, equal values in the order of the rows: each as a number that [`value_of`] reads,
    /// with the row in its lower 32 bits.
    ///
    /// A radix sort, by the lowest digit first; digits that are alike everywhere are passed over.
    pub(super) fn rank(&mut self, values: &[f32]) -> &[u64] {
        self.ranked.clear();
        self.ranked.extend(values.iter().enumerate().map(|(row, value)| key_of(*value) << 32 | row as u64));
        if values.len() < MIN_RADIX {
            self.ranked.sort_unstable();
            return &self.ranked;
        }
        self.counts.clear();
        self.counts.resize(DIGITS.len() << DIGIT_BITS, 0);
        for ranked in &self.ranked {
            for (counts, shift) in self.counts.chunks_exact_mut(1 << DIGIT_BITS).zip(DIGITS) {
                counts[digit(*ranked, shift)] += 1;
            }
        }
        self.spare.resize(values.len(), 0);
        for (counts, shift) in self.counts.chunks_exact_mut(1 << DIGIT_BITS).zip(DIGITS) {
            if counts[digit(self.ranked[0], shift)] as usize == values.len() {
                continue;
            }
            let mut start = 0;
            for count in counts.iter_mut() {
                start += std::mem::replace(count, start);
            }
            for ranked in &self.ranked {
                let place = &mut counts[digit(*ranked, shift)];
                self.spare[*place as usize] = *ranked;
                *place += 1;
            }
            std::mem::swap(&mut self.ranked, &mut self.spare);
        }
        &self.ranked
    }
}

fn digit(ranked: u64, shift: u32) -> usize {
    (ranked >> shift) as usize & ((1 << DIGIT_BITS) - 1)
}

/// A number that rises with the value; the two zeros are one.
fn key_of(value: f32) -> u64 {
    let bits = (value + 0.0).to_bits();
    u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
}

/// The value of what [`Ranking::rank`] gives.
pub(super) fn value_of(ranked: u64) -> f32 {
    let key = (ranked >> 32) as u32;
    f32::from_bits(if key >> 31 == 0 { !key } else { key & !(1 << 31) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_by_value_and_equals_in_their_order(
            few in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO, 0..300),
            more in prop::collection::vec((-20_i8..20).prop_map(f32::from), 0..300),
        ) {
            let values = [few, more].concat();
            let mut expected: Vec<usize> = (0..values.len()).collect();
            expected.sort_by(|a, b| (values[*a] + 0.0).total_cmp(&(values[*b] + 0.0)));
            let mut ranking = Ranking::default();
            // what an earlier column left does not matter
            ranking.rank(&[1.0; 700]);
            let ranked = ranking.rank(&values);
            prop_assert_eq!(ranked.iter().map(|ranked| *ranked as u32 as usize).collect::<Vec<_>>(), expected);
            prop_assert!(ranked.iter().all(|ranked| value_of(*ranked).to_bits() == (values[*ranked as u32 as usize] + 0.0).to_bits()));
        }
    }
}
