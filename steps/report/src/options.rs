//! The stage's own flags.

use clap::{Args, ValueEnum};
use faultline_tracking::{DEFAULT_BUDGET_SECS, TrackingUri};

/// The longest time for tracking that can be asked for: a day.
const MAX_BUDGET_SECS: u64 = 86_400;

/// Flags of `report` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// Which pipeline the run is of
    #[arg(long, env = "FAULTLINE_PIPELINE", value_name = "PIPELINE", default_value = "train")]
    pub pipeline: PipelineFlag,

    /// The name of the registered model
    #[arg(long, env = "FAULTLINE_MODEL", value_name = "NAME", default_value = "wafer")]
    pub model: String,

    /// The MLflow server to bring up to the store, http:// or https://; empty: none. A server that is down or slow fails no run
    #[arg(long, env = "FAULTLINE_TRACKING_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub tracking_uri: TrackingUri,

    /// How long that may take, in seconds; what is not written by then is written by a later run
    #[arg(long, env = "FAULTLINE_TRACKING_BUDGET_SECS", value_name = "SECONDS", default_value_t = DEFAULT_BUDGET_SECS, value_parser = clap::value_parser!(u64).range(1..=MAX_BUDGET_SECS))]
    pub tracking_budget_secs: u64,
}

/// A pipeline, which says how far a run should have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PipelineFlag {
    /// Ends with a version that is promoted or held.
    Train,
    /// Ends with predictions.
    Predict,
}

impl PipelineFlag {
    /// The stages in their order, `report` itself left out.
    pub(crate) fn stages(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["validate", "transform", "load", "preprocess", "cluster", "train", "promote"],
            Self::Predict => &["validate", "transform", "load", "predict"],
        }
    }

    /// The name in params.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
        }
    }
}
