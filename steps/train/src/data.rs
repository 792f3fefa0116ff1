//! The training rows of one model, and how they are split: the folds of the cross-validation, and the cut in time.

use faultline_contract::documents::preprocess::TRAIN;
use faultline_learn::OwnedSamples;
use faultline_learn::selection::{Fold, forward_split, stratified_folds};
use faultline_table::{Columns, FeatureFile, Keys};

use crate::{ModelChoice, TrainError};

/// Rows of each class that are needed to learn at all: one to fit on while the other is scored.
pub(crate) const MIN_CLASS_ROWS: usize = 2;

/// Labelled rows in the order of the table.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) keys: Keys,
    pub(crate) samples: OwnedSamples,
    /// 1 is faulty, 0 good.
    pub(crate) targets: Vec<u8>,
}

/// How the rows are to be split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splits {
    pub(crate) n_folds: usize,
    /// The share of the training rows (0..1) that is late; 0 for no cut in time.
    pub(crate) forward_ratio: f64,
    pub(crate) seed: u64,
}

/// What a model is trained on. The splits are those of all training rows, restricted to the model's own: figures of
/// different models are of the same folds and of the same cut.
#[derive(Debug)]
pub(crate) struct ModelData {
    pub(crate) feature_names: Vec<String>,
    pub(crate) rows: Rows,
    /// None where the rows cannot be learned from.
    pub(crate) folds: Vec<Fold>,
    /// Fitted on the early rows, tried on the late ones.
    pub(crate) forward: Option<Fold>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    pub(crate) fn labels(&self) -> Vec<bool> {
        self.targets.iter().map(|&target| target == 1).collect()
    }

    /// The labels of some rows, in the order given.
    pub(crate) fn labels_of(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&row| self.targets[row] == 1).collect()
    }
}

pub(crate) fn faulty_count(labels: &[bool]) -> usize {
    labels.iter().filter(|label| **label).count()
}

/// Whether both classes have enough rows to learn from.
pub(crate) fn can_be_learned(labels: &[bool]) -> bool {
    let faulty = faulty_count(labels);
    faulty.min(labels.len() - faulty) >= MIN_CLASS_ROWS
}

impl ModelData {
    /// Picks the training rows of `model` that have a target, and reads the features of these alone. `file` and `assignments` must be of the same
    /// rows in the same order.
    pub(crate) fn of(
        file: &FeatureFile,
        assignments: &Columns,
        model: ModelChoice,
        splits: Splits,
    ) -> Result<Self, TrainError> {
        let features = file.others();
        let keys = features.keys()?;
        if assignments.keys()? != keys {
            return Err(TrainError::Misaligned);
        }
        let failed = |source| TrainError::Learn { family: "model", model: model.to_string(), source };
        let feature_names = file.feature_names().to_vec();
        let (targets, split) = (features.optional_u8("_target")?, features.text("_split")?);
        let clusters = assignments.i64("cluster")?;

        // Every labelled training row, of all models.
        let (all, all_targets): (Vec<usize>, Vec<u8>) =
            (0..keys.len()).filter(|&row| split[row] == TRAIN).filter_map(|row| Some((row, targets[row]?))).unzip();
        let belongs = |row: usize| match model {
            ModelChoice::Pooled => true,
            ModelChoice::Cluster(number) => clusters[row] == i64::from(number),
        };
        let own: Vec<usize> = (0..all.len()).filter(|&place| belongs(all[place])).collect();
        let rows: Vec<usize> = own.iter().map(|&place| all[place]).collect();
        let rows = Rows {
            keys: keys.select(&rows),
            samples: OwnedSamples::new(file.matrix(&rows)?, rows.len(), feature_names.len()).map_err(failed)?,
            targets: own.iter().map(|&place| all_targets[place]).collect(),
        };

        let mut folds = Vec::new();
        if can_be_learned(&rows.labels()) {
            let labels: Vec<bool> = all_targets.iter().map(|&target| target == 1).collect();
            let groups: Vec<usize> =
                all.iter().map(|&row| usize::try_from(clusters[row]).unwrap_or_default()).collect();
            let faulty = faulty_count(&labels);
            let n_folds = splits.n_folds.min(faulty).min(labels.len() - faulty);
            let of_all = stratified_folds(&labels, &groups, n_folds, splits.seed).map_err(failed)?;
            folds = of_all.iter().map(|fold| fold.among(&own)).collect();
        }
        let times = features.moment("_time")?;
        let times: Vec<i64> = all.iter().map(|&row| times[row]).collect();
        let forward = (splits.forward_ratio > 0.0)
            .then(|| forward_split(&times, splits.forward_ratio))
            .transpose()
            .map_err(failed)?
            .map(|cut| cut.among(&own));
        Ok(Self { feature_names, rows, folds, forward })
    }
}
