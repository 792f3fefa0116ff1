#![doc = include_str!("../README.md")]

pub mod mlflow;
mod press;
mod programs;
mod scene;
mod stored;

pub use crate::press::Press;
pub use crate::programs::{Finished, Pipelines, Said, checkout, faultline, program, real_data, step};
pub use crate::scene::Scene;
pub use crate::stored::{Digests, Prediction, differences, digests, manifests, models, predictions, read, rows, shown};
