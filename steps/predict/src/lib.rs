#![doc = include_str!("../README.md")]

mod error;
mod io;
mod merge;
mod options;
mod run;

pub use error::PredictError;
pub use io::Predict;
pub use options::PredictOptions;
pub use run::Job;
