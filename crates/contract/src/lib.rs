#![doc = include_str!("../README.md")]

pub mod access;
pub mod digest;
pub mod documents;
pub mod exit;
mod explain;
mod hint;
pub mod ids;
pub mod layout;
pub mod manifest;
pub mod schema;
mod secret;
mod server;
pub mod shard;

pub use digest::{Digest, StepKey};
pub use exit::ExitCode;
pub use explain::Explain;
pub use hint::CacheHint;
pub use ids::{InvalidId, Part, RunId, StepName};
pub use manifest::{Artifact, Manifest, ManifestRef, Outcome};
pub use secret::without_secret;
pub use server::ServerUri;
pub use shard::Shard;
