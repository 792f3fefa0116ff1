//! The commit protocol: reuse, upload, the manifest that is the commit, the cache hint.

use bytes::Bytes;
use faultline_contract::manifest::FORMAT_VERSION;
use faultline_contract::{Artifact, CacheHint, Digest, Manifest, ManifestRef, Outcome, Part, StepKey, layout};
use faultline_store::PutMode;

use crate::context::{Context, parse_manifest};
use crate::frame::BuildInfo;
use crate::{Failure, Outputs};

/// A manifest that exists in the store.
#[derive(Debug)]
pub(crate) struct Committed {
    pub manifest: Manifest,
    pub uri: String,
    pub sha256: Digest,
}

/// What identifies the work of this attempt.
#[derive(Debug)]
pub(crate) struct Work {
    pub key: StepKey,
    pub part: Option<Part>,
    pub params: serde_json::Value,
    pub inputs: Vec<Artifact>,
    /// The shards that the work is put together from.
    pub merged_from: Vec<ManifestRef>,
    pub image_digest: Option<String>,
}

/// The manifest that this run already has for the step, if any.
///
/// # Errors
/// When it is there for other work.
pub(crate) async fn existing(context: &Context, work: &Work) -> Result<Option<Committed>, Failure> {
    let Some(found) = find(context, &manifest_key(context, work)).await? else {
        return Ok(None);
    };
    if found.manifest.step_key == work.key {
        return Ok(Some(found));
    }
    Err(Failure::configuration(format!(
        "{} is already committed for other work: its step key is {}, this work's is {}",
        found.uri, found.manifest.step_key, work.key
    ))
    .hint("the inputs, params, seed or program changed; start a new run with another --run-id"))
}

