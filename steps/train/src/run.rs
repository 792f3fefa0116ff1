//! The core: pick the rows, search the grid, calibrate and fit the winner, say what it is worth.
//!
//! Nothing here looks at the rows held out.

use faultline_bundle::Model;
use faultline_contract::documents::cluster::LEAST_CLASS_ROWS;
use faultline_contract::documents::evaluation::Assessment;
use faultline_contract::documents::train::{
    Candidate, Candidates, Evaluation, Family, FoldFigures, Forward, Importance, Trained,
};
use faultline_learn::LearnError;
use faultline_learn::bootstrap::assess;
use faultline_learn::calibration::{self, Calibrate as _, Chosen};
use faultline_learn::explain::mean_absolute;
use faultline_learn::metrics::{average_precision, cheapest_threshold, log_loss, roc_auc};
use faultline_learn::selection::{Fold, OutOfFold, best};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, FeatureFile, Values};

use crate::data::{ModelData, Rows, Splits, can_be_learned, faulty_count};
use crate::{ModelChoice, TrainError, ValidGrid, ValidTrainParams};

/// Training rows whose predictions are taken apart for the importances; of more every n-th.
const MAX_EXPLAINED_ROWS: usize = 1_000;
/// Of a large forest, whose every node each row meets, only so many that rows times nodes stay below this, but so many at least.
const MAX_EXPLAINED_NODES: usize = 1_000_000_000;
const MIN_EXPLAINED_ROWS: usize = 100;

/// What the core needs besides its tables.
#[derive(Debug)]
pub struct Job {
    /// Whose rows.
    pub model: ModelChoice,
    /// The family and its grid.
    pub params: ValidTrainParams,
    /// The seed of folds, fits and resamples.
    pub seed: u64,
}

/// The winner of a grid search.
struct Winner {
    point: usize,
    out_of_fold: OutOfFold,
    calibrated: Chosen,
    threshold: f64,
}

pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TrainError> {
    let path = |name: &str| inputs.path(name).map_err(TrainError::Input);
    let splits = Splits { n_folds: job.params.n_folds, forward_ratio: job.params.forward_ratio, seed: job.seed };
    let features = FeatureFile::open(path("preprocess/features.parquet")?)?;
    let assignments = Columns::read(path("cluster/assignments.parquet")?)?;
    let data = ModelData::of(&features, &assignments, job.model, splits)?;
    drop((features, assignments));
    let mut evaluation = Evaluation {
        model: job.model.to_string(),
        family: job.family(),
        rows_train: data.rows.len() as u64,
        rows_train_faulty: faulty_count(&data.rows.labels()) as u64,
        trained: None,
        reason: job.why_not(&data),
    };
    let mut candidates = Vec::new();
    let mut winner = None;
    if evaluation.reason.is_none() {
        let (scored, won) = job.search(&data)?;
        candidates = scored;
        winner = Some(won);
    }
    outputs.json("candidates.json", &Candidates { model: job.model.to_string(), family: job.family(), candidates })?;
    write_out_of_fold(outputs, &data, winner.as_ref())?;
    if let Some(winner) = &winner {
        let forward = job.forward(&data, winner, outputs)?;
        evaluation.trained = Some(job.refit(&data, winner, forward, outputs)?);
    }
    let score =
        winner.as_ref().map_or_else(|| "none".to_owned(), |winner| winner.out_of_fold.average_precision.to_string());
    outputs.fact("average_precision", score);
    outputs.count("rows_in", data.rows.len() as u64);
    outputs.count("rows_out", winner.as_ref().map_or(0, |_| data.rows.len()) as u64);
    Ok(outputs.json("evaluation.json", &evaluation)?)
}

impl Job {
    fn family(&self) -> Family {
        self.params.family
    }

    fn failed(&self, source: LearnError) -> TrainError {
        TrainError::Learn { family: self.family().as_str(), model: self.model.to_string(), source }
    }

    /// Why there is nothing to train; none when there is.
    fn why_not(&self, data: &ModelData) -> Option<String> {
        if self.params.grid.is_none() {
            return Some(format!("the params ask for no model of the family {}", self.family()));
        }
        let labels = data.rows.labels();
        if !can_be_learned(&labels) || data.feature_names.is_empty() {
            return Some(format!(
                "{} training rows, {} of them faulty, with {} features: expected at least {LEAST_CLASS_ROWS} rows of each class and one feature",
                data.rows.len(),
                faulty_count(&labels),
                data.feature_names.len(),
            ));
        }
        data.folds.is_empty().then(|| {
            format!(
                "{} training rows of too few wafers: expected that no fold has all rows of a class",
                data.rows.len()
            )
        })
    }

