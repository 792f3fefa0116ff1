//! The trainer of our own against the library, bit for bit.

use proptest::prelude::*;

use super::fold::FoldTrials;
use super::*;
use crate::selection::Fold;

/// What the values of a column look like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// All different.
    Continuous,
    /// A handful of values, so that many rows tie.
    Few(u8),
    /// One value.
    Constant,
    /// The column before it once more.
    Copy,
    /// Mostly zero.
    Sparse,
    /// Over forty orders of magnitude, both signs.
    Wide,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Continuous),
        2 => (2_u8..6).prop_map(Kind::Few),
        1 => Just(Kind::Constant),
        1 => Just(Kind::Copy),
        1 => Just(Kind::Sparse),
        1 => Just(Kind::Wide),
    ]
}

/// A table and targets that hang on its first column, and on chance.
fn table(kinds: &[Kind], n_rows: usize, faulty_share: f64, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut state = seed | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let start = features.len();
        for &kind in kinds {
            let drawn = uniform();
            let value = match kind {
                Kind::Continuous => drawn as f32,
                Kind::Few(n) => (drawn * f64::from(n)).floor() as f32 - 1.0,
                Kind::Constant => 7.5,
                Kind::Copy => features[start..].last().copied().unwrap_or(drawn as f32),
                Kind::Sparse => {
                    if drawn < 0.8 {
                        0.0
                    } else {
                        drawn as f32
                    }
                }
                Kind::Wide => (10.0_f64.powf(40.0 * drawn - 20.0) * if uniform() < 0.5 { -1.0 } else { 1.0 }) as f32,
            };
            features.push(value);
        }
        let pull = if features[start].fract() > 0.5 { 2.0 } else { 0.5 };
        targets.push(u8::from(uniform() < faulty_share * pull));
    }
    // Both classes, whatever was drawn.
    (targets[0], targets[1]) = (0, 1);
    (features, targets)
}

/// The first rows to fit on, the others to score.
fn fold(targets: &[u8], n_train: usize) -> Fold {
    Fold { train: (0..n_train).collect(), test: (n_train..targets.len()).collect() }
}

fn trials<'a>(features: &'a [f32], targets: &[u8], fold: &'a Fold, candidates: &[BoostingParams]) -> FoldTrials<'a> {
    let samples = Samples::new(features, targets.len(), features.len() / targets.len()).unwrap();
    FoldTrials::new(samples, targets, fold, candidates).unwrap()
}

fn bits(scores: &[Vec<f64>]) -> Vec<Vec<u64>> {
    scores.iter().map(|scores| scores.iter().map(|score| score.to_bits()).collect()).collect()
}

/// Every point by a fit of its own, as the library's users do.
fn one_by_one(features: &[f32], targets: &[u8], n_train: usize, points: &[BoostingParams]) -> Vec<Vec<f64>> {
    let n_features = features.len() / targets.len();
    let (train, test) = features.split_at(n_train * n_features);
    let train = Samples::new(train, n_train, n_features).unwrap();
    let test = Samples::new(test, targets.len() - n_train, n_features).unwrap();
    let fit = |point: &BoostingParams| {
        let params = point.clone().check().unwrap();
        fit_boosting(&train, &targets[..n_train], None, &params, 7).unwrap().predict_proba(&test).unwrap()
    };
    points.iter().map(fit).collect()
}

/// Grid points of one group: rounds and depths over the rest.
fn grid(rest: &BoostingParams, depths: &[u32], rounds: &[u32]) -> Vec<BoostingParams> {
    let points = depths.iter().flat_map(|&max_depth| rounds.iter().map(move |&n_estimators| (max_depth, n_estimators)));
    points.map(|(max_depth, n_estimators)| BoostingParams { max_depth, n_estimators, ..rest.clone() }).collect()
}

