#![doc = include_str!("../README.md")]

mod champion;
mod choose;
mod compose;
mod decide;
mod error;
mod io;
mod options;
mod params;
mod registry;
mod run;

pub use error::PromoteError;
pub use io::Promote;
pub use options::PromoteOptions;
pub use params::{PromoteParams, ValidPromoteParams};
pub use run::Job;
