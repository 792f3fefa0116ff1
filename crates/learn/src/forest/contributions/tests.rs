//! Contributions against Shapley values by their definition, and what they promise besides.

use proptest::prelude::*;
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

use crate::classifier::Classifier;
use crate::forest::{ClassWeight, Criterion, Engine, ForestParams, MaxFeatures, Node, Split, engine};
use crate::random::generator;

/// Grows a subtree of at most `depth` levels below `tree`, whose thresholds, covers and probabilities are drawn; returns
/// the place of its root. Some nodes have no cover.
fn grow(random: &mut Xoshiro256PlusPlus, tree: u32, n_features: u32, depth: u32, nodes: &mut Vec<Node>) -> u32 {
    let node = nodes.len() as u32;
    let probability = random.gen_range(0.0..=1.0);
    let cover = if random.gen_bool(0.15) { 0.0 } else { random.gen_range(0.1..10.0) };
    nodes.push(Node { tree, node, split: None, probability, cover });
    if depth > 0 && random.gen_bool(0.85) {
        let feature = random.gen_range(0..n_features);
        let threshold = random.gen_range(0..4) as f32;
        let left = grow(random, tree, n_features, depth - 1, nodes);
        let right = grow(random, tree, n_features, depth - 1, nodes);
        let place = node as usize;
        nodes[place].split = Some(Split { feature, threshold, left, right });
        nodes[place].cover = nodes[left as usize].cover + nodes[right as usize].cover;
    }
    node
}

fn random_forest(seed: u64, n_features: u32, depth: u32, n_trees: u32) -> Forest {
    let mut random = generator(seed, 0);
    let mut nodes = Vec::new();
    for tree in 0..n_trees {
        let mut one = Vec::new();
        grow(&mut random, tree, n_features, depth, &mut one);
        nodes.extend(one);
    }
    Forest::from_nodes(n_features as usize, nodes).unwrap()
}

/// Values at, between and beyond the thresholds, some missing.
fn random_rows(seed: u64, n_samples: usize, n_features: u32) -> Vec<f32> {
    let mut random = generator(seed, 1);
    let values = (0..n_samples * n_features as usize)
        .map(|_| if random.gen_bool(0.05) { f32::NAN } else { random.gen_range(-2..10) as f32 / 2.0 });
    values.collect()
}

/// What the subtree at `at` expects of the row when the features in the set of bits `known` are known.
fn worth(tree: &[Node], at: usize, row: &[f32], known: u32) -> f64 {
    let Some(split) = tree[at].split else { return tree[at].probability };
    let [left, right] = [split.left as usize, split.right as usize];
    if known >> split.feature & 1 == 1 {
        let goes_left = row[split.feature as usize] <= split.threshold;
        return worth(tree, if goes_left { left } else { right }, row, known);
    }
    let covers = tree[left].cover + tree[right].cover;
    let ratio = if covers > 0.0 { tree[left].cover / covers } else { 0.5 };
    ratio * worth(tree, left, row, known) + (1.0 - ratio) * worth(tree, right, row, known)
}

/// Shapley values by their definition, over all sets of features, and the bias.
fn by_definition(forest: &Forest, row: &[f32]) -> Vec<f64> {
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let n_features = row.len() as u32;
    let nodes: Vec<Node> = forest.nodes().collect();
    let trees = || nodes.chunk_by(|a, b| a.tree == b.tree);
    let of = |known: u32| trees().map(|tree| worth(tree, 0, row, known)).sum::<f64>() / forest.n_estimators() as f64;
    let mut values = vec![0.0; row.len()];
    for (feature, value) in values.iter_mut().enumerate() {
        for others in (0..1_u32 << n_features).filter(|others| others >> feature & 1 == 0) {
            let count = others.count_ones();
            let weight = factorial(count) * factorial(n_features - count - 1) / factorial(n_features);
            *value += weight * (of(others | 1 << feature) - of(others));
        }
    }
    values.push(of(0));
    values
}

