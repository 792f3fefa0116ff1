//! Some rows of all runs: what one task works on.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::exact::{nearest, squared_distance};
use super::prepared::{Errors, Prepared};
use super::run::{Run, WIDEN, row_mark};
use super::tile::{Factors, TILE_ROWS, Tile};

/// Chunks that a table is cut into, at most. Sums over all rows go chunk by chunk, so they do not depend on the threads.
const CHUNKS: usize = 16;

/// Rows of a chunk, at least.
const MIN_ROWS: usize = 256;

/// Centroids of several runs that are multiplied with the same rows together, at most.
const BATCH_CENTROIDS: usize = 64;

/// They are when at least this share of the pairs of row and run is asked for: it is faster per product.
const SHARE_OF_ALL: f64 = 0.7;

/// The label of a row that has no cluster yet.
const NONE: u32 = u32::MAX;

/// Some rows, and for every run their clusters and bounds on the distances.
pub(super) struct Chunk {
    first: usize,
    rows: usize,
    /// By run, then row; as the bounds.
    labels: Vec<u32>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    /// By cluster of all runs, then column: the sums of its rows.
    sums: Vec<f64>,
    n_features: usize,
    /// By cluster of all runs: what the last assignment changed.
    pub(super) flows: Vec<Flow>,
    /// By run: rows that went elsewhere.
    pub(super) changed: Vec<u64>,
}

/// Rows that came to a cluster and went from it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flow {
    pub(super) come: u64,
    pub(super) gone: u64,
    /// Their marks, those gone taken off.
    pub(super) mark: u64,
}

/// Room that is used again and again.
struct Room {
    tile: Tile,
    /// For every live run the rows of the tile that ask for distances.
    asked: Vec<Vec<u32>>,
    /// Rows that went elsewhere, and from where.
    changes: Vec<(u32, u32)>,
}

/// [`Chunk::assign`], compiled for the widest registers.
struct Assign<'a, 'b> {
    chunk: &'a mut Chunk,
    table: &'a Prepared<'b>,
    live: &'a [(usize, &'a Run)],
    factors: &'a Factors,
}

impl WithSimd for Assign<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.chunk.assign_here(self.table, self.live, self.factors);
    }
}

/// The rows of each chunk but the last.
fn size(n_samples: usize) -> usize {
    n_samples.div_ceil(CHUNKS).next_multiple_of(TILE_ROWS).max(MIN_ROWS)
}

/// How many chunks a table has.
pub(super) fn count(n_samples: usize) -> usize {
    n_samples.div_ceil(size(n_samples))
}

impl Chunk {
    /// All rows of a table.
    pub(super) fn all(table: &Prepared<'_>, n_runs: usize, n_clusters: usize) -> Vec<Self> {
        let (n_samples, n_features) = (table.samples.n_samples, table.samples.n_features);
        let size = size(n_samples);
        let chunk = |first| {
            let rows = size.min(n_samples - first);
            Self {
                first,
                rows,
                labels: vec![NONE; rows * n_runs],
                upper: vec![f32::INFINITY; rows * n_runs],
                lower: vec![0.0; rows * n_runs],
                sums: vec![0.0; n_clusters * n_features],
                n_features,
                flows: vec![Flow::default(); n_clusters],
                changed: vec![0; n_runs],
            }
        };
        (0..n_samples).step_by(size).map(chunk).collect()
    }

    /// The sums of a cluster's rows.
    pub(super) fn sums(&self, cluster: usize) -> &[f64] {
        &self.sums[cluster * self.n_features..][..self.n_features]
    }

    /// Gives every row of every live run to the nearest centroid; `factors` are the centroids of the live runs in order.
    pub(super) fn assign(&mut self, table: &Prepared<'_>, live: &[(usize, &Run)], factors: &Factors) {
        Arch::new().dispatch(Assign { chunk: self, table, live, factors });
    }

    #[inline(always)]
    fn assign_here(&mut self, table: &Prepared<'_>, live: &[(usize, &Run)], factors: &Factors) {
        self.flows.fill(Flow::default());
        self.changed.fill(0);
        let asked = vec![Vec::with_capacity(TILE_ROWS); live.len()];
        let mut room = Room { tile: Tile::new(table), asked, changes: Vec::new() };
        for from in (0..self.rows).step_by(TILE_ROWS) {
            let rows = from..(from + TILE_ROWS).min(self.rows);
            let mut any = 0_u64;
            for (asked, &(number, run)) in room.asked.iter_mut().zip(live) {
                self.ask(run, number, rows.clone(), asked);
                any |= asked.iter().fold(0, |bits, place| bits | 1 << place);
            }
            if any != 0 {
                room.tile.centre(table, self.first + from, any);
                self.assign_tile(table, live, factors, from, any, &mut room);
            }
        }
    }

