//! Model versions, opened to score raw rows.

use std::path::Path;

use faultline_bundle::{Bundle, Score, aligned};
use faultline_contract::documents::promote::BundleIndex;
use faultline_learn::Samples;
use faultline_runtime::Failure;

/// An open version.
pub(crate) struct Version {
    number: u64,
    bundle: Bundle,
}

impl Version {
    /// Opens the bundle in a folder.
    pub(crate) fn open(folder: &Path, number: u64) -> Result<Self, Failure> {
        let bundle = Bundle::open(folder).map_err(|error| failed(number, error))?;
        Ok(Self { number, bundle })
    }

    /// What the version says of itself.
    pub(crate) fn index(&self) -> &BundleIndex {
        self.bundle.index()
    }

    /// Scores rows whose values, row by row, are those of `feature_names`, missing values NaN.
    pub(crate) fn score(&self, feature_names: &[String], rows: &[f32]) -> Result<Vec<Score>, Failure> {
        let wanted = &self.index().features;
        let features = aligned(wanted, feature_names, rows).map_err(|missing| {
            let message = format!("score with version {}: the rows have no feature `{}`", self.number, missing.0);
            Failure::configuration(message).hint("name a run with the data schema that the version was trained with")
        })?;
        let n_samples = rows.len() / feature_names.len().max(1);
        let samples = Samples { features: &features, n_samples, n_features: wanted.len() };
        self.bundle.score(&samples).map_err(|error| failed(self.number, error))
    }
}

fn failed(number: u64, error: faultline_bundle::BundleError) -> Failure {
    Failure::configuration(format!("score with version {number}"))
        .caused_by(error)
        .hint("check that the XGBoost library is installed, and that the bundle is of this program's format")
}
