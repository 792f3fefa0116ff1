#![doc = include_str!("../README.md")]

mod error;
mod history;
mod name;
mod registry;

pub use error::TrackingError;
pub use history::{Action, Author, Entry};
pub use name::ModelName;
pub use registry::{Champion, CopyState, Indexed, Promotion, Registry, Version, model_names};
