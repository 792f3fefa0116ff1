//! Finding the best place to cut one column: a pass over the bins of a node's rows, from below.

use super::bins::MAX_BINS;
use super::judge::Scorer;
use super::tally::Tally;

/// A split: rows up to bin `low` go left, those from bin `high` on right; there are none between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<T> {
    pub(super) score: f64,
    pub(super) feature: u32,
    pub(super) low: u8,
    pub(super) high: u8,
    /// What goes left.
    pub(super) left: T,
}

/// Goes through a column's bins and lists the places where it may be cut.
///
/// Only cuts that part unlike bins are listed: as both criteria are convex, none within a stretch of one class is better
/// than both ends of the stretch (Fayyad and Irani, "On the handling of continuous-valued attributes in decision tree
/// generation", 1992). Where leaves have a least size, the first and the last cut that respect it are such ends too.
///
/// What is listed is chosen without branches, as no processor could foresee them.
pub(super) struct Sweep<T> {
    /// What would go left.
    lefts: [T; MAX_BINS],
    /// The bins below and above.
    sides: [(u8, u8); MAX_BINS],
    n_cuts: usize,
    varies: bool,
}

impl<T: Tally> Sweep<T> {
    pub(super) fn new() -> Self {
        Self { lefts: [T::default(); MAX_BINS], sides: [(0, 0); MAX_BINS], n_cuts: 0, varies: false }
    }

    /// Goes through the bins of a column, of a node with rows of `total` whose children must have `least` rows each.
    pub(super) fn go_through(&mut self, total: T, least: usize, bins: impl Iterator<Item = (u8, T)>) {
        if least > 1 {
            self.go::<true>(total, least, bins);
        } else {
            self.go::<false>(total, least, bins);
        }
    }

    #[inline]
    fn go<const IS_LIMITED: bool>(&mut self, total: T, least: usize, bins: impl Iterator<Item = (u8, T)>) {
        // not in `self`, where every bin would wait for the one before it to reach memory
        let (mut left, mut last, mut last_bin, mut n_cuts) = (T::default(), T::default(), 0, 0_usize);
        for (bin, here) in bins {
            let has_rows = here.rows() > 0;
            let mut is_cut = has_rows & (left.rows() > 0) & !last.plus(here).is_pure();
            if IS_LIMITED {
                let (rows_left, rows_right) = (left.rows(), total.minus(left).rows());
                let is_first = rows_left < least + last.rows();
                let is_last = rows_right < least + here.rows();
                is_cut |= has_rows && (is_first || is_last);
                is_cut &= rows_left.min(rows_right) >= least;
            }
            // the next cut goes to the same place unless this is one
            let place = n_cuts % MAX_BINS;
            self.lefts[place] = left;
            self.sides[place] = (last_bin, bin);
            n_cuts += usize::from(is_cut);
            left = left.plus(here);
            last = if has_rows { here } else { last };
            last_bin = if has_rows { bin } else { last_bin };
        }
        self.n_cuts = n_cuts;
        self.varies = last.rows() < total.rows();
    }

    /// Whether more than one bin had rows.
    pub(super) fn varies(&self) -> bool {
        self.varies
    }

    /// The best cut, the lower of equals, if there is one with a score above `floor`.
    pub(super) fn best(&self, scorer: &Scorer<'_>, feature: u32, floor: f64) -> Option<Cut<T>> {
        let (mut best, mut place) = (floor, None);
        for (at, left) in self.lefts[..self.n_cuts].iter().enumerate() {
            let score = scorer.score(*left);
            if score > best {
                (best, place) = (score, Some(at));
            }
        }
        place.map(|at| {
            let (low, high) = self.sides[at];
            Cut { score: best, feature, low, high, left: self.lefts[at] }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::judge::Judge;
    use super::super::params::Criterion;
    use super::super::tally::Counts;
    use super::*;

    /// The score of the best of all cuts.
    fn best_of_all(scorer: &Scorer<'_>, bins: &[Counts], least: usize) -> Option<f64> {
        let sum = |bins: &[Counts]| bins.iter().fold(Counts::default(), |sum, bin| sum.plus(*bin));
        (1..bins.len())
            .map(|at| (sum(&bins[..at]), sum(&bins[at..])))
            .filter(|(left, right)| left.rows().min(right.rows()) >= least)
            .map(|(left, _)| scorer.score(left))
            .max_by(f64::total_cmp)
    }

    proptest! {
        #[test]
        fn no_cut_is_better_than_the_one_found(
            bins in prop::collection::vec((0_u32..4, 0_u32..3, prop::bool::ANY), 1..40), least in 1_usize..8,
            entropy: bool,
        ) {
            let bins: Vec<Counts> = bins
                .into_iter()
                .map(|(negative, positive, mixed)| {
                    let positive = if mixed { positive } else { 0 };
                    let draws = [(false, negative + u32::from(positive == 0)), (true, positive)];
                    draws.into_iter().filter(|(_, count)| *count > 0).fold(Counts::default(), |sum, (class, count)| {
                        (0..count).fold(sum, |sum, _| sum.plus(Counts::of(class, 1)))
                    })
                })
                .collect();
            let total = bins.iter().fold(Counts::default(), |sum, bin| sum.plus(*bin));
            prop_assume!(!total.is_pure());
            let judge = Judge::new(if entropy { Criterion::Entropy } else { Criterion::Gini });
            let scorer = judge.scorer(total);
            let mut sweep = Sweep::new();
            // what was seen before does not matter
            sweep.go_through(bins[0].plus(total), 1, [(7, bins[0]), (8, total)].into_iter());
            let here = bins.iter().enumerate().flat_map(|(bin, here)| {
                [(2 * bin as u8, *here), (2 * bin as u8 + 1, Counts::default())]
            });
            sweep.go_through(total, least, here);
            let best = sweep.best(&scorer, 0, f64::NEG_INFINITY);
            let expected = best_of_all(&scorer, &bins, least);
            prop_assert_eq!(best.is_some(), expected.is_some());
            prop_assert_eq!(sweep.varies(), bins.len() > 1);
            if let (Some(cut), Some(expected)) = (best, expected) {
                prop_assert!((cut.score - expected).abs() < 1e-9, "{} {}", cut.score, expected);
                prop_assert_eq!(cut.high, cut.low + 2);
                prop_assert!(sweep.best(&scorer, 0, cut.score).is_none());
                let left = bins[..=usize::from(cut.low / 2)].iter().fold(Counts::default(), |sum, bin| sum.plus(*bin));
                prop_assert_eq!(cut.left, left);
            }
        }
    }
}
