//! How good a split is.

use super::params::Criterion;
use super::tally::Tally;

/// Whole numbers whose logarithm is at hand.
const TABLE: usize = 4096;

/// Scores splits by one criterion and the weights of the classes.
#[derive(Debug)]
pub(super) struct Judge {
    criterion: Criterion,
    class_weights: [f64; 2],
    /// The logarithms of the class weights, and of whole numbers; for entropy only.
    class_logs: [f64; 2],
    logs: Vec<f64>,
}

impl Judge {
    pub(super) fn new(criterion: Criterion, class_weights: [f64; 2]) -> Self {
        let logs = match criterion {
            Criterion::Gini => Vec::new(),
            Criterion::Entropy => (0..TABLE).map(|number| (number as f64).max(1.0).ln()).collect(),
        };
        Self { criterion, class_weights, class_logs: class_weights.map(f64::ln), logs }
    }

    /// What the classes weigh here.
    pub(super) fn weights(&self, tally: impl Tally) -> [f64; 2] {
        let [negative, positive] = tally.weights();
        [negative * self.class_weights[0], positive * self.class_weights[1]]
    }

    /// Share of the positive class, and the weight of both.
    pub(super) fn share(&self, tally: impl Tally) -> (f64, f64) {
        let [negative, positive] = self.weights(tally);
        let cover = negative + positive;
        (if cover > 0.0 { positive / cover } else { 0.0 }, cover)
    }

    /// Scores splits of a node with rows of `total`.
    pub(super) fn scorer(&self, total: impl Tally) -> Scorer<'_> {
        let [negative, positive] = self.weights(total);
        Scorer { judge: self, positive, both: negative + positive, counts: total.weights() }
    }

    /// Minus the entropy of one side times its weight, by its classes without and with their weights.
    #[inline]
    fn order<T: Tally>(&self, counts: [f64; 2], weights: [f64; 2]) -> f64 {
        let both = weights[0] + weights[1];
        let log_of_both = if self.class_weights[0].to_bits() == self.class_weights[1].to_bits() {
            self.class_logs[0] + self.log::<T>(counts[0] + counts[1])
        } else {
            logarithm(both)
        };
        let class = |class: usize| weights[class] * (self.class_logs[class] + self.log::<T>(counts[class]));
        class(0) + class(1) - both * log_of_both
    }

    fn log<T: Tally>(&self, x: f64) -> f64 {
        match self.logs.get(x as usize) {
            Some(log) if T::IS_COUNT => *log,
            _ => logarithm(x),
        }
    }
}

/// Scores splits of one node.
#[derive(Debug)]
pub(super) struct Scorer<'a> {
    judge: &'a Judge,
    /// Weight of the positive class and of both, and the classes without their weights, in the node.
    positive: f64,
    both: f64,
    counts: [f64; 2],
}

impl Scorer<'_> {
    /// The score of the split that sends `left` to the left and all else to the right; both must have rows. The higher, the
    /// purer are its sides: it is minus the weighted impurity, up to a constant and a positive factor.
    #[inline]
    pub(super) fn score<T: Tally>(&self, left: T) -> f64 {
        let [negative, positive] = self.judge.weights(left);
        let both = negative + positive;
        let (positive_right, both_right) = (self.positive - positive, self.both - both);
        match self.judge.criterion {
            // the sum of p^2 / n over the sides, of which each has a weight of n and p of it positive
            Criterion::Gini => {
                (positive * positive * both_right + positive_right * positive_right * both) / (both * both_right)
            }
            Criterion::Entropy => {
                let counts = left.weights();
                let counts_right = [self.counts[0] - counts[0], self.counts[1] - counts[1]];
                self.judge.order::<T>(counts, [negative, positive])
                    + self.judge.order::<T>(counts_right, [both_right - positive_right, positive_right])
            }
        }
    }
}

/// The logarithm, 0 for 0: it is multiplied with 0 then.
fn logarithm(x: f64) -> f64 {
    if x > 0.0 { x.ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::tally::{Counts, Weights};
    use super::*;

    fn side<T: Tally>(negative: u32, positive: u32) -> T {
        [(false, negative), (true, positive)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .fold(T::default(), |sum, (class, count)| sum.plus(T::of(class, count, 1.0)))
    }

    /// Weighted impurity by its definition.
    fn impurity(criterion: Criterion, sides: [[f64; 2]; 2]) -> f64 {
        let of = |side: [f64; 2]| {
            let whole = side[0] + side[1];
            let shares = side.map(|weight| weight / whole);
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
        for class_weights in [[1.0, 1.0], [0.53, 8.6]] {
            let judge = Judge::new(criterion, class_weights);
            let scorer = judge.scorer(side::<T>(TOTAL.0, TOTAL.1));
            let both = |(negative, positive): (u32, u32)| {
                let weights = |(negative, positive)| {
                    [f64::from(negative) * class_weights[0], f64::from(positive) * class_weights[1]]
                };
                let sides = [weights((negative, positive)), weights((TOTAL.0 - negative, TOTAL.1 - positive))];
                (factor * scorer.score(side::<T>(negative, positive)), -impurity(criterion, sides))
            };
            let (first, first_expected) = both((1, 1));
            for left in [(5, 0), (1, 9), (4_000, 300), (9_000, 20), (0, 2), (4_500, 150)] {
                let (found, expected) = both(left);
                let (found, expected) = (found - first, expected - first_expected);
                assert!((found - expected).abs() < 1e-6, "{criterion:?}, {left:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn a_score_is_minus_the_impurity() {
        scores_as_defined::<Counts>(2.0, Criterion::Gini);
        scores_as_defined::<Weights>(2.0, Criterion::Gini);
        scores_as_defined::<Counts>(1.0, Criterion::Entropy);
        scores_as_defined::<Weights>(1.0, Criterion::Entropy);
    }

    #[test]
    fn shares_are_by_weight() {
        let judge = Judge::new(Criterion::Gini, [1.0, 3.0]);
        assert_eq!(judge.share(side::<Counts>(3, 1)), (0.5, 6.0));
        assert_eq!(judge.share(Counts::default()), (0.0, 0.0));
    }
}
