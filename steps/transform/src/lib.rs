#![doc = include_str!("../README.md")]

mod error;
mod io;
mod options;
mod run;
mod side_by_side;

pub use error::TransformError;
pub use io::Transform;
pub use options::TransformOptions;
pub use run::Job;
