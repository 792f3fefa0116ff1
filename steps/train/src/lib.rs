#![doc = include_str!("../README.md")]

mod data;
mod error;
mod io;
mod options;
mod params;
mod run;
mod search;

pub use error::TrainError;
pub use io::Train;
pub use options::{ModelChoice, TrainOptions};
pub use params::{ForestSection, LogisticGrid, TrainParams, ValidGrid, ValidTrainParams};
pub use run::Job;