fn settings() -> impl Strategy<Value = BoostingParams> {
    let of = |values: &'static [f64]| prop::sample::select(values);
    let trees = (
        of(&[0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 1.0]),
        of(&[0.0, 0.01, 0.1, 1.0, 3.0]),
        of(&[0.0, 0.0, 0.1, 1.0]),
        of(&[0.0, 0.1, 1.0, 10.0]),
        of(&[0.0, 0.0, 0.05, 0.5]),
    );
    (trees, of(&[1.0, 1.0, 0.2, 12.5]), prop::sample::select(&[2_u32, 3, 16, 64, 256, 1_000][..])).prop_map(
        |((learning_rate, min_child_weight, gamma, reg_lambda, reg_alpha), scale_pos_weight, max_bin)| BoostingParams {
            learning_rate,
            min_child_weight,
            gamma,
            reg_lambda,
            reg_alpha,
            scale_pos_weight,
            max_bin,
            ..BoostingParams::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn probabilities_are_the_librarys_bit_for_bit(
        kinds in prop::collection::vec(kind(), 1..12),
        (n_train, n_test) in (8_usize..160, 1_usize..40),
        faulty_share in prop::sample::select(&[0.05, 0.2, 0.5][..]),
        rest in settings(),
        seed: u64,
    ) {
        let (features, targets) = table(&kinds, n_train + n_test, faulty_share, seed);
        let points = grid(&rest, &[6, 2, 1], &[12, 1, 5]);
        let fold = fold(&targets, n_train);
        let trials = trials(&features, &targets, &fold, &points);
        // Where it does not answer it is not used: `settled_tables_are_trained_here` sees to it that this is rare.
        if let Some(found) = trials.score_here(&points.iter().collect::<Vec<_>>(), 7) {
            prop_assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, n_train, &points)));
        }
    }

    #[test]
    fn drawn_rows_and_columns_are_the_librarys_bit_for_bit(
        kinds in prop::collection::vec(kind(), 1..14),
        (n_train, n_test) in (8_usize..300, 1_usize..40),
        subsample in prop::sample::select(&[0.05, 0.3, 0.7, 0.999, 1.0][..]),
        colsample_bytree in prop::sample::select(&[0.01, 0.3, 0.5, 0.8, 1.0][..]),
        rest in settings(),
        seed: u64,
    ) {
        let (features, targets) = table(&kinds, n_train + n_test, 0.3, seed);
        let points = grid(&BoostingParams { subsample, colsample_bytree, ..rest }, &[6, 2, 1], &[12, 1, 5]);
        let fold = fold(&targets, n_train);
        let trials = trials(&features, &targets, &fold, &points);
        if let Some(found) = trials.score_here(&points.iter().collect::<Vec<_>>(), 7) {
            prop_assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, n_train, &points)));
        }
    }

    #[test]
    fn the_librarys_models_are_shared_without_a_change(
        kinds in prop::collection::vec(kind(), 2..8),
        subsample in prop::sample::select(&[0.5, 1.0][..]),
        colsample_bytree in prop::sample::select(&[0.5, 1.0][..]),
        rest in settings(),
        seed: u64,
    ) {
        let (features, targets) = table(&kinds, 60, 0.3, seed);
        let points = grid(&BoostingParams { subsample, colsample_bytree, ..rest }, &[1, 2, 9], &[7, 3]);
        let fold = fold(&targets, 45);
        let trials = trials(&features, &targets, &fold, &points);
        let found = trials.score_by_library(&points.iter().collect::<Vec<_>>(), 7).unwrap();
        prop_assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 45, &points)));
    }
}

#[test]
fn settled_tables_are_trained_here() {
    let kinds = [Kind::Continuous, Kind::Few(3), Kind::Constant, Kind::Copy, Kind::Wide, Kind::Continuous];
    for (learning_rate, seed) in [(0.5, 1), (0.1, 2), (0.01, 3), (0.001, 4)] {
        let (features, targets) = table(&kinds, 300, 0.1, seed);
        let points = grid(&BoostingParams { learning_rate, ..BoostingParams::default() }, &[3, 5, 20], &[10, 50, 200]);
        let fold = fold(&targets, 240);
        let trials = trials(&features, &targets, &fold, &points);
        let found = trials.score_here(&points.iter().collect::<Vec<_>>(), 7).expect("trained here");
        assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 240, &points)), "{learning_rate}");
        assert_ne!(found[0], found[2], "rounds matter");
    }
}

