//! The training rows of one model, and how they are split: the folds of the cross-validation, and the cut in time.

use std::collections::HashMap;

use faultline_contract::documents::cluster::LEAST_CLASS_ROWS;
use faultline_contract::documents::preprocess::TRAIN;
use faultline_learn::selection::{Fold, forward_split, stratified_folds};
use faultline_learn::{LearnError, OwnedSamples};
use faultline_table::{Columns, FeatureFile, Keys};

use crate::{ModelChoice, TrainError};

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
    /// None where the rows cannot be learned from. All rows of a wafer are in one of them.
    pub(crate) folds: Vec<Fold>,
    /// Fitted on the early rows, tried on the late ones of other wafers.
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
    faulty.min(labels.len() - faulty) as u64 >= LEAST_CLASS_ROWS
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

        let wafers = Wafers::of(all.iter().map(|&row| keys.ids[row].as_str()));
        let labels: Vec<bool> = all_targets.iter().map(|&target| target == 1).collect();
        let groups: Vec<usize> = all.iter().map(|&row| usize::try_from(clusters[row]).unwrap_or_default()).collect();
        let of_all = wafers.folds(&labels, &groups, splits).map_err(failed)?;
        let mut folds: Vec<Fold> = of_all.iter().map(|fold| fold.among(&own)).collect();
        let has_both = |fold: &Fold| {
            let labels = rows.labels_of(&fold.train);
            labels.contains(&true) && labels.contains(&false)
        };
        if !can_be_learned(&rows.labels()) || !folds.iter().all(has_both) {
            folds.clear();
        }
        let times = features.moment("_time")?;
        let times: Vec<i64> = all.iter().map(|&row| times[row]).collect();
        let forward = (splits.forward_ratio > 0.0)
            .then(|| forward_split(&times, splits.forward_ratio))
            .transpose()
            .map_err(failed)?
            .map(|cut| wafers.apart(cut).among(&own));
        Ok(Self { feature_names, rows, folds, forward })
    }
}

/// Which rows are of one wafer, by its id: copies, or later measurements. What was learned from one is no test on another.
struct Wafers {
    /// Of every row the number of its wafer.
    of_row: Vec<usize>,
    /// Of every wafer the first row.
    first: Vec<usize>,
}

impl Wafers {
    fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let (mut known, mut first) = (HashMap::new(), Vec::new());
        let number = |(row, id)| {
            *known.entry(id).or_insert_with(|| {
                first.push(row);
                first.len() - 1
            })
        };
        Self { of_row: ids.enumerate().map(number).collect(), first }
    }

    /// Folds in which the wafers are dealt out, each as its first row is; none where too few of a class are there.
    fn folds(&self, labels: &[bool], groups: &[usize], splits: Splits) -> Result<Vec<Fold>, LearnError> {
        let labels: Vec<bool> = self.first.iter().map(|&row| labels[row]).collect();
        let groups: Vec<usize> = self.first.iter().map(|&row| groups[row]).collect();
        if !can_be_learned(&labels) {
            return Ok(Vec::new());
        }
        let faulty = faulty_count(&labels);
        let n_folds = splits.n_folds.min(faulty).min(labels.len() - faulty);
        let of_wafers = stratified_folds(&labels, &groups, n_folds, splits.seed)?;
        let rows = |fold: &Fold| {
            let tested = self.marked(&fold.test);
            let (test, train) = (0..self.of_row.len()).partition(|&row| tested[self.of_row[row]]);
            Fold { train, test }
        };
        Ok(of_wafers.iter().map(rows).collect())
    }

    /// A split of rows without those to score whose wafer is among those to fit on.
    fn apart(&self, mut split: Fold) -> Fold {
        let wafers: Vec<usize> = split.train.iter().map(|&row| self.of_row[row]).collect();
        let fitted = self.marked(&wafers);
        split.test.retain(|&row| !fitted[self.of_row[row]]);
        split
    }

    fn marked(&self, wafers: &[usize]) -> Vec<bool> {
        let mut marked = vec![false; self.first.len()];
        for &wafer in wafers {
            marked[wafer] = true;
        }
        marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLITS: Splits = Splits { n_folds: 4, forward_ratio: 0.3, seed: 7 };

    /// Twelve wafers in two groups, every third of them faulty.
    fn table() -> (Vec<String>, Vec<bool>, Vec<usize>) {
        let ids = (0..12).map(|wafer| format!("w{wafer}")).collect();
        (ids, (0..12).map(|wafer| wafer % 3 == 0).collect(), (0..12).map(|wafer| wafer % 2).collect())
    }

    #[test]
    fn a_row_of_each_wafer_is_dealt_out_as_rows_are() {
        let (ids, labels, groups) = table();
        let folds = Wafers::of(ids.iter().map(String::as_str)).folds(&labels, &groups, SPLITS).unwrap();
        assert_eq!(folds, stratified_folds(&labels, &groups, 4, 7).unwrap());
    }

    #[test]
    fn rows_of_one_wafer_are_in_one_fold_whatever_else_they_say() {
        let (mut ids, mut labels, mut groups) = table();
        let once = Wafers::of(ids.iter().map(String::as_str)).folds(&labels, &groups, SPLITS).unwrap();
        ids.extend(ids.clone());
        labels.extend(labels.iter().map(|label| !label).collect::<Vec<_>>());
        groups.extend(vec![1; 12]);
        let twice = Wafers::of(ids.iter().map(String::as_str)).folds(&labels, &groups, SPLITS).unwrap();
        for (once, twice) in once.iter().zip(&twice) {
            let both = |rows: &[usize]| rows.iter().copied().chain(rows.iter().map(|row| row + 12)).collect::<Vec<_>>();
            assert_eq!((&twice.train, &twice.test), (&both(&once.train), &both(&once.test)));
        }
        assert_eq!(twice.len(), 4);
    }

    #[test]
    fn copies_do_not_make_a_class_learnable() {
        let wafers = Wafers::of(["a", "b", "c", "c", "c"].into_iter());
        let folds = wafers.folds(&[false, false, true, true, true], &[0; 5], SPLITS).unwrap();
        assert_eq!(folds, []);
    }

    #[test]
    fn a_late_row_of_an_early_wafer_is_not_scored() {
        let wafers = Wafers::of(["a", "b", "a", "c", "b"].into_iter());
        let split = wafers.apart(Fold { train: vec![0, 2], test: vec![1, 3, 4] });
        assert_eq!(split, Fold { train: vec![0, 2], test: vec![1, 3, 4] });
        let split = wafers.apart(Fold { train: vec![0, 1], test: vec![2, 3, 4] });
        assert_eq!(split.test, [3]);
    }
}
