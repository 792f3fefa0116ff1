//! The stage's own flags.

use std::fmt;

use clap::Args;
use faultline_contract::without_secret;
use faultline_runtime::ShardingOptions;

/// Flags of `load` beside the common ones.
#[derive(Args, Clone)]
pub struct LoadOptions {
    /// The database of rows: a path, `sqlite:///ABSOLUTE/PATH` or `mongodb://HOST/DATABASE`; empty: `records.sqlite` in a root that is a folder
    #[arg(long, env = "FAULTLINE_RECORDS_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub records_uri: String,

    /// Whether the rows of one share are loaded, or shares are put together
    #[command(flatten)]
    pub sharding: ShardingOptions,
}

/// For the log: a URL may carry a password.
impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("records_uri", &without_secret(&self.records_uri))
            .field("sharding", &self.sharding)
            .finish()
    }
}
