//! The learning part of Faultline, pure and deterministic: nothing here reads a file, a clock or an environment, and the
//! same inputs and seed give the same bytes on any number of threads.

pub mod classifier;
pub mod error;

pub use classifier::{Classifier, OwnedSamples, Samples};
pub use error::LearnError;
