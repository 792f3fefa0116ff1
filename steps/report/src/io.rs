//! What the stage reads: every manifest of the run, and the documents that the page shows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use faultline_contract::{Artifact, Digest, Manifest, Part, layout};
use faultline_runtime::{
    Access, Context, Explained, Failure, Input, Inputs, Outputs, Pipeline, Place, Plan, ResultKind, ResultSpec, Reuse,
    Right, RunStatus, SecretSpec, Step, Upstream, UpstreamSpec, blocking,
};
use faultline_store::PutMode;
use faultline_tracking::{CREDENTIAL_VARIABLES, Mlflow, Registry, access_of_mirrors};
use serde_json::json;

use crate::evidence::{Job, Stage, stages_of};
use crate::{ReportError, ReportOptions, Tracking, run, tracking};

/// The artifacts that the page is drawn from, by stage.
const SHOWN: &[(&str, &[&str])] = &[
    ("validate", &["profile.json", "quarantine.jsonl"]),
    ("load", &["export.parquet"]),
    ("preprocess", &["split.json", "missingness.json"]),
    ("cluster", &["clusters.json"]),
    ("train", &["evaluation.json", "oof.parquet"]),
    ("promote", &["verdict.json", "oof.parquet", "forward.parquet", "holdout.parquet"]),
    ("predict", &["summary.json", "predictions.parquet"]),
];

/// The most bytes of `load/export.parquet` that are read: it holds every row with every feature. Of a larger one the page says that
/// it was left out.
const MAX_LOADED_BYTES: u64 = 64 << 20;

/// The stage.
#[derive(Debug)]
pub struct ReportStep;

#[async_trait]
impl Step for ReportStep {
    const NAME: &'static str = "report";
    const ABOUT: &'static str = "Writes one self-contained HTML page about a run, however far the run has come.";
    const UPSTREAM: &'static [UpstreamSpec] = &[];
    const RESULTS: &'static [ResultSpec] =
        &[ResultSpec { name: "report-uri", kind: ResultKind::String, about: "the page" }];
    const REUSE: Reuse = Reuse::Never;

    type Options = ReportOptions;
    type Job = Job;
    type Error = ReportError;

    const SECRETS: &'static [SecretSpec] =
        &[SecretSpec { name: "faultline-tracking", variables: &CREDENTIAL_VARIABLES }];

    fn access() -> Vec<Access> {
        let mut access = vec![
            Access::new(Place::Store { keys: layout::ANY_RUN.to_owned() }, &[Right::List]),
            Access::new(Place::Store { keys: layout::MANIFESTS_IN_ANY_RUN.to_owned() }, &[Right::Read]),
        ];
        access.extend(SHOWN.iter().map(|(stage, _)| Access::outputs_of(stage)));
        access.extend(access_of_mirrors());
        access
    }

    async fn gather(context: &Context, options: ReportOptions) -> Result<Plan<Job>, Failure> {
        let pipeline = context.pipeline().unwrap_or(Pipeline::Train);
        let stages = committed_stages(context, pipeline).await?;
        let mut inputs = Vec::new();
        for stage in &stages {
            inputs.extend(shown(stage)?);
        }
        // A run that is taken up again after a failure has more to tell: each state of the run has a report of its own.
        let state: Vec<String> = stages.iter().map(|stage| format!("{} {}", stage.name, stage.sha256)).collect();
        let part: Part = Digest::of(state.join("\n").as_bytes())
            .short(12)
            .parse()
            .map_err(|source| Failure::internal("the part has no valid name").caused_by(source))?;
        let registry =
            Registry::of_flags(Arc::clone(context.store()), &options.tracking_uri, &options.model).explained()?;
        let budget = Duration::from_secs(options.tracking_budget_secs);
        let server = Mlflow::new(&options.tracking_uri).explained()?;
        let tracking = server.map(|server| Tracking { server, registry, budget });
        let job = Job { pipeline, run_id: context.run_id().clone(), stages, tracking };
        Ok(Plan { part: Some(part), params: json!({ "pipeline": pipeline.as_str() }), inputs, job, merge: None })
    }

