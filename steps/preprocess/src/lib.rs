#![doc = include_str!("../README.md")]

mod error;
mod io;
mod options;
mod params;
mod run;
mod suspects;

pub use error::PreprocessError;
pub use io::Preprocess;
pub use options::PreprocessOptions;
pub use params::{ParamsError, PreprocessParams, ValidPreprocessParams};
pub use run::Job;
