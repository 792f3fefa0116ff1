//! What every engine promises, and what ours promises on top.

use rand::Rng;

use super::*;
use crate::explain::mean_absolute;
use crate::metrics::roc_auc;
use crate::random::generator;

const N_FEATURES: usize = 12;

/// Rows of noise in which two columns decide, with more than 256 distinct values each.
fn data(n_samples: usize, seed: u64) -> (Vec<f32>, Vec<bool>) {
    let mut random = generator(seed, 0);
    let values: Vec<f32> = (0..n_samples * N_FEATURES).map(|_| random.gen_range(-1.0..1.0)).collect();
    let labels =
        values.chunks(N_FEATURES).map(|row| row[0] + row[1] * row[1] + random.gen_range(-0.3..0.3) > 0.6).collect();
    (values, labels)
}

fn table(values: &[f32]) -> Samples<'_> {
    Samples::new(values, values.len() / N_FEATURES, N_FEATURES).unwrap()
}

fn params() -> ForestParams {
    ForestParams {
        n_estimators: 20,
        criterion: Criterion::Gini,
        max_features: MaxFeatures::Sqrt,
        max_depth: None,
        min_samples_leaf: 1,
        class_weight: ClassWeight::None,
        seed: 9,
    }
}

fn fit(values: &[f32], labels: &[bool], params: &ForestParams) -> Forest {
    engine(Engine::Histogram).fit(&table(values), labels, None, params).unwrap()
}

#[test]
fn every_engine_learns_what_there_is_to_learn() {
    let (values, labels) = data(600, 1);
    let (unseen, truth) = data(600, 2);
    for name in [Engine::Histogram, Engine::Smartcore] {
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            for max_features in [MaxFeatures::Sqrt, MaxFeatures::Log2] {
                let params = ForestParams { criterion, max_features, ..params() };
                let forest = engine(name).fit(&table(&values), &labels, None, &params).unwrap();
                let auc = roc_auc(&truth, &forest.predict_proba(&table(&unseen)).unwrap()).unwrap();
                assert!(auc > 0.9, "{name:?} {params:?} {auc}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter_to_any_engine() {
    let (values, labels) = data(300, 1);
    for name in [Engine::Histogram, Engine::Smartcore] {
        let bytes_on = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let fitted = engine(name).fit(&table(&values), &labels, None, &params());
                fitted.unwrap().to_bytes().unwrap()
            })
        };
        assert_eq!(bytes_on(1), bytes_on(3), "{name:?}");
    }
}

#[test]
fn a_row_alone_gets_what_it_gets_in_the_batch_and_from_bytes() {
    let (values, labels) = data(600, 3);
    let forest = fit(&values, &labels, &params());
    let again = Forest::from_bytes(&forest.to_bytes().unwrap()).unwrap();
    assert_eq!(again, forest);
    let batch = forest.predict_proba(&table(&values)).unwrap();
    for (row, expected) in values.chunks(N_FEATURES).zip(batch) {
        assert_eq!(again.predict_proba(&table(row)).unwrap(), [expected]);
    }
}

#[test]
fn a_large_forest_contains_the_small_ones() {
    let (values, labels) = data(400, 4);
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        let params = ForestParams { criterion, class_weight: ClassWeight::Balanced, ..params() };
        let large = fit(&values, &labels, &params);
        for (n_estimators, max_depth) in [(20, Some(2)), (7, Some(4)), (1, None)] {
            let small = fit(&values, &labels, &ForestParams { n_estimators, max_depth, ..params });
            assert_eq!(
                small.predict_proba(&table(&values)).unwrap(),
                large.predict_proba_at(&table(&values), n_estimators, max_depth).unwrap()
            );
        }
    }
}

#[test]
fn some_rows_of_a_table_are_as_good_as_these_rows_alone() {
    let (values, labels) = data(400, 11);
    let rows: Vec<usize> = (0..400).filter(|row| row % 3 > 0).rev().collect();
    let others: Vec<usize> = (0..400).filter(|row| row % 3 == 0).collect();
    let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
    let alone = table(&values).select(&rows).unwrap();
    for name in [Engine::Histogram, Engine::Smartcore] {
        let prepared = engine(name).prepare(&table(&values), Some(&rows)).unwrap();
        let expected = engine(name).fit(&alone.as_samples(), &labels, None, &params()).unwrap();
        // one preparation serves any number of fits
        assert_eq!(prepared.fit(&labels, None, &params()).unwrap(), expected, "{name:?}");
        let forest = prepared.fit(&labels, None, &params()).unwrap();
        assert_eq!(forest, expected, "{name:?}");
        let of_others = table(&values).select(&others).unwrap();
        assert_eq!(
            forest.predict_rows_at(&table(&values), &others, 7, Some(3)).unwrap(),
            forest.predict_proba_at(&of_others.as_samples(), 7, Some(3)).unwrap()
        );
        let outside = forest.predict_rows_at(&table(&values), &[400], 7, None);
        assert!(matches!(outside, Err(LearnError::RowOutOfRange { row: 400, n_samples: 400 })));
        assert!(engine(name).prepare(&table(&values), Some(&[3, 400])).is_err());
        assert!(engine(name).prepare(&table(&values), Some(&[])).is_err());
    }
}

