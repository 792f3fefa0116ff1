//! Shards: shares of a step's work that are done on several machines, and put together afterwards.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use thiserror::Error;

use crate::Part;

/// The most shards of a step: each is a pod, and a manifest that the merge reads.
pub const MAX_SHARDS: u32 = 1_000;

/// One of several shares of a step's work, written `I/N`, from `1/N` to `N/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// The text names no shard.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{text}` is no shard: expected I/N with I from 1 to N, and N from 1 to {MAX_SHARDS}")]
pub struct InvalidShard {
    text: String,
}

impl Shard {
    /// All shards of so many.
    pub fn all(count: u32) -> impl Iterator<Item = Self> {
        (1..=count).map(move |index| Self { index, count })
    }

    /// How many shards there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// The part that the shard's manifest is committed under.
    #[must_use]
    pub fn part(self) -> Part {
        Part::of_shard(self.index, self.count)
    }

    /// The share of a list that is this shard's: a range, so that all shares one after the other are the list. Shares have about the same sum
    /// of `sizes`, none more than the even share and one item; some may be empty.
    #[must_use]
    pub fn share(self, sizes: &[u64]) -> Range<usize> {
        let start = self.start(sizes, self.index - 1);
        start..self.start(sizes, self.index).max(start)
    }

    /// Where the items begin whose middle lies beyond `shards` of all even shares.
    fn start(self, sizes: &[u64], shards: u32) -> usize {
        if shards == self.count {
            return sizes.len();
        }
        let total: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
        let mut before: u128 = 0;
        // in halves, so that there is a middle
        sizes
            .iter()
            .take_while(|size| {
                let middle = 2 * before + u128::from(**size);
                before += u128::from(**size);
                middle * u128::from(self.count) < 2 * total * u128::from(shards)
            })
            .count()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, InvalidShard> {
        let read = || {
            let (index, count) = text.split_once('/')?;
            let shard = Self { index: index.parse().ok()?, count: count.parse().ok()? };
            // one name per shard: `01/3` and `+1/3` are none
            let is_shard = (1..=shard.count).contains(&shard.index) && shard.count <= MAX_SHARDS;
            (is_shard && shard.to_string() == text).then_some(shard)
        };
        read().ok_or_else(|| InvalidShard { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sizes: &[u64], count: u32) -> Vec<Range<usize>> {
        Shard::all(count).map(|shard| shard.share(sizes)).collect()
    }

    #[test]
    fn a_shard_has_one_name() {
        for text in ["1/1", "2/3", "1000/1000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "1", "0/3", "4/3", "01/3", "+1/3", "1/0", "1/1001", "1/3/3", "a/b", "-1/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let shard: Shard = "2/3".parse().unwrap();
        assert_eq!((shard.part().to_string(), shard.part().is_shard()), ("shard-2-of-3".to_owned(), true));
        for part in ["0-forest", "shard", "shard-4-of-3", "shard-1-of-x", "a-shard-1-of-3"] {
            assert!(!part.parse::<Part>().unwrap().is_shard(), "{part}");
        }
    }

    #[test]
    fn shares_are_balanced_by_size() {
        assert_eq!(shares(&[1; 6], 3), [0..2, 2..4, 4..6]);
        assert_eq!(shares(&[10, 1, 1, 1, 1, 6], 2), [0..1, 1..6]);
        assert_eq!(shares(&[5, 5, 5], 1).first(), Some(&(0..3)));
        let few = shares(&[7, 7, 7], 8);
        assert_eq!(few.iter().map(Range::len).sum::<usize>(), 3);
        assert!(few.iter().all(|share| share.len() <= 1));
    }

    proptest::proptest! {
        #[test]
        fn shares_make_the_list_and_none_is_too_large(sizes in proptest::collection::vec(0_u64..1000, 0..40), count in 1_u32..20) {
            let shares = shares(&sizes, count);
            let joined: Vec<usize> = shares.iter().cloned().flatten().collect();
            proptest::prop_assert_eq!(joined, (0..sizes.len()).collect::<Vec<_>>());
            let (total, largest) = (sizes.iter().sum::<u64>(), sizes.iter().max().copied().unwrap_or(0));
            for share in shares {
                let sum: u64 = sizes[share].iter().sum();
                proptest::prop_assert!(sum <= total / u64::from(count) + largest + 1);
            }
        }

        #[test]
        fn sizes_near_the_limit_do_not_overflow(count in 1_u32..=MAX_SHARDS) {
            let sizes = [u64::MAX; 3];
            proptest::prop_assert_eq!(shares(&sizes, count).iter().map(Range::len).sum::<usize>(), 3);
        }
    }
}
