//! Promises of the clusters, and how they compare with linfa's.

use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::*;
use crate::random::substream;

const TWO_HEAPS: [f32; 10] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 10.0, 10.0, 10.0, 11.0];

/// Numbers between 0 and 1 without an order.
fn scattered(n_samples: usize, n_features: usize) -> Vec<f32> {
    (0..n_samples * n_features).map(|i| (substream(7, i as u64) % 100_003) as f32 / 100_003.0).collect()
}

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
    // more rows than one task takes
    let values = scattered(2100, 3);
    let samples = Samples::new(&values, 2100, 3).unwrap();
    let fit_on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| KMeans::fit_up_to(&samples, 6, 4, 9).unwrap())
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

/// Heaps of rows whose columns differ in scale and lie far from 0, as unscaled sensors do.
fn sensors(n_samples: usize, n_features: usize) -> Vec<f32> {
    let noise = scattered(n_samples, n_features);
    let value = |i: usize| {
        let (row, column) = (i / n_features, i % n_features);
        let scale = 10_f32.powi(column as i32 % 7 - 3);
        let heap = (row % 5 * (column + 3)) % 4;
        scale * (200.0 + heap as f32 + noise[i] * 2.0)
    };
    (0..noise.len()).map(value).collect()
}

#[test]
fn inertia_is_no_worse_than_that_of_linfa() {
    let (n_samples, n_features) = (600, 9);
    let values = sensors(n_samples, n_features);
    let samples = Samples::new(&values, n_samples, n_features).unwrap();
    let table =
        Array2::from_shape_vec((n_samples, n_features), values.iter().copied().map(f64::from).collect()).unwrap();
    for fitted in KMeans::fit_up_to(&samples, 8, 10, 3).unwrap() {
        let random = Xoshiro256PlusPlus::seed_from_u64(3);
        let reference = linfa_clustering::KMeans::params_with_rng(fitted.n_clusters(), random)
            .n_runs(10)
            .tolerance(1e-6)
            .fit(&DatasetBase::from(table.view()))
            .unwrap();
        let centroids = reference.centroids().rows().into_iter().map(|row| row.to_vec()).collect();
        let reference = Found::new(&samples, centroids, 0.0).fit;
        assert!(fitted.inertia() <= reference.inertia() * 1.005, "{}", fitted.n_clusters());
    }
}

/// Lloyd's iterations word for word.
fn plain_lloyd(samples: &Samples<'_>, mut centroids: Vec<Vec<f64>>, stop: Stop) -> (Vec<Vec<f64>>, f64) {
    loop {
        let assigned = assign(samples, &centroids);
        let mut sums = vec![(vec![0.0; samples.n_features], 0.0); centroids.len()];
        for (row, &(cluster, _)) in samples.rows().zip(&assigned) {
            sums[cluster].0.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            sums[cluster].1 += 1.0;
        }
        let mut moved = 0.0;
        for (centroid, (sum, count)) in centroids.iter_mut().zip(&sums) {
            assert!(*count > 0.0, "this test is not about empty clusters");
            for (value, sum) in centroid.iter_mut().zip(sum) {
                moved += (sum / count - *value).powi(2);
                *value = sum / count;
            }
        }
        if moved <= stop.tolerance {
            let inertia = assign(samples, &centroids).iter().map(|(_, distance)| distance).sum();
            return (centroids, inertia);
        }
    }
}

#[test]
fn bounds_and_quick_distances_change_nothing() {
    let tables = [(700, 20, sensors(700, 20)), (1500, 3, scattered(1500, 3)), (130, 40, sensors(130, 40))];
    for (n_samples, n_features, values) in tables {
        let samples = Samples::new(&values, n_samples, n_features).unwrap();
        let table = Prepared::new(&samples);
        let stop = Stop { tolerance: 1e-9 * table.mean_variance(), max_n_iterations: 1000 };
        for n_clusters in [2, 3, 7] {
            let starts = seeding::starts(&table, n_clusters, 3, 5);
            let centroids: Vec<Vec<Vec<f64>>> = starts
                .iter()
                .map(|rows| rows.iter().map(|&row| samples.row(row).iter().copied().map(f64::from).collect()).collect())
                .collect();
            for start in centroids {
                let ends = lloyd::fit(&table, vec![Start { n_clusters, centroids: start.concat() }], stop);
                let (plain, inertia) = plain_lloyd(&samples, start, stop);
                for (found, plain) in ends[0].centroids.iter().zip(plain.concat()) {
                    assert!((found - plain).abs() <= 1e-9 * plain.abs(), "{found} {plain}");
                }
                // the gain is on top of one cluster at the rounded means
                let centre: Vec<f64> = table.mean.iter().map(|&mean| f64::from(mean as f32)).collect();
                let one: f64 = assign(&samples, &[centre]).iter().map(|(_, distance)| distance).sum();
                assert!((one + ends[0].gain - inertia).abs() <= 1e-9 * one, "{} {inertia}", one + ends[0].gain);
            }
        }
    }
}