#[test]
fn seeds_matter() {
    let (values, labels) = data(200, 5);
    let other = ForestParams { seed: 10, ..params() };
    assert_ne!(fit(&values, &labels, &params()), fit(&values, &labels, &other));
}

#[test]
fn weights_and_class_weights_move_the_probabilities() {
    let (values, _) = data(400, 6);
    // labels that no column explains, one in eight positive
    let labels: Vec<bool> = (0..400).map(|i| i % 8 == 0).collect();
    let mean = |class_weight, weights: Option<&[f64]>| {
        let params = ForestParams { max_depth: Some(1), n_estimators: 100, class_weight, ..params() };
        let forest = engine(Engine::Histogram).fit(&table(&values), &labels, weights, &params).unwrap();
        let found = forest.predict_proba(&table(&values)).unwrap();
        found.iter().sum::<f64>() / 400.0
    };
    assert!((mean(ClassWeight::None, None) - 0.125).abs() < 0.03);
    assert!((mean(ClassWeight::Balanced, None) - 0.5).abs() < 0.06);
    let weights: Vec<f64> = labels.iter().map(|&l| if l { 7.0 } else { 1.0 }).collect();
    assert!((mean(ClassWeight::None, Some(&weights)) - 0.5).abs() < 0.06);
    let only_good: Vec<f64> = labels.iter().map(|&l| f64::from(u8::from(!l))).collect();
    assert!(mean(ClassWeight::None, Some(&only_good)) <= 0.0);
}

#[test]
fn what_moves_the_predictions_is_where_the_signal_is() {
    let (values, labels) = data(600, 7);
    let contributions = fit(&values, &labels, &params()).contributions(&table(&values)).unwrap();
    let moved = mean_absolute(&contributions, N_FEATURES);
    let best = (0..N_FEATURES).max_by(|&a, &b| moved[a].total_cmp(&moved[b])).unwrap();
    assert_eq!(best, 0);
}

#[test]
fn one_class_and_constant_columns_make_stumps() {
    let forest = fit(&[0.0; 4 * N_FEATURES], &[true; 4], &params());
    assert_eq!(forest.n_nodes(), 20);
    let found = forest.predict_proba(&table(&[0.0; N_FEATURES])).unwrap();
    assert!((found[0] - 1.0).abs() < 1e-12);
    let mixed = fit(&[0.0; 4 * N_FEATURES], &[true, false, true, false], &params());
    assert_eq!(mixed.n_nodes(), 20);
}

#[test]
fn the_root_covers_all_rows() {
    let (values, labels) = data(100, 8);
    for name in [Engine::Histogram, Engine::Smartcore] {
        let fitted = engine(name).fit(&table(&values), &labels, None, &params());
        for root in fitted.unwrap().nodes().filter(|node| node.node == 0) {
            assert!((root.cover - 100.0).abs() < 1e-9, "{name:?}");
        }
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let (values, labels) = data(10, 9);
    let fit = |values: &[f32], labels: &[bool], weights: Option<&[f64]>| {
        engine(Engine::Histogram).fit(&table(values), labels, weights, &params())
    };
    assert!(matches!(fit(&values, &labels[1..], None), Err(LearnError::Length { .. })));
    assert!(matches!(fit(&[], &[], None), Err(LearnError::Empty { .. })));
    assert!(matches!(fit(&values, &labels, Some(&[0.0; 10])), Err(LearnError::Empty { .. })));
    assert!(matches!(fit(&values, &labels, Some(&[-1.0; 10])), Err(LearnError::BadValue { .. })));
    let mut missing = values.clone();
    missing[3] = f32::NAN;
    assert!(matches!(fit(&missing, &labels, None), Err(LearnError::BadValue { position: 3, .. })));
    let forest = fit(&values, &labels, None).unwrap();
    assert!(forest.predict_proba_at(&table(&values), 21, None).is_err());
    assert!(forest.predict_proba(&Samples::new(&[1.0], 1, 1).unwrap()).is_err());
}

#[test]
fn leaves_have_the_least_number_of_rows() {
    let (values, labels) = data(300, 5);
    for name in [Engine::Histogram, Engine::Smartcore] {
        let smallest = |min_samples_leaf| {
            let params = ForestParams { min_samples_leaf, ..params() };
            let forest = engine(name).fit(&table(&values), &labels, None, &params).unwrap();
            let leaves = forest.nodes().filter(|node| node.split.is_none());
            leaves.map(|leaf| leaf.cover).min_by(f64::total_cmp).unwrap()
        };
        // a row that was drawn twice weighs two, so the weight is at least the number of rows
        assert!(smallest(8) >= 8.0, "{name:?}: {}", smallest(8));
        assert!(smallest(1) < 8.0, "{name:?}: {}", smallest(1));
    }
}
