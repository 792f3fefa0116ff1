//! What intervals by bootstrap cost per row and resample, as the rows outgrow the caches; and those of the difference of two models.

#![expect(clippy::unwrap_used, reason = "a bench may stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faultline_contract::documents::evaluation::CostMatrix;
use faultline_learn::bootstrap::{BootstrapParams, bootstrap, paired_bootstrap};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const N_RESAMPLES: u32 = 100;
const FAULTY_SHARE: f64 = 0.06;

fn intervals(criterion: &mut Criterion) {
    let params = BootstrapParams { n_resamples: N_RESAMPLES, ..BootstrapParams::default() }.check().unwrap();
    let mut group = criterion.benchmark_group("intervals");
    group.sample_size(10);
    for n_rows in [10_000, 100_000, 1_000_000] {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let labels: Vec<bool> = (0..n_rows).map(|_| random.gen_bool(FAULTY_SHARE)).collect();
        let mut probabilities = || -> Vec<f64> {
            labels.iter().map(|&faulty| (random.r#gen::<f64>() + if faulty { 0.3 } else { 0.0 }) / 1.3).collect()
        };
        let (ours, theirs) = (probabilities(), probabilities());
        let decisions: Vec<bool> = ours.iter().map(|&probability| probability > 0.7).collect();
        group.throughput(Throughput::Elements(n_rows * u64::from(N_RESAMPLES)));
        group.bench_function(BenchmarkId::new("of one model", n_rows), |bencher| {
            bencher.iter(|| bootstrap(&labels, &ours, &decisions, &CostMatrix::DEFAULT, &params, 7).unwrap());
        });
        group.bench_function(BenchmarkId::new("of the difference of two", n_rows), |bencher| {
            bencher.iter(|| paired_bootstrap(&labels, &ours, &theirs, &params, 7).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, intervals);
criterion_main!(benches);
