#![doc = include_str!("../README.md")]

mod error;
mod io;
mod options;
mod quality;
mod run;
mod side_by_side;

pub use error::ValidateError;
pub use io::Validate;
pub use options::{PurposeFlag, ValidateOptions};
pub use run::Job;
