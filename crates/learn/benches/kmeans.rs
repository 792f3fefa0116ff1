//! The elbow curve of a table of the wafer shape, by this crate's kernel and by linfa's.

#![expect(clippy::unwrap_used, reason = "a bench may stop")]

use criterion::Criterion;
use faultline_learn::Samples;
use faultline_learn::kmeans::KMeans;
use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const N_SAMPLES: usize = 1500;
const N_FEATURES: usize = 474;
const K_MAX: usize = 5;
const N_RUNS: usize = 2;

/// Heaps with noise, in columns of different scales.
fn table() -> Vec<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let scales: Vec<f32> = (0..N_FEATURES).map(|_| 10_f32.powf(random.gen_range(-3.0..4.0))).collect();
    let mut values = Vec::with_capacity(N_SAMPLES * N_FEATURES);
    for row in 0..N_SAMPLES {
        for (column, scale) in scales.iter().enumerate() {
            let heap = (row % 6 * (column + 1)) % 5;
            values.push(scale * (100.0 + heap as f32 + random.gen_range(-2.0..2.0)));
        }
    }
    values
}

fn elbow(criterion: &mut Criterion) {
    let values = table();
    let samples = Samples::new(&values, N_SAMPLES, N_FEATURES).unwrap();
    let mut group = criterion.benchmark_group("elbow");
    group.sample_size(10);
    group.bench_function("faultline", |bencher| {
        bencher.iter(|| KMeans::fit_up_to(&samples, K_MAX, N_RUNS, 42).unwrap());
    });
    let wide = values.iter().copied().map(f64::from).collect();
    let wide = Array2::from_shape_vec((N_SAMPLES, N_FEATURES), wide).unwrap();
    group.bench_function("linfa", |bencher| {
        bencher.iter(|| {
            for k in 1..=K_MAX {
                let random = Xoshiro256PlusPlus::seed_from_u64(42);
                linfa_clustering::KMeans::params_with_rng(k, random)
                    .n_runs(N_RUNS)
                    .fit(&DatasetBase::from(wide.view()))
                    .unwrap();
            }
        });
    });
    group.finish();
    let fitted = KMeans::fit_up_to(&samples, K_MAX, 1, 42).unwrap().pop().unwrap();
    criterion.bench_function("predict", |bencher| bencher.iter(|| fitted.predict(&samples).unwrap()));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    elbow(&mut criterion);
    criterion.final_summary();
}
