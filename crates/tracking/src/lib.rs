#![doc = include_str!("../README.md")]

pub mod bundle;
mod error;
pub mod history;
mod name;
mod registry;

pub use bundle::{BundleFile, BundleIndex, BundleModel, Task};
pub use error::TrackingError;
pub use history::{Action, Author, Entry};
pub use name::ModelName;
pub use registry::{Champion, CopyState, Promotion, Registry, Version};
