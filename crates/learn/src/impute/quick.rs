//! The quick pass: for a block of rows and all donors, what their distance is at least.
//!
//! With missing values as zeros, the sum of squared differences over the columns that both have is `|x|^2 + |y|^2 - 2 x.y`
//! less the squares of one that stand where the other misses. The product is a matrix product; the corrections are sums
//! over missing values only, of which there are few.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use pulp::{Arch, Simd, WithSimd};

use super::BLOCK_ROWS;
use super::donors::{Donors, centred};
use crate::products::{PANEL, add_squares, panel_products, panels_error};

/// Panels of donors that are multiplied with a block of rows at a time, so that donors and products stay in the cache.
const BLOCK_PANELS: usize = 24;

/// Roundings of one estimate beside those of its sums, generously.
const OTHER_ROUNDINGS: f32 = 24.0;

/// For every row of the block and every donor a lower bound on their mean squared difference, scaled; infinite when they
/// share no column, and below everything when nothing is known. By row, then donor.
pub(super) fn estimates(donors: &Donors, block: &[&mut [f32]]) -> Vec<f32> {
    let rows = Rows::new(donors, block);
    let n_donors = donors.len();
    let mut estimates = vec![0.0; block.len() * n_donors];
    let room = BLOCK_PANELS * PANEL;
    let mut products = vec![0.0; block.len() * room];
    let mut corrections = Corrections::new(room);
    for first in (0..n_donors).step_by(room) {
        let count = room.min(n_donors - first);
        let panels = first / PANEL..(first + count).div_ceil(PANEL);
        let stride = panels.len() * PANEL;
        let products = &mut products[..block.len() * stride];
        panel_products(&rows.centred, &donors.centred, panels.clone(), products);
        Arch::new().dispatch(Follow { corrections: &mut corrections, donors, rows: &rows, first, count });
        for row in 0..block.len() {
            corrections.of_row.clear();
            corrections.of_row.resize(stride, 0.0);
            add_squares(&donors.centred, panels.clone(), &rows.missing[row], &mut corrections.of_row);
            let (products, out) =
                (&products[row * stride..][..count], &mut estimates[row * n_donors + first..][..count]);
            Arch::new().dispatch(Combine {
                corrections: &mut corrections,
                donors,
                rows: &rows,
                first,
                row,
                products,
                out,
            });
        }
    }
    estimates
}

/// A block of rows, laid out for the products and for following the donors' missing values.
struct Rows {
    /// Centred and scaled, 0 where missing; by row.
    centred: Vec<f32>,
    /// Sum of the squares of every row.
    squares: Vec<f32>,
    /// The columns that every row misses.
    missing: Vec<Vec<u32>>,
    /// Squares of the centred values, by column, then row.
    by_column: Vec<[f32; BLOCK_ROWS]>,
    /// 1 where missing, by column, then row.
    missing_by_column: Vec<[u32; BLOCK_ROWS]>,
}

impl Rows {
    fn new(donors: &Donors, block: &[&mut [f32]]) -> Self {
        let n_features = donors.n_features();
        let mut rows = Self {
            centred: vec![0.0; block.len() * n_features],
            squares: Vec::with_capacity(block.len()),
            missing: vec![Vec::new(); block.len()],
            by_column: vec![[0.0; BLOCK_ROWS]; n_features],
            missing_by_column: vec![[0; BLOCK_ROWS]; n_features],
        };
        for (i, row) in block.iter().enumerate() {
            let mut square = 0.0;
            for (column, value) in centred(row, &donors.means, donors.scale).enumerate() {
                if let Some(value) = value {
                    rows.centred[i * n_features + column] = value;
                    rows.by_column[column][i] = value * value;
                    square += f64::from(value).powi(2);
                } else {
                    rows.missing[i].push(column as u32);
                    rows.missing_by_column[column][i] = 1;
                }
            }
            rows.squares.push(square as f32);
        }
        rows
    }
}

/// What is to be taken off for some donors.
struct Corrections {
    /// By donor, then row: squares of the row where the donor misses.
    of_donors: Vec<[f32; BLOCK_ROWS]>,
    /// By donor, then row: columns that both miss.
    both_miss: Vec<[u32; BLOCK_ROWS]>,
    /// Of one row, by donor: squares of the donor where the row misses.
    of_row: Vec<f32>,
}

impl Corrections {
    fn new(n_donors: usize) -> Self {
        let (of_donors, both_miss) = (vec![[0.0; BLOCK_ROWS]; n_donors], vec![[0; BLOCK_ROWS]; n_donors]);
        Self { of_donors, both_miss, of_row: Vec::new() }
    }
}

/// Sums up what stands in the rows where the donors miss.
struct Follow<'a> {
    corrections: &'a mut Corrections,
    donors: &'a Donors,
    rows: &'a Rows,
    first: usize,
    count: usize,
}

impl WithSimd for Follow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { corrections, donors, rows, first, count } = self;
        let places = corrections.of_donors.iter_mut().zip(&mut corrections.both_miss).take(count);
        for (donor, (squares, misses)) in places.enumerate() {
            let (mut sums, mut counts) = ([0.0; BLOCK_ROWS], [0_u32; BLOCK_ROWS]);
            for &column in donors.missing(first + donor) {
                let column = column as usize;
                sums.iter_mut().zip(&rows.by_column[column]).for_each(|(sum, square)| *sum += square);
                let misses = &rows.missing_by_column[column];
                counts.iter_mut().zip(misses).for_each(|(count, &missing)| *count = count.wrapping_add(missing));
            }
            (*squares, *misses) = (sums, counts);
        }
    }
}

/// Puts the estimates of one row together.
struct Combine<'a> {
    corrections: &'a mut Corrections,
    donors: &'a Donors,
    rows: &'a Rows,
    first: usize,
    row: usize,
    products: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { corrections, donors, rows, first, row, products, out } = self;
        let n_features = donors.n_features();
        let square = rows.squares[row];
        let missing = rows.missing[row].len();
        // The product is off by at most its roundings times half a unit times both norms, and twice that is no more than the
        // sum of the squares; a correction by one rounding per value. The last term covers what is too small for f32.
        let roundings = panels_error(n_features) + OTHER_ROUNDINGS + missing as f32;
        let tiny = f32::MIN_POSITIVE * n_features as f32;
        let places = corrections.of_donors.iter().zip(&corrections.both_miss).zip(&corrections.of_row);
        for (donor, (((of_donor, both), &of_row), (&product, out))) in places.zip(products.iter().zip(out)).enumerate()
        {
            let other = donors.squares[first + donor];
            let others_missing = donors.missing(first + donor).len();
            let common = (n_features + both[row] as usize - missing - others_missing) as f32;
            let sum = square + other;
            let error = f32::EPSILON / 2.0 * (roundings + others_missing as f32) * sum + tiny;
            let at_least = ((sum - 2.0 * product) - of_donor[row] - of_row - error) / common;
            // not a number when the row's values are beyond f32
            let at_least = if at_least.is_nan() { f32::NEG_INFINITY } else { at_least };
            *out = if common > 0.0 { at_least } else { f32::INFINITY };
        }
    }
}
