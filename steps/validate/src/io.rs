//! What the stage reads: every raw file, and the data schema.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use faultline_contract::documents::validate::Listing;
use faultline_contract::schema::Purpose;
use faultline_contract::{Digest, ExitCode, Manifest, Part, Shard};
use faultline_runtime::metrics::Sample;
use faultline_runtime::{
    Access, Context, Document, Failure, Input, Inputs, Merge, Outputs, Plan, RawFile, ResultKind, ResultSpec, Role,
    Step, Upstream, UpstreamSpec,
};
use serde_json::{Value, json};

use crate::quality::Quality;
use crate::run::{self, FILES, Job, QUARANTINE, SCHEMA};
use crate::{ValidateError, ValidateOptions};

/// The stage.
#[derive(Debug)]
pub struct Validate;

#[async_trait]
impl Step for Validate {
    const NAME: &'static str = "validate";
    const ABOUT: &'static str =
        "Checks raw batch files against the data schema; what fails goes to quarantine with a reason.";
    const UPSTREAM: &'static [UpstreamSpec] = &[];
    const RESULTS: &'static [ResultSpec] = &[
        ResultSpec { name: "files-accepted", kind: ResultKind::String, about: "files whose rows go on" },
        ResultSpec { name: "files-quarantined", kind: ResultKind::String, about: "files rejected as a whole" },
        ResultSpec { name: "rows-quarantined", kind: ResultKind::String, about: "rows that do not go on" },
    ];

    type Options = ValidateOptions;
    type Job = Job;
    type Error = ValidateError;

    fn access() -> Vec<Access> {
        vec![Access::folder("raw-uri"), Access::document("schema-uri")]
    }

    fn share(options: &ValidateOptions) -> Option<Part> {
        options.sharding.share()
    }

    async fn gather(context: &Context, options: ValidateOptions) -> Result<Plan<Job>, Failure> {
        let document = context.document(&options.schema_uri).await?;
        let (schema, purpose) = (document.data_schema()?, Purpose::from(options.purpose));
        let role = context.role(options.sharding)?;
        let (uri, mut merge, mut blake3s) = (&options.raw_uri, None, BTreeMap::new());
        let mut inputs = match role {
            Role::Whole => {
                let files = context.raw_folder(uri).await?;
                is_some(uri, files.len())?;
                as_inputs(files, &mut blake3s)
            }
            Role::Shard(shard) => {
                let listing = context.raw_listing(uri).await?;
                is_some(uri, listing.files.len())?;
                let names = listing.files[share(&listing, shard)].iter().map(|file| file.name.clone()).collect();
                as_inputs(context.raw_files(uri, names).await?, &mut blake3s)
            }
            Role::Merge(count) => {
                let shards = context.shards(count).await?;
                let files = shared_files(context, &context.raw_listing(uri).await?, &shards, &document, purpose)?;
                merge = Some(Merge::new(shards, &[FILES, QUARANTINE]));
                files
            }
        };
        inputs.push(document.input(SCHEMA));
        let (part, params) = match role {
            Role::Shard(shard) => (Some(shard.part()), params_of_shard(purpose)),
            Role::Whole | Role::Merge(_) => (None, json!({ "purpose": purpose })),
        };
        Ok(Plan { part, params, inputs, job: Job { schema, purpose, role, blake3s }, merge })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ValidateError> {
        run::run(job, inputs, outputs)
    }

    fn measure(manifest: &Manifest) -> Vec<Sample> {
        Quality::of(manifest).map(|quality| quality.samples()).unwrap_or_default()
    }
}

fn is_some(uri: &str, files: usize) -> Result<(), Failure> {
    if files > 0 {
        return Ok(());
    }
    Err(Failure::new(ExitCode::InputMissing, format!("the raw folder {uri} holds no file"))
        .hint("check --raw-uri: it names the folder of the batch files"))
}

/// The files, and their BLAKE3 as far as it is known, by the names that they have as inputs.
fn as_inputs(files: Vec<RawFile>, blake3s: &mut BTreeMap<String, Digest>) -> Vec<Input> {
    let known = files.iter().filter_map(|file| Some((file.input.artifact.name.clone(), file.blake3?)));
    blake3s.extend(known);
    files.into_iter().map(|file| file.input).collect()
}

/// What a shard leaves says nothing of other shards, so it is no result of the whole.
fn params_of_shard(purpose: Purpose) -> Value {
    json!({ "purpose": purpose, "share": true })
}

fn share(listing: &Listing, shard: Shard) -> Range<usize> {
    let sizes: Vec<u64> = listing.files.iter().map(|file| file.bytes).collect();
    shard.share(&sizes)
}

/// The raw files as the shards have read them, each of which must have read its share.
fn shared_files(
    context: &Context,
    listing: &Listing,
    shards: &[Upstream],
    schema: &Document,
    purpose: Purpose,
) -> Result<Vec<Input>, Failure> {
    let mut files = Vec::with_capacity(listing.files.len());
    for (shard, of) in shards.iter().zip(Shard::all(u32::try_from(shards.len()).unwrap_or(u32::MAX))) {
        let read = |name: &str| {
            let name = format!("raw/{name}");
            let found = shard.manifest.inputs.iter().find(|input| input.name == name);
            let artifact = found.cloned().ok_or_else(|| {
                Failure::configuration(format!("{} has not read {name}, which is in its share", shard.uri))
                    .hint("the shard saw another folder than its merge: start a new run")
            })?;
            Ok(Input { artifact, local: None })
        };
        let mut inputs: Vec<Input> =
            listing.files[share(listing, of)].iter().map(|file| read(&file.name)).collect::<Result<_, Failure>>()?;
        files.extend(inputs.iter().cloned());
        inputs.push(schema.input(SCHEMA));
        context.verify_shard(shard, &params_of_shard(purpose), &inputs)?;
    }
    Ok(files)
}
