//! Filling a table of the wafer shape, with values missing here and there and with whole columns missing in many rows.

#![expect(clippy::unwrap_used, reason = "a bench may stop")]

use criterion::Criterion;
use faultline_learn::Samples;
use faultline_learn::impute::{KnnImputer, KnnImputerParams};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const N_SAMPLES: usize = 1500;
const N_FEATURES: usize = 590;
const MISSING_RATIO: f64 = 0.05;

/// Columns of different scales; `missing` says which values are.
fn table(missing: impl Fn(usize, usize, &mut Xoshiro256PlusPlus) -> bool) -> Vec<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let scales: Vec<f32> = (0..N_FEATURES).map(|_| 10_f32.powf(random.gen_range(-3.0..4.0))).collect();
    let mut values = Vec::with_capacity(N_SAMPLES * N_FEATURES);
    for row in 0..N_SAMPLES {
        for (column, scale) in scales.iter().enumerate() {
            let value = scale * (100.0 + random.gen_range(-2.0..2.0));
            values.push(if missing(row, column, &mut random) { f32::NAN } else { value });
        }
    }
    values
}

fn fill(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transform");
    group.sample_size(10);
    let tables = [
        ("at random", table(|_, _, random| random.gen_bool(MISSING_RATIO))),
        ("whole columns", table(|row, column, _| row / 100 % 2 == 1 && column % 30 < 2)),
    ];
    for (name, values) in tables {
        let samples = Samples::new(&values, N_SAMPLES, N_FEATURES).unwrap();
        let params = KnnImputerParams { n_neighbors: 3, max_donors: usize::MAX, seed: 1 };
        let imputer = KnnImputer::fit(&samples, &params).unwrap();
        group.bench_function(name, |bencher| bencher.iter(|| imputer.transform(&samples).unwrap()));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fill(&mut criterion);
    criterion.final_summary();
}
