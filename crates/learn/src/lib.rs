//! The learning part of Faultline, pure and deterministic: nothing here reads a file, a clock or an environment, and the
//! same inputs and seed give the same bytes on any number of threads.

pub mod boosting;
pub mod bootstrap;
pub mod calibration;
pub mod classifier;
pub mod error;
pub mod explain;
pub mod forest;
pub mod impute;
pub mod kmeans;
pub mod knee;
pub mod logistic;
pub mod metrics;
pub mod preprocess;
mod products;
mod random;
pub mod scale;
pub mod selection;
pub mod variance;

pub use classifier::{Classifier, OwnedSamples, Samples};
pub use error::LearnError;
