#![doc = include_str!("../README.md")]
#![expect(
    unsafe_code,
    reason = "this crate is the one place that calls a C library; every call carries its own SAFETY note"
)]

mod binned;
mod booster;
mod cuts;
mod error;
mod functions;
mod library;
mod locate;
mod matrix;
mod ubjson;

pub use binned::TrainingRows;
pub use booster::{Booster, Output};
pub use error::Error;
pub use library::VERSION;
pub use matrix::DMatrix;
