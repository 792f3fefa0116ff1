//! Rounds of boosting for grid points that differ in the number of rounds and the limit of depth alone.

use std::collections::BTreeMap;

use super::BoostingParams;
use super::objective::{Sums, TreeParams, gradients, sigmoid};

/// Something that grows trees on the rows of one fold.
pub(super) trait Grow {
    /// Grows the tree of a round, of at most `max_depth` levels, on the gradients of all rows and their sums, adds its leaves to the log-odds
    /// of the rows to fit on and of those to score, and says how deep it grew.
    fn grow(
        &mut self,
        round: u32,
        gradients: &[[f64; 2]],
        sums: Sums,
        max_depth: u32,
        margins: &mut [f32],
        test_margins: &mut [f32],
    ) -> u32;
}

/// The log-odds of the rows of a fold before the first round.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) base_margin: f32,
    pub(super) n_test: usize,
}

/// A training after some rounds.
#[derive(Clone)]
struct State {
    rounds: u32,
    margins: Vec<f32>,
    test_margins: Vec<f32>,
}

/// The probabilities of the rows to score for every one of `points`, which differ in rounds and depth alone.
///
/// The deepest limit is trained first. A lower one begins at the first round in which a tree went below it: up to there both are
/// the same training. None when the arithmetic of a round could differ from the library's.
pub(super) fn train(
    grower: &mut impl Grow,
    start: Start,
    targets: &[u8],
    points: &[&BoostingParams],
) -> Option<Vec<Vec<f64>>> {
    let params = TreeParams::new(points.first()?)?;
    let mut rows = vec![[0.0; 2]; targets.len()];
    let mut limits: Vec<u32> = points.iter().map(|point| point.max_depth).collect();
    limits.sort_unstable_by(|a, b| b.cmp(a));
    limits.dedup();

    let mut state = State {
        rounds: 0,
        margins: vec![start.base_margin; targets.len()],
        test_margins: vec![start.base_margin; start.n_test],
    };
    let mut forks: BTreeMap<u32, State> = BTreeMap::new();
    // By number of rounds; those up to the fork of a limit are right for it too.
    let mut scored: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    let mut answers = vec![Vec::new(); points.len()];
    for (i, &limit) in limits.iter().enumerate() {
        if let Some(fork) = forks.remove(&limit) {
            state = fork;
        }
        let last = points.iter().filter(|point| point.max_depth == limit).map(|point| point.n_estimators).max()?;
        while state.rounds < last {
            let sums = gradients(&state.margins, targets, params.scale_pos_weight, &mut rows)?;
            let before = limits[i + 1..].iter().any(|lower| !forks.contains_key(lower)).then(|| state.clone());
            let depth = grower.grow(state.rounds, &rows, sums, limit, &mut state.margins, &mut state.test_margins);
            for &lower in limits[i + 1..].iter().filter(|&&lower| lower < depth) {
                if let Some(before) = &before {
                    forks.entry(lower).or_insert_with(|| before.clone());
                }
            }
            state.rounds += 1;
            if points.iter().any(|point| point.n_estimators == state.rounds) {
                let probabilities = state.test_margins.iter().map(|&margin| f64::from(sigmoid(margin)));
                scored.insert(state.rounds, probabilities.collect());
            }
        }
        for (answer, point) in answers.iter_mut().zip(points) {
            if point.max_depth == limit {
                answer.clone_from(scored.get(&point.n_estimators)?);
            }
        }
    }
    Some(answers)
}
