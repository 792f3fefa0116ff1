//! The command line: one kernel per command.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use faultline_learn::forest::{Engine, ForestParams, engine};
use faultline_learn::impute::{KnnImputer, KnnImputerParams};
use faultline_learn::kmeans::KMeans;
use faultline_learn::metrics::roc_auc;
use faultline_learn::{Classifier, OwnedSamples};
use serde::Serialize;
use serde_json::{Value, json};

use crate::measure::{Measured, measure};
use crate::npy;

/// `EX_SOFTWARE`, as the steps have it.
const FAILED: u8 = 70;

/// Run one kernel on one table and print what it took and gave, as one JSON line
#[derive(Debug, Parser)]
pub(crate) enum Command {
    /// Fit a random forest on one part of a table and predict the other
    Forest {
        /// The table, .npy of f32
        #[arg(long, value_name = "FILE")]
        table: PathBuf,
        /// The labels, .npy of bytes: 1 is faulty
        #[arg(long, value_name = "FILE")]
        labels: PathBuf,
        /// The part to predict, .npy of bytes: 1 is to be predicted
        #[arg(long, value_name = "FILE")]
        test: PathBuf,
        /// Hyper-parameters with the seed, as JSON
        #[arg(long, value_name = "JSON")]
        params: String,
    },
    /// Fit 1 to k-max clusters
    Kmeans {
        /// The table, .npy of f32
        #[arg(long, value_name = "FILE")]
        table: PathBuf,
        /// Most clusters
        #[arg(long, value_name = "N", default_value_t = 10)]
        k_max: usize,
        /// Starts of every fit
        #[arg(long, value_name = "N", default_value_t = 10)]
        runs: usize,
        /// Seed of all starts
        #[arg(long, value_name = "N", default_value_t = 42)]
        seed: u64,
    },
    /// Fill the missing values of a table from its own rows
    Impute {
        /// The table, .npy of f32; missing values are NaN
        #[arg(long, value_name = "FILE")]
        table: PathBuf,
        /// Where to write the filled table
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Neighbours that a value is the mean of
        #[arg(long, value_name = "N", default_value_t = 3)]
        neighbors: usize,
    },
}

impl Command {
    /// Does it; the exit code is 70 when it fails.
    pub(crate) fn run(self) -> ExitCode {
        let done = self.measured().and_then(|line| Ok(writeln!(std::io::stdout(), "{line}")?));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody is left to tell when this fails too.
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
                ExitCode::from(FAILED)
            }
        }
    }

    fn measured(self) -> Result<String> {
        match self {
            Self::Forest { table, labels, test, params } => forest(&table, &labels, &test, &params),
            Self::Kmeans { table, k_max, runs, seed } => kmeans(&table, k_max, runs, seed),
            Self::Impute { table, out, neighbors } => impute(&table, &out, neighbors),
        }
    }
}

/// Fit and prediction are measured; reading, cutting and judging are not.
fn forest(table: &Path, labels: &Path, test: &Path, params: &str) -> Result<String> {
    let params: ForestParams = serde_json::from_str(params).context("--params")?;
    let (table, labels, test) = (npy::read_table(table)?, npy::read_flags(labels)?, npy::read_flags(test)?);
    let samples = table.as_samples();
    for found in [labels.len(), test.len()] {
        ensure!(found == samples.n_samples, "{found} labels or marks for {} rows", samples.n_samples);
    }
    let part = |wanted: bool| -> Result<(OwnedSamples, Vec<bool>)> {
        let rows: Vec<usize> = (0..samples.n_samples).filter(|&i| test[i] == wanted).collect();
        Ok((samples.select(&rows)?, rows.iter().map(|&i| labels[i]).collect()))
    };
    let ((train, train_labels), (rest, rest_labels)) = (part(false)?, part(true)?);
    let measured = measure(|| {
        let forest = engine(Engine::Histogram).fit(&train.as_samples(), &train_labels, None, &params)?;
        Ok(forest.predict_proba(&rest.as_samples())?)
    })?;
    let auc = roc_auc(&rest_labels, &measured.result)?;
    line(&measured, json!({ "roc_auc": auc }))
}

fn kmeans(table: &Path, k_max: usize, runs: usize, seed: u64) -> Result<String> {
    let table = npy::read_table(table)?;
    let measured = measure(|| Ok(KMeans::fit_up_to(&table.as_samples(), k_max, runs, seed)?))?;
    let inertia: Vec<f64> = measured.result.iter().map(KMeans::inertia).collect();
    line(&measured, json!({ "inertia": inertia }))
}

fn impute(table: &Path, out: &Path, n_neighbors: usize) -> Result<String> {
    let table = npy::read_table(table)?;
    let samples = table.as_samples();
    let params = KnnImputerParams { n_neighbors, max_donors: samples.n_samples, seed: 0 };
    let measured = measure(|| Ok(KnnImputer::fit(&samples, &params)?.transform(&samples)?))?;
    npy::write_table(out, &measured.result)?;
    let filled = measured.result.as_samples();
    line(&measured, json!({ "n_samples": filled.n_samples, "n_features": filled.n_features }))
}

/// The cost of the work, with `result` in the place of what it gave.
fn line<T>(measured: &Measured<T>, result: Value) -> Result<String> {
    let Measured { cpu_seconds, wall_seconds, peak_bytes, .. } = *measured;
    Ok(to_line(&Measured { cpu_seconds, wall_seconds, peak_bytes, result })?)
}

fn to_line(measured: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(measured)
}
