//! Tables that go to the library a few rows at a time and are kept as histogram bins alone.

use std::ffi::c_int;
use std::ops::Range;
use std::ptr;

use crate::error::Error;
use crate::functions::DataIterHandle;
use crate::library::{Library, c_string};
use crate::matrix::DMatrix;

/// Rows that the library gets at a time.
const BATCH_ROWS: usize = 4_096;

/// Rows to train on.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRows<'a> {
    /// A table, row-major; NaN is a missing value.
    pub features: &'a [f32],
    /// Its number of columns.
    pub n_features: usize,
    /// The rows of the table to train on, in that order; all where none are named.
    pub rows: Option<&'a [usize]>,
    /// The label of each row to train on, 0 or 1 for the binary objectives.
    pub labels: &'a [f32],
    /// The weight of each row to train on; 1 where there are none.
    pub weights: Option<&'a [f32]>,
}

/// Hands the rows over. The library goes through them several times.
struct Feed<'a> {
    source: TrainingRows<'a>,
    /// What the library gets the rows at hand from.
    proxy: DMatrix,
    /// The first row of the next batch.
    next: usize,
    /// The rows at hand, where they do not lie together in the table.
    block: Vec<f32>,
    failure: Option<Error>,
}

impl DMatrix {
    /// Bins rows for a training by `tree_method = hist` with the same `max_bin`. The models are bit for bit those of a table that the library
    /// holds whole; it takes some two bytes a value where that takes about ten, and the rows need not lie together.
    ///
    /// # Errors
    /// When lengths differ, a row is not in the table, there are no rows, a value is infinite, or the library cannot be loaded.
    pub fn binned(source: TrainingRows<'_>, max_bin: u32) -> Result<Self, Error> {
        let library = Library::get()?;
        let n_samples = source.check()?;
        let config = c_string("config", &format!(r#"{{"missing": NaN, "nthread": 1, "max_bin": {max_bin}}}"#))?;
        let mut proxy = ptr::null_mut();
        // SAFETY: the pointer is valid for writing for the length of the call.
        let code = unsafe { (library.functions.proxy_create)(&raw mut proxy) };
        library.check(code, "XGProxyDMatrixCreate")?;
        let proxy = Self::from_handle(library, proxy, 0, source.n_features);
        let mut feed = Feed { source, proxy, next: 0, block: Vec::new(), failure: None };
        let mut handle = ptr::null_mut();
        let proxy = feed.proxy.handle();
        // SAFETY: `feed` outlives the call and is used by the callbacks alone while it lasts; the proxy is alive as a part of it, no
        // reference matrix is given, the text ends in NUL, and the pointer is valid for writing.
        let code = unsafe {
            (library.functions.matrix_from_batches)(
                (&raw mut feed).cast(),
                proxy,
                ptr::null_mut(),
                reset,
                next,
                config.as_ptr(),
                &raw mut handle,
            )
        };
        let matrix = library
            .check(code, "XGQuantileDMatrixCreateFromCallback")
            .map(|()| Self::from_handle(library, handle, n_samples, source.n_features));
        match feed.failure {
            Some(failure) => Err(failure),
            None => matrix,
        }
    }
}

impl TrainingRows<'_> {
    /// The number of rows to train on, if all fits together.
    fn check(&self) -> Result<usize, Error> {
        let n_rows = self.features.len().checked_div(self.n_features).unwrap_or(0);
        let length = |what, found, expected| {
            if found == expected { Ok(()) } else { Err(Error::Length { what, found, expected }) }
        };
        length("the feature table", self.features.len(), n_rows * self.n_features)?;
        let n_samples = self.rows.map_or(n_rows, <[usize]>::len);
        length("the list of labels", self.labels.len(), n_samples)?;
        length("the list of weights", self.weights.map_or(n_samples, <[f32]>::len), n_samples)?;
        if let Some(&row) = self.rows.unwrap_or_default().iter().find(|row| **row >= n_rows) {
            return Err(Error::Length { what: "the feature table", found: n_rows, expected: row + 1 });
        }
        if n_samples == 0 {
            return Err(Error::Length { what: "the list of rows", found: 0, expected: 1 });
        }
        Ok(n_samples)
    }
}

impl Feed<'_> {
    /// Shows the library the next rows, if there are more.
    fn advance(&mut self) -> Result<bool, Error> {
        let source = self.source;
        let batch = self.next..(self.next + BATCH_ROWS).min(source.labels.len());
        if batch.is_empty() {
            return Ok(false);
        }
        self.next = batch.end;
        let values =
            |rows: Range<usize>| &source.features[rows.start * source.n_features..rows.end * source.n_features];
        let values = match source.rows {
            None => values(batch.clone()),
            Some(rows) => {
                self.block.clear();
                rows[batch.clone()].iter().for_each(|&row| self.block.extend_from_slice(values(row..row + 1)));
                &self.block
            }
        };
        // SAFETY: the values live in the table or in the block, which stays as it is until the library asks for more.
        unsafe { self.proxy.show(values, batch.len()) }?;
        self.proxy.set_labels(&source.labels[batch.clone()])?;
        source.weights.map_or(Ok(()), |weights| self.proxy.set_weights(&weights[batch]))?;
        Ok(true)
    }
}

