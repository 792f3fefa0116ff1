//! The functions of XGBoost's C API that are used here, declared by hand after its documentation.

use std::ffi::{c_char, c_float, c_int, c_void};

/// `DMatrixHandle` of the C API.
pub(crate) type DMatrixHandle = *mut c_void;
/// `BoosterHandle` of the C API.
pub(crate) type BoosterHandle = *mut c_void;
/// `DataIterHandle` of the C API: what the callbacks get.
pub(crate) type DataIterHandle = *mut c_void;
/// `DataIterResetCallback` of the C API.
pub(crate) type ResetCallback = unsafe extern "C" fn(DataIterHandle);
/// `XGDMatrixCallbackNext` of the C API: 1 when there was another batch, 0 at the end.
pub(crate) type NextCallback = unsafe extern "C" fn(DataIterHandle) -> c_int;
/// `bst_ulong` of the C API.
pub(crate) type BstUlong = u64;

macro_rules! functions {
    ($($name:ident = $symbol:literal ($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The library's entry points. Each returns 0, or -1 with a message in `last_error` of the same thread.
        pub(crate) struct Functions {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Looks all functions up by name.
            ///
            /// # Safety
            /// `library` must be an XGBoost library, whose functions of these names have these signatures, and must
            /// stay loaded for as long as the functions are called.
            pub(crate) unsafe fn resolve(library: &libloading::Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the caller vouches for the signatures.
                    $($name: unsafe { *library.get($symbol)? },)*
                })
            }
        }
    };
}

functions! {
    version = b"XGBoostVersion\0" (*mut c_int, *mut c_int, *mut c_int);
    last_error = b"XGBGetLastError\0" () -> *const c_char;
    matrix_from_dense = b"XGDMatrixCreateFromDense\0" (*const c_char, *const c_char, *mut DMatrixHandle) -> c_int;
    matrix_from_batches = b"XGQuantileDMatrixCreateFromCallback\0" (
        DataIterHandle, DMatrixHandle, DMatrixHandle, ResetCallback, NextCallback, *const c_char, *mut DMatrixHandle
    ) -> c_int;
    proxy_create = b"XGProxyDMatrixCreate\0" (*mut DMatrixHandle) -> c_int;
    proxy_set_dense = b"XGProxyDMatrixSetDataDense\0" (DMatrixHandle, *const c_char) -> c_int;
    matrix_set_info = b"XGDMatrixSetInfoFromInterface\0" (DMatrixHandle, *const c_char, *const c_char) -> c_int;
    matrix_cuts = b"XGDMatrixGetQuantileCut\0" (
        DMatrixHandle, *const c_char, *mut *const c_char, *mut *const c_char
    ) -> c_int;
    matrix_free = b"XGDMatrixFree\0" (DMatrixHandle) -> c_int;
    booster_create = b"XGBoosterCreate\0" (*const DMatrixHandle, BstUlong, *mut BoosterHandle) -> c_int;
    booster_free = b"XGBoosterFree\0" (BoosterHandle) -> c_int;
    booster_set_param = b"XGBoosterSetParam\0" (BoosterHandle, *const c_char, *const c_char) -> c_int;
    booster_update = b"XGBoosterUpdateOneIter\0" (BoosterHandle, c_int, DMatrixHandle) -> c_int;
    booster_predict = b"XGBoosterPredictFromDMatrix\0" (
        BoosterHandle, DMatrixHandle, *const c_char, *mut *const BstUlong, *mut BstUlong, *mut *const c_float
    ) -> c_int;
    booster_features = b"XGBoosterGetNumFeature\0" (BoosterHandle, *mut BstUlong) -> c_int;
    booster_rounds = b"XGBoosterBoostedRounds\0" (BoosterHandle, *mut c_int) -> c_int;
    booster_dump = b"XGBoosterDumpModelEx\0" (
        BoosterHandle, *const c_char, c_int, *const c_char, *mut BstUlong, *mut *const *const c_char
    ) -> c_int;
    booster_save = b"XGBoosterSaveModelToBuffer\0" (
        BoosterHandle, *const c_char, *mut BstUlong, *mut *const c_char
    ) -> c_int;
    booster_load = b"XGBoosterLoadModelFromBuffer\0" (BoosterHandle, *const c_void, BstUlong) -> c_int;
}
