#![doc = include_str!("../README.md")]

mod database;
mod error;
mod io;
mod options;
mod run;

pub use error::LoadError;
pub use io::Load;
pub use options::LoadOptions;
pub use run::Job;