#[test]
fn a_fit_that_no_iteration_betters_is_mended() {
    // three heaps far apart: two centroids share the first, one lies between the others
    let heaps = [0.0, 1.0, 10.0, 11.0, 1000.0, 1002.0, 2000.0, 2001.0, 2002.0];
    let samples = Samples::new(&heaps, heaps.len(), 1).unwrap();
    let fitting = Fitting::new(&samples, &params(3));
    let stuck = [0.5, 10.5, 1601.0];
    let end = lloyd::fit(&fitting.table, vec![Start { n_clusters: 3, centroids: stuck.to_vec() }], fitting.stop).pop();
    assert_eq!(end.as_ref().unwrap().centroids, stuck);
    let gain = end.unwrap().gain;
    let bettered = |fewer: [f64; 2], far_row: usize, n_runs| {
        let mut fewer = Found::new(&samples, fewer.map(|value| vec![value]).to_vec(), 0.0);
        fewer.distances = vec![0.0; heaps.len()];
        fewer.distances[far_row] = 1.0;
        let mut found =
            [fitting.measured(None), fewer, Found::new(&samples, stuck.map(|value| vec![value]).to_vec(), gain)];
        fitting.better(&mut found, n_runs, 0);
        let [_, _, Found { fit, distances, .. }] = found;
        (fit.centroids.concat(), distances)
    };
    let mended = (vec![5.5, 2001.0, 1001.0], vec![30.25, 20.25, 20.25, 30.25, 1.0, 1.0, 1.0, 0.0, 1.0]);
    // by a swap: the fit of two clusters and its first row lead where it is
    assert_eq!(bettered([10.5, 1601.0], 0, 3), mended);
    assert_eq!(bettered([10.5, 1601.0], 0, 0).0, [1601.0, 0.5, 10.5]);
    // by the fit of two clusters and a row far from them
    assert_eq!(bettered([5.5, 2001.0], 4, 0), mended);
}

#[test]
fn close_clusters_come_first_and_become_their_mean() {
    let samples = Samples::new(&[0.0, 0.0, 3.0, 20.0, 22.0], 5, 1).unwrap();
    let fit = Found::new(&samples, [0.0, 3.0, 20.0, 22.0, 99.0].map(|value| vec![value]).to_vec(), 0.0).fit;
    assert_eq!(fit.counts(), [2, 1, 1, 1, 0]);
    // one that is empty costs next to nothing, then 1 * 1 / 2 * 4 and 2 * 1 / 3 * 9
    let pairs = fit.closest();
    assert!(pairs[..4].iter().all(|&(_, other)| other == 4), "{pairs:?}");
    assert_eq!((pairs.len(), &pairs[4..6]), (10, [(2, 3), (0, 1)].as_slice()));
    assert_eq!(fit.merged((0, 1)), [20.0, 22.0, 99.0, 1.0]);
}

#[test]
fn runs_that_come_to_the_same_clusters_are_ended() {
    let samples = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
    let table = Prepared::new(&samples);
    let stop = Stop { tolerance: 0.0, max_n_iterations: 100 };
    let start = |rows: [usize; 2]| Start {
        n_clusters: 2,
        centroids: rows.iter().flat_map(|&row| samples.row(row)).copied().map(f64::from).collect(),
    };
    let ends = lloyd::fit(&table, vec![start([0, 4]), start([3, 1]), start([2, 3])], stop);
    assert_eq!(ends.len(), 1);
    assert!((ends[0].centroids[0] - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn an_empty_cluster_gets_the_furthest_row() {
    let samples = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
    let table = Prepared::new(&samples);
    let stop = Stop { tolerance: 0.0, max_n_iterations: 100 };
    let far = vec![0.0, 0.0, 1e9, 1e9];
    let ends = lloyd::fit(&table, vec![Start { n_clusters: 2, centroids: far }], stop);
    let centroids = ends[0].centroids.chunks(2).map(<[f64]>::to_vec).collect();
    let fitted = Found::new(&samples, centroids, 0.0).fit;
    assert_eq!(fitted.counts(), [3, 2]);
}

#[test]
fn longer_starts_begin_with_the_shorter_and_equal_ones_are_run_once() {
    let values = scattered(300, 4);
    let samples = Samples::new(&values, 300, 4).unwrap();
    let table = Prepared::new(&samples);
    let (short, long) = (seeding::starts(&table, 3, 5, 1), seeding::starts(&table, 8, 5, 1));
    assert!(short.iter().zip(&long).all(|(short, long)| long.starts_with(short)));
    assert_ne!(long[0], long[1]);
    for rows in &long {
        let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len());
    }
    let few = Samples::new(&TWO_HEAPS, 5, 2).unwrap();
    let fitting = Fitting::new(&few, &KMeansParams { n_clusters: 5, n_runs: 8, seed: 1 });
    assert_eq!(fitting.distinct_starts(5).len(), 1);
}

#[test]
fn runs_side_by_side_are_bounded_by_what_they_keep() {
    let values = scattered(1_000, 50);
    let samples = Samples::new(&values, 1_000, 50).unwrap();
    let fitting = Fitting::new(&samples, &params(2));
    let is_held = |count: usize, n_clusters| {
        let starts: Vec<Start> = (0..count).map(|_| Start { n_clusters, centroids: Vec::new() }).collect();
        fitting.is_held(&starts)
    };
    // twelve bytes a row each, in 64 MiB
    assert!(is_held(5_592, 1));
    assert!(!is_held(5_593, 1));
    // four chunks, each with a sum of eight bytes per column and cluster
    assert!(is_held(2, 20_971));
    assert!(!is_held(2, 20_972));
    assert!(is_held(1, 1_000_000));
}

#[test]
fn values_of_any_size_are_told_apart() {
    for scale in [1e-38_f32, 1e-20, 1.0, 1e20, 3e37] {
        let values = TWO_HEAPS.map(|value| value * scale);
        let samples = Samples::new(&values, 5, 2).unwrap();
        let fitted = KMeans::fit(&samples, &params(2)).unwrap();
        assert_eq!(fitted.predict(&samples).unwrap(), [0, 0, 0, 1, 1], "{scale}");
    }
}
