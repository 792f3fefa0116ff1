//! Models: training, prediction and their bytes.

use std::ffi::{CStr, CString};
use std::{ptr, slice};

use crate::error::Error;
use crate::functions::{BoosterHandle, DMatrixHandle};
use crate::library::{Library, c_string};
use crate::matrix::DMatrix;
use crate::ubjson;

/// What [`Booster::predict`] gives per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The objective's value; with `binary:logistic` the probability of class 1. One value per row.
    Value,
    /// The sum of the trees before the objective's link function (log-odds). One value per row.
    Margin,
    /// `TreeSHAP` values: the share of each feature in the margin, then the bias; they add up to the margin.
    /// `n_features + 1` values per row.
    Contributions,
}

/// A trained model.
///
/// Everything runs on the threads given in `nthread`; training is the same bytes for one `nthread` always, and
/// predictions of a row depend on that row alone.
pub struct Booster {
    library: &'static Library,
    handle: BoosterHandle,
    n_features: usize,
}

// SAFETY: a Booster has no tie to the thread that made it.
unsafe impl Send for Booster {}
// SAFETY: what `&self` allows is prediction and saving; XGBoost documents prediction with tree boosters as thread-safe
// (its result buffers are thread-local), and saving only reads a model that nothing here changes once trained.
unsafe impl Sync for Booster {}