#[test]
fn drawn_and_large_tables_are_trained_here() {
    let kinds = [Kind::Continuous, Kind::Few(3), Kind::Constant, Kind::Copy, Kind::Wide, Kind::Continuous];
    let rates = BoostingParams { learning_rate: 0.1, ..BoostingParams::default() };
    let drawn = BoostingParams { subsample: 0.7, colsample_bytree: 0.5, max_bin: 64, ..rates.clone() };
    for (n_train, params) in [(240, drawn.clone()), (6_000, drawn), (5_000, rates)] {
        let (features, targets) = table(&kinds, n_train + 500, 0.1, n_train as u64);
        let points = grid(&params, &[3, 8], &[10, 40]);
        let fold = fold(&targets, n_train);
        let trials = trials(&features, &targets, &fold, &points);
        let found = trials.score_here(&points.iter().collect::<Vec<_>>(), 7).expect("trained here");
        assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, n_train, &points)), "{n_train} {params:?}");
        assert_ne!(found[0], found[1], "rounds matter");
    }
}

#[test]
fn missing_values_to_score_go_the_librarys_way() {
    let (mut features, targets) = table(&[Kind::Continuous, Kind::Few(4), Kind::Continuous], 120, 0.3, 5);
    let n_cells = features.len();
    features[n_cells - 90..].iter_mut().step_by(4).for_each(|value| *value = f32::NAN);
    let points = grid(&BoostingParams::default(), &[4], &[20]);
    let fold = fold(&targets, 90);
    let trials = trials(&features, &targets, &fold, &points);
    let found = trials.score_here(&points.iter().collect::<Vec<_>>(), 7).expect("trained here");
    assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 90, &points)));
    let drawn = grid(&BoostingParams { subsample: 0.8, ..BoostingParams::default() }, &[4], &[20]);
    let drawn_trials = self::trials(&features, &targets, &fold, &drawn);
    let found = drawn_trials.score_here(&drawn.iter().collect::<Vec<_>>(), 7).expect("trained here");
    assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 90, &drawn)));
}

#[test]
fn what_is_not_followed_goes_to_the_library() {
    let (mut features, targets) = table(&[Kind::Continuous, Kind::Continuous], 80, 0.3, 6);
    let plain = BoostingParams { n_estimators: 5, ..BoostingParams::default() };
    let others = [
        BoostingParams { learning_rate: 1e-30, ..plain.clone() },
        BoostingParams { subsample: 1e-25, ..plain.clone() },
    ];
    for point in others {
        let fold = fold(&targets, 60);
        let trials = trials(&features, &targets, &fold, std::slice::from_ref(&point));
        assert_eq!(trials.score_here(&[&point], 7), None, "{point:?}");
        let found = trials.score(&[&point], 7).unwrap();
        assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 60, &[point])));
    }
    features[3] = f32::NAN;
    for point in [BoostingParams { subsample: 0.5, ..plain.clone() }, plain] {
        let fold = fold(&targets, 60);
        let trials = trials(&features, &targets, &fold, std::slice::from_ref(&point));
        assert_eq!(trials.score_here(&[&point], 7), None);
        let found = trials.score(&[&point], 7).unwrap();
        assert_eq!(bits(&found), bits(&one_by_one(&features, &targets, 60, &[point])));
    }
}

#[test]
fn sums_that_are_not_exact_go_to_the_library() {
    // Rows that are told apart with a rate of 1 and no penalty end at probabilities whose sums need more than 53 bits.
    let features: Vec<f32> = (0..400).map(|row| row as f32).collect();
    let targets: Vec<u8> = (0..400).map(|row| u8::from(row % 200 >= 100)).collect();
    let rest =
        BoostingParams { learning_rate: 1.0, reg_lambda: 0.0, min_child_weight: 0.0, ..BoostingParams::default() };
    let points = grid(&rest, &[3], &[60]);
    let fold = fold(&targets, 300);
    let trials = trials(&features, &targets, &fold, &points);
    let refs: Vec<&BoostingParams> = points.iter().collect();
    assert_eq!(trials.score_here(&refs, 7), None);
    assert_eq!(bits(&trials.score(&refs, 7).unwrap()), bits(&one_by_one(&features, &targets, 300, &points)));
}

#[test]
fn a_limit_that_no_tree_reaches_is_no_fit_of_its_own() {
    let (features, targets) = table(&[Kind::Few(2), Kind::Few(2)], 80, 0.4, 8);
    // Two columns of two values each leave nothing to split below the second level.
    let points = grid(&BoostingParams::default(), &[2, 3, 20], &[10]);
    let fold = fold(&targets, 60);
    let trials = trials(&features, &targets, &fold, &points);
    let found = trials.score_by_library(&points.iter().collect::<Vec<_>>(), 7).unwrap();
    assert_eq!(found[0], found[1]);
    assert_eq!(found[1], found[2]);
}
