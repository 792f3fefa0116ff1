//! Products of rows against a fixed table that was laid out for it: sixteen of its rows side by side, so that one register
//! holds a value of each and no sum goes across lanes.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use pulp::{Arch, Simd, WithSimd};

use super::{Aligned, LANES};

/// Rows that lie side by side.
pub(crate) const PANEL: usize = LANES;

/// Values that are summed at a time, so that what is read again and again stays in the first cache.
const DEPTH: usize = 128;

/// A table of rows of equal length, in panels of [`PANEL`] rows: first the first values of all, then the second ones.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    width: usize,
    values: Aligned,
}

impl Panels {
    /// Room for `n_rows` of `width` values, all zero; the rows of the last panel that are not there stay zero.
    pub(crate) fn zeros(n_rows: usize, width: usize) -> Self {
        Self { width, values: Aligned::zeros(n_rows.div_ceil(PANEL) * PANEL * width) }
    }

    /// Sets a value.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f32) {
        let at = (row / PANEL * self.width + column) * PANEL + row % PANEL;
        self.values.get_mut()[at] = value;
    }

    /// The panels in a range of their numbers.
    fn range(&self, panels: std::ops::Range<usize>) -> &[f32] {
        let size = self.width * PANEL;
        &self.values.get()[panels.start * size..panels.end * size]
    }
}

/// The rounding error of one of [`panel_products`] over `width` values, at most: this many times half a unit in the last
/// place of the product of the two norms.
pub(crate) fn panels_error(width: usize) -> f32 {
    (width.min(DEPTH) + width.div_ceil(DEPTH)) as f32
}

/// Writes the product of `rows`' row `i` and the `j`-th row of those panels to `out[i * stride + j]`, where `stride` is
/// the number of rows in them. `rows` has as many values per row as the panels.
pub(crate) fn panel_products(rows: &[f32], table: &Panels, panels: std::ops::Range<usize>, out: &mut [f32]) {
    let stride = panels.len() * PANEL;
    if table.width == 0 {
        out.fill(0.0);
    } else {
        Arch::new().dispatch(Job { rows, width: table.width, panels: table.range(panels), out, stride });
    }
}

/// Adds to `out[j]` the sum of the squares that the `j`-th row of those panels has in some columns.
pub(crate) fn add_squares(table: &Panels, panels: std::ops::Range<usize>, columns: &[u32], out: &mut [f32]) {
    if table.width > 0 {
        Arch::new().dispatch(Squares { width: table.width, panels: table.range(panels), columns, out });
    }
}

struct Squares<'a> {
    width: usize,
    panels: &'a [f32],
    columns: &'a [u32],
    out: &'a mut [f32],
}

impl WithSimd for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { width, panels, columns, out } = self;
        for (panel, out) in panels.chunks_exact(width * PANEL).zip(out.chunks_exact_mut(PANEL)) {
            let (panel, _) = panel.as_chunks::<PANEL>();
            let mut sums = [0.0; PANEL];
            for &column in columns {
                let values = &panel[column as usize];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * value);
            }
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    }
}

struct Job<'a> {
    rows: &'a [f32],
    width: usize,
    panels: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // rows, panels and registers per panel: as many sums as registers hold beside the values they are made of
        match S::F32_LANES {
            16 => self.all::<S, 8, 3, 1>(simd),
            8 => self.all::<S, 6, 1, 2>(simd),
            4 => self.all::<S, 6, 1, 4>(simd),
            _ => self.all::<S, 1, 1, PANEL>(simd),
        }
    }
}

