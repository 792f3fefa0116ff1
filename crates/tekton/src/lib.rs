#![doc = include_str!("../README.md")]

pub mod catalog;
mod check;
pub mod document;
pub mod engine;
pub mod error;
pub mod event;
mod matrix;
pub mod outcome;
pub mod plan;
mod references;
mod substitute;
mod variables;
mod yaml;

pub use catalog::{Catalog, Entry};
pub use document::{ParamSpec, ParamType, ParamValue};
pub use engine::{Options, Stop, run};
pub use error::{Error, Problem};
pub use event::{Event, Observer, Silent};
pub use outcome::{Kind, Outcome, Status, StepOutcome, TaskOutcome};
pub use plan::{Plan, Request};
pub use yaml::Position;
