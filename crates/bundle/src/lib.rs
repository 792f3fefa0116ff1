#![doc = include_str!("../README.md")]

mod bundle;
mod error;
mod model;

pub use bundle::{Bundle, Score};
pub use error::BundleError;
pub use model::Model;
