//! The core: pick the rows, search the grid, fit the winner, say what it is worth.

use faultline_contract::documents::train::{Candidate, Candidates, Evaluation, Family, Importance, Trained};
use faultline_learn::LearnError;
use faultline_learn::selection::{Fold, OutOfFold, best, stratified_folds};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, Values};

use crate::data::{ModelData, Rows};
use crate::evaluate::{best_threshold, metrics};
use crate::{ModelChoice, TrainError, ValidTrainParams};

/// Rows of each class that are needed to learn at all: one to fit on while the other is scored.
const MIN_CLASS_ROWS: usize = 2;

/// What the core needs besides its tables.
#[derive(Debug)]
pub struct Job {
    /// Whose rows.
    pub model: ModelChoice,
    /// The family and its grid.
    pub params: ValidTrainParams,
    /// The seed of folds and fits.
    pub seed: u64,
}

/// The winner of a grid search.
struct Winner {
    point: usize,
    folds: Vec<Fold>,
    out_of_fold: OutOfFold,
    threshold: f64,
}

pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TrainError> {
    let read = |name: &str| Ok::<_, TrainError>(Columns::read(inputs.path(name).map_err(TrainError::Input)?)?);
    let data = ModelData::of(&read("preprocess/features.parquet")?, &read("cluster/assignments.parquet")?, job.model)?;

    let faulty = data.train.faulty_count();
    let smaller = faulty.min(data.train.len() - faulty);
    let mut evaluation = Evaluation {
        model: job.model.to_string(),
        family: job.family(),
        rows_train: data.train.len() as u64,
        rows_train_faulty: faulty as u64,
        trained: None,
        reason: None,
    };
    let mut candidates = Vec::new();
    let mut winner = None;
    if smaller < MIN_CLASS_ROWS || data.feature_names.is_empty() {
        evaluation.reason = Some(format!(
            "{} training rows, {faulty} of them faulty, with {} features: expected at least {MIN_CLASS_ROWS} rows of each class and one feature",
            data.train.len(),
            data.feature_names.len(),
        ));
    } else {
        let (scored, won) = job.search(&data.train, job.params.n_folds.min(smaller))?;
        candidates = scored;
        winner = Some(won);
    }
    outputs.json("candidates.json", &Candidates { model: job.model.to_string(), family: job.family(), candidates })?;
    write_out_of_fold(outputs, &data.train, winner.as_ref())?;
    let (trained, holdout) = match &winner {
        Some(winner) => job.refit(&data, winner, outputs)?,
        None => (None, Vec::new()),
    };
    let held_out = if trained.is_some() { (0..data.holdout.len()).collect() } else { Vec::new() };
    write_holdout(outputs, &data.holdout, &held_out, holdout)?;

    let score =
        winner.as_ref().map_or_else(|| "none".to_owned(), |winner| winner.out_of_fold.average_precision.to_string());
    outputs.fact("average_precision", score);
    outputs.count("rows_in", (data.train.len() + data.holdout.len()) as u64);
    outputs.count("rows_out", winner.as_ref().map_or(0, |_| data.train.len()) as u64);
    outputs.count("rows_train", data.train.len() as u64);
    outputs.count("rows_holdout", data.holdout.len() as u64);
    evaluation.trained = trained;
    Ok(outputs.json("evaluation.json", &evaluation)?)
}

impl Job {
    fn family(&self) -> Family {
        self.params.grid.family()
    }

    fn failed(&self, source: LearnError) -> TrainError {
        TrainError::Learn { family: self.family().as_str(), model: self.model.to_string(), source }
    }

    /// Scores every point out of fold and picks the best.
    fn search(&self, train: &Rows, n_folds: usize) -> Result<(Vec<Candidate>, Winner), TrainError> {
        let labels = train.labels();
        let folds = stratified_folds(&labels, n_folds, self.seed).map_err(|source| self.failed(source))?;
        let mut scores =
            self.params.grid.cross_validate(train, &folds, self.seed).map_err(|source| self.failed(source))?;
        let params = self.params.grid.hyper_params().map_err(std::io::Error::from)?;
        let candidates = params
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
        let threshold = best_threshold(&labels, &out_of_fold.probabilities);
        Ok((candidates, Winner { point, folds, out_of_fold, threshold }))
    }

