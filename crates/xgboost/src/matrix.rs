//! Tables as XGBoost holds them.

use std::ptr;

use crate::error::Error;
use crate::functions::DMatrixHandle;
use crate::library::{Library, c_string};

/// A table of features, with labels and weights where they were set. XGBoost's own copy: the caller's buffers are free
/// again when a call returns.
pub struct DMatrix {
    library: &'static Library,
    handle: DMatrixHandle,
    n_samples: usize,
    n_features: usize,
}

// SAFETY: a DMatrix has no tie to the thread that made it. It is not Sync: training bins its features lazily.
unsafe impl Send for DMatrix {}

impl DMatrix {
    /// Copies `n_samples` x `n_features` row-major values; NaN is a missing value.
    ///
    /// # Errors
    /// When the buffer holds another number of values, holds an infinity, or the library cannot be loaded.
    pub fn from_dense(features: &[f32], n_samples: usize, n_features: usize) -> Result<Self, Error> {
        let library = Library::get()?;
        let expected = n_samples.saturating_mul(n_features);
        if features.len() != expected {
            return Err(Error::Length { what: "the feature table", found: features.len(), expected });
        }
        let table = c_string("array interface", &array_interface(features, &format!("[{n_samples}, {n_features}]")))?;
        // One thread: the copy is bound by memory, and callers run tables side by side.
        let config = c_string("config", r#"{"missing": NaN, "nthread": 1}"#)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the interface describes `features`, which outlives the call; the library copies what it keeps.
        let code = unsafe { (library.functions.matrix_from_dense)(table.as_ptr(), config.as_ptr(), &raw mut handle) };
        library.check(code, "XGDMatrixCreateFromDense")?;
        Ok(Self::from_handle(library, handle, n_samples, n_features))
    }

    /// Takes over a handle of the library's that nothing else frees.
    pub(crate) fn from_handle(
        library: &'static Library,
        handle: DMatrixHandle,
        n_samples: usize,
        n_features: usize,
    ) -> Self {
        Self { library, handle, n_samples, n_features }
    }

    /// Shows the library the rows at hand, for a matrix that is a proxy.
    ///
    /// # Safety
    /// The rows are not copied: they must live until the library has read them.
    pub(crate) unsafe fn show(&mut self, features: &[f32], n_samples: usize) -> Result<(), Error> {
        let shape = format!("[{n_samples}, {}]", self.n_features);
        let table = c_string("array interface", &array_interface(features, &shape))?;
        // SAFETY: the handle is alive, and the caller vouches for the values.
        let code = unsafe { (self.library.functions.proxy_set_dense)(self.handle, table.as_ptr()) };
        self.library.check(code, "XGProxyDMatrixSetDataDense")?;
        self.n_samples = n_samples;
        Ok(())
    }

    /// Sets the label of every row (0 or 1 for the binary objectives).
    ///
    /// # Errors
    /// When there are not as many labels as rows.
    pub fn set_labels(&mut self, labels: &[f32]) -> Result<(), Error> {
        self.set_info("label", labels)
    }

    /// Sets the weight of every row. Without weights every row counts 1.
    ///
    /// # Errors
    /// When there are not as many weights as rows, or one is negative.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<(), Error> {
        self.set_info("weight", weights)
    }

    /// Number of rows.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    pub(crate) fn library(&self) -> &'static Library {
        self.library
    }

    pub(crate) fn handle(&self) -> DMatrixHandle {
        self.handle
    }

    fn set_info(&mut self, field: &'static str, values: &[f32]) -> Result<(), Error> {
        if values.len() != self.n_samples {
            return Err(Error::Length { what: field, found: values.len(), expected: self.n_samples });
        }
        let name = c_string("field", field)?;
        let array = c_string("array interface", &array_interface(values, &format!("[{}]", values.len())))?;
        // SAFETY: the handle is alive; the interface describes `values`, which outlives the call and is copied.
        let code = unsafe { (self.library.functions.matrix_set_info)(self.handle, name.as_ptr(), array.as_ptr()) };
        self.library.check(code, "XGDMatrixSetInfoFromInterface")
    }
}

impl Drop for DMatrix {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is freed once. A failure has no one to tell it to.
        unsafe { (self.library.functions.matrix_free)(self.handle) };
    }
}

/// `NumPy`'s array interface, version 3, of a read-only C-contiguous `f32` buffer.
fn array_interface(values: &[f32], shape: &str) -> String {
    let typestr = if cfg!(target_endian = "big") { ">f4" } else { "<f4" };
    format!(
        r#"{{"data": [{}, true], "shape": {shape}, "typestr": "{typestr}", "version": 3}}"#,
        values.as_ptr().expose_provenance()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_the_wrong_size_is_refused() {
        let error = DMatrix::from_dense(&[1.0; 5], 2, 3).err().unwrap();
        assert_eq!(error.to_string(), "the feature table has 5 values, expected 6");
    }

    #[test]
    fn an_infinity_is_refused_with_the_librarys_words() {
        let error = DMatrix::from_dense(&[1.0, f32::INFINITY], 2, 1).err().unwrap();
        assert!(error.to_string().contains("inf"), "{error}");
    }

    #[test]
    fn labels_go_row_by_row() {
        let mut data = DMatrix::from_dense(&[1.0, f32::NAN], 2, 1).unwrap();
        data.set_labels(&[0.0, 1.0]).unwrap();
        data.set_weights(&[0.5, 2.0]).unwrap();
        assert_eq!((data.n_samples(), data.n_features()), (2, 1));
        let error = data.set_labels(&[0.0]).unwrap_err();
        assert_eq!(error.to_string(), "label has 1 values, expected 2");
    }

    #[test]
    fn a_negative_weight_is_refused() {
        let mut data = DMatrix::from_dense(&[1.0, 2.0], 2, 1).unwrap();
        assert!(matches!(data.set_weights(&[1.0, -1.0]), Err(Error::Call { .. })));
    }
}
