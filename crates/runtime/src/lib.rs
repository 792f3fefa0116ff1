#![doc = include_str!("../README.md")]

mod access;
mod blocking;
mod commit;
mod context;
mod documents;
mod early_sync;
mod explain;
mod failure;
mod frame;
mod inputs;
mod monitor;
mod options;
mod outputs;
mod push;
pub mod reference;
mod results;
mod sharding;
mod stamps;
mod step;
pub mod task;

pub use blocking::blocking;
pub use context::{Context, Upstream};
pub use documents::{DEFAULT_PARAMS_URI, DEFAULT_SCHEMA_URI, Document};
pub use early_sync::EarlySync;
pub use failure::{Explained, Failure, SCRATCH_HINT};
pub use faultline_contract::Explain;
pub use faultline_contract::access::{Access, Place, Right};
pub use faultline_metrics as metrics;
pub use frame::{BuildInfo, execute, main};
pub use inputs::{Input, Inputs, RawFile};
pub use outputs::{Finished, MediaType, OutputFile, Outputs};
pub use sharding::{Merge, Role, ShardFlag, ShardingOptions};
pub use step::{Pipeline, Plan, Resources, ResultKind, ResultSpec, Reuse, RunStatus, SecretSpec, Step, UpstreamSpec};
