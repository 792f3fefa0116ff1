//! What the rows of a node or of a bin come to: their number, and how much each class weighs.

/// A sum over rows that can be taken apart again.
pub(super) trait Tally: Copy + Default + PartialEq + Send + Sync {
    /// Whether the weights are whole numbers below [`COUNT_LIMIT`].
    const IS_COUNT: bool;

    /// One row of that class, drawn `count` times, which weighs `weight` each time.
    fn of(is_positive: bool, count: u32, weight: f64) -> Self;

    /// Both together.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// What is left without a part.
    #[must_use]
    fn minus(self, part: Self) -> Self;

    /// Number of different rows.
    fn rows(self) -> usize;

    /// Weights of the negative and the positive class.
    fn weights(self) -> [f64; 2];

    /// Whether one of the classes is missing here.
    fn is_pure(self) -> bool;
}

/// Rows and weights of a [`Counts`] stay below this.
pub(super) const COUNT_LIMIT: usize = 1 << FIELD_BITS;

const FIELD_BITS: u32 = 21;
const FIELD: u64 = COUNT_LIMIT as u64 - 1;
const NEGATIVE: u32 = FIELD_BITS;
const ROWS: u32 = 2 * FIELD_BITS;

/// Rows that weigh what they were drawn: three numbers of 21 bits in one word, from below the positive draws, the negative
/// draws and the rows. Sums must stay below [`COUNT_LIMIT`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(u64);

/// Rows of any weight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weights {
    weights: [f64; 2],
    /// Rows of each class.
    rows: [u32; 2],
}

impl Tally for Counts {
    const IS_COUNT: bool = true;

    fn of(is_positive: bool, count: u32, _: f64) -> Self {
        Self(1 << ROWS | u64::from(count) << if is_positive { 0 } else { NEGATIVE })
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    fn minus(self, part: Self) -> Self {
        Self(self.0.wrapping_sub(part.0))
    }

    fn rows(self) -> usize {
        (self.0 >> ROWS) as usize
    }

    fn weights(self) -> [f64; 2] {
        // by way of i64, which processors convert faster
        let number = |shift: u32| (self.0 >> shift & FIELD) as i64 as f64;
        [number(NEGATIVE), number(0)]
    }

    fn is_pure(self) -> bool {
        self.0 & FIELD == 0 || self.0 >> NEGATIVE & FIELD == 0
    }
}

impl Tally for Weights {
    const IS_COUNT: bool = false;

    fn of(is_positive: bool, count: u32, weight: f64) -> Self {
        let mut one = Self::default();
        one.weights[usize::from(is_positive)] = weight * f64::from(count);
        one.rows[usize::from(is_positive)] = 1;
        one
    }

    fn plus(self, other: Self) -> Self {
        Self {
            weights: [self.weights[0] + other.weights[0], self.weights[1] + other.weights[1]],
            rows: [self.rows[0].wrapping_add(other.rows[0]), self.rows[1].wrapping_add(other.rows[1])],
        }
    }

    fn minus(self, part: Self) -> Self {
        let rows = [self.rows[0].wrapping_sub(part.rows[0]), self.rows[1].wrapping_sub(part.rows[1])];
        // what has no rows weighs exactly nothing, whatever rounding left over
        let weight =
            |class: usize| if rows[class] == 0 { 0.0 } else { (self.weights[class] - part.weights[class]).max(0.0) };
        Self { weights: [weight(0), weight(1)], rows }
    }

    fn rows(self) -> usize {
        self.rows[0] as usize + self.rows[1] as usize
    }

    fn weights(self) -> [f64; 2] {
        self.weights
    }

    fn is_pure(self) -> bool {
        self.rows.contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds_up<T: Tally + std::fmt::Debug>() {
        let parts = [T::of(false, 3, 1.0), T::of(true, 1, 1.0), T::of(false, 2, 1.0)];
        let whole = parts.iter().fold(T::default(), |sum, part| sum.plus(*part));
        assert_eq!((whole.rows(), whole.weights()), (3, [5.0, 1.0]));
        assert!(!whole.is_pure());
        let good = whole.minus(parts[1]);
        assert_eq!((good.rows(), good.weights()), (2, [5.0, 0.0]));
        assert!(good.is_pure());
        assert_eq!(good.minus(parts[0]).minus(parts[2]), T::default());
    }

    #[test]
    fn parts_add_up_and_come_off_again() {
        adds_up::<Counts>();
        adds_up::<Weights>();
    }

    #[test]
    fn counts_do_not_run_into_each_other() {
        let most = COUNT_LIMIT as u32 - 1;
        let both = Counts::of(true, most, 1.0).plus(Counts::of(false, most, 1.0));
        assert_eq!((both.rows(), both.weights()), (2, [f64::from(most); 2]));
    }

    #[test]
    fn what_rounding_leaves_does_not_count() {
        let parts = [0.1, 0.2, 0.3].map(|weight| Weights::of(true, 1, weight));
        let whole = parts[2].plus(parts[1]).plus(parts[0]);
        assert_eq!(whole.minus(parts[0]).minus(parts[1]).minus(parts[2]), Weights::default());
    }
}
