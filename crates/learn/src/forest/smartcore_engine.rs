//! The crate smartcore as an engine. Its trees are private, so they are read from what it serialises; its leaves know
//! only the class of the majority, so the probability is the share of the trees that vote for the positive class.

use rayon::prelude::*;
use serde::Deserialize;
use smartcore::ensemble::random_forest_classifier::{RandomForestClassifier, RandomForestClassifierParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_classifier::SplitCriterion;

use super::nodes::{Node, Split};
use super::params::{Criterion, Engine, ForestParams, without_weights};
use super::{Forest, ForestEngine, Prepared, check_labels, check_table};
use crate::classifier::Samples;
use crate::error::LearnError;
use crate::random::substream;

/// Random forests by smartcore.
#[derive(Debug, Clone, Copy)]
pub(super) struct Smartcore;

/// What is read of a serialised forest.
#[derive(Deserialize)]
struct Serialised {
    trees: Vec<SerialisedTree>,
    classes: Vec<u32>,
}

#[derive(Deserialize)]
struct SerialisedTree {
    nodes: Vec<SerialisedNode>,
}

#[derive(Deserialize)]
struct SerialisedNode {
    output: usize,
    n_node_samples: usize,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// Rows as smartcore takes them.
struct Table {
    rows: DenseMatrix<f32>,
    n_samples: usize,
    n_features: usize,
}

impl ForestEngine for Smartcore {
    fn prepare<'a>(
        &self,
        samples: &Samples<'a>,
        rows: Option<&'a [usize]>,
    ) -> Result<Box<dyn Prepared + 'a>, LearnError> {
        check_table(samples, rows)?;
        let (n_samples, features) = match rows {
            None => (samples.n_samples, samples.features.to_vec()),
            Some(rows) => (rows.len(), samples.select(rows)?.into_features()),
        };
        let n_features = samples.n_features;
        let rows = DenseMatrix::new(n_samples, n_features, features, false).map_err(method_error)?;
        Ok(Box::new(Table { rows, n_samples, n_features }))
    }
}

impl Prepared for Table {
    fn fit(&self, labels: &[bool], weights: Option<&[f64]>, params: &ForestParams) -> Result<Forest, LearnError> {
        check_labels(self.n_samples, labels, weights, params)?;
        Engine::Smartcore.check(params)?;
        if weights.is_some() {
            return Err(without_weights("weights"));
        }
        let labels: Vec<u32> = labels.iter().copied().map(u32::from).collect();
        // one forest of one tree each, so that trees grow side by side
        let trees: Vec<Vec<Node>> = (0..params.n_estimators)
            .into_par_iter()
            .map(|tree| {
                let params = one_tree(params, self.n_features, tree);
                let fitted = RandomForestClassifier::fit(&self.rows, &labels, params).map_err(method_error)?;
                let text = serde_json::to_vec(&fitted).map_err(method_error)?;
                let read: Serialised = serde_json::from_slice(&text).map_err(method_error)?;
                nodes(tree, &read)
            })
            .collect::<Result<_, _>>()?;
        Forest::from_nodes(self.n_features, trees.concat())
    }
}

fn one_tree(params: &ForestParams, n_features: usize, tree: usize) -> RandomForestClassifierParameters {
    let defaults = RandomForestClassifierParameters::default();
    RandomForestClassifierParameters {
        criterion: match params.criterion {
            Criterion::Gini => SplitCriterion::Gini,
            Criterion::Entropy => SplitCriterion::Entropy,
        },
        max_depth: params.max_depth.and_then(|depth| depth.try_into().ok()),
        min_samples_leaf: params.min_samples_leaf,
        n_trees: 1,
        m: Some(params.max_features.count(n_features)),
        seed: substream(params.seed, tree as u64),
        ..defaults
    }
}

fn nodes(tree: usize, read: &Serialised) -> Result<Vec<Node>, LearnError> {
    let [grown] = read.trees.as_slice() else {
        return Err(method_error("one tree was asked for"));
    };
    grown
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let class = read.classes.get(node.output).copied().unwrap_or_default();
            let split = node.true_child.zip(node.false_child).zip(node.split_value);
            Ok(Node {
                tree: tree as u32,
                node: i as u32,
                split: split.map(|((left, right), value)| Split {
                    feature: node.split_feature as u32,
                    threshold: floor_to_f32(value),
                    left: left as u32,
                    right: right as u32,
                }),
                probability: f64::from(class),
                cover: node.n_node_samples as f64,
            })
        })
        .collect()
}

/// The largest f32 that is no more than `value`: the same f32 values are at most either.
fn floor_to_f32(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value { near.next_down() } else { near }
}

fn method_error(error: impl std::fmt::Display) -> LearnError {
    LearnError::Method { method: "smartcore's random forest", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::ClassWeight;
    use super::*;

    #[test]
    fn thresholds_do_not_rise_when_they_lose_digits() {
        let value = f64::midpoint(1.0, f64::from(1.0_f32.next_up()));
        assert!(f64::from(floor_to_f32(value)) <= value);
        assert!(f64::from(floor_to_f32(0.1)) <= 0.1);
    }

    #[test]
    fn the_table_of_nodes_votes_as_the_library_does() {
        let values: Vec<f32> = (0..600_u16).map(|i| f32::from(i * 37 % 101)).collect();
        let samples = Samples::new(&values, 200, 3).unwrap();
        let labels: Vec<bool> = samples.rows().map(|row| row[0] + row[1] > 90.0).collect();
        let params = ForestParams {
            n_estimators: 1,
            criterion: Criterion::Gini,
            max_features: crate::forest::MaxFeatures::Sqrt,
            max_depth: Some(4),
            min_samples_leaf: 1,
            class_weight: ClassWeight::None,
            seed: 5,
        };
        let forest = Smartcore.fit(&samples, &labels, None, &params).unwrap();
        let found = forest.predict_proba_at(&samples, 1, None).unwrap();
        let table = DenseMatrix::new(200, 3, values.clone(), false).unwrap();
        let targets: Vec<u32> = labels.iter().copied().map(u32::from).collect();
        let theirs: Vec<u32> = RandomForestClassifier::fit(&table, &targets, one_tree(&params, 3, 0))
            .and_then(|fitted| fitted.predict(&table))
            .unwrap();
        let expected: Vec<f64> = theirs.into_iter().map(f64::from).collect();
        assert_eq!(found, expected);
        assert!(expected.contains(&1.0) && expected.contains(&0.0));
    }

    #[test]
    fn weights_are_refused() {
        let samples = Samples::new(&[1.0, 2.0], 2, 1).unwrap();
        let params = ForestParams {
            n_estimators: 1,
            criterion: Criterion::Gini,
            max_features: crate::forest::MaxFeatures::Sqrt,
            max_depth: None,
            min_samples_leaf: 1,
            class_weight: ClassWeight::Balanced,
            seed: 5,
        };
        let refused = Smartcore.fit(&samples, &[true, false], None, &params);
        assert!(matches!(refused, Err(LearnError::Param { .. })));
    }
}
