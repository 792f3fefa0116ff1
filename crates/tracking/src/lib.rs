#![doc = include_str!("../README.md")]

mod access;
mod error;
mod history;
mod mlflow;
mod name;
mod registry;
mod unfinished;
mod uri;

pub use access::{access_of_mirrors, access_of_promoters, access_of_readers};
pub use error::TrackingError;
pub use history::{Action, Author, Entry};
pub use mlflow::{CREDENTIAL_VARIABLES, DEFAULT_BUDGET_SECS, Mirrored, Mlflow, MlflowError};
pub use name::ModelName;
pub use registry::{Champion, CopyState, Indexed, Promotion, Registry, Version, model_key, model_names};
pub use unfinished::Unfinished;
pub use uri::TrackingUri;
