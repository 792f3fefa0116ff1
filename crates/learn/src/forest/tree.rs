//! One tree as flat arrays.

use super::nodes::{Node, Split};

/// Rows that go down a tree side by side: the processor works on the next while one waits for its node.
pub(super) const ABREAST: usize = 8;

/// A tree; the root is node 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tree {
    places: Vec<Place>,
    shares: Vec<Share>,
}

/// How rows go on from a node: 16 bytes, so that four nodes share a cache line. From a leaf they go nowhere: both children
/// are the leaf itself.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    feature: u32,
    threshold: f32,
    left: u32,
    right: u32,
}

/// What the training rows of a node say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share {
    probability: f64,
    cover: f64,
}

impl Tree {
    /// Adds a leaf and returns its number.
    pub(super) fn push(&mut self, probability: f64, cover: f64) -> u32 {
        let node = self.places.len() as u32;
        self.places.push(Place { feature: 0, threshold: 0.0, left: node, right: node });
        self.shares.push(Share { probability, cover });
        node
    }

    /// Makes a leaf an inner node.
    pub(super) fn split(&mut self, node: u32, split: Split) {
        let Split { feature, threshold, left, right } = split;
        self.places[node as usize] = Place { feature, threshold, left, right };
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A node of this tree, which is number `tree` of its forest.
    pub(super) fn node(&self, tree: u32, node: usize) -> Node {
        let Share { probability, cover } = self.shares[node];
        Node { tree, node: node as u32, split: self.split_of(node), probability, cover }
    }

    /// How the rows of a node part; none for a leaf.
    pub(super) fn split_of(&self, node: usize) -> Option<Split> {
        let Place { feature, threshold, left, right } = self.places[node];
        (left as usize != node).then_some(Split { feature, threshold, left, right })
    }

    pub(super) fn probability(&self, node: usize) -> f64 {
        self.shares[node].probability
    }

    pub(super) fn cover(&self, node: usize) -> f64 {
        self.shares[node].cover
    }

    /// Gives room that is not needed back.
    pub(super) fn shrink(&mut self) {
        self.places.shrink_to_fit();
        self.shares.shrink_to_fit();
    }

    /// Where up to [`ABREAST`] rows end up when the tree is cut off at `max_depth`, by the probability there.
    #[inline]
    pub(super) fn probabilities(&self, rows: &[&[f32]], max_depth: usize) -> [f64; ABREAST] {
        let mut at = [0_u32; ABREAST];
        for _ in 0..max_depth {
            let mut has_moved = false;
            for (at, row) in at.iter_mut().zip(rows) {
                let Place { feature, threshold, left, right } = self.places[*at as usize];
                let child = if row[feature as usize] <= threshold { left } else { right };
                has_moved |= child != *at;
                *at = child;
            }
            if !has_moved {
                break;
            }
        }
        at.map(|node| self.shares[node as usize].probability)
    }
}
