//! What `preprocess` hands on beside its tables: `split.json` and `missingness.json`.
//!
//! `preprocessor.json` is the state of the fitted preprocessor itself; its type lives in the crate that fits it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of `_split` for rows that everything fitted comes from.
pub const TRAIN: &str = "train";
/// The value of `_split` for rows that nothing is fitted on.
pub const HOLDOUT: &str = "holdout";

/// `split.json`: how the rows were parted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Split {
    /// The share of rows that was to be held out.
    pub holdout_ratio: f64,
    /// Rows that everything fitted comes from.
    pub train: RowCounts,
    /// Rows that nothing is fitted on.
    pub holdout: RowCounts,
}

/// How many rows there are of what kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowCounts {
    /// Rows.
    pub rows: u64,
    /// Faulty ones among them.
    pub faulty: u64,
    /// Rows without a target among them.
    #[serde(default)]
    pub unlabelled: u64,
}

/// `missingness.json`: what the training rows lack, and which features go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missingness {
    /// Training rows.
    pub rows: u64,
    /// The features, in the order of the schema.
    pub features: Vec<FeatureMissingness>,
}

/// What the training rows lack of one feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureMissingness {
    /// The feature.
    pub name: String,
    /// Training rows without a value.
    pub missing: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes on, its missing values imputed.
    Kept,
    /// No training row has a value.
    DroppedEmpty,
    /// All training rows have the same value, imputed ones included.
    DroppedConstant,
}

impl RowCounts {
    /// Counts one row: `None` is a row without a target, `Some(1)` a faulty one.
    pub fn add(&mut self, target: Option<u8>) {
        self.rows += 1;
        self.faulty += u64::from(target == Some(1));
        self.unlabelled += u64::from(target.is_none());
    }

    /// Good rows: labelled and not faulty.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.rows.saturating_sub(self.faulty).saturating_sub(self.unlabelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_kind() {
        let mut counts = RowCounts::default();
        for target in [Some(1), Some(0), None, Some(0)] {
            counts.add(target);
        }
        assert_eq!(counts, RowCounts { rows: 4, faulty: 1, unlabelled: 1 });
        assert_eq!(counts.good(), 2);
    }
}