fn explained(forest: &Forest, rows: &[f32]) -> Vec<f64> {
    let n_features = forest.n_features();
    forest.contributions(&Samples::new(rows, rows.len() / n_features, n_features).unwrap()).unwrap()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn contributions_are_the_shapley_values(seed: u64, n_features in 1_u32..=5, depth in 0_u32..=5, n_trees in 1_u32..=3) {
        let forest = random_forest(seed, n_features, depth, n_trees);
        let rows = random_rows(seed, 6, n_features);
        let found = explained(&forest, &rows);
        for (row, found) in rows.chunks(n_features as usize).zip(found.chunks(n_features as usize + 1)) {
            for (found, expected) in found.iter().zip(by_definition(&forest, row)) {
                prop_assert!((found - expected).abs() < 1e-12, "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn a_row_adds_up_to_its_probability_however_deep_the_trees(seed: u64, n_features in 1_u32..=60, depth in 0_u32..=14) {
        let forest = random_forest(seed, n_features, depth, 2);
        let rows = random_rows(seed, 20, n_features);
        let samples = Samples::new(&rows, 20, n_features as usize).unwrap();
        let found = explained(&forest, &rows);
        let probabilities = forest.predict_proba(&samples).unwrap();
        for (found, probability) in found.chunks(n_features as usize + 1).zip(probabilities) {
            prop_assert!((found.iter().sum::<f64>() - probability).abs() < 1e-12);
        }
    }

    #[test]
    fn a_feature_without_a_split_gets_exactly_nothing(seed: u64, n_features in 1_u32..=12) {
        let forest = random_forest(seed, n_features, 3, 1);
        let found = explained(&forest, &random_rows(seed, 20, n_features));
        for feature in 0..n_features {
            if forest.nodes().all(|node| node.split.is_none_or(|split| split.feature != feature)) {
                let of_feature = found.iter().skip(feature as usize).step_by(n_features as usize + 1);
                prop_assert!(of_feature.map(|value| value.to_bits()).all(|bits| bits == 0));
            }
        }
    }
}

/// A chain of splits, each to a leaf of probability 0 or onwards, at last to a leaf of 1: the row must exceed 0, then 1 and
/// so on, in every feature. Each split lets half of the cover through.
fn chain(n_features: u32, times: u32) -> Forest {
    let n_splits = n_features * times;
    let mut nodes = Vec::new();
    let mut cover = 1.0;
    for i in 0..n_splits {
        let node = 2 * i;
        let split =
            Split { feature: i % n_features, threshold: (i / n_features) as f32, left: node + 1, right: node + 2 };
        nodes.push(Node { tree: 0, node, split: Some(split), probability: 0.5, cover });
        cover *= 0.5;
        nodes.push(Node { tree: 0, node: node + 1, split: None, probability: 0.0, cover });
    }
    nodes.push(Node { tree: 0, node: 2 * n_splits, split: None, probability: 1.0, cover });
    Forest::from_nodes(n_features as usize, nodes).unwrap()
}

#[test]
fn long_paths_are_exact() {
    for (n_features, times) in [(1, 1), (3, 2), (9, 1), (40, 3), (150, 1), (200, 2)] {
        let forest = chain(n_features, times);
        let n = f64::from(n_features);
        let nothing_known = 0.5_f64.powi((n_features * times) as i32);
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-13, "{n_features}: {found} {expected}");

        // all features alike raise the probability from what is expected to 1
        let mut row = vec![times as f32; n_features as usize];
        let found = explained(&forest, &row);
        found[..n_features as usize].iter().for_each(|&value| close(value, (1.0 - nothing_known) / n));
        close(found[n_features as usize], nothing_known);

        // one that misses its last condition takes away what the others give: with z of it and of each other, its share is
        // -z times the integral of (z + t (1 - z))^(n - 1)
        row[0] = times as f32 - 1.0;
        let found = explained(&forest, &row);
        let z = 0.5_f64.powi(times as i32);
        close(found[0], -z * (1.0 - z.powi(n_features as i32)) / (n * (1.0 - z)));
        close(found.iter().sum(), 0.0);
    }
}

#[test]
fn a_tree_of_one_node_is_all_bias() {
    let forest = random_forest(3, 2, 0, 1);
    let probability = forest.nodes().next().unwrap().probability;
    assert_eq!(explained(&forest, &[1.0, f32::NAN]), [0.0, 0.0, probability]);
}

#[test]
fn nothing_follows_from_no_rows_and_another_width_is_refused() {
    let forest = random_forest(5, 3, 4, 2);
    assert!(explained(&forest, &[]).is_empty());
    assert!(matches!(forest.contributions(&Samples::new(&[1.0; 4], 1, 4).unwrap()), Err(LearnError::Length { .. })));
}

/// A forest that was really grown, on more rows than one block, and its rows.
fn grown() -> (Forest, Vec<f32>) {
    const N_FEATURES: usize = 12;
    let mut random = generator(11, 0);
    let rows: Vec<f32> = (0..300 * N_FEATURES).map(|_| random.gen_range(-1.0..1.0)).collect();
    let labels: Vec<bool> = rows.chunks(N_FEATURES).map(|row| row[0] + row[1] * row[2] > 0.3).collect();
    let params = ForestParams {
        n_estimators: 15,
        criterion: Criterion::Gini,
        max_features: MaxFeatures::Sqrt,
        max_depth: None,
        min_samples_leaf: 1,
        class_weight: ClassWeight::Balanced,
        seed: 9,
    };
    let samples = Samples::new(&rows, 300, N_FEATURES).unwrap();
    let forest = engine(Engine::Histogram).fit(&samples, &labels, None, &params).unwrap();
    (forest, rows)
}

#[test]
fn a_grown_forest_is_explained_as_it_predicts() {
    let (forest, rows) = grown();
    let found = explained(&forest, &rows);
    let probabilities = forest.predict_proba(&Samples::new(&rows, 300, 12).unwrap()).unwrap();
    let mut moved = vec![0.0; 12];
    for (found, probability) in found.chunks(13).zip(probabilities) {
        assert!((found.iter().sum::<f64>() - probability).abs() < 1e-12);
        assert_eq!(found[12].to_bits(), explained(&forest, &rows[..12])[12].to_bits());
        moved.iter_mut().zip(found).for_each(|(moved, value)| *moved += value.abs());
    }
    assert!(moved[3..].iter().all(|other| moved[0] > 3.0 * other), "{moved:?}");
}

#[test]
fn a_row_alone_and_any_number_of_threads_give_the_same_bits() {
    let (forest, rows) = grown();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| explained(&forest, &rows))
    };
    let batch = on(1);
    assert_eq!(bits(&batch), bits(&on(3)));
    for (row, expected) in rows.chunks(12).zip(batch.chunks(13)) {
        assert_eq!(bits(&explained(&forest, row)), bits(expected));
    }
}
