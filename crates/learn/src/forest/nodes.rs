//! The table of nodes that every forest is.

use serde::{Deserialize, Serialize};

use super::Forest;
use super::tree::Tree;
use crate::error::LearnError;

/// One node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Number of the tree, from 0.
    pub tree: u32,
    /// Number of the node within its tree; 0 is the root.
    pub node: u32,
    /// How the rows part here; none for a leaf.
    pub split: Option<Split>,
    /// Share of the positive class among the training rows here, by weight. Inner nodes have one too.
    pub probability: f64,
    /// Weight of the training rows here.
    pub cover: f64,
}

/// How the rows of a node part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// Column that decides.
    pub feature: u32,
    /// The greatest value that goes left.
    pub threshold: f32,
    /// Node for rows up to the threshold.
    pub left: u32,
    /// Node for the other rows.
    pub right: u32,
}

/// The table as columns; a leaf has -1 for feature, left and right.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Columns {
    n_features: usize,
    tree: Vec<u32>,
    node: Vec<u32>,
    feature: Vec<i32>,
    threshold: Vec<f32>,
    left: Vec<i32>,
    right: Vec<i32>,
    probability: Vec<f64>,
    cover: Vec<f64>,
}

impl Node {
    /// The node as a row of a table: feature, threshold, left and right, with -1 (and threshold 0) for a leaf.
    pub fn to_columns(&self) -> (i32, f32, i32, i32) {
        self.split.map_or((-1, 0.0, -1, -1), |split| {
            (split.feature as i32, split.threshold, split.left as i32, split.right as i32)
        })
    }
}

impl Split {
    /// Reads the four columns of a table back; `None` is a leaf.
    ///
    /// # Errors
    /// When a child or the feature is negative and not all three are.
    pub fn from_columns(feature: i32, threshold: f32, left: i32, right: i32) -> Result<Option<Self>, LearnError> {
        if feature < 0 && left < 0 && right < 0 {
            return Ok(None);
        }
        match (feature.try_into(), left.try_into(), right.try_into()) {
            (Ok(feature), Ok(left), Ok(right)) => Ok(Some(Self { feature, threshold, left, right })),
            _ => Err(malformed(format!(
                "feature {feature}, left {left} and right {right} are neither all set nor all -1"
            ))),
        }
    }
}

impl From<Forest> for Columns {
    fn from(forest: Forest) -> Self {
        let mut columns = Self {
            n_features: forest.n_features,
            tree: Vec::new(),
            node: Vec::new(),
            feature: Vec::new(),
            threshold: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            probability: Vec::new(),
            cover: Vec::new(),
        };
        for node in forest.nodes() {
            let (feature, threshold, left, right) = node.to_columns();
            columns.tree.push(node.tree);
            columns.node.push(node.node);
            columns.feature.push(feature);
            columns.threshold.push(threshold);
            columns.left.push(left);
            columns.right.push(right);
            columns.probability.push(node.probability);
            columns.cover.push(node.cover);
        }
        columns
    }
}

impl TryFrom<Columns> for Forest {
    type Error = LearnError;

