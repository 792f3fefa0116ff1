//! How sure a figure of merit is: intervals by the stratified bootstrap, for one model and for the difference of two.
//!
//! Rows are drawn with replacement within each class, so every resample has as many faulty rows as the sample; one
//! generator per resample makes the answer the same on any number of threads.

use std::ops::Range;

use faultline_contract::documents::evaluation::{
    Assessment, Confusion, CostMatrix, Interval, Intervals, MIN_FAULTY_FOR_INFERENCE,
};
use rand::distributions::{Distribution, Uniform};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::LearnError;
use crate::metrics::{CountDecisions as _, check, check_costs, metrics, negative_log_likelihood, squared_error};
use crate::random::generator;

mod chance;
mod distribution;
mod paired;
mod ranking;

pub use chance::{average_precision_includes_chance, chance_average_precision, roc_auc_includes_chance};
pub use paired::paired_bootstrap;

use distribution::expanded_tail;
use ranking::Ranking;

/// How many resamples are drawn and how sure an interval is meant to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BootstrapParams {
    /// Number of resamples, 100 to 1,000,000. Default 2,000.
    pub n_resamples: u32,
    /// The share of samples whose two-sided interval covers the true figure, 0.5 to 0.999. Default 0.95: the lower end
    /// alone errs in one of 40.
    pub level: f64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self { n_resamples: 2_000, level: 0.95 }
    }
}

/// [`BootstrapParams`] within their ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidBootstrapParams(BootstrapParams);

impl BootstrapParams {
    /// Checks both ranges.
    ///
    /// # Errors
    /// For the first parameter out of its range, by its name.
    pub fn check(self) -> Result<ValidBootstrapParams, LearnError> {
        if !(100..=1_000_000).contains(&self.n_resamples) {
            let found = self.n_resamples.to_string();
            return Err(LearnError::Param { param: "n_resamples", found, expected: "100 to 1000000" });
        }
        if !(0.5..=0.999).contains(&self.level) {
            return Err(LearnError::Param { param: "level", found: self.level.to_string(), expected: "0.5 to 0.999" });
        }
        Ok(ValidBootstrapParams(self))
    }
}

impl ValidBootstrapParams {
    /// The checked values.
    pub fn get(&self) -> &BootstrapParams {
        &self.0
    }
}

/// The figures of `probabilities` and `decisions` with their intervals, all in the order of `labels`.
///
/// # Errors
/// As [`bootstrap`].
pub fn assess(
    labels: &[bool],
    probabilities: &[f64],
    decisions: &[bool],
    costs: &CostMatrix,
    params: &ValidBootstrapParams,
    seed: u64,
) -> Result<Assessment, LearnError> {
    let metrics = metrics(labels, probabilities, decisions, costs)?;
    Ok(Assessment {
        metrics,
        intervals: bootstrap(labels, probabilities, decisions, costs, params, seed)?,
        is_descriptive: metrics.rows_faulty < MIN_FAULTY_FOR_INFERENCE,
    })
}

/// The intervals of the figures of `probabilities` and `decisions`, both in the order of `labels`.
///
/// Percentile intervals, expanded for the size of the smaller class that occurs (see [`paired_bootstrap`] for what that is
/// worth). The decisions are taken as given: that thresholds were chosen on other rows is not part of what
/// varies. The time is that of `n_resamples` passes over the rows, spread over rayon's threads.
///
/// # Errors
/// When lengths differ, there are no rows, a probability is NaN, or the costs break a rule of [`check_costs`].
pub fn bootstrap(
    labels: &[bool],
    probabilities: &[f64],
    decisions: &[bool],
    costs: &CostMatrix,
    params: &ValidBootstrapParams,
    seed: u64,
) -> Result<Intervals, LearnError> {
    check_costs(costs)?;
    check(labels, probabilities)?;
    Confusion::of(labels, decisions)?;
    let strata = Strata::new(labels)?;
    let ranking = Ranking::new(&strata, probabilities);
    let called_faulty = strata.arranged(|row| decisions[row]);
    let losses = strata.arranged(|row| {
        let (faulty, probability) = (labels[row], probabilities[row]);
        [squared_error(faulty, probability), negative_log_likelihood(faulty, probability)]
    });
    let resamples = strata.resample(params, seed, |counts| {
        let areas = ranking.areas(counts);
        let decided = strata.decided(&called_faulty, counts);
        let [squared_error, negative_log_likelihood] = mean_losses(&losses, counts);
        [
            areas.average_precision,
            areas.roc_auc,
            decided.mcc(),
            decided.balanced_accuracy(),
            decided.accuracy(),
            squared_error,
            negative_log_likelihood,
            costs.expected_cost(&decided),
        ]
    });
    let tail = strata.tail(params);
    let [average_precision, roc_auc, mcc, balanced_accuracy, accuracy, brier_score, log_loss, expected_cost] =
        columns(&resamples).map(|values| interval(values, tail));
    Ok(Intervals {
        level: params.0.level,
        n_resamples: u64::from(params.0.n_resamples),
        average_precision: (strata.n_faulty > 0).then_some(average_precision),
        roc_auc: (strata.n_faulty > 0 && strata.n_good() > 0).then_some(roc_auc),
        mcc,
        balanced_accuracy,
        accuracy,
        brier_score,
        log_loss,
        expected_cost,
    })
}

