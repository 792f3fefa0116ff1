#![doc = include_str!("../README.md")]

mod calibration;
mod clusters;
mod compositions;
mod costs;
mod curves;
mod data;
mod drift;
mod error;
mod evidence;
mod features;
mod glossary;
mod io;
mod lineage;
mod missing;
mod models;
mod notices;
mod options;
mod overview;
mod predictions;
mod promotion;
mod quarantine;
mod run;
mod summary;
mod time;
mod tracking;
mod words;

pub use error::ReportError;
pub use evidence::{Job, Stage};
pub use io::ReportStep;
pub use options::ReportOptions;
pub use tracking::Tracking;