impl Booster {
    /// Trains `rounds` rounds with XGBoost's own parameter names and values.
    ///
    /// Rounds are prefix-consistent: the first `n` of a longer training are the model of `n` rounds.
    ///
    /// # Errors
    /// When the library refuses a parameter or the data, or has no labels for it.
    pub fn train(params: &[(&'static str, String)], data: &DMatrix, rounds: u32) -> Result<Self, Error> {
        let mut booster = Self::create(&[data.handle()])?;
        booster.n_features = data.n_features();
        for (name, value) in params {
            booster.set_param(name, value)?;
        }
        for round in 0..rounds {
            // SAFETY: both handles are alive; the booster shares the matrix for the length of the call.
            let code = unsafe {
                (booster.library.functions.booster_update)(
                    booster.handle,
                    i32::try_from(round).unwrap_or(i32::MAX),
                    data.handle(),
                )
            };
            booster.library.check(code, "XGBoosterUpdateOneIter")?;
        }
        Ok(booster)
    }

    /// Opens a model that [`Booster::to_ubjson`], or Python's `save_model`/`save_raw`, wrote. It predicts on `n_threads`
    /// threads.
    ///
    /// Bytes that are not one whole UBJSON object are refused before the library sees them. It trusts the values in it
    /// (the numbers of nodes, say), so a model from outside is to be checked by its digest first.
    ///
    /// # Errors
    /// When the bytes are no model, or one of a newer version.
    pub fn from_ubjson(bytes: &[u8], n_threads: u32) -> Result<Self, Error> {
        if !ubjson::is_whole_object(bytes) {
            return Err(Error::NotAModel { length: bytes.len() });
        }
        let mut booster = Self::create(&[])?;
        // SAFETY: pointer and length describe `bytes`, which the call only reads.
        let code = unsafe {
            (booster.library.functions.booster_load)(booster.handle, bytes.as_ptr().cast(), bytes.len() as u64)
        };
        booster.library.check(code, "XGBoosterLoadModelFromBuffer")?;
        booster.set_param("nthread", &n_threads.to_string())?;
        let mut n_features = 0;
        // SAFETY: the handle is alive and the pointer valid for writing for the length of the call.
        let code = unsafe { (booster.library.functions.booster_features)(booster.handle, &raw mut n_features) };
        booster.library.check(code, "XGBoosterGetNumFeature")?;
        booster.n_features = n_features as usize;
        Ok(booster)
    }

    /// The model as UBJSON, XGBoost's own portable format. The same model gives the same bytes.
    ///
    /// # Errors
    /// When the library cannot write it.
    pub fn to_ubjson(&self) -> Result<Vec<u8>, Error> {
        let config = c_string("config", r#"{"format": "ubj"}"#)?;
        let (mut length, mut bytes) = (0, ptr::null());
        // SAFETY: the handle is alive and the pointers valid for writing for the length of the call.
        let code = unsafe {
            (self.library.functions.booster_save)(self.handle, config.as_ptr(), &raw mut length, &raw mut bytes)
        };
        self.library.check(code, "XGBoosterSaveModelToBuffer")?;
        if bytes.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the library reports `length` bytes in a buffer of this thread that lives until the thread's next call
        // on this booster; it is copied here.
        Ok(unsafe { slice::from_raw_parts(bytes.cast::<u8>(), length as usize) }.to_vec())
    }

    /// Predicts every row of `data` with the first `rounds` rounds, or with all of them.
    ///
    /// The result is row-major, as wide as [`Output`] says.
    ///
    /// # Errors
    /// When the number of columns is not that of the training data, or there are fewer rounds than asked for.
    pub fn predict(&self, data: &DMatrix, output: Output, rounds: Option<u32>) -> Result<Vec<f32>, Error> {
        if data.n_features() != self.n_features {
            return Err(Error::Length {
                what: "a row of features",
                found: data.n_features(),
                expected: self.n_features,
            });
        }
        // The library reads a round limit of 0 as "all"; here it means none.
        let trained = self.rounds()?;
        let limit = rounds.unwrap_or(trained);
        if limit == 0 || limit > trained {
            return Err(Error::Length {
                what: "the range of rounds",
                found: limit as usize,
                expected: trained as usize,
            });
        }
        let kind = match output {
            Output::Value => 0,
            Output::Margin => 1,
            Output::Contributions => 2,
        };
        let config = c_string(
            "config",
            &format!(
                r#"{{"type": {kind}, "training": false, "iteration_begin": 0, "iteration_end": {limit}, "strict_shape": false}}"#
            ),
        )?;
        self.predict_with(data.handle(), &config)
    }

    /// Number of rounds in the model.
    ///
    /// # Errors
    /// When the library cannot tell.
    pub fn rounds(&self) -> Result<u32, Error> {
        let mut rounds = 0;
        // SAFETY: the handle is alive and the pointer valid for writing for the length of the call.
        let code = unsafe { (self.library.functions.booster_rounds)(self.handle, &raw mut rounds) };
        self.library.check(code, "XGBoosterBoostedRounds")?;
        Ok(u32::try_from(rounds).unwrap_or_default())
    }

    /// Levels below the root that each tree has, in the order of the rounds: 0 for a tree that is one leaf.
    ///
    /// # Errors
    /// When the library cannot write the model as text.
    pub fn tree_depths(&self) -> Result<Vec<u32>, Error> {
        let (names, format) = (c_string("feature map", "")?, c_string("format", "text")?);
        let (mut count, mut trees) = (0, ptr::null());
        // SAFETY: the handle is alive, both texts end in NUL and the pointers are valid for writing.
        let code = unsafe {
            (self.library.functions.booster_dump)(
                self.handle,
                names.as_ptr(),
                0,
                format.as_ptr(),
                &raw mut count,
                &raw mut trees,
            )
        };
        self.library.check(code, "XGBoosterDumpModelEx")?;
        if trees.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the library reports `count` texts that end in NUL and live until the thread's next call on this booster;
        // they are only read before that.
        let texts = unsafe { slice::from_raw_parts(trees, count as usize) };
        // A node stands on a line of its own, indented by one tab for every level.
        let indent = |line: &[u8]| line.iter().take_while(|&&byte| byte == b'\t').count() as u32;
        Ok(texts
            .iter()
            .map(|&text| {
                // SAFETY: as above.
                let text = unsafe { CStr::from_ptr(text) }.to_bytes();
                text.split(|&byte| byte == b'\n').map(indent).max().unwrap_or_default()
            })
            .collect())
    }

    /// Number of columns that a row must have.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    fn create(data: &[DMatrixHandle]) -> Result<Self, Error> {
        let library = Library::get()?;
        let mut handle = ptr::null_mut();
        // SAFETY: pointer and length describe `data`, whose handles are alive for the length of the call.
        let code = unsafe { (library.functions.booster_create)(data.as_ptr(), data.len() as u64, &raw mut handle) };
        library.check(code, "XGBoosterCreate")?;
        Ok(Self { library, handle, n_features: 0 })
    }

    fn set_param(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (name, value) = (c_string("parameter", name)?, c_string("parameter", value)?);
        // SAFETY: the handle is alive and both texts end in NUL.
        let code = unsafe { (self.library.functions.booster_set_param)(self.handle, name.as_ptr(), value.as_ptr()) };
        self.library.check(code, "XGBoosterSetParam")
    }

    fn predict_with(&self, data: DMatrixHandle, config: &CString) -> Result<Vec<f32>, Error> {
        let (mut shape, mut dimensions, mut values) = (ptr::null(), 0, ptr::null());
        // SAFETY: both handles are alive and the pointers valid for writing for the length of the call.
        let code = unsafe {
            (self.library.functions.booster_predict)(
                self.handle,
                data,
                config.as_ptr(),
                &raw mut shape,
                &raw mut dimensions,
                &raw mut values,
            )
        };
        self.library.check(code, "XGBoosterPredictFromDMatrix")?;
        if shape.is_null() || values.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the library reports `dimensions` extents, and as many values as their product, in buffers of this
        // thread that live until the thread's next prediction with this booster; they are copied here.
        unsafe {
            let extents = slice::from_raw_parts(shape, dimensions as usize);
            let count: u64 = extents.iter().product();
            Ok(slice::from_raw_parts(values, count as usize).to_vec())
        }
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is freed once. A failure has no one to tell it to.
        unsafe { (self.library.functions.booster_free)(self.handle) };
    }
}