impl Job<'_> {
    #[inline(always)]
    fn all<S: Simd, const M: usize, const P: usize, const V: usize>(mut self, simd: S) {
        let count = self.rows.len() / self.width;
        let whole = count - count % M;
        for from in (0..self.width).step_by(DEPTH) {
            for row in (0..whole).step_by(M) {
                self.some::<S, M, P, V>(simd, row, from);
            }
            for row in whole..count {
                self.some::<S, 1, P, V>(simd, row, from);
            }
        }
    }

    /// `M` rows from `row` against all panels, over the values from `from`.
    #[inline(always)]
    fn some<S: Simd, const M: usize, const P: usize, const V: usize>(&mut self, simd: S, row: usize, from: usize) {
        let (width, table) = (self.width, self.panels);
        let len = DEPTH.min(width - from);
        // side by side, so that they are read in one stream
        let mut rows = [[0.0; M]; DEPTH];
        for r in 0..M {
            let values = &self.rows[(row + r) * width + from..][..len];
            rows.iter_mut().zip(values).for_each(|(rows, &value)| rows[r] = value);
        }
        let panel_at = |panel: usize| {
            let values = &table[(panel * width + from) * PANEL..][..len * PANEL];
            S::as_simd_f32s(values).0.as_chunks::<V>().0
        };
        let count = table.len() / (width * PANEL);
        let whole = count - count % P;
        for panel in (0..whole).step_by(P) {
            let panels: [_; P] = std::array::from_fn(|p| panel_at(panel + p));
            let out = &mut self.out[row * self.stride + panel * PANEL..];
            tile::<S, M, P, V>(simd, &rows[..len], panels, out, self.stride, from > 0);
        }
        for panel in whole..count {
            let out = &mut self.out[row * self.stride + panel * PANEL..];
            tile::<S, M, 1, V>(simd, &rows[..len], [panel_at(panel)], out, self.stride, from > 0);
        }
    }
}

/// `M` rows against `P` panels over one stretch of values; sets or adds.
#[inline(always)]
fn tile<S: Simd, const M: usize, const P: usize, const V: usize>(
    simd: S,
    rows: &[[f32; M]],
    panels: [&[[S::f32s; V]]; P],
    out: &mut [f32],
    stride: usize,
    add: bool,
) {
    // slices of one known length, so that the loop needs no checks
    let panels = panels.map(|panel| &panel[..rows.len()]);
    let mut sums = [[[simd.splat_f32s(0.0); V]; P]; M];
    for (k, rows) in rows.iter().enumerate() {
        for (sums, &value) in sums.iter_mut().zip(rows) {
            let value = simd.splat_f32s(value);
            for (sums, panel) in sums.iter_mut().zip(&panels) {
                for (sum, &other) in sums.iter_mut().zip(&panel[k]) {
                    *sum = simd.mul_add_e_f32s(value, other, *sum);
                }
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_mut(stride)) {
        let (out, _) = S::as_mut_simd_f32s(&mut out[..P * PANEL]);
        for (out, &sum) in out.iter_mut().zip(sums.as_flattened()) {
            *out = if add { simd.add_f32s(*out, sum) } else { sum };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(one: &[f32], other: &[f32]) -> f64 {
        one.iter().zip(other).map(|(&one, &other)| f64::from(one) * f64::from(other)).sum()
    }

    fn table(values: &[f32], width: usize) -> Panels {
        let mut table = Panels::zeros(values.len() / width, width);
        for (i, &value) in values.iter().enumerate() {
            table.set(i / width, i % width, value);
        }
        table
    }

    #[test]
    fn all_shapes_are_within_the_bound() {
        let value = |i: usize| (i * 7_919 % 1_013) as f32 / 500.0 - 1.0;
        for (n_rows, n_others, width) in [(1, 1, 1), (8, 48, 128), (13, 70, 129), (7, 100, 300), (16, 16, 7)] {
            let rows: Vec<f32> = (0..n_rows * width).map(value).collect();
            let others: Vec<f32> = (0..n_others * width).map(|i| value(i + 5)).collect();
            let table = table(&others, width);
            let count = n_others.div_ceil(PANEL);
            // all panels, and the last alone
            for first in [0, count - 1] {
                let stride = (count - first) * PANEL;
                let mut out = vec![f32::NAN; n_rows * stride];
                panel_products(&rows, &table, first..count, &mut out);
                for (row, found) in rows.chunks(width).zip(out.chunks(stride)) {
                    for (&found, other) in found.iter().zip(others.chunks(width).skip(first * PANEL)) {
                        let error = (f64::from(found) - product(row, other)).abs();
                        let norms = (product(row, row) * product(other, other)).sqrt();
                        let bound = f64::from(panels_error(width) * f32::EPSILON / 2.0) * norms;
                        assert!(error <= bound, "{n_rows} {n_others} {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn squares_of_some_columns_are_added() {
        let values: Vec<f32> = (0..60_u8).map(f32::from).collect();
        let mut out = vec![0.5; 2 * PANEL];
        add_squares(&table(&values, 3), 0..2, &[0, 2], &mut out);
        for (row, out) in values.chunks(3).zip(&out) {
            assert!((out - (0.5 + row[0] * row[0] + row[2] * row[2])).abs() < 1e-3);
        }
    }
}
