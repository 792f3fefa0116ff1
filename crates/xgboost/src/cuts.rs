//! The edges of the histogram bins that a training made.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use crate::error::Error;
use crate::library::c_string;
use crate::matrix::DMatrix;

const FUNCTION: &str = "XGDMatrixGetQuantileCut";

impl DMatrix {
    /// For every column the upper edges of its histogram bins, rising, as a training by `tree_method = hist` on this table
    /// made them. Bin `b` holds the values below edge `b` and not below edge `b - 1`; the last one also all greater values.
    ///
    /// # Errors
    /// When no training binned this table yet.
    pub fn bin_edges(&self) -> Result<Vec<Vec<f32>>, Error> {
        let config = c_string("config", "{}")?;
        let (mut offsets, mut values) = (ptr::null(), ptr::null());
        // SAFETY: the handle is alive, the text ends in NUL and the pointers are valid for writing.
        let code = unsafe {
            (self.library().functions.matrix_cuts)(self.handle(), config.as_ptr(), &raw mut offsets, &raw mut values)
        };
        self.library().check(code, FUNCTION)?;
        // SAFETY: the library reports two of its own arrays, of u64 and of f32, in texts and buffers of this thread that live
        // until the thread's next such call on this table; all is copied here.
        let (offsets, values) = unsafe { (copy::<u64>(offsets, "<u8")?, copy::<f32>(values, "<f4")?) };
        let column = |bounds: &[u64]| {
            // The first value of a column is no edge but a value below its least one.
            let (start, end) = (bounds[0] as usize, bounds[1] as usize);
            values.get(start..end).and_then(|column| column.get(1..)).map(<[f32]>::to_vec)
        };
        let edges: Option<Vec<Vec<f32>>> = offsets.windows(2).map(column).collect();
        match edges {
            Some(edges) if edges.len() == self.n_features() => Ok(edges),
            _ => Err(Error::Call { function: FUNCTION, message: "the edges do not fit the table".to_owned() }),
        }
    }
}

/// Copies the one-dimensional array that an array interface of the library describes.
///
/// # Safety
/// `interface` must be null or a NUL-terminated text, whose address points at as many values of `T` as its shape says.
unsafe fn copy<T: Copy>(interface: *const c_char, type_name: &str) -> Result<Vec<T>, Error> {
    let malformed = || Error::Call { function: FUNCTION, message: "the array interface cannot be read".to_owned() };
    if interface.is_null() {
        return Err(malformed());
    }
    // SAFETY: the caller vouches for the text.
    let text = unsafe { CStr::from_ptr(interface) }.to_str().map_err(|_| malformed())?;
    if !text.contains(&format!("\"{type_name}\"")) {
        return Err(malformed());
    }
    let (address, length) =
        first_number(text, "\"data\"").zip(first_number(text, "\"shape\"")).ok_or_else(malformed)?;
    if length == 0 {
        return Ok(Vec::new());
    }
    let values = ptr::with_exposed_provenance::<T>(address);
    if values.is_null() || !values.is_aligned() {
        return Err(malformed());
    }
    // SAFETY: the caller vouches for address and shape.
    Ok(unsafe { slice::from_raw_parts(values, length) }.to_vec())
}

/// The first number after `key`.
fn first_number(text: &str, key: &str) -> Option<usize> {
    let after = &text[text.find(key)? + key.len()..];
    let digits = after.find(|c: char| c.is_ascii_digit())?;
    let end = after[digits..].find(|c: char| !c.is_ascii_digit()).map_or(after.len(), |length| digits + length);
    after[digits..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Booster;

    #[test]
    fn numbers_are_found_by_their_key() {
        let text = r#"{"data":[1234, true],"shape":[17],"typestr":"<f4"}"#;
        assert_eq!(first_number(text, "\"data\""), Some(1234));
        assert_eq!(first_number(text, "\"shape\""), Some(17));
        assert_eq!(first_number(text, "\"strides\""), None);
    }

    #[test]
    fn edges_part_the_values_they_were_made_of() {
        let features: Vec<f32> = (0..8).flat_map(|row| [row as f32, (row % 2) as f32]).collect();
        let mut data = DMatrix::from_dense(&features, 8, 2).unwrap();
        assert!(matches!(data.bin_edges(), Err(Error::Call { .. })), "nothing is binned yet");
        data.set_labels(&[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]).unwrap();
        let params = [("objective", "binary:logistic".to_owned()), ("tree_method", "hist".to_owned())];
        Booster::train(&params, &data, 1).unwrap();
        let edges = data.bin_edges().unwrap();
        assert_eq!(edges.len(), 2);
        assert!(edges.iter().all(|edges| edges.is_sorted()));
        let bin = |column: usize, value: f32| edges[column].partition_point(|&edge| edge <= value);
        assert_eq!((0..8).map(|value| bin(0, value as f32)).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert_eq!((bin(1, 0.0), bin(1, 1.0)), (0, 1));
    }
}
