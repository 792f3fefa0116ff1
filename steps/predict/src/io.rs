//! What the stage reads: the rows, and every file of the champion's bundle.

use async_trait::async_trait;
use faultline_contract::{Artifact, Digest, ExitCode, Part, Shard};
use faultline_runtime::{
    Access, Context, Explained, Failure, Input, Inputs, MediaType, Merge, Outputs, Plan, Resources, ResultKind,
    ResultSpec, Role, Step, UpstreamSpec,
};
use faultline_tracking::{Indexed, Registry, access_of_readers};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::merge::Merged;
use crate::run::{self, CSV, Job, PREDICTIONS, SUMMARY, input_name};
use crate::{PredictError, PredictOptions};

/// What `load` leaves.
const EXPORT: &str = "export.parquet";
/// The version that all shards of a run score with.
const CHAMPION: &str = "champion.json";

/// What [`CHAMPION`] says.
#[derive(Debug, Serialize, Deserialize)]
struct Agreed {
    model: String,
    version: u64,
    bundle_sha256: Digest,
}

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

    fn share(options: &PredictOptions) -> Option<Part> {
        options.sharding.share()
    }

    async fn gather(context: &Context, options: PredictOptions) -> Result<Plan<Job>, Failure> {
        let registry =
            Registry::of_flags(context.store().clone(), &options.tracking_uri, &options.model).explained()?;
        let role = context.role(options.sharding)?;
        let Scorer { version, bundle: Indexed { index, sha256, bytes } } = scorer(context, &registry, role).await?;

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
        let bundle = [artifact("bundle.json", sha256, bytes)].into_iter();
        let bundle: Vec<Input> =
            bundle.chain(index.files.iter().map(|file| artifact(&file.path, file.sha256, file.bytes))).collect();
        let work_on = |rows: Input| [rows].into_iter().chain(bundle.iter().cloned()).collect::<Vec<_>>();
        let load = context.upstream("load").await?;
        let rows = match role {
            Role::Shard(shard) => context.share_of(&load, shard).await?.input(EXPORT)?,
            Role::Whole | Role::Merge(_) => load.input(EXPORT)?,
        };
        let params = json!({ "model": options.model, "model_version": version, "top_features": options.top_features });
        let mut job = Job {
            model: options.model,
            version,
            index,
            top_features: options.top_features,
            rows: rows.artifact.name.clone(),
            merge: None,
        };
        let (mut part, mut merge) = (None, None);
        match role {
            Role::Whole => {}
            Role::Shard(shard) => part = Some(shard.part()),
            Role::Merge(count) => {
                let shards = context.shards(count).await?;
                for (shard, of) in shards.iter().zip(Shard::all(count)) {
                    let rows = context.share_of(&load, of).await?.input(EXPORT)?;
                    context.verify_shard(shard, &params, &work_on(rows))?;
                }
                job.merge = Some(Merged { shards: count, rows: rows.artifact.rows });
                merge = Some(Merge::new(shards, &[PREDICTIONS, CSV, SUMMARY]));
            }
        }
        Ok(Plan { part, params, inputs: work_on(rows), job, merge })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PredictError> {
        run::run(job, inputs, outputs)
    }
}

/// The model that scores.
struct Scorer {
    version: u64,
    bundle: Indexed,
}

/// The champion. For all shards of a run it is the one that the first of them found, whoever is promoted meanwhile.
async fn scorer(context: &Context, registry: &Registry, role: Role) -> Result<Scorer, Failure> {
    let champion = async || {
        registry.champion().await.explained()?.ok_or_else(|| {
            Failure::new(ExitCode::InputMissing, format!("the model {} has no champion", registry.model()))
                .hint("run the train pipeline first, or check --model and --root-uri")
        })
    };
    if role == Role::Whole {
        let entry = champion().await?.entry;
        return Ok(Scorer { version: entry.version, bundle: registry.bundle_of(&entry).await.explained()? });
    }
    let found = async {
        let entry = champion().await?.entry;
        Ok(Agreed { model: registry.model().to_string(), version: entry.version, bundle_sha256: entry.bundle_sha256 })
    };
    let Agreed { model, version, bundle_sha256 } = context.agreed(CHAMPION, found).await?;
    let differs = |got: String| {
        let run = context.run_id();
        Failure::configuration(format!(
            "the shards of the run {run} score with version {version} of {model}, got {got}"
        ))
        .hint("all shards of a run and their merge need the same --model, which must not change: start a new run")
    };
    if model != registry.model().to_string() {
        return Err(differs(format!("the model {}", registry.model())));
    }
    let bundle = registry.bundle(version).await.explained()?;
    if bundle.sha256 != bundle_sha256 {
        return Err(differs(format!("a bundle.json of sha256 {}, expected {bundle_sha256}", bundle.sha256)));
    }
    Ok(Scorer { version, bundle })
}

fn media_type(file: &str) -> MediaType {
    match file.rsplit_once('.') {
        Some((_, "parquet")) => MediaType::Parquet,
        Some((_, "ubj")) => MediaType::Ubjson,
        _ => MediaType::Json,
    }
}
