//! The stage's own flags.

use clap::Args;

/// Flags of `predict` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct PredictOptions {
    /// The name of the registered model, whose champion predicts
    #[arg(long, env = "FAULTLINE_MODEL", value_name = "NAME", default_value = "wafer")]
    pub model: String,

    /// Where versions are registered; empty: the store itself
    #[arg(long, env = "FAULTLINE_TRACKING_URI", value_name = "URI", default_value = "")]
    pub tracking_uri: String,
}
