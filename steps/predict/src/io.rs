//! What the stage reads: the rows, and every file of the champion's bundle.

use async_trait::async_trait;
use faultline_contract::{Artifact, Digest, ExitCode};
use faultline_runtime::{
    Access, Context, Explained, Failure, Input, Inputs, MediaType, Outputs, Plan, Resources, ResultKind, ResultSpec,
    Step, UpstreamSpec,
};
use faultline_tracking::{Indexed, Registry, access_of_readers};
use serde_json::json;

use crate::run::{self, Job, input_name};
use crate::{PredictError, PredictOptions};

/// The stage.
#[derive(Debug)]
pub struct Predict;

#[async_trait]
impl Step for Predict {
    const NAME: &'static str = "predict";
    const ABOUT: &'static str = "Scores every accepted row with the champion of a registered model.";
    const UPSTREAM: &'static [UpstreamSpec] = &[UpstreamSpec { stage: "load", about: "the rows" }];
    const RESULTS: &'static [ResultSpec] = &[
        ResultSpec { name: "model-version", kind: ResultKind::String, about: "the champion's version" },
        ResultSpec { name: "faulty", kind: ResultKind::String, about: "rows called faulty" },
    ];
    const RESOURCES: Resources = Resources { cpu: "1", memory: "2Gi" };

    type Options = PredictOptions;
    type Job = Job;
    type Error = PredictError;

    fn access() -> Vec<Access> {
        access_of_readers()
    }

    async fn gather(context: &Context, options: PredictOptions) -> Result<Plan<Job>, Failure> {
        let registry =
            Registry::of_flags(context.store().clone(), &options.tracking_uri, &options.model).explained()?;
        let champion = registry.champion().await.explained()?.ok_or_else(|| {
            Failure::new(ExitCode::InputMissing, format!("the model {} has no champion", options.model))
                .hint("run the train pipeline first, or check --model and --root-uri")
        })?;
        let version = champion.entry.version;
        let Indexed { index, sha256, bytes } = registry.bundle_of(&champion.entry).await.explained()?;

        let artifact = |file: &str, sha256: Digest, bytes: u64| Input {
            artifact: Artifact {
                name: input_name(file),
                uri: context.store().uri_of(&registry.file_key(version, file)),
                sha256,
                bytes,
                rows: None,
                media_type: media_type(file).as_str().to_owned(),
            },
            local: None,
        };
        let mut inputs = vec![context.upstream("load").await?.input("export.parquet")?];
        inputs.push(artifact("bundle.json", sha256, bytes));
        inputs.extend(index.files.iter().map(|file| artifact(&file.path, file.sha256, file.bytes)));
        let params = json!({ "model": options.model, "model_version": version, "top_features": options.top_features });
        Ok(Plan {
            part: None,
            params,
            inputs,
            job: Job { model: options.model, version, index, top_features: options.top_features },
        })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PredictError> {
        run::run(job, inputs, outputs)
    }
}

fn media_type(file: &str) -> MediaType {
    match file.rsplit_once('.') {
        Some((_, "parquet")) => MediaType::Parquet,
        Some((_, "ubj")) => MediaType::Ubjson,
        _ => MediaType::Json,
    }
}
