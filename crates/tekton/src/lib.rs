#![doc = include_str!("../README.md")]

pub mod catalog;
mod check;
mod defaults;
pub mod document;
pub mod engine;
mod error;
pub mod event;
pub mod forecast;
pub mod lint;
mod matrix;
pub mod outcome;
pub mod plan;
pub mod record;
pub mod references;
mod substitute;
mod variables;
mod yaml;

pub use catalog::{Catalog, Entry, yaml_files};
pub use check::{MAX_LABEL, is_label};
pub use defaults::task_defaults;
pub use document::{ParamSpec, ParamType, ParamValue};
pub use engine::{
    End, Engine, Launch, Limits, Mount, Options, PodmanEngine, PodmanOptions, ProcessEngine, StepEnd, Stop, forecast,
    run,
};
pub use error::{Error, Problem};
pub use event::{Event, Observer, Silent};
pub use forecast::{Action, Reason, TaskForecast};
pub use lint::{Finding, Severity, lint};
pub use matrix::{Combination, MAX_COMBINATIONS, NoCombinations, literal_combinations};
pub use outcome::{Kind, Outcome, Status, StepOutcome, TaskOutcome, Usage};
pub use plan::{Node, Plan, Request};
pub use record::{RunRecord, State, StepRecord, TaskRecord};
pub use yaml::{Position, values as yaml_values};
