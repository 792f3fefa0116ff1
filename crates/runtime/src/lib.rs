#![doc = include_str!("../README.md")]

mod commit;
mod context;
mod documents;
mod failure;
mod frame;
mod inputs;
mod log;
mod options;
mod outputs;
mod results;
mod step;
pub mod task;

pub use context::{Context, Upstream};
pub use documents::{DEFAULT_PARAMS_URI, DEFAULT_SCHEMA_URI, Document};
pub use failure::{Explain, Failure};
pub use frame::{BuildInfo, execute, main};
pub use inputs::{Input, Inputs};
pub use outputs::{Finished, MediaType, Outputs};
pub use step::{Plan, Resources, ResultKind, ResultSpec, Reuse, Step, UpstreamSpec};
