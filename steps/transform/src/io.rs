//! What the stage reads: the verdict and the schema of `validate`, and the raw files that it accepted.

use std::ops::Range;

use async_trait::async_trait;
use faultline_contract::documents::validate::{Accepted, AcceptedFile};
use faultline_contract::schema::ValidSchema;
use faultline_contract::{Part, Shard};
use faultline_runtime::{
    Access, Context, Failure, Input, Inputs, Merge, Outputs, Plan, ResultSpec, Role, Step, Upstream, UpstreamSpec,
};
use serde_json::json;

use crate::run::{self, Job, TABLE};
use crate::{TransformError, TransformOptions};

/// The stage.
#[derive(Debug)]
pub struct Transform;

#[async_trait]
impl Step for Transform {
    const NAME: &'static str = "transform";
    const ABOUT: &'static str = "Makes one typed table of the accepted rows of all files.";
    const UPSTREAM: &'static [UpstreamSpec] =
        &[UpstreamSpec { stage: "validate", about: "the accepted files and the data schema" }];
    const RESULTS: &'static [ResultSpec] = &[];

    type Options = TransformOptions;
    type Job = Job;
    type Error = TransformError;

    fn access() -> Vec<Access> {
        vec![Access::known_files("raw-uri")]
    }

    fn share(options: &TransformOptions) -> Option<Part> {
        options.sharding.share()
    }

    async fn gather(context: &Context, options: TransformOptions) -> Result<Plan<Job>, Failure> {
        let validate = context.upstream("validate").await?;
        let (verdict, rules) = (validate.input("accepted.json")?, validate.input("schema.json")?);
        let misfit = |input: &Input| {
            Failure::configuration(format!("{} cannot be understood", input.artifact.uri))
                .hint("validate and transform of different versions do not fit: run validate again")
        };
        let accepted: Accepted = serde_json::from_slice(&context.read_input(&verdict).await?)
            .map_err(|source| misfit(&verdict).caused_by(source))?;
        let schema = ValidSchema::from_json(&context.read_input(&rules).await?)
            .map_err(|source| misfit(&rules).caused_by(source))?;
        // What the work is on: the files of a share, or all.
        let work = |files: Range<usize>| -> Result<Vec<Input>, Failure> {
            let mut inputs = raw_files(context, &validate, &accepted.files[files])?;
            inputs.extend([verdict.clone(), rules.clone()]);
            Ok(inputs)
        };
        let sizes: Vec<u64> = accepted.files.iter().map(|file| file.bytes).collect();
        let params_of_shard = json!({ "share": true });
        let role = context.role(options.sharding)?;
        let all = 0..sizes.len();
        let (part, params, files, merge) = match role {
            Role::Whole => (None, json!({}), all, None),
            Role::Shard(shard) => (Some(shard.part()), params_of_shard, shard.share(&sizes), None),
            Role::Merge(count) => {
                let shards = context.shards(count).await?;
                for (shard, of) in shards.iter().zip(Shard::all(count)) {
                    context.verify_shard(shard, &params_of_shard, &work(of.share(&sizes))?)?;
                }
                (None, json!({}), all, Some(Merge::new(shards, &[TABLE])))
            }
        };
        let inputs = work(files.clone())?;
        Ok(Plan { part, params, inputs, job: Job { accepted, schema, files, role }, merge })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TransformError> {
        run::run(job, inputs, outputs)
    }
}

/// The accepted files where `validate` found them. Its manifest and its verdict must agree on their content; whether a file of this machine still
/// has it is seen when it is read, so that it is read once.
fn raw_files(context: &Context, validate: &Upstream, accepted: &[AcceptedFile]) -> Result<Vec<Input>, Failure> {
    let find = |name: &str, sha256| {
        let name = format!("raw/{name}");
        let found = validate.manifest.inputs.iter().find(|input| input.name == name && input.sha256 == sha256);
        let artifact = found.cloned().ok_or_else(|| {
            Failure::configuration(format!("{} does not name the accepted input {name}", validate.uri))
                .hint("run validate again, in a new run")
        })?;
        Ok(Input { local: context.unverified_file(&artifact.uri), artifact })
    };
    accepted.iter().map(|file| find(&file.name, file.sha256)).collect()
}
