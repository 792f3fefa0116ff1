#![doc = include_str!("../README.md")]

mod error;
mod model;

pub use error::BundleError;
pub use model::Model;
