//! KMeans: greedy k-means++ starts, several runs, the best of them bettered by swaps (Fränti, 2018).
//!
//! Terms and defaults are those of linfa-clustering, stopping rule and empty clusters those of scikit-learn. The kernel is
//! this crate's own: runs go side by side over the table, which is not copied, distances come from scalar products in f32
//! and are measured again in f64 where those do not tell, and bounds spare most rows after the first iterations. What
//! that saves is in `docs/adr/0012`.

use std::ops::RangeInclusive;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::Samples;
use crate::error::LearnError;
use crate::random::generator;

mod chunk;
mod exact;
mod lloyd;
mod prepared;
mod run;
mod seeding;
mod tile;

use exact::{CHUNK_ROWS, assign};
use lloyd::{End, Start, Stop};
use prepared::Prepared;

/// Movement of the centroids below which a run has converged, as a share of the mean variance of the columns: the
/// squared movement, summed over centroids. scikit-learn's rule and default.
const TOLERANCE_RATIO: f64 = 1e-4;

/// Iterations after which a run ends even if it has not converged.
const MAX_ITERATIONS: u64 = 300;

/// Rounds of swaps, each from the best fit so far.
const SWAP_ROUNDS: usize = 3;

/// Swaps that are tried in a round: no more than there are runs.
const SWAPS: usize = 8;

/// Iterations after which only the best swap of a round goes on.
const SWAP_ITERATIONS: u64 = 3;

/// Stream of the seed that draws the rows of swaps.
const SWAP_STREAM: u64 = 1 << 33;

/// What a run keeps of every row: its cluster and two bounds.
const RUN_BYTES_PER_ROW: usize = 12;

/// State of runs side by side that is small whatever the table.
const SMALL_STATE_BYTES: usize = 1 << 26;

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KMeansParams {
    /// Number of clusters, at least 1 and at most the number of rows.
    pub n_clusters: usize,
    /// Number of starts, at least 1; the one with the least inertia is kept.
    pub n_runs: usize,
    /// Seed of all starts.
    pub seed: u64,
}

/// Fitted clusters. Cluster 0 is the one with the most training rows, and so on down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KMeans {
    centroids: Vec<Vec<f64>>,
    inertia: f64,
    counts: Vec<u64>,
}

impl KMeans {
    /// Fits `params.n_runs` times from different k-means++ starts and keeps the fit with the least inertia, the earlier
    /// of equals. Runs go side by side; the result does not depend on the number of threads.
    ///
    /// Costs at most rows x clusters x columns per iteration of each run, mostly less; memory is 4 bytes per row and, for
    /// each run and row, 12 bytes, 20 while starts are drawn (24 from 21 clusters on).
    ///
    /// # Errors
    /// When there are fewer rows than clusters, no run is asked for, or a value is not finite.
    pub fn fit(samples: &Samples<'_>, params: &KMeansParams) -> Result<Self, LearnError> {
        check(samples, params)?;
        let fitting = Fitting::new(samples, params);
        let best = fitting.best(params.n_clusters..=params.n_clusters).pop().flatten();
        Ok(fitting.measured(best).fit)
    }

