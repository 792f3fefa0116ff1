//! What a stage says of itself; the frame does the rest.

use std::sync::Arc;

use async_trait::async_trait;
use faultline_contract::access::Access;
use faultline_contract::{Manifest, Part};
use faultline_metrics::Sample;

use crate::{Context, Explain, Explained, Failure, Input, Inputs, Merge, Outputs, blocking};

/// An upstream stage: gives the flags `--<stage>-manifest-uri` and `--<stage>-manifest-sha256`.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamSpec {
    /// The stage's name.
    pub stage: &'static str,
    /// What this step takes from it, for `--help`.
    pub about: &'static str,
}

/// The type of a Tekton result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// One text.
    String,
    /// A JSON array of texts, as a matrix takes it.
    Array,
    /// A JSON object that names an artifact by `uri` and `digest`, as Tekton Chains takes it: the result's name ends in
    /// `_ARTIFACT_OUTPUTS`. It is left out where there is no artifact.
    Artifact,
}

/// A result beside the standard ones: gives the flag `--result-<name>-path`, all in kebab-case.
///
/// Its value is the manifest's fact or count of the same name in snake case, so a reused manifest gives the same.
#[derive(Clone, Copy, Debug)]
pub struct ResultSpec {
    /// The name, in kebab-case but for an artifact.
    pub name: &'static str,
    /// Its type.
    pub kind: ResultKind,
    /// What it tells, for `--help`.
    pub about: &'static str,
}

/// What one pod of the step asks of its node, in Kubernetes quantities.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Requested cpu, for example `500m`. There is no cpu limit: throttling only makes a step slower.
    pub cpu: &'static str,
    /// Requested memory, which is also the limit, for example `1Gi`.
    pub memory: &'static str,
}

/// A Secret, the keys of which are variables of the step. Neither it nor any of its keys must exist.
#[derive(Clone, Copy, Debug)]
pub struct SecretSpec {
    /// The Secret's name.
    pub name: &'static str,
    /// The variables, which are named as the keys.
    pub variables: &'static [&'static str],
}

/// Whether an earlier manifest with the same step key may stand in for the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Yes: the step is a function of its inputs.
    Cached,
    /// No: the step acts on the world, and is idempotent by run id instead.
    Never,
}

/// A pipeline that steps are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// Ends with a version that is promoted or held.
    Train,
    /// Ends with predictions.
    Predict,
}

impl Pipeline {
    pub(crate) const TRAIN: &str = "train";
    pub(crate) const PREDICT: &str = "predict";

    /// The name in params.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => Self::TRAIN,
            Self::Predict => Self::PREDICT,
        }
    }
}

/// What became of a whole run, before the tasks at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Every task succeeded or was left out on purpose.
    Succeeded,
    /// A task failed.
    Failed,
}

/// What `gather` found: enough to name the work and to do it.
#[derive(Debug)]
pub struct Plan<Job> {
    /// The share of the step's work, if it is split.
    pub part: Option<Part>,
    /// The semantic params: all that changes the bytes, nothing else.
    pub params: serde_json::Value,
    /// The input artifacts; their names and content digests are part of the step key.
    pub inputs: Vec<Input>,
    /// Checked params and small documents for the core.
    pub job: Job,
    /// What is put together in place of the work, if anything.
    pub merge: Option<Merge>,
}

/// A stage of a pipeline.
#[async_trait]
pub trait Step: Sized + Send + Sync + 'static {
    /// The stage's name: crate, binary, image, Task and S3 prefix follow from it.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// The upstream stages.
    const UPSTREAM: &'static [UpstreamSpec];
    /// The results beside the standard ones.
    const RESULTS: &'static [ResultSpec];
    /// Whether the cache may stand in.
    const REUSE: Reuse = Reuse::Cached;
    /// What one pod asks of its node.
    const RESOURCES: Resources = Resources { cpu: "500m", memory: "1Gi" };
    /// Where its credentials come from on a cluster; flags and params are no place for them.
    const SECRETS: &'static [SecretSpec] = &[];

    /// The stage's own flags.
    type Options: clap::Args + std::fmt::Debug + Send + Sync;
    /// What the core needs besides its input files.
    type Job: Send + Sync + 'static;
    /// The core's errors.
    type Error: Explain;

    /// What the step touches beside its own folder, its cache and the outputs of its upstream stages: rights are made from it.
    fn access() -> Vec<Access>;

    /// Reads manifests and small documents, and lists the inputs (in `io.rs`).
    async fn gather(context: &Context, options: Self::Options) -> Result<Plan<Self::Job>, Failure>;

    /// The pure core (in `run.rs`): local files and values in, local files, counts and facts out.
    ///
    /// # Errors
    /// Whatever the stage can meet; [`Explain`] gives the exit code and the hint.
    fn run(job: &Self::Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Self::Error>;

    /// Does the work; a stage that talks to a service besides the store does so here (in `io.rs`).
    async fn perform(
        _: &Context,
        job: Arc<Self::Job>,
        inputs: Inputs,
        mut outputs: Outputs,
    ) -> Result<Outputs, Failure> {
        blocking(move || {
            Self::run(&job, &inputs, &mut outputs).explained()?;
            Ok(outputs)
        })
        .await
    }

    /// A last look before `earlier` stands in for the work, for a stage whose outputs live in a service too.
    async fn may_reuse(_: &Context, _: &Self::Job, _earlier: &Manifest) -> Result<bool, Failure> {
        Ok(true)
    }

    /// Instead of the work, when this run has committed it before: for what the commit does not stand for, such as a mirror that was away.
    async fn revisit(_: &Context, _: &Self::Job) -> Result<(), Failure> {
        Ok(())
    }
    /// The share of the work that the flags name, if it is split into shares whose names come again in later runs: their metrics are kept apart.
    fn share(_: &Self::Options) -> Option<Part> {
        None
    }

    /// What became of the run as a whole, for the stage that is told.
    fn run_status(_: &Self::Options) -> Option<RunStatus> {
        None
    }

    /// The metrics of committed work beside those that every step has. Each label that was ever told is told again, if only as 0: a value
    /// that is left out stays as it was.
    fn measure(_: &Manifest) -> Vec<Sample> {
        Vec::new()
    }
}
