//! Raw FFI and a safe API over the official XGBoost library.
