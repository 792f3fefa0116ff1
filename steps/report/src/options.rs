//! The stage's own flags.

use clap::{Args, ValueEnum};

/// Flags of `report` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// Which pipeline the run is of
    #[arg(long, env = "FAULTLINE_PIPELINE", value_name = "PIPELINE", default_value = "train")]
    pub pipeline: PipelineFlag,
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
