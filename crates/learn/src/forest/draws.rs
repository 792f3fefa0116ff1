//! Bootstrap samples: which rows a tree grows on, and how often each.
//!
//! Rows are drawn in proportion to their weights, and a tree then counts every draw as one (scikit-learn does so since 1.8). Weights that
//! multiplied the draws instead would leave few of the rare rows in many trees, and those many times over.

use rand::Rng;

use super::params::ClassWeight;
use crate::random::generator;

/// How rows are drawn.
#[derive(Debug)]
pub(super) enum Draws {
    /// All alike, of so many.
    Alike(usize),
    /// By their weights.
    Weighed(Wheel),
}

/// The weights of the rows, laid end to end, and for every even step of the way the row that it falls into: a draw looks at two rows or so,
/// however many there are (the guide table of Chen and Asau, 1974).
#[derive(Debug)]
pub(super) struct Wheel {
    /// Where each row ends.
    ends: Vec<f64>,
    guide: Vec<u32>,
    /// The last row that weighs something.
    last: usize,
}

impl Draws {
    /// Of the rows of these labels, by their own weights (1 each where there are none) times those of their classes.
    pub(super) fn new(labels: &[bool], weights: Option<&[f64]>, class_weight: ClassWeight) -> Self {
        let of_class = class_weights(labels, class_weight);
        let weight =
            |(row, label): (usize, &bool)| weights.map_or(1.0, |weights| weights[row]) * of_class[usize::from(*label)];
        let mut all = labels.iter().enumerate().map(weight);
        let first = all.next().map(f64::to_bits);
        if all.all(|weight| Some(weight.to_bits()) == first) {
            return Self::Alike(labels.len());
        }
        Self::Weighed(Wheel::new(labels.iter().enumerate().map(weight)))
    }

    /// As many draws with replacement as there are rows, as counts.
    pub(super) fn draw(&self, seed: u64, stream: u64, counts: &mut Vec<u32>) {
        let mut random = generator(seed, stream);
        let n_rows = match self {
            Self::Alike(n_rows) => *n_rows,
            Self::Weighed(wheel) => wheel.ends.len(),
        };
        counts.clear();
        counts.resize(n_rows, 0);
        for _ in 0..n_rows {
            let row = match self {
                Self::Alike(_) => random.gen_range(0..n_rows),
                Self::Weighed(wheel) => wheel.row_at(random.r#gen()),
            };
            counts[row] += 1;
        }
    }
}

impl Wheel {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut end = 0.0;
        let mut last = 0;
        let ends: Vec<f64> = weights
            .enumerate()
            .map(|(row, weight)| {
                if weight > 0.0 {
                    last = row;
                }
                end += weight;
                end
            })
            .collect();
        let step = end / ends.len() as f64;
        let mut row = 0;
        let guide = (0..ends.len())
            .map(|place| {
                while row < last && ends[row] <= place as f64 * step {
                    row += 1;
                }
                row as u32
            })
            .collect();
        Self { ends, guide, last }
    }

    /// The row at that share (0..1) of the way round.
    fn row_at(&self, share: f64) -> usize {
        let place = share * self.ends.last().copied().unwrap_or_default();
        let step = ((share * self.guide.len() as f64) as usize).min(self.guide.len() - 1);
        // A step's own rounding may lie past the place.
        let mut row = self.guide[step] as usize;
        while row > 0 && self.ends[row - 1] > place {
            row -= 1;
        }
        while row < self.last && self.ends[row] <= place {
            row += 1;
        }
        row
    }
}

/// The weights of the negative and the positive class.
fn class_weights(labels: &[bool], class_weight: ClassWeight) -> [f64; 2] {
    let weight = |class: bool| {
        let members = labels.iter().filter(|label| **label == class).count();
        if members > 0 { labels.len() as f64 / (2.0 * members as f64) } else { 1.0 }
    };
    match class_weight {
        ClassWeight::None => [1.0, 1.0],
        ClassWeight::Balanced => [weight(false), weight(true)],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(draws: &Draws, seed: u64) -> Vec<u32> {
        let mut counts = Vec::new();
        draws.draw(seed, 0, &mut counts);
        counts
    }

    #[test]
    fn the_classes_of_balanced_weights_are_drawn_alike() {
        let labels: Vec<bool> = (0..20_000).map(|row| row % 16 == 0).collect();
        let share = |class_weight| {
            let counts = counts(&Draws::new(&labels, None, class_weight), 3);
            assert_eq!(counts.iter().sum::<u32>(), 20_000);
            let positive: u32 = counts.iter().zip(&labels).filter(|(_, label)| **label).map(|(count, _)| count).sum();
            f64::from(positive) / 20_000.0
        };
        assert!((share(ClassWeight::None) - 1.0 / 16.0).abs() < 0.01);
        assert!((share(ClassWeight::Balanced) - 0.5).abs() < 0.015);
    }

    #[test]
    fn rows_that_all_weigh_the_same_are_drawn_as_without_weights() {
        let labels: Vec<bool> = (0..300).map(|row| row % 3 == 0).collect();
        let by = |weights: &[f64]| Draws::new(&labels, Some(weights), ClassWeight::None);
        let drawn = |weights: &[f64]| counts(&by(weights), 5);
        let without = counts(&Draws::new(&labels, None, ClassWeight::None), 5);
        assert!(matches!(by(&[0.3; 300]), Draws::Alike(300)));
        assert_eq!(drawn(&[0.3; 300]), without);
        let mut weights = [0.3; 300];
        weights[299] = 30.0;
        assert_ne!(drawn(&weights), without);
    }

    #[test]
    fn rows_that_weigh_nothing_are_never_drawn() {
        let weights = [0.0, 3.0, 0.0, 1.0, 0.0];
        for seed in 0..50 {
            let found = counts(&Draws::new(&[false; 5], Some(&weights), ClassWeight::None), seed);
            assert_eq!((found[0], found[2], found[4]), (0, 0, 0), "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn the_guide_finds_the_row_that_a_search_finds(
            weights in prop::collection::vec(prop_oneof![Just(0.0), 1e-9..1e9_f64], 1..40),
            share in 0.0..1.0_f64,
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0.0));
            let wheel = Wheel::new(weights.iter().copied());
            let place = share * wheel.ends[weights.len() - 1];
            let expected = wheel.ends.partition_point(|end| *end <= place).min(wheel.last);
            prop_assert_eq!(wheel.row_at(share), expected);
            prop_assert!(weights[expected] > 0.0);
        }
    }
}
