//! Starts by greedy k-means++ (Arthur and Vassilvitskii, 2007): every further centroid is a row drawn with a chance
//! proportional to its squared distance to the nearest one so far; of several draws the one is kept that leaves the least
//! sum of squared distances, as scikit-learn does.
//!
//! The sequence of a run does not depend on how many centroids are wanted, so one sequence serves every number of clusters
//! by its first ones, and `n_runs` sequences are drawn side by side.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use super::exact::{CHUNK_ROWS, squared_distance};
use super::prepared::Prepared;
use super::tile::{Factors, TILE_ROWS, Tile};
use crate::random::generator;

/// Quick squared distances are measured again in f64 when their error may be more than this share of them.
const ERROR_SHARE: f32 = 1.0 / 16.0;

/// Rows drawn for a centroid that is to follow others.
pub(super) fn trials(n_before: usize) -> usize {
    // scikit-learn draws 2 + ln(k) for each; here k is not known and the centroid's number serves
    2 + ((n_before + 1) as f64).ln() as usize
}

/// For every run the rows that are its first centroids, `n_clusters` each.
pub(super) fn starts(table: &Prepared<'_>, n_clusters: usize, n_runs: usize, seed: u64) -> Vec<Vec<usize>> {
    let n_samples = table.samples.n_samples;
    let mut random: Vec<_> = (0..n_runs).map(|run| generator(seed, run as u64)).collect();
    let mut sequences: Vec<Vec<usize>> = random.iter_mut().map(|random| vec![random.gen_range(0..n_samples)]).collect();
    if n_clusters < 2 {
        return sequences;
    }
    let mut nearest = Nearest::new(n_samples, n_runs);
    nearest.try_rows(table, &sequences);
    nearest.keep(&vec![0; n_runs]);
    for before in 1..n_clusters {
        let drawn: Vec<Vec<usize>> =
            (0..n_runs).map(|run| nearest.draw(run, trials(before), &mut random[run])).collect();
        let best = nearest.try_rows(table, &drawn);
        nearest.keep(&best);
        for ((sequence, drawn), best) in sequences.iter_mut().zip(&drawn).zip(best) {
            sequence.push(drawn[best]);
        }
    }
    sequences
}

/// Rows that may follow centroids whose squared distances to all rows are known, the best first.
pub(super) fn several(
    table: &Prepared<'_>,
    distances: &[f64],
    trials: usize,
    mut random: Xoshiro256PlusPlus,
) -> Vec<usize> {
    let mut nearest = Nearest::new(distances.len(), 1);
    let scale_squared = f64::from(table.scale).powi(2);
    for chunk in &mut nearest.chunks {
        for (i, nearest) in chunk.nearest.iter_mut().enumerate() {
            *nearest = (distances[chunk.first + i] * scale_squared) as f32;
        }
        chunk.sums = vec![chunk.nearest.iter().map(|&square| f64::from(square)).sum()];
    }
    let drawn = nearest.draw(0, trials, &mut random);
    nearest.try_rows(table, std::slice::from_ref(&drawn));
    let mut order: Vec<usize> = (0..trials).collect();
    order.sort_by(|&a, &b| nearest.sum(a).total_cmp(&nearest.sum(b)));
    order.into_iter().map(|trial| drawn[trial]).collect()
}

/// Of every run and row the squared distance to the nearest centroid so far.
struct Nearest {
    chunks: Vec<Chunk>,
    n_runs: usize,
}

/// Some rows of it.
struct Chunk {
    first: usize,
    rows: usize,
    /// By run, then row.
    nearest: Vec<f32>,
    /// Of every run the sum over these rows.
    sums: Vec<f64>,
    /// What `nearest` would be with each of the rows tried, by run, then trial, then row.
    tried: Vec<f32>,
    /// What `sums` would be, by run, then trial.
    tried_sums: Vec<f64>,
}

impl Nearest {
    /// With no centroids so far.
    fn new(n_samples: usize, n_runs: usize) -> Self {
        let chunk = |first: usize| {
            let rows = CHUNK_ROWS.min(n_samples - first);
            let (tried, tried_sums) = (Vec::new(), Vec::new());
            let nearest = vec![f32::INFINITY; n_runs * rows];
            Chunk { first, rows, nearest, sums: vec![f64::INFINITY; n_runs], tried, tried_sums }
        };
        Self { chunks: (0..n_samples).step_by(CHUNK_ROWS).map(chunk).collect(), n_runs }
    }

