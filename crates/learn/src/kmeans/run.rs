//! One run: its centroids, and what decides whether it goes on.

use super::chunk::Chunk;
use super::lloyd::{End, Start, Stop};
use super::prepared::Prepared;

/// What bounds in f32 are widened by, so that they hold whatever way they were rounded.
pub(super) const WIDEN: f32 = 1.0 + 4.0 * f32::EPSILON;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It goes on.
    Moving,
    /// The centroids stay; rows are given to them once more.
    Last,
    /// It is at its end.
    Done,
    /// Another run goes on in its place.
    Dropped,
}

/// One run.
pub(super) struct Run {
    pub(super) state: State,
    /// The number of its first cluster among those of all runs.
    pub(super) first_cluster: usize,
    n_clusters: usize,
    gain: f64,
    centroids: Vec<f64>,
    counts: Vec<u64>,
    /// Of every cluster a sum that is as good as unique for its rows.
    marks: Vec<u64>,
    iterations: u64,
    // for the quick pass, in its scale:
    /// How far every centroid moved, at most.
    pub(super) moved: Vec<f32>,
    /// How far any other centroid moved, at most.
    pub(super) others_moved: Vec<f32>,
    /// Half the distance of every centroid to the nearest other one, at least.
    pub(super) half_gaps: Vec<f32>,
}

impl Run {
    pub(super) fn new(start: Start, first_cluster: usize) -> Self {
        let Start { n_clusters, centroids } = start;
        Self {
            state: State::Moving,
            first_cluster,
            n_clusters,
            gain: f64::INFINITY,
            centroids,
            counts: vec![0; n_clusters],
            marks: vec![0; n_clusters],
            iterations: 0,
            moved: vec![0.0; n_clusters],
            others_moved: vec![0.0; n_clusters],
            half_gaps: vec![0.0; n_clusters],
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Moving | State::Last)
    }

    pub(super) fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub(super) fn centroids(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        let n_features = self.centroids.len() / self.n_clusters;
        (0..self.n_clusters).map(move |cluster| &self.centroids[cluster * n_features..][..n_features])
    }

    /// Where it ended, if it did.
    pub(super) fn end(self) -> Option<End> {
        let Self { n_clusters, centroids, gain, .. } = self;
        (self.state == State::Done).then_some(End { n_clusters, centroids, gain })
    }

    /// A number for the clusters' rows, whatever the order of the clusters; runs of other numbers of clusters have others.
    pub(super) fn mark(&self) -> u64 {
        self.marks.iter().fold(mixed(self.n_clusters as u64), |all, &mark| all.wrapping_add(mixed(mark)))
    }

    /// Follows what the last assignment changed; gives the number of rows that went elsewhere.
    pub(super) fn count(&mut self, number: usize, chunks: &[Chunk]) -> u64 {
        if !self.is_live() {
            return 0;
        }
        for chunk in chunks {
            for (cluster, flow) in chunk.flows[self.first_cluster..][..self.n_clusters].iter().enumerate() {
                self.counts[cluster] = self.counts[cluster] + flow.come - flow.gone;
                self.marks[cluster] = self.marks[cluster].wrapping_add(flow.mark);
            }
        }
        chunks.iter().map(|chunk| chunk.changed[number]).sum()
    }

    /// Moves one row from cluster to cluster.
    pub(super) fn move_row(&mut self, row: usize, from: u32, to: u32) {
        let (from, to) = (from as usize, to as usize);
        self.counts[from] -= 1;
        self.counts[to] += 1;
        self.marks[from] = self.marks[from].wrapping_sub(row_mark(row));
        self.marks[to] = self.marks[to].wrapping_add(row_mark(row));
    }

    /// Finds the gaps between the centroids.
    pub(super) fn find_gaps(&mut self, table: &Prepared<'_>) {
        let mut gaps = vec![f64::INFINITY; self.n_clusters];
        let centroids: Vec<&[f64]> = self.centroids().collect();
        for (i, a) in centroids.iter().enumerate() {
            for (j, b) in centroids.iter().enumerate().skip(i + 1) {
                let gap = distance(a, b);
                gaps[i] = gaps[i].min(gap);
                gaps[j] = gaps[j].min(gap);
            }
        }
        let half = 0.5 * f64::from(table.scale);
        self.half_gaps = gaps.iter().map(|gap| (gap * half) as f32 / WIDEN).collect();
    }

    /// Goes on to the means of the clusters, or ends.
    pub(super) fn step(&mut self, table: &Prepared<'_>, chunks: &[Chunk], changed: u64, stop: Stop) {
        let n_features = table.samples.n_features;
        let sums_of = |cluster: usize| {
            let mut sums = vec![0.0; n_features];
            for chunk in chunks {
                sums.iter_mut().zip(chunk.sums(self.first_cluster + cluster)).for_each(|(sum, part)| *sum += part);
            }
            sums
        };
        let sums: Vec<Vec<f64>> = (0..self.n_clusters).map(sums_of).collect();
        if self.state == State::Last || changed == 0 {
            let gain = |(cluster, centroid): (usize, &[f64])| {
                table.gain(centroid, sums[cluster].as_slice(), self.counts[cluster])
            };
            self.gain = self.centroids().enumerate().map(gain).sum();
            self.state = State::Done;
            return;
        }
        let mut moved = vec![0.0; self.n_clusters];
        for (cluster, sums) in sums.iter().enumerate().filter(|&(cluster, _)| self.counts[cluster] > 0) {
            let centroid = &mut self.centroids[cluster * n_features..][..n_features];
            let count = self.counts[cluster] as f64;
            for (value, sum) in centroid.iter_mut().zip(sums) {
                let mean = sum / count;
                moved[cluster] += (mean - *value).powi(2);
                *value = mean;
            }
        }
        self.iterations += 1;
        if moved.iter().sum::<f64>() <= stop.tolerance || self.iterations >= stop.max_n_iterations {
            self.state = State::Last;
        }
        let scale = f64::from(table.scale);
        self.moved = moved.iter().map(|square| (square.sqrt() * scale) as f32 * WIDEN).collect();
        self.others_moved = (0..self.n_clusters)
            .map(|i| (0..self.n_clusters).filter(|&j| j != i).map(|j| self.moved[j]).fold(0.0, f32::max))
            .collect();
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// A number for a row, of which sums are as good as unique.
pub(super) fn row_mark(row: usize) -> u64 {
    mixed(row as u64 + 1)
}

/// A well mixed number (the finaliser of SplitMix64, Steele, Lea and Flood, 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
