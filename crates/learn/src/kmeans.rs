//! KMeans by linfa-clustering: k-means++ starts, several runs, the best of them kept.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans as LinfaKMeans, KMeansInit};
use ndarray::{Array2, ArrayView2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::Samples;
use crate::error::LearnError;
use crate::random::generator;

/// Movement of the centroids below which a run has converged, as a share of the mean variance of the columns: the
/// squared movement, summed over centroids. scikit-learn's rule and default.
const TOLERANCE_RATIO: f64 = 1e-4;

/// Iterations after which a run ends even if it has not converged.
const MAX_ITERATIONS: u64 = 300;

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
    /// Costs rows x clusters x columns per iteration of each run, plus one copy of the table in f64.
    ///
    /// # Errors
    /// When there are fewer rows than clusters, no run is asked for, or a value is not finite.
    pub fn fit(samples: &Samples<'_>, params: &KMeansParams) -> Result<Self, LearnError> {
        check(samples, params)?;
        let fitting = Fitting::new(samples)?;
        let runs: Vec<Result<Self, LearnError>> =
            (0..params.n_runs).into_par_iter().map(|run| fitting.run(params, run)).collect();
        let mut best: Option<Self> = None;
        for run in runs {
            let run = run?;
            if best.as_ref().is_none_or(|best| run.inertia < best.inertia) {
                best = Some(run);
            }
        }
        best.ok_or(LearnError::Empty { what: "the list of runs" })
    }

    /// Fits every number of clusters from 1 to `k_max` and gives the fits in that order.
    ///
    /// When all `n_runs` starts of a number of clusters end above the fit before, which unlucky starts can, it is started
    /// from that fit and the row furthest from its centroid, so the inertia never rises with the number of clusters.
    ///
    /// # Errors
    /// As [`KMeans::fit`] for `k_max` clusters.
    pub fn fit_up_to(samples: &Samples<'_>, k_max: usize, n_runs: usize, seed: u64) -> Result<Vec<Self>, LearnError> {
        let mut fits: Vec<Self> = Vec::with_capacity(k_max);
        for n_clusters in 1..=k_max {
            let mut best = Self::fit(samples, &KMeansParams { n_clusters, n_runs, seed })?;
            if let Some(before) = fits.last().filter(|before| best.inertia > before.inertia) {
                best = Fitting::new(samples)?.continued(&before.with_furthest(samples))?;
            }
            fits.push(best);
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

    /// The cluster of every row: the nearest centroid, the lower number of equals. Rows do not see each other.
    ///
    /// # Errors
    /// When the number of columns differs from the fitted one.
    pub fn predict(&self, samples: &Samples<'_>) -> Result<Vec<usize>, LearnError> {
        samples.expect_features(self.n_features())?;
        let mut clusters = vec![0; samples.n_samples];
        clusters
            .par_iter_mut()
            .enumerate()
            .for_each(|(i, cluster)| *cluster = nearest(&self.centroids, samples.row(i)).0);
        Ok(clusters)
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

    /// The centroids and, below them, the row furthest from its own.
    fn with_furthest(&self, samples: &Samples<'_>) -> Vec<Vec<f64>> {
        let mut furthest: (f64, &[f32]) = (f64::NEG_INFINITY, &[]);
        for row in samples.rows() {
            let (_, distance) = nearest(&self.centroids, row);
            if distance > furthest.0 {
                furthest = (distance, row);
            }
        }
        let mut centroids = self.centroids.clone();
        centroids.push(furthest.1.iter().copied().map(f64::from).collect());
        centroids
    }

    /// Numbers the clusters by size and measures them anew: linfa's inertia is that of the iteration before the last.
    fn measured(samples: &Samples<'_>, centroids: &Array2<f64>) -> Self {
        let centroids: Vec<Vec<f64>> = centroids.rows().into_iter().map(|row| row.to_vec()).collect();
        let mut counts = vec![0_u64; centroids.len()];
        let mut inertia = 0.0;
        for row in samples.rows() {
            let (cluster, distance) = nearest(&centroids, row);
            counts[cluster] += 1;
            inertia += distance;
        }
        let mut order: Vec<usize> = (0..centroids.len()).collect();
        order.sort_by_key(|&cluster| std::cmp::Reverse(counts[cluster]));
        Self {
            centroids: order.iter().map(|&i| centroids[i].clone()).collect(),
            counts: order.iter().map(|&i| counts[i]).collect(),
            inertia,
        }
    }
}

/// A table made ready for linfa.
struct Fitting<'a> {
    samples: &'a Samples<'a>,
    table: Array2<f64>,
    tolerance: f64,
}

impl<'a> Fitting<'a> {
    fn new(samples: &'a Samples<'a>) -> Result<Self, LearnError> {
        let values = samples.features.iter().copied().map(f64::from).collect();
        let table = Array2::from_shape_vec((samples.n_samples, samples.n_features), values).map_err(method_error)?;
        let tolerance = tolerance(table.view());
        Ok(Self { samples, table, tolerance })
    }

    /// One fit from one k-means++ start.
    fn run(&self, params: &KMeansParams, run: usize) -> Result<KMeans, LearnError> {
        let stream = ((params.n_clusters as u64) << 32) | run as u64;
        self.start(KMeansInit::KMeansPlusPlus, params.n_clusters, generator(params.seed, stream))
    }

    /// One fit from given centroids.
    fn continued(&self, centroids: &[Vec<f64>]) -> Result<KMeans, LearnError> {
        let shape = (centroids.len(), self.samples.n_features);
        let start = Array2::from_shape_vec(shape, centroids.concat()).map_err(method_error)?;
        self.start(KMeansInit::Precomputed(start), centroids.len(), generator(0, 0))
    }

    fn start(
        &self,
        init: KMeansInit<f64>,
        n_clusters: usize,
        random: Xoshiro256PlusPlus,
    ) -> Result<KMeans, LearnError> {
        let fitted = LinfaKMeans::params_with_rng(n_clusters, random)
            .init_method(init)
            .n_runs(1)
            .tolerance(self.tolerance)
            .max_n_iterations(MAX_ITERATIONS)
            .fit(&DatasetBase::from(self.table.view()))
            .map_err(method_error)?;
        Ok(KMeans::measured(self.samples, fitted.centroids()))
    }
}

/// The nearest centroid and the squared distance to it.
fn nearest(centroids: &[Vec<f64>], row: &[f32]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (cluster, centroid) in centroids.iter().enumerate() {
        let distance = squared_distance(centroid, row);
        if distance < best.1 {
            best = (cluster, distance);
        }
    }
    best
}

/// Sums in four lanes, so that the compiler can use wide registers; the order is fixed all the same.
fn squared_distance(centroid: &[f64], row: &[f32]) -> f64 {
    const LANES: usize = 4;
    let mut sums = [0.0; LANES];
    let (whole_c, whole_r) = (centroid.chunks_exact(LANES), row.chunks_exact(LANES));
    let rest: f64 = whole_c.remainder().iter().zip(whole_r.remainder()).map(|(c, &r)| (c - f64::from(r)).powi(2)).sum();
    for (c, r) in whole_c.zip(whole_r) {
        for lane in 0..LANES {
            sums[lane] += (c[lane] - f64::from(r[lane])).powi(2);
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

/// The tolerance in linfa's terms: the Euclidean norm of the movement of all centroids. It must be positive, also for
/// a table of equal rows.
fn tolerance(table: ArrayView2<'_, f64>) -> f64 {
    let variances = table.var_axis(ndarray::Axis(0), 0.0);
    let mean_variance = variances.mean().unwrap_or_default();
    (TOLERANCE_RATIO * mean_variance).sqrt().max(f64::MIN_POSITIVE)
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

fn method_error(error: impl std::fmt::Display) -> LearnError {
    LearnError::Method { method: "KMeans", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_HEAPS: [f32; 10] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 10.0, 10.0, 10.0, 11.0];

    fn params(n_clusters: usize) -> KMeansParams {
        KMeansParams { n_clusters, n_runs: 3, seed: 1 }
    }

    #[test]
    fn heaps_are_told_apart_and_the_larger_comes_first() {
        let samples = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
        let fitted = KMeans::fit(&samples, &params(2)).unwrap();
        assert_eq!(fitted.predict(&samples).unwrap(), [0, 0, 0, 1, 1]);
        assert_eq!(fitted.counts(), [3, 2]);
        assert!((fitted.inertia() - (4.0 / 3.0 + 0.5)).abs() < 1e-3);
    }

    #[test]
    fn one_cluster_is_the_mean_and_one_row_is_its_own() {
        let samples = Samples::new(&TWO_HEAPS[..2], 1, 2).unwrap();
        let fitted = KMeans::fit(&samples, &params(1)).unwrap();
        assert!(fitted.inertia().abs() < 1e-12);
    }

    #[test]
    fn equal_rows_do_not_stop_it() {
        let samples = Samples::new(&[2.0; 6], 6, 1).unwrap();
        let fitted = KMeans::fit(&samples, &params(3)).unwrap();
        assert!(fitted.inertia().abs() < 1e-12);
        assert_eq!(fitted.counts().iter().sum::<u64>(), 6);
    }

    #[test]
    fn a_row_alone_gets_the_cluster_it_gets_in_the_batch() {
        let values: Vec<f32> = (0..600_u16).map(|i| f32::from(i.wrapping_mul(7_919) % 101)).collect();
        let samples = Samples::new(&values, 200, 3).unwrap();
        let fitted = KMeans::fit(&samples, &params(5)).unwrap();
        let batch = fitted.predict(&samples).unwrap();
        for (i, &cluster) in batch.iter().enumerate() {
            let alone = Samples::new(samples.row(i), 1, 3).unwrap();
            assert_eq!(fitted.predict(&alone).unwrap(), [cluster]);
        }
    }

    #[test]
    fn inertia_never_rises_with_the_number_of_clusters() {
        let values: Vec<f32> = (0..900_u16).map(|i| f32::from(i.wrapping_mul(7_919) % 211)).collect();
        let samples = Samples::new(&values, 300, 3).unwrap();
        let fits = KMeans::fit_up_to(&samples, 12, 1, 4).unwrap();
        let numbers: Vec<usize> = fits.iter().map(KMeans::n_clusters).collect();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
        let inertia: Vec<f64> = fits.iter().map(KMeans::inertia).collect();
        assert!(inertia.windows(2).all(|pair| pair[1] <= pair[0]), "{inertia:?}");
    }

    #[test]
    fn centroids_alone_assign_as_the_fit_does() {
        let samples = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
        let fitted = KMeans::fit(&samples, &params(2)).unwrap();
        let again = KMeans::from_centroids(fitted.centroids().to_vec()).unwrap();
        assert_eq!(again.predict(&samples).unwrap(), fitted.predict(&samples).unwrap());
        for bad in [vec![], vec![vec![1.0], vec![1.0, 2.0]], vec![vec![f64::NAN]]] {
            assert!(KMeans::from_centroids(bad).is_err());
        }
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let values: Vec<f32> = (0..900_u16).map(|i| f32::from(i.wrapping_mul(7_919) % 211)).collect();
        let samples = Samples::new(&values, 300, 3).unwrap();
        let fit_on = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| KMeans::fit(&samples, &params(4)).unwrap())
        };
        assert_eq!(fit_on(1), fit_on(3));
    }

    #[test]
    fn impossible_params_and_missing_values_are_refused() {
        let samples = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
        assert!(KMeans::fit(&samples, &params(6)).is_err());
        assert!(KMeans::fit(&samples, &params(0)).is_err());
        let no_runs = KMeansParams { n_runs: 0, ..params(2) };
        assert!(KMeans::fit(&samples, &no_runs).is_err());
        let missing = Samples::new(&[f32::NAN], 1, 1).unwrap();
        assert!(KMeans::fit(&missing, &params(1)).is_err());
    }
}