    /// Settles the rows of a tile that ask for it, several runs at a time; `any` has a bit for each row that some run asks
    /// for.
    #[inline(always)]
    fn assign_tile(
        &mut self,
        table: &Prepared<'_>,
        live: &[(usize, &Run)],
        factors: &Factors,
        from: usize,
        any: u64,
        room: &mut Room,
    ) {
        let places: Vec<u32> = (0..TILE_ROWS as u32).filter(|place| any >> place & 1 == 1).collect();
        let (mut batch, mut centroid) = (0, 0);
        while batch < live.len() {
            let mut end = batch;
            let mut n = 0;
            let mut pairs = 0;
            while end < live.len() && (end == batch || n + live[end].1.n_clusters() <= BATCH_CENTROIDS) {
                n += live[end].1.n_clusters();
                pairs += room.asked[end].len();
                end += 1;
            }
            let together = pairs as f64 >= SHARE_OF_ALL * (places.len() * (end - batch)) as f64;
            if together {
                room.tile.multiply(&places, factors.values(centroid..centroid + n), n);
            }
            let mut column = 0;
            for (asked, &(number, run)) in room.asked[batch..end].iter().zip(&live[batch..end]) {
                let k = run.n_clusters();
                let squares = &factors.squares[centroid + column..][..k];
                let largest = squares.iter().copied().fold(0.0, f32::max);
                if !together {
                    room.tile.multiply(asked, factors.values(centroid + column..centroid + column + k), k);
                }
                room.changes.clear();
                for (at, &place) in asked.iter().enumerate() {
                    let products = if together {
                        // places rise, so the bits below tell where it is among them
                        let at = (any & ((1 << place) - 1)).count_ones() as usize;
                        &room.tile.products[at * n + column..][..k]
                    } else {
                        &room.tile.products[at * k..][..k]
                    };
                    let quick = Quick { squares, largest, products };
                    let row = from + place as usize;
                    if let Some(before) = self.settle(table, run, number, row, quick) {
                        room.changes.push((row as u32, before));
                    }
                }
                self.follow(table, number, run.first_cluster, &room.changes);
                column += k;
            }
            (batch, centroid) = (end, centroid + n);
        }
    }

    /// Moves the bounds along with the centroids and lists the rows that they do not settle.
    #[inline(always)]
    fn ask(&mut self, run: &Run, number: usize, rows: Range<usize>, asked: &mut Vec<u32>) {
        const NARROW: f32 = 1.0 / WIDEN;
        asked.clear();
        let all = number * self.rows + rows.start..number * self.rows + rows.end;
        let labels = &self.labels[all.clone()];
        if labels[0] == NONE {
            // then none of them has one
            asked.extend(0..labels.len() as u32);
            return;
        }
        let bounds = self.upper[all.clone()].iter_mut().zip(&mut self.lower[all]);
        let mut settled = [false; TILE_ROWS];
        for ((settled, &label), (upper, lower)) in settled.iter_mut().zip(labels).zip(bounds) {
            let label = label as usize;
            *upper = (*upper + run.moved[label]) * WIDEN;
            *lower = greater((*lower - run.others_moved[label]) * NARROW, 0.0);
            // not when one of them is not a number
            *settled = *upper < greater(*lower, run.half_gaps[label]);
        }
        asked.extend((0..labels.len() as u32).filter(|&place| !settled[place as usize]));
    }

    /// Gives a row to the nearest centroid, by the quick distances or by measuring where they do not tell. Gives the cluster
    /// where it was when that is another.
    #[inline(always)]
    fn settle(&mut self, table: &Prepared<'_>, run: &Run, number: usize, row: usize, quick: Quick<'_>) -> Option<u32> {
        let square = table.squares[self.first + row];
        let Errors { relative, absolute } = table.errors(square, quick.largest);
        let (mut best, mut own, mut others) = quick.two_least();
        // not when one of them is not a number
        let beyond_doubt = others - own > 2.0 * relative;
        if !beyond_doubt {
            let limit = own + 2.0 * relative;
            let in_question = run.centroids().enumerate().filter(|&(j, _)| {
                let too_far = quick.at(j) > limit;
                !too_far
            });
            best = nearest(in_question, table.samples.row(self.first + row)).0;
            own = quick.at(best);
            others = (0..quick.squares.len()).filter(|&j| j != best).map(|j| quick.at(j)).fold(f32::INFINITY, f32::min);
        }
        let at = number * self.rows + row;
        self.upper[at] = greater(square + own + absolute, 0.0).sqrt() * WIDEN;
        self.lower[at] = greater(square + others - absolute, 0.0).sqrt() / WIDEN;
        let before = std::mem::replace(&mut self.labels[at], best as u32);
        (before != best as u32).then_some(before)
    }

