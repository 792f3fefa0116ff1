#![doc = include_str!("../README.md")]

mod elbow;
mod error;
mod io;
mod options;
mod params;
mod run;

pub use error::ClusterError;
pub use io::Cluster;
pub use options::ClusterOptions;
pub use params::{ClusterParams, ParamsError, ValidClusterParams};
pub use run::Job;
