//! The stage's own flags.

use clap::Args;
use faultline_runtime::ShardingOptions;
use faultline_tracking::TrackingUri;

/// Flags of `predict` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct PredictOptions {
    /// The name of the registered model, whose champion predicts
    #[arg(long, env = "FAULTLINE_MODEL", value_name = "NAME", default_value = "wafer")]
    pub model: String,

    /// How many features to name that moved each prediction most, with their contributions; 0 for none
    #[arg(long, env = "FAULTLINE_TOP_FEATURES", value_name = "N", default_value_t = 3, value_parser = at_most_100)]
    pub top_features: usize,

    /// The MLflow server that mirrors the store's registry, http:// or https://; empty: none. Versions are registered in the store
    #[arg(long, env = "FAULTLINE_TRACKING_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub tracking_uri: TrackingUri,

    /// Whether the rows of one share are scored, or shares are put together
    #[command(flatten)]
    pub sharding: ShardingOptions,
}

fn at_most_100(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number <= 100).ok_or_else(|| "expected a number from 0 to 100".to_owned())
}