    fn run_status(options: &ReportOptions) -> Option<RunStatus> {
        options.run_status()
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ReportError> {
        run::run(job, inputs, outputs).map(drop)
    }

    async fn perform(
        context: &Context,
        job: Arc<Job>,
        inputs: Inputs,
        mut outputs: Outputs,
    ) -> Result<Outputs, Failure> {
        let core_job = Arc::clone(&job);
        let work = move || {
            let figures = run::run(&core_job, &inputs, &mut outputs).explained()?;
            Ok((outputs, figures))
        };
        let (mut outputs, figures) = blocking(work).await?;
        // The page of the latest state stands at an address that does not change.
        let prefix = format!("{}report/", layout::run_prefix(context.run_id()));
        let key = format!("{prefix}report.html");
        context.store().put_file(&key, &outputs.folder().join("report.html")).await?;
        outputs.fact("report_uri", context.store().uri_of(&key));
        if job.tracking.is_some() {
            for figure in figures {
                let key = format!("{prefix}pictures/{}.html", figure.name);
                context.store().put(&key, Bytes::from(figure.html), PutMode::Overwrite).await?;
            }
        }
        let state = tracking::reconcile(job.tracking.as_ref(), context.run_id(), context.scratch()).await;
        outputs.fact("tracking", state.as_str());
        Ok(outputs)
    }

    /// A server that was away then may be back.
    async fn revisit(context: &Context, job: &Job) -> Result<(), Failure> {
        tracking::reconcile(job.tracking.as_ref(), context.run_id(), context.scratch()).await;
        Ok(())
    }
}

/// Every manifest of the run but those of reports and shards, in the order of the pipeline.
async fn committed_stages(context: &Context, pipeline: Pipeline) -> Result<Vec<Stage>, Failure> {
    let prefix = layout::run_prefix(context.run_id());
    let mut stages = Vec::new();
    for object in context.store().list(&prefix).await? {
        let Some(name) = object.key.strip_prefix(&prefix).and_then(|key| key.strip_suffix("/manifest.json")) else {
            continue;
        };
        let stage = name.split('/').next().unwrap_or_default();
        if stage == ReportStep::NAME || name.contains("/attempts/") {
            continue;
        }
        let content = context.store().get(&object.key).await?;
        let uri = context.store().uri_of(&object.key);
        let manifest: Manifest = serde_json::from_slice(&content).map_err(|source| {
            Failure::configuration(format!("{uri} is no manifest"))
                .caused_by(source)
                .hint("make the report with the version that made the run")
        })?;
        // What was put together from shards tells all that they do.
        if manifest.part.as_ref().is_some_and(Part::is_shard) {
            continue;
        }
        stages.push(Stage { name: name.to_owned(), manifest, uri, sha256: Digest::of(&content) });
    }
    let place = |stage: &Stage| {
        let order = stages_of(pipeline);
        order.iter().position(|name| *name == stage.manifest.step.as_str()).unwrap_or(order.len())
    };
    stages.sort_by(|left, right| (place(left), &left.name).cmp(&(place(right), &right.name)));
    Ok(stages)
}

/// The artifacts of a stage that the page shows. A stage that was rejected may lack some.
fn shown(stage: &Stage) -> Result<Vec<Input>, Failure> {
    let names =
        SHOWN.iter().find(|(name, _)| *name == stage.manifest.step.as_str()).map_or(&[][..], |(_, names)| names);
    let upstream = Upstream {
        stage: stage.name.clone(),
        manifest: stage.manifest.clone(),
        uri: stage.uri.clone(),
        sha256: stage.sha256,
    };
    let is_bounded = |artifact: &Artifact| stage.name != "load" || artifact.bytes <= MAX_LOADED_BYTES;
    let is_shown = |name: &&&str| stage.manifest.output(name).is_some_and(is_bounded);
    names.iter().filter(is_shown).map(|name| upstream.input(name)).collect()
}
