//! What the stage reads: the features, the clusters of their rows, and its params.

use async_trait::async_trait;
use faultline_contract::Part;
use faultline_contract::documents::train::{Family, part_of};
use faultline_runtime::{
    Access, Context, Failure, Inputs, Outputs, Plan, Resources, ResultKind, ResultSpec, Step, UpstreamSpec,
};
use serde_json::json;

use crate::run::{self, Job};
use crate::{TrainError, TrainOptions, TrainParams};

/// The stage.
#[derive(Debug)]
pub struct Train;

#[async_trait]
impl Step for Train {
    const NAME: &'static str = "train";
    const ABOUT: &'static str =
        "Trains one family of models on the rows of one cluster: grid search, best model, out-of-fold predictions.";
    const UPSTREAM: &'static [UpstreamSpec] = &[
        UpstreamSpec { stage: "preprocess", about: "the features" },
        UpstreamSpec { stage: "cluster", about: "the cluster of each row" },
    ];
    const RESULTS: &'static [ResultSpec] = &[ResultSpec {
        name: "average-precision",
        kind: ResultKind::String,
        about: "average precision of the best point's out-of-fold predictions, `none` when nothing was trained",
    }];
    const RESOURCES: Resources = Resources { cpu: "1", memory: "2Gi" };

    type Options = TrainOptions;
    type Job = Job;
    type Error = TrainError;

    fn access() -> Vec<Access> {
        vec![Access::document("params-uri")]
    }

    fn share(options: &TrainOptions) -> Option<Part> {
        part_of(&options.cluster_model.to_string(), options.family.into()).ok()
    }

    async fn gather(context: &Context, options: TrainOptions) -> Result<Plan<Job>, Failure> {
        let family = Family::from(options.family);
        let document = context.document(&options.params_uri).await?;
        let params: TrainParams = document.params_section(Self::NAME)?;
        let grid = match family {
            Family::Forest => json!(params.forest),
            Family::Boosting => json!(params.boosting),
            Family::Logistic => json!(params.logistic),
        };
        let semantic = json!({
            "model": options.cluster_model.to_string(),
            "family": family,
            "n_folds": params.n_folds,
            "forward_ratio": params.forward_ratio,
            "calibrate": params.calibrate,
            "costs": params.costs,
            "bootstrap": params.bootstrap,
            "grid": grid,
        });
        let params = document.checked(Self::NAME, params.check(family, context.seed()))?;
        let part = part_of(&options.cluster_model.to_string(), family)
            .map_err(|source| Failure::internal("the part has no valid name").caused_by(source))?;
        let inputs = vec![
            context.upstream("preprocess").await?.input("features.parquet")?,
            context.upstream("cluster").await?.input("assignments.parquet")?,
        ];
        let job = Job { model: options.cluster_model, params, seed: context.seed() };
        Ok(Plan { part: Some(part), params: semantic, inputs, job, merge: None })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TrainError> {
        run::run(job, inputs, outputs)
    }
}
