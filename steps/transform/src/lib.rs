#![doc = include_str!("../README.md")]

mod error;
mod io;
mod options;
mod run;

pub use error::TransformError;
pub use io::Transform;
pub use options::TransformOptions;
pub use run::Job;