/// An earlier manifest for the same key whose outputs all still exist.
pub(crate) async fn reusable(context: &Context, work: &Work) -> Result<Option<Committed>, Failure> {
    let cache_key = layout::cache_key(&context.step, &work.key);
    let Some(content) = get(context, &cache_key).await? else {
        return Ok(None);
    };
    let Ok(entry) = serde_json::from_slice::<CacheHint>(&content) else {
        tracing::warn!(cache_key, "the cache entry cannot be read and is ignored");
        return Ok(None);
    };
    let Some(found) = find(context, &entry.manifest_key).await? else {
        return Ok(None);
    };
    if found.manifest.step_key != work.key || found.manifest.outcome != Outcome::Accepted {
        return Ok(None);
    }
    for output in &found.manifest.outputs {
        let (store, key) = context.open_object(&output.uri).await?;
        if store.head(&key).await?.is_none_or(|object| object.bytes != output.bytes) {
            tracing::warn!(uri = output.uri, "an output of the earlier result is gone; the work is done again");
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Earlier manifests of the step and part that are worth finding again, newest first, at most `limit`.
pub(crate) async fn earlier(context: &Context, part: Option<&Part>, limit: usize) -> Result<Vec<Manifest>, Failure> {
    let mut hints = context.store.list(&layout::cache_prefix(&context.step)).await?;
    hints.sort_by(|a, b| (b.modified, &b.key).cmp(&(a.modified, &a.key)));
    let mut manifests = Vec::new();
    for hint in hints {
        if manifests.len() == limit {
            break;
        }
        let Some(content) = get(context, &hint.key).await? else { continue };
        let Ok(entry) = serde_json::from_slice::<CacheHint>(&content) else { continue };
        let found = find(context, &entry.manifest_key).await?.map(|found| found.manifest);
        manifests.extend(found.filter(|manifest| manifest.part.as_ref() == part));
    }
    Ok(manifests)
}

/// Commits a manifest that points at the outputs of an earlier one.
pub(crate) async fn adopt(
    context: &Context,
    work: &Work,
    earlier: Committed,
    finished_at: String,
) -> Result<Committed, Failure> {
    let manifest = Manifest {
        run_id: context.run_id.clone(),
        part: work.part.clone(),
        inputs: work.inputs.clone(),
        started_at: context.started_at.clone(),
        finished_at,
        reused_from: earlier.manifest.reused_from.clone().or(Some(earlier.uri)),
        // Put together, the shards of this run would come to the same; what follows finds them here.
        merged_from: work.merged_from.clone(),
        ..earlier.manifest
    };
    commit(context, work, &manifest).await
}

/// Uploads the outputs below this attempt's own prefix.
pub(crate) async fn upload(
    context: &Context,
    work: &Work,
    attempt: &str,
    outputs: &Outputs,
) -> Result<Vec<Artifact>, Failure> {
    let prefix = layout::attempt_prefix(&context.run_id, &context.step, work.part.as_ref(), attempt);
    let mut artifacts = Vec::new();
    for file in outputs.files() {
        let key = format!("{prefix}{}", file.name);
        let written = context.store.take_file(&key, &file.path, file.written()).await?;
        artifacts.push(Artifact {
            name: file.name.clone(),
            uri: context.store.uri_of(&key),
            sha256: written.sha256,
            bytes: written.bytes,
            rows: file.rows,
            media_type: file.media_type.as_str().to_owned(),
        });
    }
    Ok(artifacts)
}

/// The manifest of work that was done in this attempt.
pub(crate) fn manifest(
    context: &Context,
    work: &Work,
    build: &BuildInfo,
    outputs: &Outputs,
    artifacts: Vec<Artifact>,
    finished_at: String,
) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        step: context.step.clone(),
        step_key: work.key,
        run_id: context.run_id.clone(),
        part: work.part.clone(),
        faultline_version: build.version.to_owned(),
        git_revision: build.git_revision.map(str::to_owned),
        code_digest: build.code_digest(),
        image_digest: work.image_digest.clone(),
        params: work.params.clone(),
        seed: context.seed,
        inputs: work.inputs.clone(),
        outputs: artifacts,
        counts: outputs.counts().clone(),
        facts: outputs.facts().clone(),
        started_at: context.started_at.clone(),
        finished_at,
        reused_from: None,
        merged_from: work.merged_from.clone(),
        outcome: outputs.outcome(),
    }
}

/// The commit. When another attempt was first with the same key, its manifest is the result.
pub(crate) async fn commit(context: &Context, work: &Work, manifest: &Manifest) -> Result<Committed, Failure> {
    let key = manifest_key(context, work);
    let mut content = serde_json::to_vec_pretty(manifest)
        .map_err(|source| Failure::internal("the manifest cannot be written as JSON").caused_by(source))?;
    content.push(b'\n');
    let sha256 = Digest::of(&content);
    match context.store.put(&key, Bytes::from(content), PutMode::CreateNew).await {
        Ok(()) => Ok(Committed { manifest: manifest.clone(), uri: context.store.uri_of(&key), sha256 }),
        Err(error) if error.is_already_exists() => existing(context, work)
            .await?
            .ok_or_else(|| Failure::internal(format!("{key} exists and is missing at once")).caused_by(error)),
        Err(error) => Err(error.into()),
    }
}

/// Leaves the hint for later runs. Only accepted outcomes are worth finding again.
pub(crate) async fn remember(context: &Context, work: &Work, manifest: &Manifest) -> Result<(), Failure> {
    if manifest.outcome != Outcome::Accepted {
        return Ok(());
    }
    let entry = CacheHint { manifest_key: manifest_key(context, work) };
    let content = serde_json::to_vec(&entry)
        .map_err(|source| Failure::internal("the cache entry cannot be written as JSON").caused_by(source))?;
    Ok(context
        .store
        .put(&layout::cache_key(&context.step, &work.key), Bytes::from(content), PutMode::Overwrite)
        .await?)
}

fn manifest_key(context: &Context, work: &Work) -> String {
    layout::manifest_key(&context.run_id, &context.step, work.part.as_ref())
}

async fn find(context: &Context, key: &str) -> Result<Option<Committed>, Failure> {
    let Some(content) = get(context, key).await? else {
        return Ok(None);
    };
    let uri = context.store.uri_of(key);
    Ok(Some(Committed { manifest: parse_manifest(&uri, &content)?, sha256: Digest::of(&content), uri }))
}

async fn get(context: &Context, key: &str) -> Result<Option<Bytes>, Failure> {
    match context.store.get(key).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