    fn grid(&self) -> Result<&ValidGrid, TrainError> {
        self.params.grid.as_ref().ok_or_else(|| self.failed(LearnError::Empty { what: "the grid" }))
    }

    /// Scores every point out of fold, picks the best, calibrates it and finds its threshold.
    fn search(&self, data: &ModelData) -> Result<(Vec<Candidate>, Winner), TrainError> {
        let labels = data.rows.labels();
        let grid = self.grid()?;
        let mut scores =
            grid.cross_validate(&data.rows, &data.folds, self.seed).map_err(|source| self.failed(source))?;
        let candidates = grid
            .hyper_params()
            .map_err(std::io::Error::from)?
            .into_iter()
            .zip(&scores)
            .map(|(params, score)| Candidate {
                params,
                average_precision: score.average_precision,
                roc_auc: score.roc_auc,
            })
            .collect();
        let figures: Vec<f64> = scores.iter().map(|score| score.average_precision).collect();
        let point = best(&figures).ok_or_else(|| self.failed(LearnError::Empty { what: "the grid" }))?;
        let out_of_fold = scores.swap_remove(point);
        let calibrated = if self.params.calibrate {
            calibration::choose(&labels, &out_of_fold.probabilities, &data.folds)
        } else {
            calibration::untouched(&labels, &out_of_fold.probabilities)
        }
        .map_err(|source| self.failed(source))?;
        let threshold = cheapest_threshold(&labels, &calibrated.probabilities, &self.params.costs)
            .map_err(|source| self.failed(source))?;
        Ok((candidates, Winner { point, out_of_fold, calibrated, threshold }))
    }

    /// Fits the winner on the early training rows and tries it on the late ones, with the calibration and the threshold found out
    /// of fold. None where either part lacks a class.
    fn forward(&self, data: &ModelData, winner: &Winner, outputs: &mut Outputs) -> Result<Option<Forward>, TrainError> {
        let Some(cut) = &data.forward else { return Ok(None) };
        let learn = |source| self.failed(source);
        let (early, late) = (data.rows.labels_of(&cut.train), data.rows.labels_of(&cut.test));
        // A late part of one class has no figures.
        let late_faulty = faulty_count(&late);
        if !can_be_learned(&early) || late_faulty == 0 || late_faulty == late.len() {
            return Ok(None);
        }
        let raw = self.grid()?.score(winner.point, &data.rows, cut, self.seed).map_err(learn)?;
        let probabilities = winner.calibrated.calibration.apply(&raw);
        let assessment = self.assess(&late, &probabilities, winner.threshold).map_err(learn)?;
        let path = outputs.declare("forward.parquet", MediaType::Parquet, Some(late.len() as u64))?;
        Columns::new(late.len())
            .with_keys(&data.rows.keys.select(&cut.test))?
            .with("target", targets(&data.rows, &cut.test))?
            .with("probability", Values::F64(probabilities))?
            .write(&path)?;
        Ok(Some(Forward { rows_early: early.len() as u64, late: assessment }))
    }

