//! The rows of one model, cut into training and holdout.

use faultline_learn::{OwnedSamples, Samples};
use faultline_table::{Columns, Keys};

use crate::{ModelChoice, TrainError};

/// Labelled rows in the order of the table.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) keys: Keys,
    pub(crate) samples: OwnedSamples,
    /// 1 is faulty, 0 good.
    pub(crate) targets: Vec<u8>,
}

/// What a model is trained on and what it is tried on.
#[derive(Debug)]
pub(crate) struct ModelData {
    pub(crate) feature_names: Vec<String>,
    pub(crate) train: Rows,
    pub(crate) holdout: Rows,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    pub(crate) fn labels(&self) -> Vec<bool> {
        self.targets.iter().map(|&target| target == 1).collect()
    }

    pub(crate) fn faulty_count(&self) -> usize {
        self.labels().into_iter().filter(|&label| label).count()
    }
}

impl ModelData {
    /// Picks the rows of `model` that have a target. `features` and `assignments` must be of the same rows in the same
    /// order.
    pub(crate) fn of(features: &Columns, assignments: &Columns, model: ModelChoice) -> Result<Self, TrainError> {
        let keys = features.keys()?;
        if assignments.keys()? != keys {
            return Err(TrainError::Misaligned);
        }
        // The names of features never start with an underscore; those of all other columns do.
        let feature_names: Vec<String> =
            features.names().filter(|name| !name.starts_with('_')).map(str::to_owned).collect();
        let matrix = features.matrix(&feature_names)?;
        let samples = Samples { features: &matrix, n_samples: keys.len(), n_features: feature_names.len() };
        let (targets, split) = (features.optional_u8("_target")?, features.text("_split")?);
        let clusters = assignments.i64("cluster")?;
        let belongs = |row: usize| match model {
            ModelChoice::Pooled => true,
            ModelChoice::Cluster(number) => clusters[row] == i64::from(number),
        };
        let rows_of = |part: &str| -> Result<Rows, TrainError> {
            let picked = |row: &usize| belongs(*row) && targets[*row].is_some() && split[*row] == part;
            let rows: Vec<usize> = (0..keys.len()).filter(picked).collect();
            Ok(Rows {
                keys: keys.select(&rows),
                samples: samples.select(&rows).map_err(|source| TrainError::Learn {
                    family: "model",
                    model: model.to_string(),
                    source,
                })?,
                targets: rows.iter().filter_map(|&row| targets[row]).collect(),
            })
        };
        let (train, holdout) = (rows_of("train")?, rows_of("holdout")?);
        Ok(Self { feature_names, train, holdout })
    }
}
