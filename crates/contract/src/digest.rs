//! sha256 digests and the step key made from them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A digest of 256 bits, printed as 64 lower-case hex digits: a sha256 where nothing else is said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// The text was not 64 lower-case hex digits.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{text}` is no sha256: expected 64 lower-case hex digits")]
pub struct InvalidDigest {
    text: String,
}

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest that a hasher has reached.
    #[must_use]
    pub fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The first `digits` hex digits, for people and for path segments.
    #[must_use]
    pub fn short(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest { text: text.to_owned() };
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid())?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "a sha256 in lower-case hex"})
    }
}

/// The identity of a unit of work: two runs of a step with the same key produce the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepKey(Digest);

impl StepKey {
    /// The key over the step's name, its code digest, its semantic params, its seed and the content digests of its inputs.
    ///
    /// Inputs are `(name, digest)` pairs, in any order. URIs, run ids, hosts and thread counts are no part of it, so
    /// the same work has the same key on every engine and every store.
    #[must_use]
    pub fn new(step: &str, code: Digest, params: &serde_json::Value, seed: u64, inputs: &[(String, Digest)]) -> Self {
        let mut inputs = inputs.to_vec();
        inputs.sort();
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(b"faultline step key 1");
        field(step.as_bytes());
        field(&code.0);
        // serde_json keeps object keys sorted, so equal params are equal text.
        field(params.to_string().as_bytes());
        field(&seed.to_le_bytes());
        for (name, digest) in &inputs {
            field(name.as_bytes());
            field(&digest.0);
        }
        Self(Digest::finish(hasher))
    }

    /// The key as a digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(params: &serde_json::Value, seed: u64, inputs: &[(&str, &str)]) -> StepKey {
        let inputs: Vec<_> =
            inputs.iter().map(|(name, text)| ((*name).to_owned(), Digest::of(text.as_bytes()))).collect();
        StepKey::new("validate", Digest::of(b"code"), params, seed, &inputs)
    }

    #[test]
    fn digest_text_round_trips_and_rejects_anything_else() {
        let digest = Digest::of(b"wafer");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "ab", &digest.to_string().to_uppercase(), &format!("{digest}0")] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_order_of_inputs_and_of_params_does_not_matter() {
        let one = key(&json!({"a": 1, "b": 2}), 7, &[("x", "1"), ("y", "2")]);
        let two = key(&json!({"b": 2, "a": 1}), 7, &[("y", "2"), ("x", "1")]);
        assert_eq!(one, two);
    }

    #[test]
    fn every_part_makes_a_difference() {
        let base = key(&json!({"a": 1}), 7, &[("x", "1")]);
        assert_ne!(base, key(&json!({"a": 2}), 7, &[("x", "1")]));
        assert_ne!(base, key(&json!({"a": 1}), 8, &[("x", "1")]));
        assert_ne!(base, key(&json!({"a": 1}), 7, &[("x", "2")]));
        assert_ne!(base, key(&json!({"a": 1}), 7, &[("z", "1")]));
        assert_ne!(base, key(&json!({"a": 1}), 7, &[("x", "1"), ("x", "1")]));
    }
}
