//! The core: choose the models, describe the bundle, gather what it says of the rows held out.

use std::collections::{BTreeMap, HashMap};

use faultline_contract::StepKey;
use faultline_contract::documents::promote::{
    BUNDLE_FORMAT_VERSION, BundleFile, BundleIndex, BundleModel, Choice, Task,
};
use faultline_contract::documents::train::{Evaluation, Family, Trained};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, Keys, Values};
use faultline_tracking::Registry;

use crate::choose::{Choices, choose};
use crate::figures::Said;
use crate::{PromoteError, ValidPromoteParams};

/// The files that every bundle takes over, with the inputs that they are.
const SHARED_FILES: [(&str, &str); 4] = [
    ("clusters.json", "cluster/clusters.json"),
    ("donors.parquet", "preprocess/donors.parquet"),
    ("preprocessor.json", "preprocess/preprocessor.json"),
    ("schema.json", "validate/schema.json"),
];

/// What the core needs besides its tables.
#[derive(Debug)]
pub struct Job {
    /// The registered model.
    pub registry: Registry,
    /// The gate.
    pub params: ValidPromoteParams,
    /// The data set, from the schema.
    pub dataset: String,
    /// The names of the raw features, in the schema's order.
    pub features: Vec<String>,
    /// The seed of the run.
    pub seed: u64,
    /// The share of wafers (0..1) that is held out.
    pub holdout_ratio: f64,
    /// The model that each cluster wants, by cluster number.
    pub model_of_cluster: Vec<String>,
    /// What was trained, in the order of the matrix.
    pub evaluations: Vec<Evaluation>,
    /// The step keys of the stages before, by step or `step/part`.
    pub makers: BTreeMap<String, StepKey>,
}

/// A version in the making.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) index: BundleIndex,
    /// For every file of the index, in its order, the input that it is.
    pub(crate) sources: Vec<String>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) holdout: Holdout,
}

/// The labelled rows that no model of the version was fitted on, in the order of file and row.
#[derive(Debug)]
pub(crate) struct Holdout {
    pub(crate) keys: Keys,
    pub(crate) labels: Vec<bool>,
    pub(crate) said: Vec<Said>,
    clusters: Vec<i64>,
}

/// Writes `bundle.json` and `holdout.parquet`. Without a model for every cluster the outputs are rejected and there is no
/// challenge.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<Option<Challenge>, PromoteError> {
    let assignments = Columns::read(inputs.path("cluster/assignments.parquet").map_err(PromoteError::Input)?)?;
    outputs.count("rows_in", assignments.row_count() as u64);
    let choices = match choose(&job.model_of_cluster, &job.evaluations) {
        Ok(choices) => choices,
        Err(reason) => {
            outputs.count("rows_out", 0);
            outputs.reject(reason);
            return Ok(None);
        }
    };
    let (index, sources) = describe(job, &choices, inputs)?;
    let holdout = hold_out(job, &choices, &assignments, inputs)?;
    outputs.json("bundle.json", &index)?;
    write_holdout(&holdout, outputs)?;
    outputs.count("rows_out", holdout.labels.len() as u64);
    Ok(Some(Challenge { index, sources, choices: choices.choices, holdout }))
}

/// The chosen models that serve a cluster, with their family and what was trained.
fn serving<'a>(job: &'a Job, choices: &'a Choices) -> impl Iterator<Item = (&'a str, Family, &'a Trained)> {
    choices.choices.iter().filter(|choice| !choice.clusters.is_empty()).filter_map(|choice| {
        let family = choice.chosen?;
        let found = |evaluation: &&Evaluation| evaluation.model == choice.model && evaluation.family == family;
        Some((choice.model.as_str(), family, job.evaluations.iter().find(found)?.trained.as_ref()?))
    })
}

