//! How sure a figure of merit is: intervals by the stratified bootstrap, for one model and for the difference of two.
//!
//! Rows are drawn with replacement within each class, so every resample has as many faulty rows as the sample; one
//! generator per resample makes the answer the same on any number of threads.

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
    let ranking = Ranking::new(labels, probabilities);
    let rows: Vec<JudgedRow> = labels
        .iter()
        .zip(probabilities)
        .zip(decisions)
        .map(|((&faulty, &probability), &called_faulty)| JudgedRow {
            faulty,
            called_faulty,
            squared_error: squared_error(faulty, probability),
            negative_log_likelihood: negative_log_likelihood(faulty, probability),
        })
        .collect();
    let strata = Strata::new(labels);
    let resamples = strata.resample(params, seed, |counts| {
        let areas = ranking.areas(counts);
        let decided = decided(&rows, counts);
        let [squared_error, negative_log_likelihood] = mean_losses(&rows, counts);
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
        average_precision: (!strata.faulty.is_empty()).then_some(average_precision),
        roc_auc: (!strata.faulty.is_empty() && !strata.good.is_empty()).then_some(roc_auc),
        mcc,
        balanced_accuracy,
        accuracy,
        brier_score,
        log_loss,
        expected_cost,
    })
}

/// What of a row goes into the figures beside its place in the ranking.
#[derive(Debug)]
struct JudgedRow {
    faulty: bool,
    called_faulty: bool,
    squared_error: f64,
    negative_log_likelihood: f64,
}

fn decided(rows: &[JudgedRow], counts: &[u32]) -> Confusion {
    let mut decided = Confusion::default();
    for (row, &count) in rows.iter().zip(counts) {
        let cell = match (row.faulty, row.called_faulty) {
            (true, true) => &mut decided.true_positives,
            (false, true) => &mut decided.false_positives,
            (false, false) => &mut decided.true_negatives,
            (true, false) => &mut decided.false_negatives,
        };
        *cell += u64::from(count);
    }
    decided
}

fn mean_losses(rows: &[JudgedRow], counts: &[u32]) -> [f64; 2] {
    let sums = rows.iter().zip(counts).fold([0.0, 0.0], |[squared, logged], (row, &count)| {
        let count = f64::from(count);
        [squared + count * row.squared_error, logged + count * row.negative_log_likelihood]
    });
    sums.map(|sum| sum / rows.len() as f64)
}

/// The rows of each class.
#[derive(Debug)]
struct Strata {
    faulty: Vec<usize>,
    good: Vec<usize>,
}

impl Strata {
    fn new(labels: &[bool]) -> Self {
        let (faulty, good) = (0..labels.len()).partition(|&row| labels[row]);
        Self { faulty, good }
    }

    /// The share of resamples beyond each end of an interval, by the smaller class that occurs.
    fn tail(&self, params: &ValidBootstrapParams) -> f64 {
        let smaller = [self.faulty.len(), self.good.len()].into_iter().filter(|&rows| rows > 0).min();
        expanded_tail(params.0.level, smaller.unwrap_or_default())
    }

    /// What `judge` says of every resample, given how often each row is in it; in the order of the resamples.
    fn resample<T: Send>(
        &self,
        params: &ValidBootstrapParams,
        seed: u64,
        judge: impl Fn(&[u32]) -> T + Sync,
    ) -> Vec<T> {
        let n_samples = self.faulty.len() + self.good.len();
        (0..params.0.n_resamples)
            .into_par_iter()
            .map_init(
                || vec![0; n_samples],
                |counts, resample| {
                    self.draw(seed, resample, counts);
                    judge(counts)
                },
            )
            .collect()
    }

    fn draw(&self, seed: u64, resample: u32, counts: &mut [u32]) {
        counts.fill(0);
        let mut random = generator(seed, u64::from(resample));
        for rows in [&self.faulty, &self.good] {
            if rows.is_empty() {
                continue;
            }
            // drawn as 64 bits, so that the draws do not hang on the width of an address
            let place = Uniform::from(0..rows.len() as u64);
            for _ in 0..rows.len() {
                counts[rows[place.sample(&mut random) as usize]] += 1;
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
