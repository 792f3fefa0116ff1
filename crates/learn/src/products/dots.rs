//! Products of rows against rows that lie as they are, any subset of them: a few rows of each side at a time in registers.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use pulp::{Arch, Simd, WithSimd};

/// Writes the product of `a`'s row `rows[i]` and `b`'s row `j` to `out[i * n + j]`, where `n` is the number of rows of `b`.
/// Both hold rows of `width` values, a multiple of [`super::LANES`].
///
/// Every product is summed in the same order, whatever the other rows are.
pub(crate) fn dots(width: usize, a: &[f32], rows: &[u32], b: &[f32], out: &mut [f32]) {
    if width == 0 {
        out.fill(0.0);
    } else {
        Arch::new().dispatch(Dots { width, a, rows, b, out });
    }
}

struct Dots<'a> {
    width: usize,
    a: &'a [f32],
    rows: &'a [u32],
    b: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // as many sums as registers hold beside the values they are made of
        if S::REGISTER_COUNT >= 32 { self.blocks::<S, 4>(simd) } else { self.blocks::<S, 2>(simd) }
    }
}

impl Dots<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const M: usize>(self, simd: S) {
        let Self { width, a, rows, b, out } = self;
        let n = b.len() / width;
        let row = |i: u32| S::as_simd_f32s(&a[i as usize * width..][..width]).0;
        let (whole, rest) = rows.as_chunks::<M>();
        let mut out = out.chunks_mut(n * M);
        for (rows, out) in whole.iter().zip(&mut out) {
            strip::<S, M>(simd, rows.map(row), width, b, out);
        }
        for (&i, out) in rest.iter().zip(out.next().unwrap_or_default().chunks_mut(n)) {
            strip::<S, 1>(simd, [row(i)], width, b, out);
        }
    }
}

/// `M` rows against all of `b`.
#[inline(always)]
fn strip<S: Simd, const M: usize>(simd: S, a: [&[S::f32s]; M], width: usize, b: &[f32], out: &mut [f32]) {
    const N: usize = 6;
    let n = b.len() / width;
    let whole = n - n % N;
    for j in (0..whole).step_by(N) {
        tile::<S, M, N>(simd, a, width, &b[j * width..], &mut out[j..], n);
    }
    let (b, out) = (&b[whole * width..], out.get_mut(whole..).unwrap_or_default());
    match n % N {
        0 => {}
        1 => tile::<S, M, 1>(simd, a, width, b, out, n),
        2 => tile::<S, M, 2>(simd, a, width, b, out, n),
        3 => tile::<S, M, 3>(simd, a, width, b, out, n),
        4 => tile::<S, M, 4>(simd, a, width, b, out, n),
        _ => tile::<S, M, 5>(simd, a, width, b, out, n),
    }
}

/// `M` rows against the first `N` of `b`; the results of a row lie `stride` apart from those of the next.
#[inline(always)]
fn tile<S: Simd, const M: usize, const N: usize>(
    simd: S,
    a: [&[S::f32s]; M],
    width: usize,
    b: &[f32],
    out: &mut [f32],
    stride: usize,
) {
    let len = width / S::F32_LANES;
    // slices of one known length, so that the loop needs no checks
    let a = a.map(|row| &row[..len]);
    let b: [&[S::f32s]; N] = std::array::from_fn(|j| &S::as_simd_f32s(&b[j * width..][..width]).0[..len]);
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    for k in 0..len {
        for (sums, a) in sums.iter_mut().zip(&a) {
            for (sum, b) in sums.iter_mut().zip(&b) {
                *sum = simd.mul_add_e_f32s(a[k], b[k], *sum);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_mut(stride)) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = simd.reduce_sum_f32s(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::{dots_error, padded};

    fn product(one: &[f32], other: &[f32]) -> f64 {
        one.iter().zip(other).map(|(&one, &other)| f64::from(one) * f64::from(other)).sum()
    }

    #[test]
    fn all_shapes_are_within_the_bound() {
        let value = |i: usize| (i * 7_919 % 1_013) as f32 / 500.0 - 1.0;
        for (n_rows, n_others, width) in [(1, 1, 16), (4, 6, 48), (9, 13, 64), (3, 5, 32), (8, 12, padded(474))] {
            let values: Vec<f32> = (0..n_rows * width).map(value).collect();
            let others: Vec<f32> = (0..n_others * width).map(|i| value(i + 5)).collect();
            // every second row, backwards
            let rows: Vec<u32> = (0..n_rows as u32).rev().step_by(2).collect();
            let mut out = vec![f32::NAN; rows.len() * n_others];
            dots(width, &values, &rows, &others, &mut out);
            for (row, found) in rows.iter().zip(out.chunks(n_others)) {
                let row = &values[*row as usize * width..][..width];
                for (&found, other) in found.iter().zip(others.chunks(width)) {
                    let error = (f64::from(found) - product(row, other)).abs();
                    let norms = (product(row, row) * product(other, other)).sqrt();
                    let bound = f64::from(dots_error(width) * f32::EPSILON / 2.0) * norms;
                    assert!(error <= bound, "{n_rows} {n_others} {width}");
                }
            }
        }
    }

    #[test]
    fn no_columns_and_no_rows_are_fine() {
        let mut out = [1.0; 2];
        dots(0, &[], &[0, 1], &[], &mut out);
        assert_eq!(out.as_slice(), [0.0; 2]);
        dots(16, &[0.0; 16], &[], &[0.0; 16], &mut []);
    }
}
