//! What the stage reads: the features and its params.

use async_trait::async_trait;
use faultline_runtime::{
    Access, Context, Failure, Inputs, Outputs, Plan, Resources, ResultKind, ResultSpec, Step, UpstreamSpec,
};
use serde_json::json;

use crate::run::{self, Job};
use crate::{ClusterError, ClusterOptions, ClusterParams};

/// The stage.
#[derive(Debug)]
pub struct Cluster;

#[async_trait]
impl Step for Cluster {
    const NAME: &'static str = "cluster";
    const ABOUT: &'static str = "Finds clusters of wafers by KMeans, their number by the knee of the elbow curve.";
    const UPSTREAM: &'static [UpstreamSpec] = &[UpstreamSpec { stage: "preprocess", about: "the features" }];
    const RESULTS: &'static [ResultSpec] = &[ResultSpec {
        name: "models",
        kind: ResultKind::Array,
        about: "the models to train: numbers of clusters, and `pooled`, the model of all rows, where it is asked for or needed",
    }];
    const RESOURCES: Resources = Resources { cpu: "1", memory: "2Gi" };

    type Options = ClusterOptions;
    type Job = Job;
    type Error = ClusterError;

    fn access() -> Vec<Access> {
        vec![Access::document("params-uri")]
    }

    async fn gather(context: &Context, options: ClusterOptions) -> Result<Plan<Job>, Failure> {
        let document = context.document(&options.params_uri).await?;
        let params: ClusterParams = document.params_section(Self::NAME)?;
        let semantic = json!(params);
        let params = document.checked(Self::NAME, params.check())?;
        let inputs = vec![context.upstream("preprocess").await?.input("features.parquet")?];
        Ok(Plan { part: None, params: semantic, inputs, job: Job { params, seed: context.seed() }, merge: None })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ClusterError> {
        run::run(job, inputs, outputs)
    }
}
