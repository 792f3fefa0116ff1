//! Whether bootstrap intervals err as often as they say, on data whose truth is known.
//!
//! Seeds are fixed, so a run is the same every time. The bounds allow three standard deviations of the binomial count; with
//! intervals that are not expanded for small samples the first test fails.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::f64::consts::TAU;

use faultline_contract::documents::evaluation::{Comparison, CostMatrix, Intervals};
use faultline_learn::bootstrap::{
    BootstrapParams, ValidBootstrapParams, average_precision_includes_chance, bootstrap, paired_bootstrap,
    roc_auc_includes_chance,
};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a two-sided interval at this level may miss on one side.
const ONE_SIDED: f64 = 0.025;

fn params() -> ValidBootstrapParams {
    BootstrapParams { n_resamples: 400, level: 0.95 }.check().unwrap()
}

/// The most of `n` trials with a chance of `share` each that three standard deviations allow.
fn at_most(share: f64, n: u64) -> usize {
    let n = n as f64;
    (n * share + 3.0 * (n * share * (1.0 - share)).sqrt()) as usize
}

fn normal(random: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - random.r#gen::<f64>(), random.r#gen());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

struct Setting {
    n_samples: usize,
    n_faulty: usize,
    /// Correlation of the two models' scores within a class.
    correlation: f64,
    /// By how many standard deviations faulty rows score higher, per model.
    gaps: [f64; 2],
}

impl Setting {
    /// Labels and the scores of two models.
    fn draw(&self, seed: u64) -> (Vec<bool>, [Vec<f64>; 2]) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let labels: Vec<bool> = (0..self.n_samples).map(|row| row < self.n_faulty).collect();
        let mut scores = [Vec::new(), Vec::new()];
        for &label in &labels {
            let shared = self.correlation.sqrt() * normal(&mut random);
            for (scores, gap) in scores.iter_mut().zip(self.gaps) {
                let own = (1.0 - self.correlation).sqrt() * normal(&mut random);
                scores.push(shared + own + if label { gap } else { 0.0 });
            }
        }
        (labels, scores)
    }

    fn compare(&self, n_data_sets: u64) -> Vec<Comparison> {
        let compared = (0..n_data_sets).map(|seed| {
            let (labels, [challenger, champion]) = self.draw(seed);
            paired_bootstrap(&labels, &challenger, &champion, &params(), seed).unwrap()
        });
        compared.collect()
    }

    fn judge(&self, n_data_sets: u64) -> Vec<Intervals> {
        let judged = (0..n_data_sets).map(|seed| {
            let (labels, [scores, _]) = self.draw(seed);
            let decisions: Vec<bool> = scores.iter().map(|&score| score > 1.0).collect();
            let costs = CostMatrix { false_positive: 1.0, false_negative: 10.0 };
            bootstrap(&labels, &scores, &decisions, &costs, &params(), seed).unwrap()
        });
        judged.collect()
    }
}

fn promoted(compared: &[Comparison]) -> [usize; 2] {
    let count = |above: fn(&Comparison) -> bool| compared.iter().filter(|one| above(one)).count();
    [count(|one| one.average_precision.interval.low > 0.0), count(|one| one.roc_auc.interval.low > 0.0)]
}

#[test]
fn equal_models_are_promoted_no_more_often_than_stated() {
    for (n_samples, n_faulty, correlation, gap, n_data_sets) in [
        // the setting that tells an interval that is not expanded
        (300, 10, 0.5, 1.5, 3_000),
        (300, 20, 0.0, 0.75, 800),
        (300, 20, 0.8, 0.75, 800),
        (300, 20, 0.5, 0.0, 800),
        (1_200, 80, 0.5, 0.75, 400),
    ] {
        let setting = Setting { n_samples, n_faulty, correlation, gaps: [gap, gap] };
        let promoted = promoted(&setting.compare(n_data_sets));
        let most = at_most(ONE_SIDED, n_data_sets);
        assert!(
            promoted.iter().all(|&count| count <= most),
            "{promoted:?} of {n_data_sets}, at most {most}: {n_samples} rows, {n_faulty} faulty, {correlation}, {gap}"
        );
    }
}

#[test]
fn a_better_challenger_is_promoted() {
    let setting = Setting { n_samples: 1_200, n_faulty: 80, correlation: 0.5, gaps: [1.6, 1.0] };
    let [by_precision, by_area] = promoted(&setting.compare(100));
    assert!(by_precision > 70 && by_area > 90, "{by_precision} {by_area}");
}

#[test]
fn intervals_of_one_model_cover_the_truth() {
    // the true area is the normal distribution function at gap / sqrt(2)
    let (gap, truth) = (1.0, 0.760_249_938_906_522_7);
    let setting = Setting { n_samples: 300, n_faulty: 40, correlation: 0.0, gaps: [gap, gap] };
    let judged = setting.judge(600);
    let areas: Vec<_> = judged.iter().filter_map(|one| one.roc_auc).collect();
    let (above, below) =
        (areas.iter().filter(|area| area.low > truth).count(), areas.iter().filter(|area| area.high < truth).count());
    assert!(above + below <= at_most(2.0 * ONE_SIDED, 600), "{above} {below}");
    // and are no wider than they must be
    assert!(above + below >= 10, "{above} {below}");
}

#[test]
fn a_random_ranking_is_seldom_taken_for_a_model() {
    let setting = Setting { n_samples: 300, n_faulty: 20, correlation: 0.0, gaps: [0.0, 0.0] };
    let judged = setting.judge(600);
    let most = at_most(ONE_SIDED, 600);
    let by_area = judged.iter().filter(|one| roc_auc_includes_chance(one) == Some(false)).count();
    let by_precision =
        judged.iter().filter(|one| average_precision_includes_chance(one, 300, 20) == Some(false)).count();
    assert!(by_area <= most && by_precision <= most, "{by_area} {by_precision}, at most {most}");
}
