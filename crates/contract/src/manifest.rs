//! The manifest: the record whose creation is the commit of a step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, Part, RunId, StepKey, StepName};

/// The format that this version writes. Readers accept any; unknown fields are ignored.
pub const FORMAT_VERSION: u32 = 1;

/// Whether downstream steps may use the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The outputs passed the step's quality gate.
    Accepted,
    /// The gate failed; the outputs are evidence only and are refused downstream.
    Rejected,
}

/// One object that a step read or wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// What it is to the step, for example `table.parquet` or `raw/wafer_07012020_041011.csv`.
    pub name: String,
    /// Where it is, with a scheme.
    pub uri: String,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// The number of records in it, where that means something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// IANA media type, for example `application/vnd.apache.parquet`.
    pub media_type: String,
}

/// Another manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestRef {
    /// The share of the work that it stands for.
    pub part: Part,
    /// Where it is, with a scheme.
    pub uri: String,
    /// The sha256 of its content.
    pub sha256: Digest,
}

/// What a step did: enough to verify, to reuse and to trace it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The stage.
    pub step: StepName,
    /// The identity of the work.
    pub step_key: StepKey,
    /// The run that committed this manifest.
    pub run_id: RunId,
    /// The share of the step's work, if it is split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The version of Faultline.
    pub faultline_version: String,
    /// The git revision of the build, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
    /// The digest of the step's source closure, made at build time.
    pub code_digest: Digest,
    /// The digest of the image, where the engine told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The semantic params: those that are part of the step key.
    pub params: serde_json::Value,
    /// The seed of all randomness.
    pub seed: u64,
    /// What was read, raw files included.
    pub inputs: Vec<Artifact>,
    /// What was written.
    pub outputs: Vec<Artifact>,
    /// Counts such as `rows_in` and `rows_out`.
    pub counts: BTreeMap<String, u64>,
    /// Small facts for later steps and engines, the ones given as results besides the standard ones.
    #[serde(default)]
    pub facts: BTreeMap<String, serde_json::Value>,
    /// When the attempt started, RFC 3339 in UTC.
    pub started_at: String,
    /// When the attempt was committed, RFC 3339 in UTC.
    pub finished_at: String,
    /// The manifest that did the work, when this one points at its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<String>,
    /// The manifests of the run's shards that the outputs are put together from, in their order; empty where the step did all the work at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<ManifestRef>,
    /// Whether downstream steps may use the outputs.
    pub outcome: Outcome,
}

impl Manifest {
    /// The output of that name, if the step wrote it.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Artifact> {
        self.outputs.iter().find(|artifact| artifact.name == name)
    }

    /// A count, 0 when the step did not give it.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn example() -> serde_json::Value {
        let zero = "0".repeat(64);
        json!({
            "format_version": 1, "step": "transform", "step_key": zero, "run_id": "r-1", "faultline_version": "0.1.0",
            "code_digest": zero, "params": {}, "seed": 7, "inputs": [],
            "outputs": [{"name": "table.parquet", "uri": "file:///t", "sha256": zero, "bytes": 3, "rows": 2, "media_type": "x/y"}],
            "counts": {"rows_in": 2}, "facts": {}, "started_at": "t", "finished_at": "t", "outcome": "accepted"
        })
    }

    #[test]
    fn readers_tolerate_fields_of_newer_writers() {
        let mut value = example();
        value["something_new"] = json!(true);
        value["outputs"][0]["something_new"] = json!(1);
        let manifest: Manifest = serde_json::from_value(value).unwrap();
        assert_eq!(manifest.output("table.parquet").and_then(|table| table.rows), Some(2));
        assert_eq!((manifest.count("rows_in"), manifest.count("absent")), (2, 0));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let manifest: Manifest = serde_json::from_value(example()).unwrap();
        let again: Manifest = serde_json::from_str(&serde_json::to_string(&manifest).unwrap()).unwrap();
        assert_eq!(manifest, again);
    }

    #[test]
    fn the_published_schema_is_the_generated_one() {
        let generated = serde_json::to_string_pretty(&schemars::schema_for!(Manifest)).unwrap() + "\n";
        faultline_testkit::generated::check_file("schemas/manifest.json", &generated);
    }
}