    /// Fits the winner on all training rows, writes the model and tries it on the holdout.
    fn refit(
        &self,
        data: &ModelData,
        winner: &Winner,
        outputs: &mut Outputs,
    ) -> Result<(Option<Trained>, Vec<f64>), TrainError> {
        let learn = |source| self.failed(source);
        let model = self.params.grid.fit(winner.point, &data.train, self.seed).map_err(learn)?;
        let file = self.family().file();
        let media_type = match self.family() {
            Family::Forest => MediaType::Parquet,
            Family::Boosting => MediaType::Ubjson,
        };
        model.write(&outputs.declare(file, media_type, None)?)?;

        let holdout = model.predict_proba(&data.holdout.samples.as_samples()).map_err(learn)?;
        let held_out = (!holdout.is_empty())
            .then(|| metrics(&data.holdout.labels(), &holdout, winner.threshold))
            .transpose()
            .map_err(learn)?;
        let mut hyper_params = self.params.grid.hyper_params().map_err(std::io::Error::from)?;
        let trained = Trained {
            file: file.to_owned(),
            params: hyper_params.swap_remove(winner.point),
            n_folds: winner.folds.len() as u64,
            threshold: winner.threshold,
            out_of_fold: metrics(&data.train.labels(), &winner.out_of_fold.probabilities, winner.threshold)
                .map_err(learn)?,
            holdout: held_out,
            importances: ranked(&data.feature_names, model.importances().map_err(learn)?),
        };
        Ok((Some(trained), holdout))
    }
}

/// The features that count, greatest share first, equals in the order of the table.
fn ranked(names: &[String], shares: Vec<f64>) -> Vec<Importance> {
    let mut importances: Vec<Importance> = names
        .iter()
        .zip(shares)
        .filter(|(_, share)| *share > 0.0)
        .map(|(feature, share)| Importance { feature: feature.clone(), share })
        .collect();
    importances.sort_by(|a, b| b.share.total_cmp(&a.share));
    importances
}

fn write_out_of_fold(outputs: &mut Outputs, train: &Rows, winner: Option<&Winner>) -> Result<(), TrainError> {
    let rows: Vec<usize> = winner.map_or_else(Vec::new, |_| (0..train.len()).collect());
    let mut fold_of = vec![0; rows.len()];
    for (number, fold) in winner.iter().flat_map(|winner| winner.folds.iter().enumerate()) {
        for &row in &fold.test {
            fold_of[row] = number as i64;
        }
    }
    let probabilities = winner.map_or_else(Vec::new, |winner| winner.out_of_fold.probabilities.clone());
    let path = outputs.declare("oof.parquet", MediaType::Parquet, Some(rows.len() as u64))?;
    Ok(Columns::new(rows.len())
        .with_keys(&train.keys.select(&rows))?
        .with("target", targets(train, &rows))?
        .with("fold", Values::I64(fold_of))?
        .with("probability", Values::F64(probabilities))?
        .write(&path)?)
}

fn write_holdout(
    outputs: &mut Outputs,
    holdout: &Rows,
    rows: &[usize],
    probabilities: Vec<f64>,
) -> Result<(), TrainError> {
    let path = outputs.declare("holdout.parquet", MediaType::Parquet, Some(rows.len() as u64))?;
    Ok(Columns::new(rows.len())
        .with_keys(&holdout.keys.select(rows))?
        .with("target", targets(holdout, rows))?
        .with("probability", Values::F64(probabilities))?
        .write(&path)?)
}

fn targets(rows: &Rows, picked: &[usize]) -> Values {
    Values::OptionalU8(picked.iter().map(|&row| Some(rows.targets[row])).collect())
}
