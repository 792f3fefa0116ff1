//! The stage's own flags.

use clap::Args;
use faultline_runtime::DEFAULT_PARAMS_URI;
use faultline_tracking::TrackingUri;

/// Flags of `promote` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct PromoteOptions {
    /// The name of the registered model
    #[arg(long, env = "FAULTLINE_MODEL", value_name = "NAME", default_value = "wafer")]
    pub model: String,

    /// The params file with the section `promote`: a URI, a path, builtin://demo or builtin://original
    #[arg(long, env = "FAULTLINE_PARAMS_URI", value_name = "URI", default_value = DEFAULT_PARAMS_URI)]
    pub params_uri: String,

    /// The MLflow server that mirrors the store's registry, http:// or https://; empty: none. Versions are registered in the store
    #[arg(long, env = "FAULTLINE_TRACKING_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub tracking_uri: TrackingUri,
}
