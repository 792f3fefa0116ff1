//! What is known of a run: its manifests, and the documents that they name. Any of them may be missing.

use std::fs;

use faultline_contract::documents::cluster::Clusters;
use faultline_contract::documents::predict::Summary;
use faultline_contract::documents::preprocess::{Missingness, Split};
use faultline_contract::documents::promote::{Composition, Verdict};
use faultline_contract::documents::train::{Evaluation, Trained};
use faultline_contract::documents::validate::Profile;
use faultline_contract::{Digest, Manifest, RunId};
use faultline_runtime::{Inputs, Pipeline};
use faultline_table::{Columns, Table};
use serde::de::DeserializeOwned;

use crate::ReportError;
use crate::tracking::Tracking;

/// The rows as they were loaded.
pub(crate) const LOADED: &str = "load/export.parquet";

/// What the core needs besides the documents.
#[derive(Debug)]
pub struct Job {
    /// The pipeline of the run.
    pub pipeline: Pipeline,
    /// The run.
    pub run_id: RunId,
    /// Every committed stage, in the order of the pipeline, parts by name.
    pub stages: Vec<Stage>,
    /// Where the run is to be shown beside the page; none when the store is all there is.
    pub tracking: Option<Tracking>,
}

/// The stages of a pipeline in their order, `report` itself left out.
pub(crate) fn stages_of(pipeline: Pipeline) -> &'static [&'static str] {
    match pipeline {
        Pipeline::Train => &["validate", "transform", "load", "preprocess", "cluster", "train", "promote"],
        Pipeline::Predict => &["validate", "transform", "load", "predict"],
    }
}

/// A committed stage, or one part of it.
#[derive(Debug)]
pub struct Stage {
    /// `stage` or `stage/part`.
    pub name: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Where that is.
    pub uri: String,
    /// Its digest.
    pub sha256: Digest,
}

/// The documents of a run that exist.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) job: &'a Job,
    inputs: &'a Inputs,
    pub(crate) profile: Option<Profile>,
    pub(crate) split: Option<Split>,
    pub(crate) missingness: Option<Missingness>,
    pub(crate) clusters: Option<Clusters>,
    pub(crate) evaluations: Vec<Evaluation>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) summary: Option<Summary>,
}

/// Labelled probabilities.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scored {
    pub(crate) labels: Vec<bool>,
    pub(crate) probabilities: Vec<f64>,
}

impl Job {
    /// The manifest of a stage without parts.
    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// A count of a stage, if the stage was committed.
    pub(crate) fn count(&self, stage: &str, count: &str) -> Option<u64> {
        self.stage(stage).map(|stage| stage.manifest.count(count))
    }

    /// The stages of the pipeline that were not committed in any part.
    pub(crate) fn missing_stages(&self) -> Vec<&'static str> {
        let is_missing = |wanted: &&str| !self.stages.iter().any(|stage| stage.manifest.step.as_str() == *wanted);
        stages_of(self.pipeline).iter().copied().filter(is_missing).collect()
    }
}

impl<'a> Evidence<'a> {
    /// Reads what there is.
    pub(crate) fn read(job: &'a Job, inputs: &'a Inputs) -> Result<Self, ReportError> {
        let mut evaluations = Vec::new();
        for stage in job.stages.iter().filter(|stage| stage.name.starts_with("train/")) {
            evaluations.extend(document::<Evaluation>(inputs, &format!("{}/evaluation.json", stage.name))?);
        }
        Ok(Self {
            job,
            inputs,
            profile: document(inputs, "validate/profile.json")?,
            split: document(inputs, "preprocess/split.json")?,
            missingness: document(inputs, "preprocess/missingness.json")?,
            clusters: document(inputs, "cluster/clusters.json")?,
            evaluations,
            verdict: document(inputs, "promote/verdict.json")?,
            summary: document(inputs, "predict/summary.json")?,
        })
    }

    /// How the version is put together, and how that does.
    pub(crate) fn version(&self) -> Option<&Composition> {
        self.verdict.as_ref()?.compositions.first()
    }

    /// The trained models of the version, in the order of the clusters; without a version every trained model.
    pub(crate) fn members(&self) -> Vec<(&Evaluation, &Trained)> {
        let Some(version) = self.version() else {
            return self.evaluations.iter().filter_map(trained).collect();
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in &version.model_of_cluster {
            if !parts.contains(&part.as_str()) {
                parts.push(part);
            }
        }
        let of_part = |part: &&str| self.evaluations.iter().find(|known| part_name(known) == **part);
        parts.iter().filter_map(of_part).filter_map(trained).collect()
    }

    /// The rows as they were loaded, missing values included; none when the table was left out for its size.
    pub(crate) fn loaded(&self) -> Result<Option<Table>, ReportError> {
        let Ok(path) = self.inputs.path(LOADED) else {
            return Ok(None);
        };
        Table::read(path).map(Some).map_err(|source| ReportError::Table { name: LOADED.to_owned(), source })
    }

    /// A table, if it was written.
    pub(crate) fn table(&self, name: &str) -> Result<Option<Columns>, ReportError> {
        let Ok(path) = self.inputs.path(name) else {
            return Ok(None);
        };
        Columns::read(path).map(Some).map_err(|source| ReportError::Table { name: name.to_owned(), source })
    }

    /// The labelled probabilities of a table with `target` and `probability`, if it was written and has rows.
    pub(crate) fn scored(&self, name: &str) -> Result<Option<Scored>, ReportError> {
        let Some(table) = self.table(name)? else {
            return Ok(None);
        };
        let failed = |source| ReportError::Table { name: name.to_owned(), source };
        let targets = table.optional_u8("target").map_err(failed)?;
        let probabilities = table.f64("probability").map_err(failed)?;
        let rows =
            targets.iter().zip(probabilities).filter_map(|(target, probability)| Some(((*target)? == 1, *probability)));
        let (labels, probabilities): (Vec<_>, Vec<_>) = rows.unzip();
        Ok((!labels.is_empty()).then_some(Scored { labels, probabilities }))
    }

    /// A file of lines, if it was written.
    pub(crate) fn file(&self, name: &str) -> Result<Option<fs::File>, ReportError> {
        match self.inputs.path(name) {
            Ok(path) => Ok(Some(fs::File::open(path)?)),
            Err(_) => Ok(None),
        }
    }
}

impl Scored {
    /// The probabilities of one class.
    pub(crate) fn of_class(&self, is_faulty: bool) -> impl Iterator<Item = f64> + '_ {
        self.labels.iter().zip(&self.probabilities).filter(move |(label, _)| **label == is_faulty).map(|(_, p)| *p)
    }

    /// Whether both classes occur, so that curves can be drawn.
    pub(crate) fn has_both_classes(&self) -> bool {
        self.labels.contains(&true) && self.labels.contains(&false)
    }

    /// The number of faulty rows.
    pub(crate) fn faulty_count(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }
}

fn trained(known: &Evaluation) -> Option<(&Evaluation, &Trained)> {
    Some((known, known.trained.as_ref()?))
}

/// `<model>-<family>`: the part of `train` that a model is from.
pub(crate) fn part_name(evaluation: &Evaluation) -> String {
    format!("{}-{}", evaluation.model, evaluation.family)
}

fn document<T: DeserializeOwned>(inputs: &Inputs, name: &str) -> Result<Option<T>, ReportError> {
    let Ok(path) = inputs.path(name) else {
        return Ok(None);
    };
    let content = fs::read(path)?;
    let parsed = serde_json::from_slice(&content);
    parsed.map(Some).map_err(|source| ReportError::Document { name: name.to_owned(), source })
}
