//! A step's work in shares: each shard does its own and commits it as a part, and a merge commits what the step would have committed alone.

use bytes::Bytes;
use clap::Args;
use faultline_contract::documents::validate::{ListedFile, Listing};
use faultline_contract::shard::{InvalidShard, MAX_SHARDS};
use faultline_contract::{Digest, ExitCode, Manifest, ManifestRef, Part, Shard, StepKey, layout};
use faultline_store::{PutMode, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::{accepted, parse_manifest, raw_objects};
use crate::{Context, Failure, Input, Upstream};

/// The raw folder as the shards of a run see it.
const LISTING: &str = "listing.json";

/// Flags of a step whose work can be shared out.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ShardingOptions {
    /// Do one share of the work only: `1/3`, `2/3` and `3/3` are all of it; empty: do all of it
    #[arg(long, env = "FAULTLINE_SHARD", value_name = "I/N", default_value = "", value_parser = shard)]
    pub shard: ShardFlag,

    /// Put together what so many shards of this run have left, as if all had been done at once; 0: do the work
    #[arg(long, env = "FAULTLINE_MERGE_SHARDS", value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SHARDS)))]
    pub merge_shards: u32,
}

impl ShardingOptions {
    /// The share of the work that is asked for; `None` for all of it.
    #[must_use]
    pub fn share(&self) -> Option<Part> {
        self.shard.0.map(Shard::part)
    }
}

/// A shard, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardFlag(Option<Shard>);

fn shard(text: &str) -> Result<ShardFlag, InvalidShard> {
    if text.is_empty() { Ok(ShardFlag(None)) } else { text.parse().map(|shard| ShardFlag(Some(shard))) }
}

/// What a step is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All of its work.
    Whole,
    /// One share of it.
    Shard(Shard),
    /// To put together what so many shards have left.
    Merge(u32),
}

/// What the shards of a run left, to be put together in place of the work.
///
/// The [`crate::Plan`] it stands in is that of the whole work: a merge has the step key, the inputs and the outputs of a step that did all at
/// once, so each can stand in for the other. The inputs are not fetched; the core finds the shards' outputs by [`Merge::name`].
#[derive(Clone, Debug)]
pub struct Merge {
    shards: Vec<Upstream>,
    outputs: &'static [&'static str],
}

impl Merge {
    /// The merge of those outputs of every shard.
    #[must_use]
    pub fn new(shards: Vec<Upstream>, outputs: &'static [&'static str]) -> Self {
        Self { shards, outputs }
    }

    /// The name by which a core finds an output of a shard among its inputs.
    #[must_use]
    pub fn name(shard: Shard, output: &str) -> String {
        format!("{}/{output}", shard.part())
    }

    /// The outputs as inputs of the core.
    pub(crate) fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let named = |upstream: &Upstream, output: &&str| {
            let mut input = upstream.input(output)?;
            if let Some(part) = &upstream.manifest.part {
                input.artifact.name = format!("{part}/{output}");
            }
            Ok(input)
        };
        self.shards.iter().flat_map(|shard| self.outputs.iter().map(move |output| named(shard, output))).collect()
    }

    /// The manifests, for lineage.
    pub(crate) fn manifests(&self) -> Vec<ManifestRef> {
        let of = |upstream: &Upstream| {
            let part = upstream.manifest.part.clone()?;
            Some(ManifestRef { part, uri: upstream.uri.clone(), sha256: upstream.sha256 })
        };
        self.shards.iter().filter_map(of).collect()
    }
}

impl Context {
    /// What the step is asked for. Asked only what it would do, a merge answers for the whole work, whose step key it has.
    ///
    /// # Errors
    /// When the flags ask for two things at once.
    pub fn role(&self, options: ShardingOptions) -> Result<Role, Failure> {
        match (options.shard.0, options.merge_shards) {
            (None, 0) => Ok(Role::Whole),
            (Some(shard), 0) => Ok(Role::Shard(shard)),
            (None, count) => Ok(if self.is_asked { Role::Whole } else { Role::Merge(count) }),
            (Some(shard), count) => Err(Failure::new(
                ExitCode::Usage,
                format!("--shard {shard} and --merge-shards {count} ask for two things at once"),
            )
            .hint("give one of them: a shard does its share, a merge comes after all shards")),
        }
    }

