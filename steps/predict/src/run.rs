//! The core: open the champion, score the rows, write one line for each.

use std::borrow::Cow;
use std::path::PathBuf;

use faultline_bundle::{Bundle, BundleError, Explanation, FeatureContribution, Score, aligned};
use faultline_contract::documents::predict::{ClusterSummary, FAULTY, GOOD, Summary};
use faultline_contract::documents::promote::BundleIndex;
use faultline_learn::Samples;
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, Table, Values};

use crate::PredictError;
use crate::merge::{self, Merged};

/// The names of the outputs.
pub(crate) const PREDICTIONS: &str = "predictions.parquet";
pub(crate) const CSV: &str = "predictions.csv";
pub(crate) const SUMMARY: &str = "summary.json";

/// What the core needs besides its files.
#[derive(Debug)]
pub struct Job {
    /// The registered model.
    pub model: String,
    /// The champion's version.
    pub version: u64,
    /// The index of its bundle.
    pub index: BundleIndex,
    /// How many features are named that moved a prediction most; 0 for none.
    pub top_features: usize,
    /// The name of the table of rows among the inputs.
    pub(crate) rows: String,
    /// What is put together in place of the work.
    pub(crate) merge: Option<Merged>,
}

/// What is said of a row, and why where that is asked for.
type Scored<'a> = (Score, Option<Explanation<'a>>);

pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PredictError> {
    if let Some(merged) = &job.merge {
        return merge::run(job, merged, inputs, outputs);
    }
    let mut table = Table::read(inputs.path(&job.rows).map_err(PredictError::Input)?)?;
    let features = job.aligned(&table)?;
    let bundle = job.open(inputs)?;
    let samples = Samples { features: &features, n_samples: table.row_count(), n_features: job.index.features.len() };
    let scores = match job.top_features {
        0 => bundle.score(&samples).map(|scores| scores.into_iter().map(|score| (score, None)).collect()),
        top => bundle
            .score_with_contributions(&samples, top)
            .map(|scored| scored.into_iter().map(|(score, why)| (score, Some(why))).collect()),
    };
    let scores: Vec<Scored<'_>> = scores.map_err(|source| job.failed(source))?;
    // the features are most of the memory, and done with
    drop(features);
    table.features = Vec::new();

    let rows = scores.len() as u64;
    let predictions = job.predictions(&table, &scores)?;
    predictions.write(&outputs.declare(PREDICTIONS, MediaType::Parquet, Some(rows))?)?;
    predictions.write_csv(&outputs.declare(CSV, MediaType::Csv, Some(rows))?)?;
    job.tell(&job.summary(&scores), outputs)
}

impl Job {
    /// Writes the summary, and the counts that follow from it.
    pub(crate) fn tell(&self, summary: &Summary, outputs: &mut Outputs) -> Result<(), PredictError> {
        outputs.json(SUMMARY, summary)?;
        outputs.count("rows_in", summary.rows);
        outputs.count("rows_out", summary.rows);
        outputs.count("faulty", summary.rows_faulty);
        outputs.fact("model_version", self.version.to_string());
        Ok(())
    }

    fn failed(&self, source: BundleError) -> PredictError {
        PredictError::Champion { model: self.model.clone(), version: self.version, source }
    }

    /// The features that the champion takes, in its order, row-major.
    fn aligned<'a>(&self, table: &'a Table) -> Result<Cow<'a, [f32]>, PredictError> {
        aligned(&self.index.features, &table.feature_names, &table.features).map_err(|missing| {
            PredictError::NoFeature { feature: missing.0, model: self.model.clone(), version: self.version }
        })
    }

    fn open(&self, inputs: &Inputs) -> Result<Bundle, PredictError> {
        for file in &self.index.files {
            inputs.path(&input_name(&file.path)).map_err(PredictError::Input)?;
        }
        // A name that the index does not list has no file, and opening it says so.
        let path_of = |name: &str| inputs.path(&input_name(name)).map_or_else(|_| PathBuf::from(name), PathBuf::from);
        Bundle::open_files(self.index.clone(), path_of).map_err(|source| self.failed(source))
    }

    fn predictions(&self, table: &Table, scores: &[Scored<'_>]) -> Result<Columns, PredictError> {
        let decision = |(score, _): &Scored<'_>| if score.faulty { FAULTY } else { GOOD }.to_owned();
        let mut columns = Columns::new(scores.len())
            .with_keys(&table.keys)?
            .with("cluster", Values::I64(scores.iter().map(|(score, _)| score.cluster as i64).collect()))?
            .with("model_version", Values::I64(vec![self.version as i64; scores.len()]))?
            .with("probability", Values::F64(scores.iter().map(|(score, _)| score.probability).collect()))?
            .with("decision", Values::Text(scores.iter().map(decision).collect()))?;
        for place in 0..self.top_features {
            let feature =
                |scored: &Scored<'_>| reason(scored, place).map_or_else(String::new, |top| top.feature.to_owned());
            let contribution = |scored: &Scored<'_>| reason(scored, place).map_or(f64::NAN, |top| top.contribution);
            columns = columns
                .with(&format!("top_{}_feature", place + 1), Values::Text(scores.iter().map(feature).collect()))?
                .with(
                    &format!("top_{}_contribution", place + 1),
                    Values::F64(scores.iter().map(contribution).collect()),
                )?;
        }
        Ok(columns)
    }

    fn summary(&self, scores: &[Scored<'_>]) -> Summary {
        let mut clusters: Vec<ClusterSummary> = self
            .index
            .model_of_cluster
            .iter()
            .enumerate()
            .map(|(cluster, model)| ClusterSummary { cluster, model: model.clone(), rows: 0, rows_faulty: 0 })
            .collect();
        for (score, _) in scores {
            clusters[score.cluster].rows += 1;
            clusters[score.cluster].rows_faulty += u64::from(score.faulty);
        }
        Summary {
            model: self.model.clone(),
            model_version: self.version,
            rows: scores.len() as u64,
            rows_faulty: clusters.iter().map(|cluster| cluster.rows_faulty).sum(),
            clusters,
        }
    }
}

/// The feature that stands at that place among those that moved the row most.
fn reason<'a>((_, why): &'a Scored<'_>, place: usize) -> Option<&'a FeatureContribution<'a>> {
    why.as_ref()?.top.get(place)
}

/// The name of a bundle's file among the inputs.
pub(crate) fn input_name(file: &str) -> String {
    format!("bundle/{file}")
}
