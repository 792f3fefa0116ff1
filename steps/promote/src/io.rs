//! What the stage reads: the candidates of this run, and what the bundle is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use faultline_contract::Digest;
use faultline_contract::documents::cluster::Clusters;
use faultline_contract::documents::preprocess::Split;
use faultline_contract::documents::train::{Evaluation, Family, part_of};
use faultline_contract::schema::ValidSchema;
use faultline_runtime::{
    Access, Context, Document, Explained, Failure, Input, Inputs, Outputs, Plan, ResultKind, ResultSpec, Reuse, Step,
    Upstream, UpstreamSpec, blocking,
};
use faultline_tracking::{Registry, access_of_promoters};
use serde_json::{Value, json};

use crate::compose::{FORWARD, OUT_OF_FOLD};
use crate::run::{self, Job};
use crate::{PromoteError, PromoteOptions, PromoteParams, registry};

/// The stages whose manifests are found by the run, besides the upstream one.
const IN_RUN: [&str; 4] = [VALIDATE, LOAD, PREPROCESS, TRAIN];
const VALIDATE: &str = "validate";
const LOAD: &str = "load";
const PREPROCESS: &str = "preprocess";
const TRAIN: &str = "train";

/// The stage.
#[derive(Debug)]
pub struct Promote;

#[async_trait]
impl Step for Promote {
    const NAME: &'static str = "promote";
    const ABOUT: &'static str = "Chooses the best model of every cluster, makes a model version, and promotes it if it is better than the champion.";
    const UPSTREAM: &'static [UpstreamSpec] =
        &[UpstreamSpec { stage: "cluster", about: "the clusters, and the models that were trained for them" }];
    const RESULTS: &'static [ResultSpec] = &[
        ResultSpec { name: "verdict", kind: ResultKind::String, about: "promote or hold" },
        ResultSpec { name: "model-version", kind: ResultKind::String, about: "the version that this run made" },
        ResultSpec {
            name: "model_ARTIFACT_OUTPUTS",
            kind: ResultKind::Artifact,
            about: "the version's index, `bundle.json`, for Tekton Chains to sign",
        },
    ];
    const REUSE: Reuse = Reuse::Never;

    type Options = PromoteOptions;
    type Job = Job;
    type Error = PromoteError;

    fn access() -> Vec<Access> {
        let mut access = access_of_promoters();
        access.extend(IN_RUN.map(Access::outputs_of));
        access.push(Access::document("params-uri"));
        access
    }

    async fn gather(context: &Context, options: PromoteOptions) -> Result<Plan<Job>, Failure> {
        let registry =
            Registry::of_flags(Arc::clone(context.store()), &options.tracking_uri, &options.model).explained()?;
        let document = context.document(&options.params_uri).await?;
        let params: PromoteParams = document.params_section(Self::NAME)?;
        let params = document.checked(Self::NAME, params.check())?;
        let cluster = context.upstream("cluster").await?;
        let validate = context.in_run(VALIDATE, None).await?;
        let load = context.in_run(LOAD, None).await?;
        let preprocess = context.in_run(PREPROCESS, None).await?;
        let clusters: Clusters = context.read_json(&cluster.input("clusters.json")?).await?;
        let split: Split = context.read_json(&preprocess.input("split.json")?).await?;
        let schema = schema(context, &validate.input("schema.json")?).await?;

        let mut inputs = vec![
            validate.input("schema.json")?,
            load.input("export.parquet")?,
            preprocess.input("preprocessor.json")?,
            preprocess.input("donors.parquet")?,
            preprocess.input("features.parquet")?,
            preprocess.input("suspects.json")?,
            cluster.input("clusters.json")?,
            cluster.input("assignments.parquet")?,
        ];
        let mut makers: BTreeMap<_, _> =
            [&validate, &load, &preprocess, &cluster].iter().map(|stage| maker(stage)).collect();
        let mut evaluations = Vec::new();
        for name in &clusters.models {
            for family in Family::ALL {
                let trained = trained(context, name, family).await?;
                let evaluation: Evaluation = context.read_json(&trained.input("evaluation.json")?).await?;
                inputs.push(trained.input("evaluation.json")?);
                if let Some(model) = &evaluation.trained {
                    inputs.extend([trained.input(OUT_OF_FOLD)?, trained.input(&model.file)?]);
                    if model.forward.is_some() {
                        inputs.push(trained.input(FORWARD)?);
                    }
                }
                makers.extend([maker(&trained)]);
                evaluations.push(evaluation);
            }
        }
        let job = Job {
            dataset: schema.dataset().to_owned(),
            features: schema.feature_names(),
            seed: context.seed(),
            holdout_ratio: split.holdout_ratio,
            model_of_cluster: (0..clusters.k).map(|cluster| wanted(&clusters, cluster)).collect(),
            evaluations,
            suspects: context.read_json(&preprocess.input("suspects.json")?).await?,
            makers,
            registry,
            params,
        };
        let semantic = json!({ "model": job.registry.model(), "gate": job.params.gate });
        Ok(Plan { part: None, params: semantic, inputs, job, merge: None })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PromoteError> {
        run::run(job, inputs, outputs).map(drop)
    }

    async fn perform(context: &Context, job: Arc<Job>, inputs: Inputs, outputs: Outputs) -> Result<Outputs, Failure> {
        let inputs = Arc::new(inputs);
        let (core_job, core_inputs) = (Arc::clone(&job), Arc::clone(&inputs));
        let (mut outputs, challenge) = blocking(move || {
            let mut outputs = outputs;
            let challenge = run::run(&core_job, &core_inputs, &mut outputs).explained()?;
            Ok((outputs, challenge))
        })
        .await?;
        let Some(challenge) = challenge else {
            return Ok(outputs);
        };
        let registry = job.registry.clone();
        let verdict = registry::settle(context, job, challenge, inputs).await?;
        outputs.json("verdict.json", &verdict)?;
        outputs.fact("verdict", serde_json::to_value(verdict.verdict).unwrap_or_default());
        outputs.fact("model_version", verdict.version.to_string());
        let bundle = registry.bundle(verdict.version).await.explained()?;
        outputs.fact("model_artifact_outputs", signable(&registry, verdict.version, bundle.sha256));
        Ok(outputs)
    }
}

/// The version as Tekton Chains takes an artifact. The index names every other file of the version with its digest.
fn signable(registry: &Registry, version: u64, sha256: Digest) -> Value {
    let uri = format!("{}bundle.json", registry.version_uri(version));
    json!({ "uri": uri, "digest": format!("sha256:{sha256}"), "isBuildArtifact": "true" })
}

async fn schema(context: &Context, input: &Input) -> Result<ValidSchema, Failure> {
    let document = Document { uri: input.artifact.uri.clone(), content: context.read_input(input).await? };
    document.data_schema()
}

async fn trained(context: &Context, model: &str, family: Family) -> Result<Upstream, Failure> {
    let part =
        part_of(model, family).map_err(|source| Failure::internal("the part has no valid name").caused_by(source))?;
    context.in_run(TRAIN, Some(&part)).await
}

fn maker(upstream: &Upstream) -> (String, faultline_contract::StepKey) {
    (upstream.stage.clone(), upstream.manifest.step_key)
}

/// A cluster without an entry wants a model of its own.
fn wanted(clusters: &Clusters, cluster: usize) -> String {
    clusters.model_of_cluster.get(&cluster).cloned().unwrap_or_else(|| cluster.to_string())
}
