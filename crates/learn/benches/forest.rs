//! Times of the forest: making a table ready, growing, predicting and explaining.
//!
//! `cargo bench -p faultline-learn --bench forest`; set `RAYON_NUM_THREADS=1` for the time of one processor.

#![expect(clippy::unwrap_used, reason = "a bench may stop")]

use criterion::Criterion as Bench;
use faultline_learn::forest::{ClassWeight, Criterion, Engine, Forest, ForestParams, MaxFeatures, engine};
use faultline_learn::{Classifier as _, OwnedSamples};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const N_FEATURES: usize = 474;
const SIZES: [usize; 2] = [1_500, 20_000];
/// Rows whose bins leave every near cache: what a row costs should not rise much.
const N_MANY: usize = 200_000;
/// Rows that are predicted and explained.
const N_NEW: usize = 1_024;

/// Rows of as many columns as the wafers have, a third of them with few different values; one in fourteen is faulty.
fn table(n_samples: usize) -> (OwnedSamples, Vec<bool>) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut features: Vec<f32> = (0..n_samples * N_FEATURES).map(|_| random.gen_range(-1.0..1.0)).collect();
    for row in features.chunks_exact_mut(N_FEATURES) {
        row.iter_mut().step_by(3).for_each(|value| *value = (*value * 10.0).round());
    }
    let score = |row: &[f32], noise: f32| row[1] + row[2] * row[4] + row[5].abs() + noise;
    let labels: Vec<bool> =
        features.chunks_exact(N_FEATURES).map(|row| score(row, random.gen_range(-0.5..0.5)) > 1.6).collect();
    (OwnedSamples::new(features, n_samples, N_FEATURES).unwrap(), labels)
}

fn params(n_estimators: usize) -> ForestParams {
    ForestParams {
        n_estimators,
        criterion: Criterion::Gini,
        max_features: MaxFeatures::Sqrt,
        max_depth: None,
        min_samples_leaf: 1,
        class_weight: ClassWeight::Balanced,
        seed: 7,
    }
}

fn bench(bench: &mut Bench) {
    for n_samples in SIZES {
        let (rows, labels) = table(n_samples);
        let samples = rows.as_samples();
        let new = samples.select(&(0..N_NEW).collect::<Vec<_>>()).unwrap();
        let prepare = || engine(Engine::Histogram).prepare(&samples, None).unwrap();
        let prepared = prepare();
        let grow = |params: &ForestParams| -> Forest { prepared.fit(&labels, None, params).unwrap() };
        let forest = grow(&params(50));

        let mut group = bench.benchmark_group(format!("forest/{n_samples}"));
        group.sample_size(10);
        group.bench_function("prepare", |bench| bench.iter(prepare));
        group.bench_function("grow_10_trees", |bench| bench.iter(|| grow(&params(10))));
        let entropy = ForestParams { criterion: Criterion::Entropy, ..params(10) };
        group.bench_function("grow_10_trees_entropy", |bench| bench.iter(|| grow(&entropy)));
        let leaf = ForestParams { min_samples_leaf: 5, ..params(10) };
        group.bench_function("grow_10_trees_leaf_5", |bench| bench.iter(|| grow(&leaf)));
        group.bench_function("predict_1024_rows", |bench| bench.iter(|| forest.predict_proba(&new.as_samples())));
        group.bench_function("explain_1024_rows", |bench| bench.iter(|| forest.contributions(&new.as_samples())));
        group.finish();
    }
    let (rows, labels) = table(N_MANY);
    let prepared = engine(Engine::Histogram).prepare(&rows.as_samples(), None).unwrap();
    let mut group = bench.benchmark_group(format!("forest/{N_MANY}"));
    group.sample_size(10);
    group.bench_function("grow_10_trees", |bench| bench.iter(|| prepared.fit(&labels, None, &params(10)).unwrap()));
    group.finish();
}

fn main() {
    let mut criterion = Bench::default().configure_from_args();
    bench(&mut criterion);
    criterion.final_summary();
}