    /// Fits every number of clusters from 1 to `k_max` and gives the fits in that order. The table is made ready and the
    /// starts are drawn once for all of them, and as many runs go side by side as keep what they know of the rows, and their
    /// sums over clusters, within the size of the table each.
    ///
    /// The best of the `n_runs` starts of every number of clusters is bettered in some rounds: by swaps, at most as many as there
    /// are runs, or by the fit of one cluster less with one row more. No fit is kept that is worse than the one before, so the
    /// inertia never rises with the number of clusters. Memory is as of [`KMeans::fit`], and 8 bytes for each row and number of clusters.
    ///
    /// # Errors
    /// As [`KMeans::fit`] for `k_max` clusters.
    pub fn fit_up_to(samples: &Samples<'_>, k_max: usize, n_runs: usize, seed: u64) -> Result<Vec<Self>, LearnError> {
        if k_max == 0 {
            return Ok(Vec::new());
        }
        let params = KMeansParams { n_clusters: k_max, n_runs, seed };
        check(samples, &params)?;
        let fitting = Fitting::new(samples, &params);
        let drawn = fitting.best(1..=k_max);
        let mut found: Vec<Found> = drawn.into_iter().map(|end| fitting.measured(end)).collect();
        for round in 0..SWAP_ROUNDS {
            fitting.better(&mut found, n_runs, round);
        }
        let mut fits: Vec<Self> = Vec::with_capacity(k_max);
        let mut distances = Vec::new();
        for mut found in found {
            if let Some(before) = fits.last().filter(|before| found.fit.inertia > before.inertia) {
                // with one centroid more no row is further from the nearest
                let furthest = (0..distances.len()).fold(0, |a, b| if distances[b] > distances[a] { b } else { a });
                let mut centroids = before.centroids.clone();
                centroids.push(fitting.row(furthest));
                found = Found::new(samples, centroids, f64::INFINITY);
            }
            fits.push(found.fit);
            distances = found.distances;
        }
        Ok(fits)
    }

    /// Puts clusters together again from their centroids, one list of equal length per cluster; inertia and counts are
    /// those of no rows.
    ///
    /// # Errors
    /// When there are no centroids, they differ in length, or a value is not finite.
    pub fn from_centroids(centroids: Vec<Vec<f64>>) -> Result<Self, LearnError> {
        let malformed = |message: &str| LearnError::Malformed { what: "the centroids", message: message.to_owned() };
        let n_features = centroids.first().ok_or_else(|| malformed("there are none"))?.len();
        if centroids.iter().any(|centroid| centroid.len() != n_features) {
            return Err(malformed("they differ in length"));
        }
        if centroids.iter().flatten().any(|value| !value.is_finite()) {
            return Err(malformed("a value is not finite"));
        }
        Ok(Self { counts: vec![0; centroids.len()], centroids, inertia: 0.0 })
    }

    /// The cluster of every row: the nearest centroid in f64, the lower number of equals. Rows do not see each other.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn predict(&self, samples: &Samples<'_>) -> Result<Vec<usize>, LearnError> {
        samples.expect_features(self.n_features())?;
        Ok(assign(samples, &self.centroids).into_iter().map(|(cluster, _)| cluster).collect())
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.centroids.len()
    }

    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.centroids.first().map_or(0, Vec::len)
    }

    /// The centroids, one list of `n_features` values per cluster.
    pub fn centroids(&self) -> &[Vec<f64>] {
        &self.centroids
    }

    /// Sum over the training rows of the squared distance to the nearest centroid.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Training rows per cluster.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All pairs of clusters, those first that become one at the least cost (Ward, 1963).
    fn closest(&self) -> Vec<(usize, usize)> {
        let cost = |(one, other): (usize, usize)| {
            let weights = [one, other].map(|cluster| self.weight(cluster));
            let squares = self.centroids[one].iter().zip(&self.centroids[other]).map(|(a, b)| (a - b).powi(2));
            weights[0] * weights[1] / (weights[0] + weights[1]) * squares.sum::<f64>()
        };
        let n_clusters = self.n_clusters();
        let pairs = (0..n_clusters).flat_map(|one| (one + 1..n_clusters).map(move |other| (one, other)));
        let mut costs: Vec<(f64, (usize, usize))> = pairs.map(|pair| (cost(pair), pair)).collect();
        costs.sort_by(|a, b| a.0.total_cmp(&b.0));
        costs.into_iter().map(|(_, pair)| pair).collect()
    }

    /// The centroids, one after the other, with two clusters as one.
    fn merged(&self, (one, other): (usize, usize)) -> Vec<f64> {
        let [a, b] = [one, other].map(|cluster| (self.weight(cluster), &self.centroids[cluster]));
        let both = a.1.iter().zip(b.1).map(|(x, y)| (x * a.0 + y * b.0) / (a.0 + b.0));
        let rest = (0..self.n_clusters()).filter(|&cluster| cluster != one && cluster != other);
        rest.flat_map(|cluster| self.centroids[cluster].iter().copied()).chain(both).collect()
    }

    /// The rows of a cluster; a little more than none where it is empty.
    fn weight(&self, cluster: usize) -> f64 {
        (self.counts[cluster] as f64).max(f64::EPSILON)
    }
}

