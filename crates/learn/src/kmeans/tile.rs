//! A few rows at a time, centred, and their products with centroids.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use crate::products::{Aligned, dots};

use super::prepared::Prepared;

/// Rows that are centred at a time: few enough for the second cache, and a bit for each.
pub(super) const TILE_ROWS: usize = 64;

/// Centroids made ready for products: centred, scaled, and their squares.
pub(super) struct Factors {
    width: usize,
    values: Aligned,
    pub(super) squares: Vec<f32>,
}

/// Room for the rows of a tile and their products.
pub(super) struct Tile {
    rows: Aligned,
    width: usize,
    /// Product of the `i`-th row asked for and centroid `j` at `i * n + j`.
    pub(super) products: Vec<f32>,
}

impl Factors {
    /// Of centroids one after the other, `n_features` values each.
    pub(super) fn new<'a>(table: &Prepared<'_>, centroids: impl ExactSizeIterator<Item = &'a [f64]>) -> Self {
        let width = table.width;
        let mut values = Aligned::zeros(centroids.len() * width);
        let mut squares = Vec::with_capacity(centroids.len());
        for (i, centroid) in centroids.enumerate() {
            squares.push(table.centre(centroid, &mut values.get_mut()[i * width..][..width]) as f32);
        }
        Self { width, values, squares }
    }

    /// The values of some of them.
    pub(super) fn values(&self, centroids: std::ops::Range<usize>) -> &[f32] {
        &self.values.get()[centroids.start * self.width..centroids.end * self.width]
    }
}

impl Tile {
    pub(super) fn new(table: &Prepared<'_>) -> Self {
        Self { rows: Aligned::zeros(TILE_ROWS * table.width), width: table.width, products: Vec::new() }
    }

    /// Centres those of the table's rows from `first` that have a bit, each into its place.
    #[inline(always)]
    pub(super) fn centre(&mut self, table: &Prepared<'_>, first: usize, places: u64) {
        let places = (0..TILE_ROWS).filter(|place| places >> place & 1 == 1);
        for place in places {
            let out = &mut self.rows.get_mut()[place * self.width..][..self.width];
            table.centre_row(table.samples.row(first + place), out);
        }
    }

    /// Multiplies the rows in those places with `n` centroids.
    pub(super) fn multiply(&mut self, places: &[u32], centroids: &[f32], n: usize) {
        self.products.resize(places.len() * n, 0.0);
        dots(self.width, self.rows.get(), places, centroids, &mut self.products);
    }
}
