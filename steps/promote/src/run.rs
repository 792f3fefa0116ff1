//! The core: choose the models and how to put them together, describe the bundle, score the rows held out.

use std::collections::BTreeMap;

use faultline_contract::StepKey;
use faultline_contract::documents::evaluation::CostMatrix;
use faultline_contract::documents::promote::{
    BUNDLE_FORMAT_VERSION, BundleFile, BundleIndex, BundleModel, Choice, Composition, Suspect, Task,
};
use faultline_contract::documents::train::{Evaluation, Trained};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, FeatureFile};
use faultline_tracking::Registry;

use crate::choose::choose;
use crate::compose::{
    FORWARD, Measure, OUT_OF_FOLD, Places, Plan, Scored, Served, by_tables, composition, on_holdout, plans,
};
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
    /// The features that may know the answer.
    pub suspects: Vec<Suspect>,
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
    /// The chosen way to put it together first.
    pub(crate) compositions: Vec<Composition>,
    /// The labelled rows that no model of the version was fitted on.
    pub(crate) holdout: Scored,
    pub(crate) costs: CostMatrix,
}

/// Writes `bundle.json` and what the version says of the training rows out of fold and of the rows held out. Without a model
/// for every cluster the outputs are rejected and there is no challenge.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<Option<Challenge>, PromoteError> {
    let assignments = Columns::read(inputs.path("cluster/assignments.parquet").map_err(PromoteError::Input)?)?;
    outputs.count("rows_in", assignments.row_count() as u64);
    let mut choices = match choose(&job.model_of_cluster, &job.evaluations) {
        Ok(choices) => choices,
        Err(reason) => {
            outputs.count("rows_out", 0);
            outputs.reject(reason);
            return Ok(None);
        }
    };
    let places = Places::of(&assignments)?;
    let costs = job.evaluations.iter().find_map(|known| Some(known.trained.as_ref()?.costs)).unwrap_or_default();
    let measure = Measure { costs, bootstrap: &job.params.bootstrap, seed: job.seed };
    let mut judged = Vec::new();
    for plan in plans(&choices, &job.evaluations) {
        let by = |name: &'static str| {
            let path = move |served: &Served| inputs.path(&format!("train/{}/{name}", served.part())).ok();
            by_tables(&plan, &job.evaluations, &places, path)
        };
        let Some(out_of_fold) = by(OUT_OF_FOLD)? else { continue };
        let forward = by(FORWARD)?;
        if let Some(composition) = composition(&plan, &out_of_fold, forward.as_ref(), measure)? {
            judged.push((plan, composition, out_of_fold, forward));
        }
    }
    // The sort is stable: of equals the first stays first.
    let score = |composition: &Composition| composition.out_of_fold.metrics.average_precision.unwrap_or_default();
    judged.sort_by(|(_, left, ..), (_, right, ..)| score(right).total_cmp(&score(left)));
    let Some((plan, _, out_of_fold, forward)) = judged.first() else {
        outputs.count("rows_out", 0);
        outputs.reject("no training row has an out-of-fold prediction".to_owned());
        return Ok(None);
    };
    for choice in &mut choices.choices {
        let serves = |(cluster, served): (usize, &Served)| {
            (served.model == choice.model).then(|| {
                choice.chosen = Some(served.family);
                cluster as u64
            })
        };
        choice.clusters = plan.serves.iter().enumerate().filter_map(serves).collect();
    }
    let (index, sources) = describe(job, plan, inputs)?;
    let features = FeatureFile::open(inputs.path("preprocess/features.parquet").map_err(PromoteError::Input)?)?;
    let model_file = |served: &Served, trained: &Trained| {
        inputs.path(&format!("train/{}/{}", served.part(), trained.file)).map_err(PromoteError::Input)
    };
    let holdout = on_holdout(plan, &job.evaluations, &places, &features, model_file)?;
    outputs.json("bundle.json", &index)?;
    let mut write = |name: &str, scored: &Scored| {
        let path = outputs.declare(name, MediaType::Parquet, Some(scored.len() as u64))?;
        Ok::<_, PromoteError>(scored.table()?.write(&path)?)
    };
    write("holdout.parquet", &holdout)?;
    write(OUT_OF_FOLD, out_of_fold)?;
    if let Some(forward) = forward {
        write(FORWARD, forward)?;
    }
    outputs.count("rows_out", holdout.len() as u64);
    let compositions = judged.into_iter().map(|(_, composition, ..)| composition).collect();
    Ok(Some(Challenge { index, sources, choices: choices.choices, compositions, holdout, costs }))
}

/// The index of the bundle, and the input that each of its files is.
fn describe(job: &Job, plan: &Plan, inputs: &Inputs) -> Result<(BundleIndex, Vec<String>), PromoteError> {
    let mut models = BTreeMap::new();
    let mut makers: BTreeMap<_, _> = job
        .makers
        .iter()
        .filter(|(name, _)| !name.starts_with("train/"))
        .map(|(name, key)| (name.clone(), *key))
        .collect();
    let mut files: BTreeMap<String, String> =
        SHARED_FILES.iter().map(|(path, input)| ((*path).to_owned(), (*input).to_owned())).collect();
    for served in plan.models() {
        let Some(trained) = served.trained(&job.evaluations) else { continue };
        let maker = format!("train/{}", served.part());
        let file = format!("models/{}/{}", served.model, trained.file);
        files.insert(file.clone(), format!("{maker}/{}", trained.file));
        makers.extend(job.makers.get(&maker).map(|key| (maker, *key)));
        let model = BundleModel {
            family: served.family,
            file,
            calibration: trained.calibration.clone(),
            threshold: trained.threshold,
        };
        models.insert(served.model.clone(), model);
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
        model_of_cluster: plan.serves.iter().map(|served| served.model.clone()).collect(),
        models,
        seed: job.seed,
        holdout_ratio: job.holdout_ratio,
        makers,
        files: files.iter().map(file).collect::<Result<_, PromoteError>>()?,
    };
    Ok((index, files.into_values().collect()))
}
