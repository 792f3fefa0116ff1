use proptest::prelude::*;
use rand::Rng;
use rayon::ThreadPoolBuilder;

use super::*;
use faultline_contract::documents::evaluation::Difference;

const COSTS: CostMatrix = CostMatrix { false_positive: 1.0, false_negative: 10.0 };

fn params(n_resamples: u32) -> ValidBootstrapParams {
    BootstrapParams { n_resamples, level: 0.95 }.check().unwrap()
}

/// Labels with the first `faulty` rows faulty, and a score that tells the classes apart as well as `gap` is wide; ties
/// occur.
fn rows(n_samples: usize, faulty: usize, gap: f64, seed: u64) -> (Vec<bool>, Vec<f64>) {
    let mut random = generator(seed, 0);
    (0..n_samples)
        .map(|i| {
            let score: f64 = random.r#gen::<f64>() + if i < faulty { gap } else { 0.0 };
            (i < faulty, (score / (1.0 + gap) * 50.0).round() / 50.0)
        })
        .unzip()
}

fn on_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}

#[test]
fn every_range_is_checked() {
    let check = |n_resamples, level| BootstrapParams { n_resamples, level }.check();
    assert!(check(100, 0.5).is_ok() && check(1_000_000, 0.999).is_ok());
    for n_resamples in [0, 99, 1_000_001] {
        assert!(matches!(check(n_resamples, 0.9), Err(LearnError::Param { param: "n_resamples", .. })));
    }
    for level in [0.0, 0.49, 1.0, f64::NAN] {
        assert!(matches!(check(100, level), Err(LearnError::Param { param: "level", .. })));
    }
    let read = serde_json::from_str::<BootstrapParams>(r#"{"resamples": 5}"#);
    assert!(read.unwrap_err().to_string().contains("resamples"));
}

#[test]
fn an_interval_leaves_out_its_tails() {
    let values = || (1..=99).rev().map(f64::from).collect::<Vec<_>>();
    assert_eq!(interval(values(), 0.05), Interval { low: 5.0, high: 95.0 });
    let between = interval(values(), 0.025);
    assert!((between.low - 2.5).abs() < 1e-9 && (between.high - 97.5).abs() < 1e-9);
    assert_eq!(interval(values(), 0.0), Interval { low: 1.0, high: 99.0 });
}

#[test]
fn the_same_on_any_number_of_threads() {
    let (labels, scores) = rows(120, 20, 0.3, 1);
    let other: Vec<f64> = rows(120, 20, 0.1, 2).1;
    let decisions: Vec<bool> = scores.iter().map(|&score| score > 0.6).collect();
    let work = || {
        (
            bootstrap(&labels, &scores, &decisions, &COSTS, &params(500), 7).unwrap(),
            paired_bootstrap(&labels, &scores, &other, &params(500), 7).unwrap(),
        )
    };
    let alone = on_threads(1, work);
    assert_eq!(alone, on_threads(5, work));
    assert_ne!(alone.1, paired_bootstrap(&labels, &scores, &other, &params(500), 8).unwrap());
}

#[test]
fn a_class_is_resampled_to_its_size() {
    let labels: Vec<bool> = (0..50).map(|i| i % 7 == 0).collect();
    let strata = Strata::new(&labels).unwrap();
    let sizes = strata.resample(&params(200), 3, |counts| {
        let (faulty, good) = counts.split_at(8);
        [faulty, good].map(|counts| counts.iter().copied().map(u32::from).sum::<u32>())
    });
    assert!(sizes.iter().all(|&size| size == [8, 42]));
    // and no row is left out or preferred
    let totals =
        strata.resample(&params(2_000), 3, <[Count]>::to_vec).into_iter().fold(vec![0; 50], |mut totals, counts| {
            totals.iter_mut().zip(counts).for_each(|(total, count)| *total += u32::from(count));
            totals
        });
    assert!(totals.iter().all(|total| (1_750..2_250).contains(total)), "{totals:?}");
}

#[test]
fn how_the_classes_alternate_changes_nothing() {
    let (labels, scores) = rows(60, 12, 0.4, 8);
    let (_, other) = rows(60, 12, 0.1, 9);
    let of = |order: &[usize]| {
        let of = |values: &[f64]| -> Vec<f64> { order.iter().map(|&row| values[row]).collect() };
        let (labels, scores): (Vec<bool>, _) = (order.iter().map(|&row| labels[row]).collect(), of(&scores));
        let decisions: Vec<bool> = scores.iter().map(|&score| score > 0.5).collect();
        let own = bootstrap(&labels, &scores, &decisions, &COSTS, &params(200), 7).unwrap();
        (own, paired_bootstrap(&labels, &scores, &of(&other), &params(200), 7).unwrap())
    };
    let faulty_first: Vec<usize> = (0..60).collect();
    // Four good rows between any two faulty ones, each class in its order.
    let alternating: Vec<usize> = (0..12).flat_map(|at| std::iter::once(at).chain(12 + 4 * at..16 + 4 * at)).collect();
    assert_eq!(of(&alternating), of(&faulty_first));
}

#[test]
fn one_class_leaves_out_what_needs_two() {
    let good = bootstrap(&[false; 4], &[0.1, 0.2, 0.3, 0.9], &[false, false, false, true], &COSTS, &params(100), 0);
    let good = good.unwrap();
    assert_eq!((good.average_precision, good.roc_auc), (None, None));
    assert!(good.accuracy.low < 0.75 && good.accuracy.high > 0.75);
    let faulty = bootstrap(&[true], &[0.4], &[false], &COSTS, &params(100), 0).unwrap();
    assert_eq!(faulty.average_precision, Some(Interval { low: 1.0, high: 1.0 }));
    assert_eq!((faulty.roc_auc, faulty.expected_cost.high), (None, 10.0));
    let one_class = paired_bootstrap(&[true; 3], &[0.1; 3], &[0.2; 3], &params(100), 0);
    assert!(matches!(one_class, Err(LearnError::OneClass { .. })));
}

#[test]
fn lengths_nothing_nan_and_costs_are_checked() {
    let of = |labels: &[bool], scores: &[f64], decisions: &[bool], costs| {
        bootstrap(labels, scores, decisions, costs, &params(100), 0)
    };
    assert!(matches!(of(&[], &[], &[], &COSTS), Err(LearnError::Empty { .. })));
    assert!(matches!(of(&[true], &[], &[true], &COSTS), Err(LearnError::Length { .. })));
    assert!(matches!(of(&[true], &[0.5], &[], &COSTS), Err(LearnError::Length { .. })));
    assert!(matches!(of(&[true], &[f64::NAN], &[true], &COSTS), Err(LearnError::BadValue { .. })));
    let free = CostMatrix { false_positive: 0.0, false_negative: 0.0 };
    assert!(matches!(of(&[true], &[0.5], &[true], &free), Err(LearnError::Param { .. })));
    let compare =
        |challenger: &[f64], champion: &[f64]| paired_bootstrap(&[true, false], challenger, champion, &params(100), 0);
    assert!(matches!(compare(&[0.1, 0.2], &[0.1]), Err(LearnError::Length { .. })));
    assert!(matches!(compare(&[0.1, f64::NAN], &[0.1, 0.2]), Err(LearnError::BadValue { .. })));
}

#[test]
fn the_same_ranking_makes_no_difference_at_all() {
    let (labels, scores) = rows(200, 40, 0.4, 4);
    let squared: Vec<f64> = scores.iter().map(|score| score * score).collect();
    let found = paired_bootstrap(&labels, &squared, &scores, &params(300), 1).unwrap();
    let none = Difference { estimate: 0.0, interval: Interval { low: 0.0, high: 0.0 }, share_no_better: 1.0 };
    assert_eq!((found.average_precision, found.roc_auc), (none, none));
    assert_eq!((found.rows, found.rows_faulty, found.is_descriptive()), (200, 40, false));
}

#[test]
fn a_much_better_challenger_is_seen_to_be() {
    let (labels, better) = rows(300, 40, 1.0, 5);
    let (_, worse) = rows(300, 40, 0.1, 6);
    let found = paired_bootstrap(&labels, &better, &worse, &params(1_000), 1).unwrap();
    assert!(found.average_precision.interval.low > 0.2 && found.roc_auc.interval.low > 0.2, "{found:?}");
    assert!(found.average_precision.share_no_better.abs() < 1e-12);
}

#[test]
fn fewer_faults_than_thirty_only_describe() {
    for (faulty, descriptive) in [(29, true), (30, false)] {
        let (labels, scores) = rows(100, faulty, 0.5, 5);
        assert_eq!(paired_bootstrap(&labels, &scores, &scores, &params(100), 0).unwrap().is_descriptive(), descriptive);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn swapping_the_models_turns_the_difference_round(faulty in 1_usize..20, gap in 0.0..1.0_f64, seed: u64) {
        let (labels, one) = rows(40, faulty, gap, seed);
        let (_, two) = rows(40, faulty, 0.2, seed ^ 1);
        let there = paired_bootstrap(&labels, &one, &two, &params(150), seed).unwrap();
        let back = paired_bootstrap(&labels, &two, &one, &params(150), seed).unwrap();
        for (there, back) in [(there.average_precision, back.average_precision), (there.roc_auc, back.roc_auc)] {
            prop_assert!((there.estimate + back.estimate).abs() < 1e-12);
            prop_assert!((there.interval.low + back.interval.high).abs() < 1e-12);
            prop_assert!((there.interval.high + back.interval.low).abs() < 1e-12);
            prop_assert!(there.share_no_better + back.share_no_better >= 1.0 - 1e-12);
        }
    }

    #[test]
    fn intervals_lie_where_the_figures_can(faulty in 1_usize..30, gap in 0.0..1.0_f64, seed: u64) {
        let (labels, scores) = rows(30, faulty.min(29), gap, seed);
        let decisions: Vec<bool> = scores.iter().map(|&score| score > 0.5).collect();
        let figures = metrics(&labels, &scores, &decisions, &COSTS).unwrap();
        let found = bootstrap(&labels, &scores, &decisions, &COSTS, &params(400), seed).unwrap();
        for (interval, figure, lowest, highest) in [
            (found.average_precision.unwrap(), figures.average_precision.unwrap(), 0.0, 1.0),
            (found.roc_auc.unwrap(), figures.roc_auc.unwrap(), 0.0, 1.0),
            (found.mcc, figures.mcc, -1.0, 1.0),
            (found.balanced_accuracy, figures.balanced_accuracy, 0.0, 1.0),
            (found.accuracy, figures.accuracy, 0.0, 1.0),
            (found.brier_score, figures.brier_score, 0.0, 1.0),
            (found.log_loss, figures.log_loss, 0.0, f64::INFINITY),
            (found.expected_cost, figures.expected_cost, 0.0, 10.0),
        ] {
            prop_assert!(lowest <= interval.low && interval.low <= interval.high && interval.high <= highest);
            // percentiles of resamples lie about the figure
            let slack = 0.05 * (interval.high - interval.low) + 1e-12;
            prop_assert!(interval.low <= figure + slack && figure <= interval.high + slack, "{interval:?} {figure}");
        }
    }
}
