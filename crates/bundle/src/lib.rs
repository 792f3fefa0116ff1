#![doc = include_str!("../README.md")]

mod align;
mod bundle;
mod error;
mod explanation;
mod model;

pub use align::{MissingFeature, aligned};
pub use bundle::{Bundle, Score};
pub use error::BundleError;
pub use explanation::{ContributionScale, Explanation, FeatureContribution};
pub use model::Model;
