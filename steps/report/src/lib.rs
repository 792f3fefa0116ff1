#![doc = include_str!("../README.md")]

mod clusters;
mod data;
mod error;
mod evidence;
mod io;
mod lineage;
mod models;
mod options;
mod overview;
mod predictions;
mod promotion;
mod run;

pub use error::ReportError;
pub use evidence::{Job, Stage};
pub use io::ReportStep;
pub use options::{PipelineFlag, ReportOptions};