/// The index of the bundle, and the input that each of its files is.
fn describe(job: &Job, choices: &Choices, inputs: &Inputs) -> Result<(BundleIndex, Vec<String>), PromoteError> {
    let mut models = BTreeMap::new();
    let mut makers: BTreeMap<_, _> = job
        .makers
        .iter()
        .filter(|(name, _)| !name.starts_with("train/"))
        .map(|(name, key)| (name.clone(), *key))
        .collect();
    let mut files: BTreeMap<String, String> =
        SHARED_FILES.iter().map(|(path, input)| ((*path).to_owned(), (*input).to_owned())).collect();
    for (name, family, trained) in serving(job, choices) {
        let maker = format!("train/{name}-{family}");
        let file = format!("models/{name}/{}", trained.file);
        files.insert(file.clone(), format!("{maker}/{}", trained.file));
        makers.extend(job.makers.get(&maker).map(|key| (maker, *key)));
        models.insert(name.to_owned(), BundleModel { family, file, threshold: trained.threshold });
    }
    let file = |(path, input): (&String, &String)| {
        let artifact = inputs.artifact(input).map_err(PromoteError::Input)?;
        Ok(BundleFile { path: path.clone(), sha256: artifact.sha256, bytes: artifact.bytes })
    };
    let index = BundleIndex {
        format_version: BUNDLE_FORMAT_VERSION,
        task: Task::Binary,
        dataset: job.dataset.clone(),
        features: job.features.clone(),
        labels: ["good".to_owned(), "faulty".to_owned()],
        model_of_cluster: choices.model_of_cluster.clone(),
        models,
        seed: job.seed,
        holdout_ratio: job.holdout_ratio,
        makers,
        files: files.iter().map(file).collect::<Result<_, PromoteError>>()?,
    };
    Ok((index, files.into_values().collect()))
}

/// What the version says of the rows held out: each row is scored by the model of its cluster.
fn hold_out(job: &Job, choices: &Choices, assignments: &Columns, inputs: &Inputs) -> Result<Holdout, PromoteError> {
    let keys = assignments.keys()?;
    let clusters = assignments.i64("cluster")?;
    let places: HashMap<(&str, u64), usize> =
        (0..keys.len()).map(|place| ((&*keys.source_files[place], keys.rows[place]), place)).collect();
    let mut rows: Vec<(usize, bool, Said)> = Vec::new();
    for (name, family, trained) in serving(job, choices) {
        let input = format!("train/{name}-{family}/holdout.parquet");
        let table = Columns::read(inputs.path(&input).map_err(PromoteError::Input)?)?;
        let (of_model, targets, probabilities) =
            (table.keys()?, table.optional_u8("target")?, table.f64("probability")?);
        for row in 0..table.row_count() {
            let (file, number) = (&*of_model.source_files[row], of_model.rows[row]);
            let unassigned = || PromoteError::Unassigned { file: file.to_owned(), row: number };
            let place = *places.get(&(file, number)).ok_or_else(unassigned)?;
            let served_by =
                usize::try_from(clusters[place]).ok().and_then(|cluster| choices.model_of_cluster.get(cluster));
            // The pooled model's holdout has the rows of all clusters.
            if served_by.ok_or_else(unassigned)? == name {
                let probability = probabilities[row];
                let said = Said { probability, is_faulty: probability >= trained.threshold };
                rows.push((place, targets[row] == Some(1), said));
            }
        }
    }
    rows.sort_by_key(|(place, _, _)| *place);
    let places: Vec<usize> = rows.iter().map(|(place, _, _)| *place).collect();
    Ok(Holdout {
        keys: keys.select(&places),
        labels: rows.iter().map(|(_, label, _)| *label).collect(),
        clusters: places.iter().map(|place| clusters[*place]).collect(),
        said: rows.iter().map(|(_, _, said)| *said).collect(),
    })
}

fn write_holdout(holdout: &Holdout, outputs: &mut Outputs) -> Result<(), PromoteError> {
    let rows = holdout.labels.len();
    let path = outputs.declare("holdout.parquet", MediaType::Parquet, Some(rows as u64))?;
    Ok(Columns::new(rows)
        .with_keys(&holdout.keys)?
        .with("target", Values::OptionalU8(holdout.labels.iter().map(|label| Some(u8::from(*label))).collect()))?
        .with("cluster", Values::I64(holdout.clusters.clone()))?
        .with("probability", Values::F64(holdout.said.iter().map(|said| said.probability).collect()))?
        .with("is_faulty", Values::Bool(holdout.said.iter().map(|said| said.is_faulty).collect()))?
        .write(&path)?)
}
