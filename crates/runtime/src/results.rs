//! Tekton results: a few small texts, written once, after the commit.

use std::path::PathBuf;

use faultline_contract::{Digest, Manifest};
use serde_json::Value;

use crate::Failure;
use crate::step::{ResultKind, ResultSpec};

/// All results of a Task together stay below this; Tekton shares 4,096 bytes with its own data.
pub(crate) const MAX_RESULTS_BYTES: usize = 1_024;

/// The results that every step has.
pub(crate) const STANDARD_RESULTS: &[ResultSpec] = &[
    ResultSpec { name: "manifest-uri", kind: ResultKind::String, about: "the manifest of this step" },
    ResultSpec { name: "manifest-sha256", kind: ResultKind::String, about: "the digest of that manifest" },
    ResultSpec { name: "rows-in", kind: ResultKind::String, about: "rows read" },
    ResultSpec { name: "rows-out", kind: ResultKind::String, about: "rows handed on" },
    ResultSpec { name: "reused", kind: ResultKind::String, about: "true when an earlier result stood in" },
];

/// The value of each result of a committed manifest, by name.
pub(crate) fn values(
    specs: &[ResultSpec],
    manifest: &Manifest,
    uri: &str,
    sha256: Digest,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let standard = STANDARD_RESULTS.iter().map(|spec| {
        let value = match spec.name {
            "manifest-uri" => uri.to_owned(),
            "manifest-sha256" => sha256.to_string(),
            "reused" => manifest.reused_from.is_some().to_string(),
            name => manifest.count(&name.replace('-', "_")).to_string(),
        };
        Ok((spec.name, value))
    });
    let own = specs.iter().filter_map(|spec| match own_value(spec, manifest) {
        Ok(value) => value.map(|value| Ok((spec.name, value))),
        Err(failure) => Some(Err(failure)),
    });
    standard.chain(own).collect()
}

/// The flag that tells where to write the result.
pub(crate) fn flag(spec: &ResultSpec) -> String {
    format!("result-{}-path", spec.name.replace('_', "-").to_lowercase())
}

fn own_value(spec: &ResultSpec, manifest: &Manifest) -> Result<Option<String>, Failure> {
    let key = spec.name.replace('-', "_").to_lowercase();
    match (manifest.facts.get(&key), spec.kind) {
        (Some(Value::String(text)), ResultKind::String) => Ok(Some(text.clone())),
        (Some(value @ Value::Array(items)), ResultKind::Array) if items.iter().all(Value::is_string) => {
            Ok(Some(value.to_string()))
        }
        (Some(value @ Value::Object(_)), ResultKind::Artifact) => Ok(Some(value.to_string())),
        (Some(other), kind) => {
            Err(Failure::internal(format!("the fact `{key}` is {other}, which is no {kind:?} result")))
        }
        (None, ResultKind::String) => Ok(Some(manifest.counts.get(&key).map(u64::to_string).unwrap_or_default())),
        // A rejected step has no list to fan out over, and a declared result is always written.
        (None, ResultKind::Array) => Ok(Some("[]".to_owned())),
        (None, ResultKind::Artifact) => Ok(None),
    }
}

/// Writes the results that have a path, without a trailing newline.
pub(crate) fn write(values: &[(&'static str, String)], paths: &[(String, PathBuf)]) -> Result<(), Failure> {
    let asked: Vec<_> = paths
        .iter()
        .filter_map(|(name, path)| values.iter().find(|(known, _)| known == name).map(|(_, value)| (path, value)))
        .collect();
    let total: usize = asked.iter().map(|(_, value)| value.len()).sum();
    if total > MAX_RESULTS_BYTES {
        return Err(Failure::configuration(format!(
            "the results take {total} bytes, expected at most {MAX_RESULTS_BYTES}"
        ))
        .hint("the work is committed; use a shorter --root-uri"));
    }
    for (path, value) in asked {
        std::fs::write(path, value).map_err(|source| {
            Failure::internal(format!("the result file {} cannot be written", path.display()))
                .caused_by(source)
                .hint("the work is committed; run the same command again with a result path that can be written")
        })?;
    }
    Ok(())
}