    /// Moves sums and counts along with rows of a run that went elsewhere.
    #[inline(always)]
    fn follow(&mut self, table: &Prepared<'_>, number: usize, first_cluster: usize, changes: &[(u32, u32)]) {
        self.changed[number] += changes.len() as u64;
        for &(row, from) in changes {
            let row = row as usize;
            let to = self.labels[number * self.rows + row];
            let mark = row_mark(self.first + row);
            if from != NONE {
                let flow = &mut self.flows[first_cluster + from as usize];
                flow.gone += 1;
                flow.mark = flow.mark.wrapping_sub(mark);
            }
            let flow = &mut self.flows[first_cluster + to as usize];
            flow.come += 1;
            flow.mark = flow.mark.wrapping_add(mark);
            self.move_sums(table, first_cluster, self.first + row, from, to);
        }
    }

    /// Takes a row from a sum and adds it to another.
    #[inline(always)]
    fn move_sums(&mut self, table: &Prepared<'_>, first_cluster: usize, row: usize, from: u32, to: u32) {
        let values = table.samples.row(row);
        let n_features = self.n_features;
        let sums = &mut self.sums;
        let at = |cluster: u32| (first_cluster + cluster as usize) * n_features;
        if from != NONE {
            let sums = &mut sums[at(from)..][..n_features];
            sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum -= f64::from(value));
        }
        let sums = &mut sums[at(to)..][..n_features];
        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
    }

    /// Moves a row of the table to a cluster of a run; gives the one where it was.
    pub(super) fn move_row(
        &mut self,
        table: &Prepared<'_>,
        number: usize,
        first_cluster: usize,
        row: usize,
        to: u32,
    ) -> u32 {
        let at = number * self.rows + row - self.first;
        // it is not the nearest one to it, so the bounds say nothing
        self.upper[at] = f32::INFINITY;
        let from = std::mem::replace(&mut self.labels[at], to);
        self.move_sums(table, first_cluster, row, from, to);
        from
    }
}

/// The greater of two numbers, the second when one is not a number: one instruction, which `f32::max` is not.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Quick distances of one row to the centroids of one run, less the row's square.
#[derive(Clone, Copy)]
struct Quick<'a> {
    squares: &'a [f32],
    largest: f32,
    products: &'a [f32],
}

impl Quick<'_> {
    #[inline(always)]
    fn at(&self, centroid: usize) -> f32 {
        self.squares[centroid] - 2.0 * self.products[centroid]
    }

    /// The centroid with the least, the least and the second least.
    #[inline(always)]
    fn two_least(&self) -> (usize, f32, f32) {
        let (mut best, mut least, mut second) = (0, f32::INFINITY, f32::INFINITY);
        for (j, (&product, &square)) in self.products.iter().zip(self.squares).enumerate() {
            let distance = square - 2.0 * product;
            if distance < least {
                (best, second, least) = (j, least, distance);
            } else if distance < second {
                second = distance;
            }
        }
        (best, least, second)
    }
}

/// The row that is furthest from its centroid among those that are not alone there, the first of equals, and its chunk;
/// none when all are on their centroids.
pub(super) fn furthest(table: &Prepared<'_>, chunks: &[Chunk], number: usize, run: &Run) -> Option<(usize, usize)> {
    let centroids: Vec<&[f64]> = run.centroids().collect();
    let of_chunk = |(index, chunk): (usize, &Chunk)| {
        let mut furthest = (0.0, None);
        for (i, &label) in chunk.labels[number * chunk.rows..][..chunk.rows].iter().enumerate() {
            let row = chunk.first + i;
            if run.counts()[label as usize] > 1 {
                let distance = squared_distance(centroids[label as usize], table.samples.row(row));
                if distance > furthest.0 {
                    furthest = (distance, Some((index, row)));
                }
            }
        }
        furthest
    };
    let all: Vec<_> = chunks.par_iter().enumerate().map(of_chunk).collect();
    all.into_iter().fold((0.0, None), |a, b| if b.0 > a.0 { b } else { a }).1
}
