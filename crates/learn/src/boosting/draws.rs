//! The rows and the columns that XGBoost draws for every tree.
//!
//! Facts from XGBoost 3.2.0: `src/common/random.h` and `src/tree/hist/sampler.cc`; and from GCC's libstdc++, whose `shuffle`,
//! `uniform_int_distribution` and `bernoulli_distribution` its binary carries (`bits/stl_algo.h`, `bits/uniform_int_dist.h`, `bits/random.tcc`).

use std::sync::Arc;

use super::BoostingParams;
use super::objective::as_library;

/// Above so many, `std::shuffle` takes a random number for every place.
const MAX_FEATURES: usize = 65_535;

/// Draws for one tree after the other.
pub(super) struct Draws {
    /// The chance of every row, if any is to be left out.
    subsample: Option<f64>,
    /// All columns, by their places.
    all: Arc<[usize]>,
    n_columns: usize,
    /// Gives every tree the seed of its rows.
    seeds: Twister,
    columns: Twister,
}

/// What is drawn for a tree.
pub(super) struct Drawn {
    /// The columns by their places in the whole table, rising.
    pub(super) columns: Arc<[usize]>,
    /// The chance of every row, and the seed; none for all rows.
    rows: Option<(f64, u32)>,
}

impl Draws {
    /// None where the library reads a share, or shuffles, in a way that is not followed here.
    pub(super) fn new(params: &BoostingParams, n_rows: usize, n_features: usize, seed: u64) -> Option<Self> {
        let (subsample, colsample) = (as_library(params.subsample)?, as_library(params.colsample_bytree)?);
        // The library's seed is a signed number, of which its generator takes the lower half.
        let mut seeds = Twister::new(seed as u32);
        let columns = Twister::new(seeds.next());
        if colsample < 1.0 && n_features > MAX_FEATURES {
            return None;
        }
        let n_columns = if colsample < 1.0 { ((colsample * n_features as f32) as usize).max(1) } else { n_features };
        let is_drawn = ((n_rows as f32 * subsample) as usize) < n_rows;
        let (subsample, all) = (is_drawn.then_some(f64::from(subsample)), (0..n_features).collect());
        let mut draws = Self { subsample, all, n_columns, seeds, columns };
        // The library draws columns once before the first tree.
        draws.draw_columns();
        Some(draws)
    }

    /// What is drawn for the next tree.
    pub(super) fn next(&mut self) -> Drawn {
        let columns = self.draw_columns();
        let rows = self.subsample.map(|subsample| (subsample, self.seeds.next()));
        Drawn { columns, rows }
    }

    fn draw_columns(&mut self) -> Arc<[usize]> {
        if self.n_columns >= self.all.len() {
            return Arc::clone(&self.all);
        }
        let mut columns = self.all.to_vec();
        shuffle(&mut columns, &mut self.columns);
        columns.truncate(self.n_columns);
        columns.sort_unstable();
        columns.into()
    }
}

impl Drawn {
    /// For every row, whether it is drawn.
    pub(super) fn rows(&self) -> impl Iterator<Item = bool> {
        /// The generator's modulus is a power of two.
        const MASK: u64 = (1 << 63) - 1;
        const FACTOR: u64 = 16_807;
        let (chance, seed) = self.rows.unwrap_or((f64::INFINITY, 1));
        let mut state = u64::from(seed).max(1);
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(FACTOR) & MASK;
            ((state.wrapping_sub(1)) as f64) / (MASK as f64) < chance
        })
    }
}

/// `std::shuffle`: two places come of one random number where that is large enough.
fn shuffle(values: &mut [usize], random: &mut Twister) {
    let n = values.len();
    let mut i = 1;
    if n.is_multiple_of(2) && i < n {
        values.swap(i, random.below(2));
        i += 1;
    }
    while i + 1 < n {
        let (first, second) = (i + 1, i + 2);
        let both = random.below((first * second) as u32);
        values.swap(i, both / second);
        values.swap(i + 1, both % second);
        i += 2;
    }
}

/// The Mersenne twister MT19937 (Matsumoto and Nishimura, 1998).
struct Twister {
    state: [u32; Self::N],
    at: usize,
}

impl Twister {
    const N: usize = 624;
    const M: usize = 397;

    fn new(seed: u32) -> Self {
        let mut state = [0; Self::N];
        state[0] = seed;
        for i in 1..Self::N {
            let before: u32 = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ before >> 30).wrapping_add(i as u32);
        }
        Self { state, at: Self::N }
    }

    fn next(&mut self) -> u32 {
        if self.at == Self::N {
            for i in 0..Self::N {
                let mixed = self.state[i] & 0x8000_0000 | self.state[(i + 1) % Self::N] & 0x7fff_ffff;
                let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + Self::M) % Self::N] ^ mixed >> 1 ^ twist;
            }
            self.at = 0;
        }
        let mut word = self.state[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    /// A number below `bound`, each as likely (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    fn below(&mut self, bound: u32) -> usize {
        let mut product = u64::from(self.next()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next()) * u64::from(bound);
            }
        }
        (product >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twister_is_the_standards() {
        // ISO C++, [rand.predef]: the 10,000th number of the default seed
        let mut random = Twister::new(5_489);
        assert_eq!((0..10_000).map(|_| random.next()).last(), Some(4_123_659_995));
    }

    #[test]
    fn all_rows_and_columns_come_where_nothing_is_left_out() {
        let mut draws = Draws::new(&BoostingParams::default(), 10, 4, 7).unwrap();
        let drawn = draws.next();
        assert_eq!(*drawn.columns, [0, 1, 2, 3]);
        assert!(drawn.rows().take(10).all(|is_drawn| is_drawn));
    }

    #[test]
    fn more_columns_than_two_fit_into_a_number_are_not_shuffled_here() {
        let half = BoostingParams { colsample_bytree: 0.5, ..BoostingParams::default() };
        let draws = |params: &BoostingParams, n_features| Draws::new(params, 10, n_features, 7).is_some();
        assert!(draws(&half, 65_535) && !draws(&half, 65_536));
        assert!(draws(&BoostingParams::default(), 65_536));
    }

    #[test]
    fn shares_are_drawn_anew_for_every_tree() {
        let params = BoostingParams { subsample: 0.25, colsample_bytree: 0.5, ..BoostingParams::default() };
        let mut draws = Draws::new(&params, 10_000, 9, 7).unwrap();
        let (one, two) = (draws.next(), draws.next());
        assert_eq!((one.columns.len(), two.columns.len()), (4, 4));
        assert_ne!(one.columns, two.columns);
        assert!(one.columns.is_sorted());
        for drawn in [one, two] {
            let rows = drawn.rows().take(10_000).filter(|is_drawn| *is_drawn).count();
            assert!((2_300..2_700).contains(&rows), "{rows}");
        }
    }
}
