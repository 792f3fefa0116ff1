//! Scalar products of many pairs of rows in f32, by the widest vector registers that the processor has.
//!
//! They are estimates: every caller knows a bound on their rounding error and measures again in f64 where it decides. So no
//! distance depends on the width of the registers, which is found when the program runs. Where KMeans draws rows, for its starts and
//! its swaps, sums of the estimates are the weights: their last bits do depend on it.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the widest registers")]

use pulp::{Arch, Simd, WithSimd};

mod dots;
mod panels;

pub(crate) use dots::dots;
pub(crate) use panels::{PANEL, Panels, add_squares, panel_products, panels_error};

/// Values that rows are filled up to a multiple of with zeros: the widest register of f32.
const LANES: usize = 16;

/// Rows start on a cache line, so that no register is loaded from two.
const LINE_BYTES: usize = 64;

/// The number of values that a row of `len` is stored with.
pub(crate) fn padded(len: usize) -> usize {
    len.div_ceil(LANES) * LANES
}

/// A buffer of f32 that starts on a cache line.
#[derive(Debug)]
pub(crate) struct Aligned {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let values = vec![0.0; len + LANES];
        // a start that cannot be aligned is slower, not wrong
        let start = values.as_ptr().align_offset(LINE_BYTES).min(LANES);
        Self { values, start, len }
    }

    /// The values.
    pub(crate) fn get(&self) -> &[f32] {
        &self.values[self.start..][..self.len]
    }

    /// The values, to change.
    pub(crate) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..][..self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        // the copy lies elsewhere and starts elsewhere
        let mut copy = Self::zeros(self.len);
        copy.get_mut().copy_from_slice(self.get());
        copy
    }
}

/// Runs `work` compiled for the widest registers there are.
pub(crate) fn widest<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// The rounding error of one of [`dots`] over `width` values, at most: this many times half a unit in the last place of
/// the product of the two norms.
pub(crate) fn dots_error(width: usize) -> f32 {
    // one rounding per value that a lane adds up, and those of adding up the lanes
    const LANE_SUM: usize = 8;
    (width.div_ceil(lanes()) + LANE_SUM) as f32
}

fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_on_a_cache_line_also_when_copied() {
        let mut buffer = Aligned::zeros(5);
        buffer.get_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let copy = buffer.clone();
        assert_eq!(copy.get(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        for buffer in [buffer, copy] {
            assert_eq!(buffer.get().as_ptr().addr() % LINE_BYTES, 0);
        }
    }
}