fn mean_losses(losses: &[[f64; 2]], counts: &[Count]) -> [f64; 2] {
    let sums = losses
        .iter()
        .zip(counts)
        .fold([0.0, 0.0], |sums, (row, &count)| std::array::from_fn(|loss| sums[loss] + f64::from(count) * row[loss]));
    sums.map(|sum: f64| sum / losses.len() as f64)
}

/// How often a row is in a resample. A class of up to 255 rows has no row more often, and in a larger one, where each is expected once, the chance
/// that one is is below 10^-500.
type Count = u8;

/// The rows class by class, the faulty ones first: what is drawn lies close together.
#[derive(Debug)]
struct Strata {
    rows: Vec<usize>,
    n_faulty: usize,
}

impl Strata {
    fn new(labels: &[bool]) -> Result<Self, LearnError> {
        let (mut rows, good): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&row| labels[row]);
        let n_faulty = rows.len();
        rows.extend(good);
        // A ranking counts them in 32 bits.
        let (n_samples, most) = (rows.len(), u32::MAX as usize);
        if n_samples > most { Err(LearnError::TooManyRows { n_samples, most }) } else { Ok(Self { rows, n_faulty }) }
    }

    fn n_good(&self) -> usize {
        self.rows.len() - self.n_faulty
    }

    /// What `value` says of each row, class by class.
    fn arranged<T>(&self, value: impl Fn(usize) -> T) -> Vec<T> {
        self.rows.iter().map(|&row| value(row)).collect()
    }

    /// The share of resamples beyond each end of an interval, by the smaller class that occurs.
    fn tail(&self, params: &ValidBootstrapParams) -> f64 {
        let smaller = [self.n_faulty, self.n_good()].into_iter().filter(|&rows| rows > 0).min();
        expanded_tail(params.0.level, smaller.unwrap_or_default())
    }

    /// The decisions on the rows that count.
    fn decided(&self, called_faulty: &[bool], counts: &[Count]) -> Confusion {
        let called = |rows: Range<usize>| -> u64 {
            called_faulty[rows.clone()]
                .iter()
                .zip(&counts[rows])
                .map(|(&called, &count)| u64::from(count) * u64::from(called))
                .sum()
        };
        let (n_faulty, n_good) = (self.n_faulty as u64, self.n_good() as u64);
        let (true_positives, false_positives) = (called(0..self.n_faulty), called(self.n_faulty..self.rows.len()));
        Confusion {
            true_positives,
            false_positives,
            true_negatives: n_good - false_positives,
            false_negatives: n_faulty - true_positives,
        }
    }

    /// What `judge` says of every resample, given how often each row is in it, class by class; in the order of the resamples.
    fn resample<T: Send>(
        &self,
        params: &ValidBootstrapParams,
        seed: u64,
        judge: impl Fn(&[Count]) -> T + Sync,
    ) -> Vec<T> {
        (0..params.0.n_resamples)
            .into_par_iter()
            .map_init(
                || vec![0; self.rows.len()],
                |counts, resample| {
                    self.draw(seed, resample, counts);
                    judge(counts)
                },
            )
            .collect()
    }

    fn draw(&self, seed: u64, resample: u32, counts: &mut [Count]) {
        counts.fill(0);
        let mut random = generator(seed, u64::from(resample));
        let (faulty, good) = counts.split_at_mut(self.n_faulty);
        for class in [faulty, good].into_iter().filter(|class| !class.is_empty()) {
            // drawn as 64 bits, so that the draws do not hang on the width of an address
            let place = Uniform::from(0..class.len() as u64);
            for _ in 0..class.len() {
                let count = &mut class[place.sample(&mut random) as usize];
                *count = count.saturating_add(1);
            }
        }
    }
}

/// Row-wise values as one list per figure.
fn columns<const N: usize>(resamples: &[[f64; N]]) -> [Vec<f64>; N] {
    std::array::from_fn(|figure| resamples.iter().map(|values| values[figure]).collect())
}

/// Leaves out the share `tail` of the values at each end. Between values it is linear, at positions tail * (n + 1)
/// (Hyndman and Fan's sixth definition); beyond the outermost values there is nothing to reach for.
fn interval(mut values: Vec<f64>, tail: f64) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let quantile = |share: f64| {
        let position = (share * (values.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
        let below = position.floor() as usize;
        let (low, high) = (values[below], values[(below + 1).min(last)]);
        // equal ends have no slope, also when they are infinite
        if low < high { low + (high - low) * (position - position.floor()) } else { low }
    };
    Interval { low: quantile(tail), high: quantile(1.0 - tail) }
}

#[cfg(test)]
mod tests;
