//! The core: hold out, fit on the training rows, transform all rows.

use faultline_contract::documents::preprocess::{
    Fate, FeatureMissingness, HOLDOUT, Missingness, RowCounts, Split, TRAIN,
};
use faultline_learn::Samples;
use faultline_learn::impute::KnnImputerParams;
use faultline_learn::preprocess::{Preprocessor, PreprocessorParams, PreprocessorState};
use faultline_learn::selection::holdout;
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, Table, Values};

use crate::suspects::suspects;
use crate::{PreprocessError, ValidPreprocessParams};

/// What the core needs besides its table.
#[derive(Debug)]
pub struct Job {
    /// How to do it.
    pub params: ValidPreprocessParams,
    /// The seed of the holdout and of the sample of donors.
    pub seed: u64,
}

/// The rows, parted.
struct Parted {
    /// Of every row, whether it is held out.
    held_out: Vec<bool>,
    /// Indices of the training rows, rising.
    train: Vec<usize>,
    split: Split,
}

pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PreprocessError> {
    let table = Table::read(inputs.path("load/export.parquet").map_err(PreprocessError::Input)?)?;
    let parted = part(job, &table);
    let Split { train, holdout, .. } = parted.split;
    outputs.json("split.json", &parted.split)?;
    outputs.count("rows_in", table.row_count() as u64);
    outputs.count("rows_train", train.rows);
    outputs.count("rows_holdout", holdout.rows);
    outputs.count("features_in", table.feature_names.len() as u64);
    outputs.count("features_out", 0);
    outputs.count("rows_out", 0);
    if train.rows == 0 {
        outputs.reject(format!("no training row: all {} rows are held out", holdout.rows));
        return Ok(());
    }
    fit(job, table, &parted, outputs)?;
    if train.faulty == 0 || train.good() == 0 {
        let RowCounts { rows, faulty, .. } = train;
        outputs.reject(format!("nothing to tell apart: {faulty} of {rows} training rows are faulty"));
    }
    Ok(())
}

fn part(job: &Job, table: &Table) -> Parted {
    let holdout_ratio = job.params.get().holdout_ratio;
    let held_out: Vec<bool> = table.keys.ids.iter().map(|id| holdout(job.seed, id, holdout_ratio)).collect();
    let mut split = Split { holdout_ratio, train: RowCounts::default(), holdout: RowCounts::default() };
    for (held_out, target) in held_out.iter().zip(&table.targets) {
        let counts = if *held_out { &mut split.holdout } else { &mut split.train };
        counts.add(*target);
    }
    let train = (0..held_out.len()).filter(|&row| !held_out[row]).collect();
    Parted { held_out, train, split }
}

fn fit(job: &Job, table: Table, parted: &Parted, outputs: &mut Outputs) -> Result<(), PreprocessError> {
    let params = job.params.get();
    let samples = Samples::new(&table.features, table.row_count(), table.feature_names.len())?;
    let imputer = KnnImputerParams { n_neighbors: params.n_neighbors, max_donors: params.max_donors, seed: job.seed };
    let params = PreprocessorParams { imputer, scale: params.scale };
    let (fitted, features) = Preprocessor::fit_transform(&table.feature_names, &samples, &parted.train, &params)?;

    let state = fitted.state();
    outputs.json("preprocessor.json", state)?;
    outputs.json("missingness.json", &missingness(&table, parted, state))?;
    let suspects = suspects(&table, &parted.train)?;
    outputs.count("suspects", suspects.len() as u64);
    outputs.json("suspects.json", &suspects)?;
    let donors = fitted.donors();
    let path = outputs.declare("donors.parquet", MediaType::Parquet, Some(donors.n_samples as u64))?;
    Columns::new(donors.n_samples).with_matrix(&table.feature_names, donors.features)?.write(&path)?;

    // the raw values are not needed any more, and a large table is not kept beside its features
    let rows = table.row_count();
    drop(table.features);
    let split = parted.held_out.iter().map(|held_out| if *held_out { HOLDOUT } else { TRAIN }.to_owned()).collect();
    let path = outputs.declare("features.parquet", MediaType::Parquet, Some(rows as u64))?;
    Columns::new(rows)
        .with_keys(&table.keys)?
        .with("_time", Values::Moment(table.times))?
        .with("_target", Values::OptionalU8(table.targets))?
        .with("_split", Values::Text(split))?
        .write_with_matrix(&path, &state.feature_names_out, features.as_samples().features)?;
    outputs.count("rows_out", rows as u64);
    outputs.count("features_out", state.feature_names_out.len() as u64);
    outputs.count("donors", donors.n_samples as u64);
    if state.feature_names_out.is_empty() {
        outputs.reject("no feature has two different values in the training rows");
    }
    Ok(())
}

fn missingness(table: &Table, parted: &Parted, state: &PreprocessorState) -> Missingness {
    let mut missing = vec![0_u64; table.feature_names.len()];
    for &row in &parted.train {
        for (missing, value) in missing.iter_mut().zip(table.row(row)) {
            *missing += u64::from(value.is_nan());
        }
    }
    let mut fates = vec![Fate::DroppedEmpty; table.feature_names.len()];
    for &column in &state.imputer.kept {
        fates[column] = Fate::DroppedConstant;
    }
    for &column in state.variance.kept() {
        fates[state.imputer.kept[column]] = Fate::Kept;
    }
    let features = table
        .feature_names
        .iter()
        .zip(missing)
        .zip(fates)
        .map(|((name, missing), fate)| FeatureMissingness { name: name.clone(), missing, fate });
    Missingness { rows: parted.split.train.rows, features: features.collect() }
}
