#![doc = include_str!("../README.md")]

mod error;
mod history;
mod mlflow;
mod name;
mod registry;
mod uri;

pub use error::TrackingError;
pub use history::{Action, Author, Entry};
pub use mlflow::{DEFAULT_BUDGET_SECS, Mirrored, Mlflow, MlflowError};
pub use name::ModelName;
pub use registry::{Champion, CopyState, Indexed, Promotion, Registry, Version, model_names};
pub use uri::TrackingUri;
