//! The stage's own flags.

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use faultline_contract::documents::train::{Family, POOLED};
use faultline_runtime::DEFAULT_PARAMS_URI;
use thiserror::Error;

/// Flags of `train` beside the common ones.
#[derive(Args, Clone, Debug)]
pub struct TrainOptions {
    /// The model to train: a cluster's number, or `pooled` for the rows of all clusters
    #[arg(long, env = "FAULTLINE_CLUSTER_MODEL", value_name = "MODEL")]
    pub cluster_model: ModelChoice,

    /// The family of the model
    #[arg(long, env = "FAULTLINE_FAMILY", value_name = "FAMILY")]
    pub family: FamilyFlag,

    /// The hyper-parameters: a URI, a path, `builtin://demo` or `builtin://original`
    #[arg(long, env = "FAULTLINE_PARAMS_URI", value_name = "URI", default_value = DEFAULT_PARAMS_URI)]
    pub params_uri: String,
}

/// Whose rows a model is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// The rows of one cluster.
    Cluster(u32),
    /// The rows of all clusters.
    Pooled,
}

/// The text names no model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected a cluster's number or `{POOLED}`")]
pub struct InvalidModelChoice;

impl FromStr for ModelChoice {
    type Err = InvalidModelChoice;

    fn from_str(text: &str) -> Result<Self, InvalidModelChoice> {
        if text == POOLED {
            return Ok(Self::Pooled);
        }
        let number = text.parse().map_err(|_| InvalidModelChoice)?;
        // One name per model: `07` and `+7` would give other parts than `7`.
        if text == u32::to_string(&number) { Ok(Self::Cluster(number)) } else { Err(InvalidModelChoice) }
    }
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(number) => number.fmt(f),
            Self::Pooled => f.write_str(POOLED),
        }
    }
}

/// [`Family`] as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyFlag {
    /// A random forest.
    Forest,
    /// Gradient boosted trees by XGBoost.
    Boosting,
    /// Logistic regression, the simple baseline.
    Logistic,
}

impl From<FamilyFlag> for Family {
    fn from(flag: FamilyFlag) -> Self {
        match flag {
            FamilyFlag::Forest => Self::Forest,
            FamilyFlag::Boosting => Self::Boosting,
            FamilyFlag::Logistic => Self::Logistic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_one_name() {
        for (text, choice) in [("pooled", ModelChoice::Pooled), ("0", ModelChoice::Cluster(0))] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        for text in ["", "07", "+7", "-1", "Pooled", "1.0"] {
            assert_eq!(text.parse::<ModelChoice>(), Err(InvalidModelChoice), "{text}");
        }
    }
}