    /// The manifests of all shards of this step in this run, in their order.
    ///
    /// # Errors
    /// When some are missing, when one is not what its place says, and when one was rejected.
    pub async fn shards(&self, count: u32) -> Result<Vec<Upstream>, Failure> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for shard in Shard::all(count) {
            let key = layout::manifest_key(&self.run_id, &self.step, Some(&shard.part()));
            match self.store.get(&key).await {
                Ok(content) => found.push(self.shard_of(shard, self.store.uri_of(&key), &content)?),
                Err(error) if error.is_not_found() => missing.push(shard.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        let Some(first) = missing.first() else { return Ok(found) };
        let (step, run) = (&self.step, &self.run_id);
        Err(Failure::new(
            ExitCode::InputMissing,
            format!(
                "{} of {count} shards of {step} are not committed in the run {run}: {}",
                missing.len(),
                missing.join(", ")
            ),
        )
        .hint(format!("run `{step} --shard {first}` and the like in that run first, then merge again")))
    }

    fn shard_of(&self, shard: Shard, uri: String, content: &[u8]) -> Result<Upstream, Failure> {
        let manifest = parse_manifest(&uri, content)?;
        let part = Some(shard.part());
        if manifest.step != self.step || manifest.part != part || manifest.run_id != self.run_id {
            let Manifest { step, run_id, part, .. } = &manifest;
            let part = part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
            return Err(Failure::configuration(format!(
                "{uri} is the manifest of {step}{part} in the run {run_id}, expected {}/{} in the run {}",
                self.step,
                shard.part(),
                self.run_id
            ))
            .hint("it was copied from elsewhere: start a new run"));
        }
        accepted(Upstream {
            stage: format!("{}/{}", self.step, shard.part()),
            sha256: Digest::of(content),
            manifest,
            uri,
        })
    }

    /// Verifies that a shard did the share that this merge counts on: by the same program, with the same params, seed and inputs.
    ///
    /// # Errors
    /// When it did other work.
    pub fn verify_shard(&self, shard: &Upstream, params: &Value, inputs: &[Input]) -> Result<(), Failure> {
        let Upstream { stage, manifest, uri, .. } = shard;
        let differs = |what: &str, got: String, expected: String| {
            Err(Failure::configuration(format!("{stage} has another {what}: got {got}, expected {expected} ({uri})"))
                .hint("shards and their merge must be of one version, with the same flags: start a new run"))
        };
        if manifest.code_digest != self.code {
            return differs("code digest", manifest.code_digest.to_string(), self.code.to_string());
        }
        if manifest.seed != self.seed {
            return differs("seed", manifest.seed.to_string(), self.seed.to_string());
        }
        if manifest.params != *params {
            return differs("set of params", manifest.params.to_string(), params.to_string());
        }
        let digests: Vec<_> = inputs.iter().map(|input| (input.artifact.name.clone(), input.artifact.sha256)).collect();
        let key = StepKey::new(self.step.as_str(), self.code, params, self.seed, &digests);
        if manifest.step_key == key {
            return Ok(());
        }
        let names = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let is_in = |input: &Input| {
            manifest.inputs.iter().any(|one| one.name == input.artifact.name && one.sha256 == input.artifact.sha256)
        };
        let lacking = inputs.iter().filter(|input| !is_in(input)).map(|input| input.artifact.name.as_str()).collect();
        let known = |name: &str, sha256| {
            inputs.iter().any(|input| input.artifact.name == name && input.artifact.sha256 == sha256)
        };
        let beyond =
            manifest.inputs.iter().filter(|one| !known(&one.name, one.sha256)).map(|one| one.name.as_str()).collect();
        differs("share of the work", format!("{} in place of others", names(beyond)), names(lacking))
    }

    /// The share of a stage's outputs that one of its shards made, where the stage was put together from as many.
    ///
    /// # Errors
    /// When it was not, and when the shard's manifest is gone or was changed.
    pub async fn share_of(&self, upstream: &Upstream, shard: Shard) -> Result<Upstream, Failure> {
        let Upstream { stage, manifest, uri, .. } = upstream;
        let (part, count) = (shard.part(), shard.count());
        let Some(found) = manifest.merged_from.iter().find(|found| found.part == part) else {
            let failure = Failure::configuration(format!(
                "{uri} was put together from {} shards, expected {count}",
                manifest.merged_from.len()
            ));
            return Err(failure
                .hint(format!(
                    "a run has one number of shards, from its first stage on: start a new run with {count}, which takes what it can from the cache"
                ))
                .unforeseen());
        };
        let content = self.read(&found.uri).await?;
        let sha256 = Digest::of(&content);
        if sha256 != found.sha256 {
            return Err(Failure::configuration(format!(
                "{} has sha256 {sha256}, {uri} says {}",
                found.uri, found.sha256
            ))
            .hint("the manifest was changed after it was committed: start a new run"));
        }
        let manifest = parse_manifest(&found.uri, &content)?;
        accepted(Upstream { stage: format!("{stage}/{part}"), manifest, uri: found.uri.clone(), sha256 })
    }

    /// The raw folder as all shards of this run see it. A file that comes while they are at work is neither lost nor counted twice: it waits
    /// for the next run.
    ///
    /// # Errors
    /// When the folder cannot be listed, and when the run has seen another folder.
    pub async fn raw_listing(&self, uri: &str) -> Result<Listing, Failure> {
        let folder = self.open_raw(uri).await?;
        let raw_uri = folder.root_uri();
        let listing = self.agreed(LISTING, listing_of(folder.as_ref(), raw_uri.clone())).await?;
        if listing.raw_uri == raw_uri {
            return Ok(listing);
        }
        Err(Failure::configuration(format!(
            "the run {} has shards of the raw folder {}, expected {raw_uri}",
            self.run_id, listing.raw_uri
        ))
        .hint("all shards of a run and their merge need the same --raw-uri: start a new run for another folder"))
    }

    /// What all shards of the step in this run go by, and their merge: what the first of them finds is written down beside the step's manifest,
    /// and the others read that.
    ///
    /// # Errors
    /// Those of `find`, and when what is written down cannot be read.
    pub async fn agreed<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        find: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let key = layout::shared_key(&self.run_id, &self.step, name);
        if let Some(agreed) = self.written_down(&key).await? {
            return Ok(agreed);
        }
        let found = find.await?;
        if self.is_asked {
            return Ok(found);
        }
        let content = serde_json::to_vec(&found)
            .map_err(|source| Failure::internal(format!("{name} cannot be written as JSON")).caused_by(source))?;
        match self.store.put(&key, Bytes::from(content), PutMode::CreateNew).await {
            Ok(()) => Ok(found),
            Err(error) if error.is_already_exists() => {
                let agreed = self.written_down(&key).await?;
                agreed.ok_or_else(|| Failure::internal(format!("{key} exists and is missing at once")).caused_by(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn written_down<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let content = match self.store.get(key).await {
            Ok(content) => content,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&content).map(Some).map_err(|source| {
            Failure::configuration(format!("{} is not what shards agree on", self.store.uri_of(key)))
                .caused_by(source)
                .hint("it was written by another version: start a new run")
        })
    }
}

async fn listing_of(folder: &dyn Store, raw_uri: String) -> Result<Listing, Failure> {
    let objects = raw_objects(folder).await?;
    let files = objects.map(|object| ListedFile { name: object.key, bytes: object.bytes }).collect();
    Ok(Listing { raw_uri, files })
}
