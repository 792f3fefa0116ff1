//! The stage's own flags.

use clap::{Args, ValueEnum};
use faultline_contract::schema::Purpose;
use faultline_runtime::{DEFAULT_SCHEMA_URI, ShardingOptions};

/// Flags of `validate` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct ValidateOptions {
    /// The folder of raw batch files: every file below it is an input, but for markers (NAME.complete)
    #[arg(long, env = "FAULTLINE_RAW_URI", value_name = "URI")]
    pub raw_uri: String,

    /// The data schema: a URI, a path, builtin://wafer or builtin://wafer-strict
    #[arg(long, env = "FAULTLINE_SCHEMA_URI", value_name = "URI", default_value = DEFAULT_SCHEMA_URI)]
    pub schema_uri: String,

    /// What the rows are wanted for: `train` needs labels, `predict` ignores them
    #[arg(long, env = "FAULTLINE_PURPOSE", value_name = "PURPOSE", default_value = "train")]
    pub purpose: PurposeFlag,

    /// Whether one share of the files is checked, or shares are put together
    #[command(flatten)]
    pub sharding: ShardingOptions,
}

/// [`Purpose`] as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PurposeFlag {
    /// The target column must be there and every row must have a known label.
    Train,
    /// The target column may be absent and is not read.
    Predict,
}

impl From<PurposeFlag> for Purpose {
    fn from(flag: PurposeFlag) -> Self {
        match flag {
            PurposeFlag::Train => Self::Train,
            PurposeFlag::Predict => Self::Predict,
        }
    }
}
