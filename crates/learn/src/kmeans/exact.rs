//! Distances in f64: what decides in the end. Always summed in the same order, on any processor.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use rayon::prelude::*;

use crate::classifier::Samples;
use crate::products::widest;

/// Rows that one task measures; sums over rows go over these in order, so they do not depend on the number of threads.
pub(super) const CHUNK_ROWS: usize = 1024;

/// Squared distance of a centroid and a row.
///
/// In eight lanes, so that the compiler can use wide registers.
#[inline(always)]
pub(super) fn squared_distance(centroid: &[f64], row: &[f32]) -> f64 {
    const LANES: usize = 8;
    let (centroids, rest_c) = centroid.as_chunks::<LANES>();
    let (rows, rest_r) = row.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (c, r) in centroids.iter().zip(rows) {
        for lane in 0..LANES {
            let difference = c[lane] - f64::from(r[lane]);
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = rest_c.iter().zip(rest_r).map(|(c, &r)| (c - f64::from(r)).powi(2)).sum();
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])) + rest
}

/// The nearest of some centroids, the lower number of equals, and the squared distance to it.
#[inline(always)]
pub(super) fn nearest<'a>(centroids: impl Iterator<Item = (usize, &'a [f64])>, row: &[f32]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (cluster, centroid) in centroids {
        let distance = squared_distance(centroid, row);
        if distance < best.1 {
            best = (cluster, distance);
        }
    }
    best
}

/// For every row the nearest centroid and the squared distance to it.
pub(super) fn assign(samples: &Samples<'_>, centroids: &[Vec<f64>]) -> Vec<(usize, f64)> {
    let mut assigned = vec![(0, 0.0); samples.n_samples];
    assigned.par_chunks_mut(CHUNK_ROWS).enumerate().for_each(|(chunk, assigned)| {
        widest(|| {
            for (i, assigned) in assigned.iter_mut().enumerate() {
                let centroids = centroids.iter().map(Vec::as_slice).enumerate();
                *assigned = nearest(centroids, samples.row(chunk * CHUNK_ROWS + i));
            }
        });
    });
    assigned
}