/// A fit, and what it takes to better it.
struct Found {
    fit: KMeans,
    /// Of every row the squared distance to its centroid.
    distances: Vec<f64>,
    /// As that of [`End`].
    gain: f64,
}

impl Found {
    /// Numbers the clusters by size and measures them.
    fn new(samples: &Samples<'_>, centroids: Vec<Vec<f64>>, gain: f64) -> Self {
        let assigned = assign(samples, &centroids);
        let mut counts = vec![0_u64; centroids.len()];
        for &(cluster, _) in &assigned {
            counts[cluster] += 1;
        }
        let distances: Vec<f64> = assigned.into_iter().map(|(_, distance)| distance).collect();
        let sums: Vec<f64> = distances.par_chunks(CHUNK_ROWS).map(|distances| distances.iter().sum()).collect();
        let mut clusters: Vec<(Vec<f64>, u64)> = centroids.into_iter().zip(counts).collect();
        clusters.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let (centroids, counts) = clusters.into_iter().unzip();
        Self { fit: KMeans { centroids, counts, inertia: sums.iter().sum() }, distances, gain }
    }
}

/// What the fits of several numbers of clusters share.
struct Fitting<'a> {
    table: Prepared<'a>,
    /// The rows that every run starts from.
    starts: Vec<Vec<usize>>,
    seed: u64,
    stop: Stop,
}

impl<'a> Fitting<'a> {
    /// For up to `params.n_clusters` clusters.
    fn new(samples: &'a Samples<'a>, params: &KMeansParams) -> Self {
        let table = Prepared::new(samples);
        let starts = seeding::starts(&table, params.n_clusters, params.n_runs, params.seed);
        let stop = Stop { tolerance: TOLERANCE_RATIO * table.mean_variance(), max_n_iterations: MAX_ITERATIONS };
        Self { table, starts, seed: params.seed, stop }
    }

    /// The best fit of every number of clusters given, from the drawn starts; none for one cluster, which needs no start.
    fn best(&self, numbers: RangeInclusive<usize>) -> Vec<Option<End>> {
        let first = *numbers.start();
        let mut best: Vec<Option<End>> = numbers.clone().map(|_| None).collect();
        let numbers = numbers.filter(|&n_clusters| n_clusters > 1);
        self.fit(numbers.flat_map(|n_clusters| self.distinct_starts(n_clusters)), self.stop, |end| {
            keep_better(&mut best[end.n_clusters - first], end);
        });
        best
    }

    /// Fits from every start, as many at a time as are held, and hands each end to `take`.
    fn fit(&self, starts: impl IntoIterator<Item = Start>, stop: Stop, mut take: impl FnMut(End)) {
        let mut held: Vec<Start> = Vec::new();
        for start in starts {
            held.push(start);
            if !self.is_held(&held) {
                let last = held.split_off(held.len() - 1);
                lloyd::fit(&self.table, std::mem::replace(&mut held, last), stop).into_iter().for_each(&mut take);
            }
        }
        lloyd::fit(&self.table, held, stop).into_iter().for_each(take);
    }

    /// Whether runs from these starts may go side by side: what they keep of the rows, and their sums over clusters, are within the size of the
    /// table each. No small table waits, and one run always may.
    fn is_held(&self, starts: &[Start]) -> bool {
        let Samples { n_samples, n_features, .. } = *self.table.samples;
        let limit = (n_samples * n_features * size_of::<f32>()).max(SMALL_STATE_BYTES);
        let n_clusters: usize = starts.iter().map(|start| start.n_clusters).sum();
        let sums = n_clusters * n_features * size_of::<f64>() * chunk::count(n_samples);
        starts.len() <= 1 || (starts.len() * n_samples * RUN_BYTES_PER_ROW).max(sums) <= limit
    }

