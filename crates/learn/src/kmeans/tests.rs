//! Promises of the clusters, and how they compare with linfa's.

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