unsafe extern "C" fn reset(feed: DataIterHandle) {
    // SAFETY: the library hands back the `Feed` that it was given, on the thread that waits for it.
    unsafe { (*feed.cast::<Feed<'_>>()).next = 0 };
}

unsafe extern "C" fn next(feed: DataIterHandle) -> c_int {
    // SAFETY: as in `reset`.
    let feed = unsafe { &mut *feed.cast::<Feed<'_>>() };
    match feed.advance() {
        Ok(is_there) => c_int::from(is_there),
        Err(failure) => {
            feed.failure = Some(failure);
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Booster;

    const N_ROWS: usize = 2 * BATCH_ROWS + 100;
    const N_FEATURES: usize = 5;

    /// Columns of many values, of few, and with missing ones; labels and weights of the rows.
    fn table() -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let (mut features, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..N_ROWS {
            let row = [random(), random() * random(), (random() * 4.0).floor(), random(), random()];
            labels.push(f32::from(u8::from(row[0] + row[1] + 0.2 * row[4] > 1.0)));
            weights.push(1.0 + row[2]);
            features.extend(row);
            if row[3] < 0.2 {
                features[labels.len() * N_FEATURES - 2] = f32::NAN;
            }
        }
        (features, labels, weights)
    }

    fn model(data: &DMatrix, subsample: f64, max_bin: u32) -> Vec<u8> {
        let params = [
            ("objective", "binary:logistic".to_owned()),
            ("tree_method", "hist".to_owned()),
            ("nthread", "1".to_owned()),
            ("subsample", subsample.to_string()),
            ("max_bin", max_bin.to_string()),
        ];
        Booster::train(&params, data, 12).unwrap().to_ubjson().unwrap()
    }

    #[test]
    fn models_are_those_of_the_whole_table() {
        let (features, labels, weights) = table();
        let picked: Vec<usize> = (0..N_ROWS).filter(|row| row % 7 != 3).collect();
        let pick = |values: &[f32]| picked.iter().map(|&row| values[row]).collect::<Vec<f32>>();
        let copied: Vec<f32> =
            picked.iter().flat_map(|&row| &features[row * N_FEATURES..(row + 1) * N_FEATURES]).copied().collect();
        for (max_bin, subsample, is_weighted, is_picked) in
            [(256, 1.0, false, false), (16, 0.5, false, true), (64, 1.0, true, true), (1_000, 0.7, true, false)]
        {
            let rows = is_picked.then_some(picked.as_slice());
            let (values, labels, weights) = match rows {
                Some(_) => (&copied, pick(&labels), pick(&weights)),
                None => (&features, labels.clone(), weights.clone()),
            };
            let mut whole = DMatrix::from_dense(values, labels.len(), N_FEATURES).unwrap();
            whole.set_labels(&labels).unwrap();
            let weights = is_weighted.then_some(weights.as_slice());
            if let Some(weights) = weights {
                whole.set_weights(weights).unwrap();
            }
            let source = TrainingRows { features: &features, n_features: N_FEATURES, rows, labels: &labels, weights };
            let binned = DMatrix::binned(source, max_bin).unwrap();
            assert_eq!((binned.n_samples(), binned.n_features()), (labels.len(), N_FEATURES));
            let found = model(&binned, subsample, max_bin);
            assert!(found == model(&whole, subsample, max_bin), "{max_bin} {subsample} {is_weighted} {is_picked}");
            assert_eq!(binned.bin_edges().unwrap(), whole.bin_edges().unwrap());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let of = |features: &[f32], rows: Option<&[usize]>, labels: &[f32], weights: Option<&[f32]>| {
            DMatrix::binned(TrainingRows { features, n_features: 2, rows, labels, weights }, 16).err().unwrap()
        };
        let table = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(of(&table[1..], None, &[1.0], None).to_string(), "the feature table has 3 values, expected 2");
        assert_eq!(of(&table, None, &[1.0], None).to_string(), "the list of labels has 1 values, expected 2");
        let error = of(&table, None, &[0.0, 1.0], Some(&[1.0]));
        assert_eq!(error.to_string(), "the list of weights has 1 values, expected 2");
        let error = of(&table, Some(&[0, 2]), &[0.0, 1.0], None);
        assert_eq!(error.to_string(), "the feature table has 2 values, expected 3");
        assert!(matches!(of(&[], None, &[], None), Error::Length { what: "the list of rows", .. }));
        assert!(matches!(of(&table, None, &[0.0, 1.0], Some(&[1.0, -1.0])), Error::Call { .. }));
        let error = of(&[1.0, f32::INFINITY, 3.0, 4.0], None, &[0.0, 1.0], None);
        assert!(error.to_string().contains("inf"), "{error}");
    }
}