    /// Betters the fits of one, two and more clusters, where that is possible.
    ///
    /// For every number of clusters some starts go a few iterations: swaps, by which two clusters that lie close become one
    /// and a row far from its centroid becomes another, and the fit of one cluster less with such a row. The best of them goes on.
    fn better(&self, found: &mut [Found], n_runs: usize, round: usize) {
        let far_rows = |found: &Found| {
            let stream = SWAP_STREAM | (found.fit.n_clusters() as u64) << 16 | round as u64;
            seeding::several(&self.table, &found.distances, SWAPS, generator(self.seed, stream))
        };
        let rows: Vec<Vec<usize>> = found.iter().map(far_rows).collect();
        let starts = found.windows(2).zip(rows.windows(2)).flat_map(|(found, rows)| {
            let [fewer, this] = [&found[0].fit, &found[1].fit];
            let swaps = rows[1].iter().take(n_runs).zip(this.closest().into_iter().cycle());
            let swaps = swaps.map(|(&row, pair)| (this.merged(pair), row)).collect::<Vec<_>>();
            swaps.into_iter().chain([(fewer.centroids.concat(), rows[0][0])]).map(|(centroids, row)| Start {
                n_clusters: this.n_clusters(),
                centroids: [centroids, self.row(row)].concat(),
            })
        });
        let mut best: Vec<Option<End>> = found.iter().map(|_| None).collect();
        let quick = Stop { max_n_iterations: SWAP_ITERATIONS, ..self.stop };
        self.fit(starts, quick, |end| keep_better(&mut best[end.n_clusters - 1], end));
        let starts =
            best.into_iter().flatten().map(|End { n_clusters, centroids, .. }| Start { n_clusters, centroids });
        self.fit(starts, self.stop, |end| {
            let found = &mut found[end.n_clusters - 1];
            if end.gain < found.gain {
                *found = self.measured(Some(end));
            }
        });
    }

    /// Measures an end, or the fit of one cluster.
    fn measured(&self, end: Option<End>) -> Found {
        let n_features = self.table.samples.n_features;
        let gain = end.as_ref().map_or(0.0, |end| end.gain);
        let centroids = end.map_or_else(
            || vec![self.table.mean.clone()],
            |end| (0..end.n_clusters).map(|i| end.centroids[i * n_features..][..n_features].to_vec()).collect(),
        );
        Found::new(self.table.samples, centroids, gain)
    }

    /// The centroids of every run's start, once for those that are the same rows.
    fn distinct_starts(&self, n_clusters: usize) -> Vec<Start> {
        let mut known: Vec<Vec<usize>> = Vec::new();
        let mut starts = Vec::new();
        for rows in &self.starts {
            let rows = &rows[..n_clusters];
            let mut sorted = rows.to_vec();
            sorted.sort_unstable();
            if !known.contains(&sorted) {
                known.push(sorted);
                let centroids = rows.iter().flat_map(|&row| self.row(row)).collect();
                starts.push(Start { n_clusters, centroids });
            }
        }
        starts
    }

    fn row(&self, row: usize) -> Vec<f64> {
        self.table.samples.row(row).iter().copied().map(f64::from).collect()
    }
}

/// Keeps the better of two ends, the first of equals.
fn keep_better(best: &mut Option<End>, end: End) {
    if best.as_ref().is_none_or(|best| end.gain < best.gain) {
        *best = Some(end);
    }
}

fn check(samples: &Samples<'_>, params: &KMeansParams) -> Result<(), LearnError> {
    if params.n_clusters == 0 || params.n_clusters > samples.n_samples {
        return Err(LearnError::Param {
            param: "n_clusters",
            found: params.n_clusters.to_string(),
            expected: "at least 1, and no more than the number of rows",
        });
    }
    if params.n_runs == 0 {
        return Err(LearnError::Param { param: "n_runs", found: params.n_runs.to_string(), expected: "at least 1" });
    }
    samples.expect_finite()
}

#[cfg(test)]
mod tests;
