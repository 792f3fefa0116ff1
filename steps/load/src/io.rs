//! What the stage reads: the table, and the database that it goes to.

use std::sync::Arc;

use async_trait::async_trait;
use faultline_contract::{Manifest, Part, Shard};
use faultline_records::{PASSWORD_VARIABLE, USERNAME_VARIABLE};
use faultline_runtime::{
    Access, Context, Explained, Failure, Inputs, Merge, Outputs, Plan, Resources, ResultKind, ResultSpec, Role,
    SecretSpec, Step, Upstream, UpstreamSpec, blocking,
};
use faultline_table::Table;
use serde_json::json;

use crate::database::{Database, Difference};
use crate::run::{self, EXPORT, Job, Merged};
use crate::{LoadError, LoadOptions};

/// The database in a root that is a folder.
const EMBEDDED: &str = "records.sqlite";
/// What `transform` leaves.
const TABLE: &str = "table.parquet";
/// The variable twin of `--records-uri`.
const RECORDS_VARIABLE: &str = "FAULTLINE_RECORDS_URI";

/// The stage.
#[derive(Debug)]
pub struct Load;

#[async_trait]
impl Step for Load {
    const NAME: &'static str = "load";
    const ABOUT: &'static str = "Puts the rows into the database of records, and exports them as read back from it.";
    const UPSTREAM: &'static [UpstreamSpec] = &[UpstreamSpec { stage: "transform", about: "the typed table" }];
    const RESULTS: &'static [ResultSpec] = &[ResultSpec {
        name: "rows-added",
        kind: ResultKind::String,
        about: "rows that the database did not have before",
    }];
    const RESOURCES: Resources = Resources { cpu: "500m", memory: "2Gi" };

    type Options = LoadOptions;
    type Job = Job;
    type Error = LoadError;

    const SECRETS: &'static [SecretSpec] = &[SecretSpec {
        name: "faultline-records",
        variables: &[RECORDS_VARIABLE, USERNAME_VARIABLE, PASSWORD_VARIABLE],
    }];

    fn access() -> Vec<Access> {
        faultline_records::access()
    }

    fn share(options: &LoadOptions) -> Option<Part> {
        options.sharding.share()
    }

    async fn gather(context: &Context, options: LoadOptions) -> Result<Plan<Job>, Failure> {
        let transform = context.upstream("transform").await?;
        let dataset = format!("{}/{}", fact(&transform, "dataset")?, fact(&transform, "purpose")?);
        let role = context.role(options.sharding)?;
        let input = match role {
            Role::Shard(shard) => context.share_of(&transform, shard).await?.input(TABLE)?,
            Role::Whole | Role::Merge(_) => transform.input(TABLE)?,
        };
        let (url, base_dir) = (records_url(context, options.records_uri)?, context.base_dir().to_owned());
        let records =
            blocking(move || faultline_records::open(&url, &base_dir).map_err(LoadError::from).explained()).await?;
        let params = json!({ "dataset": dataset });
        let mut job = Job {
            table: input.artifact.name.clone(),
            database: Arc::new(Database::new(records, dataset)),
            merge: None,
        };
        let (mut part, mut merge) = (None, None);
        match role {
            Role::Whole => {}
            Role::Shard(shard) => part = Some(shard.part()),
            Role::Merge(count) => {
                let shards = context.shards(count).await?;
                for (shard, of) in shards.iter().zip(Shard::all(count)) {
                    let table = context.share_of(&transform, of).await?.input(TABLE)?;
                    context.verify_shard(shard, &params, &[table])?;
                }
                let rows_added = shards.iter().map(|shard| shard.manifest.count("rows_added")).sum();
                job.merge = Some(Merged { shards: count, rows: input.artifact.rows, rows_added });
                merge = Some(Merge::new(shards, &[EXPORT]));
            }
        }
        Ok(Plan { part, params, inputs: vec![input], job, merge })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), LoadError> {
        run::run(job, inputs, outputs)
    }

    /// The export of the earlier result names its rows: the database must still have each of them. For a merge its shards have seen to that.
    async fn may_reuse(context: &Context, job: &Job, earlier: &Manifest) -> Result<bool, Failure> {
        if job.merge.is_some() {
            return Ok(true);
        }
        let Some(export) = earlier.output(EXPORT) else { return Ok(false) };
        let Some(key) = context.store().root().key_of(&export.uri) else { return Ok(false) };
        let (path, written) = context.store().fetch(&key, &context.scratch().join("earlier.parquet")).await?;
        if written.sha256 != export.sha256 {
            return Ok(false);
        }
        let database = Arc::clone(&job.database);
        let compare = move || database.read_back(&Table::read(&path)?, |_| Ok::<_, LoadError>(()));
        let difference = blocking(move || compare().explained()).await?;
        if let Some(Difference { file, row }) = &difference {
            tracing::warn!(%file, row, "the database lacks a row of the earlier result; the rows are loaded again");
        }
        Ok(difference.is_none())
    }
}

/// The URL of the database; by default a file in the store's root, where that is a folder.
fn records_url(context: &Context, given: String) -> Result<String, Failure> {
    // The flag is empty, not absent, where a pipeline says nothing; and a URL with a password is told by the variable alone.
    let of_environment = || std::env::var(RECORDS_VARIABLE).ok().filter(|url| !url.is_empty());
    if let Some(url) = Some(given).filter(|url| !url.is_empty()).or_else(of_environment) {
        return Ok(url);
    }
    let embedded = context.store().local_path(EMBEDDED).ok_or_else(|| {
        Failure::configuration(format!("the root {} cannot hold an embedded database", context.store().root()))
            .hint("name a database with --records-uri, for example mongodb://HOST/faultline")
    })?;
    Ok(embedded.display().to_string())
}

/// A text that `transform` left in its manifest.
fn fact<'a>(transform: &'a Upstream, name: &str) -> Result<&'a str, Failure> {
    transform.manifest.facts.get(name).and_then(|fact| fact.as_str()).ok_or_else(|| {
        Failure::configuration(format!("{} does not say its {name}", transform.uri))
            .hint("transform and load of different versions do not fit: run transform again")
    })
}
