//! What the stage reads: the exported rows and its params.

use async_trait::async_trait;
use faultline_runtime::{Access, Context, Failure, Inputs, Outputs, Plan, Resources, ResultSpec, Step, UpstreamSpec};
use serde_json::json;

use crate::run::{self, Job};
use crate::{PreprocessError, PreprocessOptions, PreprocessParams};

/// The stage.
#[derive(Debug)]
pub struct Preprocess;

#[async_trait]
impl Step for Preprocess {
    const NAME: &'static str = "preprocess";
    const ABOUT: &'static str =
        "Holds wafers out, imputes missing values, drops constant features, scales; all fitted on training rows only.";
    const UPSTREAM: &'static [UpstreamSpec] = &[UpstreamSpec { stage: "load", about: "the exported rows" }];
    const RESULTS: &'static [ResultSpec] = &[];
    const RESOURCES: Resources = Resources { cpu: "1", memory: "2Gi" };

    type Options = PreprocessOptions;
    type Job = Job;
    type Error = PreprocessError;

    fn access() -> Vec<Access> {
        vec![Access::document("params-uri")]
    }

    async fn gather(context: &Context, options: PreprocessOptions) -> Result<Plan<Job>, Failure> {
        let document = context.document(&options.params_uri).await?;
        let params: PreprocessParams = document.params_section(Self::NAME)?;
        let semantic = json!(params);
        let params = document.checked(Self::NAME, params.check())?;
        let inputs = vec![context.upstream("load").await?.input("export.parquet")?];
        Ok(Plan { part: None, params: semantic, inputs, job: Job { params, seed: context.seed() }, merge: None })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PreprocessError> {
        run::run(job, inputs, outputs)
    }
}
