//! How good a split is.

use super::params::Criterion;
use super::tally::Tally;

/// Whole numbers whose logarithm is at hand.
const TABLE: usize = 4096;

/// Scores splits by one criterion.
#[derive(Debug)]
pub(super) struct Judge {
    criterion: Criterion,
    /// The logarithms of whole numbers; for entropy only.
    logs: Vec<f64>,
}

impl Judge {
    pub(super) fn new(criterion: Criterion) -> Self {
        let logs = match criterion {
            Criterion::Gini => Vec::new(),
            Criterion::Entropy => (0..TABLE).map(|number| (number as f64).max(1.0).ln()).collect(),
        };
        Self { criterion, logs }
    }

    /// Scores splits of a node with rows of `total`.
    pub(super) fn scorer(&self, total: impl Tally) -> Scorer<'_> {
        let [negative, positive] = total.draws();
        Scorer { judge: self, positive, both: negative + positive }
    }

    /// Minus the entropy of one side times its draws.
    #[inline]
    fn order(&self, negative: f64, positive: f64) -> f64 {
        let of = |draws: f64| draws * self.log(draws);
        of(negative) + of(positive) - of(negative + positive)
    }

    /// The logarithm of a whole number, 0 for 0: it is multiplied with 0 then.
    fn log(&self, draws: f64) -> f64 {
        self.logs.get(draws as usize).copied().unwrap_or_else(|| draws.ln())
    }
}

/// Share of the positive class among the draws, and their number.
pub(super) fn share(tally: impl Tally) -> (f64, f64) {
    let [negative, positive] = tally.draws();
    let cover = negative + positive;
    (if cover > 0.0 { positive / cover } else { 0.0 }, cover)
}

/// Scores splits of one node.
#[derive(Debug)]
pub(super) struct Scorer<'a> {
    judge: &'a Judge,
    /// Draws of the positive class and of both in the node.
    positive: f64,
    both: f64,
}

impl Scorer<'_> {
    /// The score of the split that sends `left` to the left and all else to the right; both must have rows. The higher, the
    /// purer are its sides: it is minus the impurity weighed by draws, up to a constant and a positive factor.
    #[inline]
    pub(super) fn score<T: Tally>(&self, left: T) -> f64 {
        let [negative, positive] = left.draws();
        let both = negative + positive;
        let (positive_right, both_right) = (self.positive - positive, self.both - both);
        match self.judge.criterion {
            // the sum of p^2 / n over the sides, of which each has n draws and p of them positive
            Criterion::Gini => {
                (positive * positive * both_right + positive_right * positive_right * both) / (both * both_right)
            }
            Criterion::Entropy => {
                self.judge.order(negative, positive) + self.judge.order(both_right - positive_right, positive_right)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::{Counts, Wide};
    use super::*;

    fn side<T: Tally>(negative: u32, positive: u32) -> T {
        [(false, negative), (true, positive)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .fold(T::default(), |sum, (class, count)| sum.plus(T::of(class, count)))
    }

    /// Weighted impurity by its definition.
    fn impurity(criterion: Criterion, sides: [[f64; 2]; 2]) -> f64 {
        let of = |side: [f64; 2]| {
            let whole = side[0] + side[1];
            let shares = side.map(|draws| draws / whole);
            whole
                * match criterion {
                    Criterion::Gini => 1.0 - shares[0] * shares[0] - shares[1] * shares[1],
                    Criterion::Entropy => {
                        -shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
                    }
                }
        };
        of(sides[0]) + of(sides[1])
    }

    /// Differences of scores are those of impurities, up to a factor.
    fn scores_as_defined<T: Tally>(factor: f64, criterion: Criterion) {
        const TOTAL: (u32, u32) = (9_000, 300);
        let judge = Judge::new(criterion);
        let scorer = judge.scorer(side::<T>(TOTAL.0, TOTAL.1));
        let both = |(negative, positive): (u32, u32)| {
            let draws = |(negative, positive)| [f64::from(negative), f64::from(positive)];
            let sides = [draws((negative, positive)), draws((TOTAL.0 - negative, TOTAL.1 - positive))];
            (factor * scorer.score(side::<T>(negative, positive)), -impurity(criterion, sides))
        };
        let (first, first_expected) = both((1, 1));
        for left in [(5, 0), (1, 9), (4_000, 300), (9_000, 20), (0, 2), (4_500, 150)] {
            let (found, expected) = both(left);
            let (found, expected) = (found - first, expected - first_expected);
            assert!((found - expected).abs() < 1e-6, "{criterion:?}, {left:?}: {found} {expected}");
        }
    }

    #[test]
    fn a_score_is_minus_the_impurity() {
        scores_as_defined::<Counts>(2.0, Criterion::Gini);
        scores_as_defined::<Wide>(2.0, Criterion::Gini);
        scores_as_defined::<Counts>(1.0, Criterion::Entropy);
        scores_as_defined::<Wide>(1.0, Criterion::Entropy);
    }

    #[test]
    fn shares_are_by_draws() {
        assert_eq!(share(side::<Counts>(3, 1)), (0.25, 4.0));
        assert_eq!(share(Counts::default()), (0.0, 0.0));
    }
}
