//! Lloyd's iterations of many runs side by side, with Hamerly's bounds.
//!
//! Every row keeps an upper bound on the distance to its centroid and a lower bound on the distance to any other (Hamerly,
//! 2010); while the first stays below the second, the row need not be looked at. The rows that must be are centred once and
//! multiplied with the centroids of all runs that ask for them. Products are in f32, with a bound on their error: where the
//! nearest centroid is not beyond doubt, those in question are measured in f64. So every row gets the centroid that is the
//! nearest in f64, and no result depends on the processor, the blocks or the threads.

use std::collections::HashMap;

use rayon::prelude::*;

use super::chunk::{Chunk, furthest};
use super::prepared::Prepared;
use super::run::{Run, State};
use super::tile::Factors;

/// Where a fit stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// The squared movement of the centroids, summed over them, that ends a run.
    pub(super) tolerance: f64,
    /// Iterations after which a run ends in any case.
    pub(super) max_n_iterations: u64,
}

/// Where a run begins: that many centroids, one after the other.
pub(super) struct Start {
    pub(super) n_clusters: usize,
    pub(super) centroids: Vec<f64>,
}

/// Where a run ended.
pub(super) struct End {
    pub(super) n_clusters: usize,
    pub(super) centroids: Vec<f64>,
    /// What the clusters add to the inertia, less that of one cluster: the lower the better among runs over one table.
    pub(super) gain: f64,
}

/// Fits from every start, in that order.
///
/// A run that comes to the very clusters that another had before would go on like it; it is ended and missing here.
pub(super) fn fit(table: &Prepared<'_>, starts: Vec<Start>, stop: Stop) -> Vec<End> {
    let mut first_cluster = 0;
    let mut runs: Vec<Run> = Vec::with_capacity(starts.len());
    for start in starts {
        let run = Run::new(start, first_cluster);
        first_cluster += run.n_clusters();
        runs.push(run);
    }
    let mut chunks = Chunk::all(table, runs.len(), first_cluster);
    let mut seen = Seen::default();
    while runs.iter().any(Run::is_live) {
        runs.par_iter_mut().filter(|run| run.is_live()).for_each(|run| run.find_gaps(table));
        let live: Vec<(usize, &Run)> = runs.iter().enumerate().filter(|(_, run)| run.is_live()).collect();
        let centroids: Vec<&[f64]> = live.iter().flat_map(|(_, run)| run.centroids()).collect();
        let factors = Factors::new(table, centroids.into_iter());
        chunks.par_iter_mut().for_each(|chunk| chunk.assign(table, &live, &factors));

        let changed: Vec<u64> = runs.iter_mut().enumerate().map(|(number, run)| run.count(number, &chunks)).collect();
        for (number, run) in runs.iter_mut().enumerate().filter(|(number, _)| changed[*number] > 0) {
            if seen.before(number, run.mark()) {
                run.state = State::Dropped;
            } else if run.state == State::Moving {
                fill_empty(table, number, run, &mut chunks);
            }
        }
        runs.par_iter_mut().enumerate().filter(|(_, run)| run.is_live()).for_each(|(number, run)| {
            run.step(table, &chunks, changed[number], stop);
        });
    }
    runs.into_iter().filter_map(Run::end).collect()
}

/// Gives every empty cluster the row that is furthest from its centroid, as scikit-learn does; when all rows are on their
/// centroids, the cluster stays empty where it is.
fn fill_empty(table: &Prepared<'_>, number: usize, run: &mut Run, chunks: &mut [Chunk]) {
    for cluster in (0..run.n_clusters()).filter(|&cluster| run.counts()[cluster] == 0).collect::<Vec<_>>() {
        let Some((chunk, row)) = furthest(table, chunks, number, run) else { return };
        let from = chunks[chunk].move_row(table, number, run.first_cluster, row, cluster as u32);
        run.move_row(row, from, cluster as u32);
    }
}

/// Which run had which clusters.
#[derive(Default)]
struct Seen {
    first: HashMap<u64, usize>,
    /// Runs that were ended, and the run that goes on in their place.
    instead: HashMap<usize, usize>,
}

impl Seen {
    /// Whether another run that was not ended early had these clusters before.
    fn before(&mut self, run: usize, mark: u64) -> bool {
        let mut owner = *self.first.entry(mark).or_insert(run);
        while let Some(&next) = self.instead.get(&owner) {
            owner = next;
        }
        if owner != run {
            self.instead.insert(run, owner);
        }
        owner != run
    }
}