    fn assess(&self, labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Assessment, LearnError> {
        let decisions: Vec<bool> = probabilities.iter().map(|&probability| probability >= threshold).collect();
        assess(labels, probabilities, &decisions, &self.params.costs, &self.params.bootstrap, self.seed)
    }

    /// Fits the winner on all training rows and writes the model.
    fn refit(
        &self,
        data: &ModelData,
        winner: &Winner,
        forward: Option<Forward>,
        outputs: &mut Outputs,
    ) -> Result<Trained, TrainError> {
        let learn = |source| self.failed(source);
        let all: Vec<usize> = (0..data.rows.len()).collect();
        let model = self.grid()?.fit(winner.point, &data.rows, &all, self.seed).map_err(learn)?;
        let file = self.family().file();
        let media_type = match self.family() {
            Family::Forest => MediaType::Parquet,
            Family::Boosting => MediaType::Ubjson,
            Family::Logistic => MediaType::Json,
        };
        model.write(&outputs.declare(file, media_type, None)?)?;

        let mut hyper_params = self.grid()?.hyper_params().map_err(std::io::Error::from)?;
        Ok(Trained {
            file: file.to_owned(),
            params: hyper_params.swap_remove(winner.point),
            importances: importances(&model, &data.rows, &data.feature_names).map_err(learn)?,
            n_folds: data.folds.len() as u64,
            folds: fold_figures(data, &winner.calibrated.probabilities).map_err(learn)?,
            calibration: winner.calibrated.calibration.clone(),
            calibrations: winner.calibrated.candidates.clone(),
            costs: self.params.costs,
            threshold: winner.threshold,
            out_of_fold: self
                .assess(&data.rows.labels(), &winner.calibrated.probabilities, winner.threshold)
                .map_err(learn)?,
            forward,
        })
    }
}

/// The figures of every fold that has rows, by calibrated probabilities.
fn fold_figures(data: &ModelData, probabilities: &[f64]) -> Result<Vec<FoldFigures>, LearnError> {
    let labels = data.rows.labels();
    let figures = |(number, fold): (usize, &Fold)| {
        let (labels, scores): (Vec<bool>, Vec<f64>) =
            fold.test.iter().map(|&row| (labels[row], probabilities[row])).unzip();
        let rows_faulty = labels.iter().filter(|label| **label).count();
        let has_both_classes = rows_faulty > 0 && rows_faulty < labels.len();
        Ok(FoldFigures {
            fold: number as u64,
            rows: labels.len() as u64,
            rows_faulty: rows_faulty as u64,
            average_precision: (rows_faulty > 0).then(|| average_precision(&labels, &scores)).transpose()?,
            roc_auc: has_both_classes.then(|| roc_auc(&labels, &scores)).transpose()?,
            log_loss: log_loss(&labels, &scores)?,
        })
    };
    data.folds.iter().enumerate().filter(|(_, fold)| !fold.test.is_empty()).map(figures).collect()
}

/// The features that move the predictions of the training rows, greatest share first, equals in the order of the table.
fn importances(model: &Model, rows: &Rows, names: &[String]) -> Result<Vec<Importance>, LearnError> {
    let every = rows.len().div_ceil(explained_rows(model)).max(1);
    let explained: Vec<usize> = (0..rows.len()).step_by(every).collect();
    let samples = rows.samples.as_samples().select(&explained)?;
    let moved = mean_absolute(&model.contributions(&samples.as_samples())?, names.len());
    let total: f64 = moved.iter().sum();
    let mut importances: Vec<Importance> = names
        .iter()
        .zip(moved)
        .filter(|(_, moved)| *moved > 0.0)
        .map(|(feature, moved)| Importance { feature: feature.clone(), share: moved / total })
        .collect();
    importances.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(importances)
}

/// How many rows are explained for the importances.
fn explained_rows(model: &Model) -> usize {
    match model {
        Model::Forest(forest) => {
            (MAX_EXPLAINED_NODES / forest.n_nodes().max(1)).clamp(MIN_EXPLAINED_ROWS, MAX_EXPLAINED_ROWS)
        }
        Model::Boosting(_) | Model::Logistic(_) => MAX_EXPLAINED_ROWS,
    }
}

/// Of every training row what a model says that was not fitted on it: as it is, and calibrated by the other folds.
fn write_out_of_fold(outputs: &mut Outputs, data: &ModelData, winner: Option<&Winner>) -> Result<(), TrainError> {
    let rows: Vec<usize> = winner.map_or_else(Vec::new, |_| (0..data.rows.len()).collect());
    let mut fold_of = vec![0; rows.len()];
    for (number, fold) in winner.iter().flat_map(|_| data.folds.iter().enumerate()) {
        for &row in &fold.test {
            fold_of[row] = number as i64;
        }
    }
    let (raw, calibrated) = winner.map_or_else(Default::default, |winner| {
        (winner.out_of_fold.probabilities.clone(), winner.calibrated.probabilities.clone())
    });
    let path = outputs.declare("oof.parquet", MediaType::Parquet, Some(rows.len() as u64))?;
    Ok(Columns::new(rows.len())
        .with_keys(&data.rows.keys.select(&rows))?
        .with("target", targets(&data.rows, &rows))?
        .with("fold", Values::I64(fold_of))?
        .with("raw_probability", Values::F64(raw))?
        .with("probability", Values::F64(calibrated))?
        .write(&path)?)
}

fn targets(rows: &Rows, picked: &[usize]) -> Values {
    Values::OptionalU8(picked.iter().map(|&row| Some(rows.targets[row])).collect())
}
