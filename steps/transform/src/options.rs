//! The stage's own flags.

use clap::Args;
use faultline_runtime::ShardingOptions;

/// Flags of `transform` beside the common ones: what it does follows from the manifest of `validate`.
#[derive(Args, Clone, Debug)]
pub struct TransformOptions {
    /// Whether one share of the files is read, or shares are put together
    #[command(flatten)]
    pub sharding: ShardingOptions,
}
