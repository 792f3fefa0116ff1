//! Why a row has its score: what moved it most.

use faultline_learn::explain::top_contributions;
use serde::Serialize;

/// What contributions add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContributionScale {
    /// A probability (0..1).
    Probability,
    /// The natural logarithm of the odds; `1 / (1 + exp(-x))` is the probability.
    LogOdds,
}

/// What moved one row's score, by the model that serves its cluster.
///
/// It explains what that model itself says, before any calibration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation<'a> {
    /// What the bias and the contributions of all features add up to.
    pub scale: ContributionScale,
    /// What the model expects of a row of which nothing is known.
    pub bias: f64,
    /// The features with the greatest absolute contributions, greatest first, the earlier feature first of equals.
    pub top: Vec<FeatureContribution<'a>>,
}

/// How much one feature moved a row's score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeatureContribution<'a> {
    /// The feature's name.
    pub feature: &'a str,
    /// How much it raises (above 0) or lowers (below 0) the score, in the scale of the explanation.
    pub contribution: f64,
}

impl<'a> Explanation<'a> {
    /// The `top` greatest of one row's contributions, one per feature of `feature_names` and, last, the bias.
    pub(crate) fn new(scale: ContributionScale, row: &[f64], feature_names: &'a [String], top: usize) -> Self {
        let (bias, contributions) = row.split_last().map_or((0.0, row), |(bias, contributions)| (*bias, contributions));
        let named = |(feature, contribution): (usize, f64)| {
            feature_names.get(feature).map(|feature| FeatureContribution { feature, contribution })
        };
        Self { scale, bias, top: top_contributions(contributions, top).into_iter().filter_map(named).collect() }
    }
}