    fn try_from(columns: Columns) -> Result<Self, LearnError> {
        let lengths = [
            columns.node.len(),
            columns.feature.len(),
            columns.threshold.len(),
            columns.left.len(),
            columns.right.len(),
            columns.probability.len(),
            columns.cover.len(),
        ];
        let expected = columns.tree.len();
        if let Some(&found) = lengths.iter().find(|&&length| length != expected) {
            return Err(LearnError::Length { what: "a column of the node table", found, expected });
        }
        let nodes = (0..expected)
            .map(|i| {
                Ok(Node {
                    tree: columns.tree[i],
                    node: columns.node[i],
                    split: Split::from_columns(
                        columns.feature[i],
                        columns.threshold[i],
                        columns.left[i],
                        columns.right[i],
                    )?,
                    probability: columns.probability[i],
                    cover: columns.cover[i],
                })
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        Self::from_nodes(columns.n_features, nodes)
    }
}

/// Parts the table into trees, and refuses one that no walk may be trusted to.
pub(super) fn trees(n_features: usize, nodes: impl IntoIterator<Item = Node>) -> Result<Vec<Tree>, LearnError> {
    if n_features == 0 {
        return Err(malformed("a forest of no features".to_owned()));
    }
    let mut trees: Vec<Tree> = Vec::new();
    for (i, node) in nodes.into_iter().enumerate() {
        if node.node == 0 {
            close_last(&mut trees)?;
            trees.push(Tree::default());
        }
        let expected = (trees.len(), trees.last().map_or(0, Tree::len));
        let Some(tree) = trees.last_mut().filter(|_| (node.tree as usize + 1, node.node as usize) == expected) else {
            return Err(malformed(format!("tree {}, node {} is out of order at row {i}", node.tree, node.node)));
        };
        if !(0.0..=1.0).contains(&node.probability) || !(0.0..f64::INFINITY).contains(&node.cover) {
            return Err(malformed(format!(
                "tree {}, node {} has probability {} and cover {}",
                node.tree, node.node, node.probability, node.cover
            )));
        }
        tree.push(node.probability, node.cover);
        if let Some(split) = node.split {
            let is_known = (split.feature as usize) < n_features && !split.threshold.is_nan();
            if split.left.min(split.right) <= node.node || !is_known {
                return Err(astray(node.tree, node.node, &split));
            }
            tree.split(node.node, split);
        }
    }
    if trees.is_empty() {
        return Err(malformed("there are no nodes".to_owned()));
    }
    close_last(&mut trees)?;
    Ok(trees)
}

/// Refuses the last tree, all of whose nodes are there, if a child does not exist or has two parents.
fn close_last(trees: &mut [Tree]) -> Result<(), LearnError> {
    let number = trees.len().saturating_sub(1);
    let Some(tree) = trees.last_mut() else { return Ok(()) };
    let mut has_parent = vec![false; tree.len()];
    for node in 0..tree.len() {
        let Some(split) = tree.split_of(node) else { continue };
        for child in [split.left, split.right] {
            let Some(has_parent) = has_parent.get_mut(child as usize) else {
                return Err(astray(number as u32, node as u32, &split));
            };
            if std::mem::replace(has_parent, true) {
                return Err(malformed(format!("tree {number}, node {child} is the child of two splits")));
            }
        }
    }
    tree.shrink();
    Ok(())
}

fn astray(tree: u32, node: u32, split: &Split) -> LearnError {
    let Split { feature, left, right, .. } = split;
    malformed(format!("tree {tree}, node {node} splits on feature {feature} to nodes {left} and {right}"))
}

fn malformed(message: String) -> LearnError {
    LearnError::Malformed { what: "the forest", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(node: u32, probability: f64) -> Node {
        Node { tree: 0, node, split: None, probability, cover: 1.0 }
    }

    fn stump(left: u32, right: u32, feature: u32) -> Vec<Node> {
        let split = Split { feature, threshold: 0.5, left, right };
        let root = Node { split: Some(split), ..leaf(0, 0.5) };
        vec![root, leaf(1, 0.0), leaf(2, 1.0)]
    }

    #[test]
    fn a_good_table_is_taken() {
        let forest = Forest::from_nodes(1, stump(1, 2, 0)).unwrap();
        assert_eq!((forest.n_estimators(), forest.n_features()), (1, 1));
    }

    #[test]
    fn tables_that_would_lead_astray_are_refused() {
        let backwards = stump(0, 2, 0);
        let outside = stump(1, 3, 0);
        let no_such_feature = stump(1, 2, 1);
        let mut out_of_order = stump(1, 2, 0);
        out_of_order.swap(1, 2);
        let mut impossible = stump(1, 2, 0);
        impossible[1].probability = 1.5;
        let shared = stump(2, 2, 0);
        let mut negative = stump(1, 2, 0);
        negative[1].cover = -1.0;
        let mut endless = stump(1, 2, 0);
        endless[0].cover = f64::INFINITY;
        for nodes in
            [backwards, outside, no_such_feature, out_of_order, impossible, shared, negative, endless, Vec::new()]
        {
            let refused = Forest::from_nodes(1, nodes);
            assert!(matches!(refused, Err(LearnError::Malformed { .. })));
        }
        let leaf = Node { node: 0, ..stump(1, 2, 0)[1] };
        assert!(Forest::from_nodes(1, [leaf]).is_ok());
        assert!(matches!(Forest::from_nodes(0, [leaf]), Err(LearnError::Malformed { .. })));
    }

    #[test]
    fn a_half_leaf_is_refused() {
        assert!(Split::from_columns(-1, 0.0, 1, 2).is_err());
        assert_eq!(Split::from_columns(-1, 0.0, -1, -1).unwrap(), None);
    }
}
