#![doc = include_str!("../README.md")]

mod cli;
mod decide;
mod error;
mod event;
mod key;
mod name;
mod post;
mod protocol;
mod refusal;
mod secrets;
mod server;
mod setting;
mod signature;

pub use cli::main;
pub use decide::{Limits, Start, decide};
pub use protocol::{Headers, InterceptorRequest, InterceptorResponse, Status};
pub use refusal::{Code, Refusal};
pub use secrets::Secret;
pub use setting::{RawRoot, StartOn, Trigger, What};
pub use signature::{GITHUB_SIGNATURE, KEY, SIGNATURE, TIMESTAMP, sign};
