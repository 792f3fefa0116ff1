//! What the rows of a node or of a bin come to: their number, and how often each class was drawn.

/// A sum over rows that can be taken apart again.
pub(super) trait Tally: Copy + Default + PartialEq + Send + Sync {
    /// One row of that class, drawn `count` times.
    fn of(is_positive: bool, count: u32) -> Self;

    /// Both together.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// What is left without a part.
    #[must_use]
    fn minus(self, part: Self) -> Self;

    /// Number of different rows.
    fn rows(self) -> usize;

    /// Draws of the negative and the positive class.
    fn draws(self) -> [f64; 2];

    /// Whether one of the classes is missing here.
    fn is_pure(self) -> bool;
}

/// Rows and draws of a [`Counts`] stay below this.
pub(super) const COUNT_LIMIT: usize = 1 << FIELD_BITS;

const FIELD_BITS: u32 = 21;
const FIELD: u64 = COUNT_LIMIT as u64 - 1;
const NEGATIVE: u32 = FIELD_BITS;
const ROWS: u32 = 2 * FIELD_BITS;

/// Three numbers of 21 bits in one word, from below the positive draws, the negative draws and the rows. Sums must stay below [`COUNT_LIMIT`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(u64);

/// The same for more rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wide {
    /// Draws of each class.
    draws: [u32; 2],
    rows: u32,
}

impl Tally for Counts {
    fn of(is_positive: bool, count: u32) -> Self {
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

    fn draws(self) -> [f64; 2] {
        // by way of i64, which processors convert faster
        let number = |shift: u32| (self.0 >> shift & FIELD) as i64 as f64;
        [number(NEGATIVE), number(0)]
    }

    fn is_pure(self) -> bool {
        self.0 & FIELD == 0 || self.0 >> NEGATIVE & FIELD == 0
    }
}

impl Tally for Wide {
    fn of(is_positive: bool, count: u32) -> Self {
        let mut draws = [0; 2];
        draws[usize::from(is_positive)] = count;
        Self { draws, rows: 1 }
    }

    fn plus(self, other: Self) -> Self {
        let sum = |class: usize| self.draws[class].wrapping_add(other.draws[class]);
        Self { draws: [sum(0), sum(1)], rows: self.rows.wrapping_add(other.rows) }
    }

    fn minus(self, part: Self) -> Self {
        let rest = |class: usize| self.draws[class].wrapping_sub(part.draws[class]);
        Self { draws: [rest(0), rest(1)], rows: self.rows.wrapping_sub(part.rows) }
    }

    fn rows(self) -> usize {
        self.rows as usize
    }

    fn draws(self) -> [f64; 2] {
        self.draws.map(f64::from)
    }

    fn is_pure(self) -> bool {
        self.draws.contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds_up<T: Tally + std::fmt::Debug>() {
        let parts = [T::of(false, 3), T::of(true, 1), T::of(false, 2)];
        let whole = parts.iter().fold(T::default(), |sum, part| sum.plus(*part));
        assert_eq!((whole.rows(), whole.draws()), (3, [5.0, 1.0]));
        assert!(!whole.is_pure());
        let good = whole.minus(parts[1]);
        assert_eq!((good.rows(), good.draws()), (2, [5.0, 0.0]));
        assert!(good.is_pure());
        assert_eq!(good.minus(parts[0]).minus(parts[2]), T::default());
    }

    #[test]
    fn parts_add_up_and_come_off_again() {
        adds_up::<Counts>();
        adds_up::<Wide>();
    }

    #[test]
    fn counts_do_not_run_into_each_other() {
        let most = COUNT_LIMIT as u32 - 1;
        let both = Counts::of(true, most).plus(Counts::of(false, most));
        assert_eq!((both.rows(), both.draws()), (2, [f64::from(most); 2]));
    }
}