    /// Draws `count` rows, each with a chance proportional to its squared distance; of rows that are all centroids any.
    fn draw(&self, run: usize, count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<usize> {
        let total: f64 = self.chunks.iter().map(|chunk| chunk.sums[run]).sum();
        let n_samples = self.chunks.iter().map(|chunk| chunk.rows).sum();
        (0..count)
            .map(|_| {
                if total > 0.0 { self.find(run, random.gen_range(0.0..total)) } else { random.gen_range(0..n_samples) }
            })
            .collect()
    }

    /// The row at which the sum of the squared distances exceeds `target`.
    fn find(&self, run: usize, mut target: f64) -> usize {
        let mut last = 0;
        for chunk in &self.chunks {
            if target >= chunk.sums[run] {
                target -= chunk.sums[run];
                continue;
            }
            for (i, &square) in chunk.nearest[run * chunk.rows..][..chunk.rows].iter().enumerate() {
                if square > 0.0 {
                    last = chunk.first + i;
                    if target < f64::from(square) {
                        return last;
                    }
                    target -= f64::from(square);
                }
            }
        }
        // by rounding the target can lie behind the last row
        last
    }

    /// Measures every run's trials and gives the best of each, the earlier of equals.
    fn try_rows(&mut self, table: &Prepared<'_>, trials: &[Vec<usize>]) -> Vec<usize> {
        let rows: Vec<Vec<f64>> = trials
            .iter()
            .flatten()
            .map(|&row| table.samples.row(row).iter().copied().map(f64::from).collect())
            .collect();
        let factors = Factors::new(table, rows.iter().map(Vec::as_slice));
        let per_run = trials[0].len();
        self.chunks.par_iter_mut().for_each(|chunk| chunk.try_rows(table, &rows, &factors, per_run));
        let best_of = |run: usize| {
            let sums: Vec<f64> = (0..per_run).map(|trial| self.sum(run * per_run + trial)).collect();
            (0..per_run).fold(0, |best, trial| if sums[trial] < sums[best] { trial } else { best })
        };
        (0..self.n_runs).map(best_of).collect()
    }

    /// The sum over all rows with one of the trials.
    fn sum(&self, at: usize) -> f64 {
        self.chunks.iter().map(|chunk| chunk.tried_sums[at]).sum()
    }

    /// Keeps one trial of each run.
    fn keep(&mut self, best: &[usize]) {
        self.chunks.par_iter_mut().for_each(|chunk| chunk.keep(best));
    }
}

impl Chunk {
    fn try_rows(&mut self, table: &Prepared<'_>, rows: &[Vec<f64>], factors: &Factors, per_run: usize) {
        let n = rows.len();
        self.tried.resize(n * self.rows, 0.0);
        self.tried_sums.clear();
        self.tried_sums.resize(n, 0.0);
        let scale_squared = f64::from(table.scale).powi(2);
        let largest = factors.squares.iter().copied().fold(0.0, f32::max);
        let mut tile = Tile::new(table);
        let places: Vec<u32> = (0..TILE_ROWS as u32).collect();
        for from in (0..self.rows).step_by(TILE_ROWS) {
            let count = TILE_ROWS.min(self.rows - from);
            tile.centre(table, self.first + from, u64::MAX >> (TILE_ROWS - count));
            tile.multiply(&places[..count], factors.values(0..n), n);
            for i in 0..count {
                let row = self.first + from + i;
                let square = table.squares[row];
                let errors = table.errors(square, largest);
                for (j, &product) in tile.products[i * n..][..n].iter().enumerate() {
                    let mut distance = square + (factors.squares[j] - 2.0 * product);
                    // not when it is not a number
                    let sure = distance * ERROR_SHARE >= errors.absolute;
                    if !sure {
                        distance = (squared_distance(&rows[j], table.samples.row(row)) * scale_squared) as f32;
                    }
                    let nearest = self.nearest[j / per_run * self.rows + from + i].min(distance);
                    self.tried[j * self.rows + from + i] = nearest;
                    self.tried_sums[j] += f64::from(nearest);
                }
            }
        }
    }

    fn keep(&mut self, best: &[usize]) {
        let per_run = self.tried_sums.len() / best.len();
        for (run, best) in best.iter().enumerate() {
            let from = run * per_run + best;
            self.sums[run] = self.tried_sums[from];
            self.nearest[run * self.rows..][..self.rows].copy_from_slice(&self.tried[from * self.rows..][..self.rows]);
        }
    }
}
