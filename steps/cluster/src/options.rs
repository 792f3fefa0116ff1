//! The stage's own flags.

use clap::Args;
use faultline_runtime::DEFAULT_PARAMS_URI;

/// Flags of `cluster` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct ClusterOptions {
    /// The hyper-parameters: a URI, a path, builtin://demo or builtin://original
    #[arg(long, env = "FAULTLINE_PARAMS_URI", value_name = "URI", default_value = DEFAULT_PARAMS_URI)]
    pub params_uri: String,
}
