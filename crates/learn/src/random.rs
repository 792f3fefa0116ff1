//! Independent random streams out of one seed.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// The seed of a stream of its own within `seed`: neighbouring streams and neighbouring seeds are unrelated.
pub(crate) fn substream(seed: u64, stream: u64) -> u64 {
    let mixed = SplitMix64::seed_from_u64(stream).next_u64();
    SplitMix64::seed_from_u64(seed ^ mixed).next_u64()
}

/// A generator for stream `stream` of `seed`.
pub(crate) fn generator(seed: u64, stream: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(substream(seed, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_seeds_differ() {
        assert_ne!(substream(1, 0), substream(1, 1));
        assert_ne!(substream(1, 0), substream(2, 0));
        assert_ne!(substream(0, 1), substream(1, 0));
        assert_eq!(substream(7, 3), substream(7, 3));
    }
}
