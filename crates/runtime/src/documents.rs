//! Small documents by URI: the data schema and the params file.

use std::error::Error;

use bytes::Bytes;
use faultline_contract::schema::{DataSchema, ValidSchema};
use faultline_contract::{Artifact, Digest};
use serde::de::DeserializeOwned;

use crate::{Failure, Input, MediaType};

/// The data schema that is compiled in for the wafer data.
pub const DEFAULT_SCHEMA_URI: &str = "builtin://wafer";
/// The params that are compiled in.
pub const DEFAULT_PARAMS_URI: &str = "builtin://demo";

/// Documents that travel in the binary, by URI.
const BUILTIN: &[(&str, &str)] = &[
    ("builtin://wafer", include_str!("../../../schemas/wafer.json")),
    ("builtin://wafer-strict", include_str!("../../../schemas/wafer-strict.json")),
    ("builtin://demo", include_str!("../../../params/demo.json")),
    ("builtin://original", include_str!("../../../params/original.json")),
];

/// The sections that a params file may have, one per stage that takes params.
const PARAMS_SECTIONS: &[&str] = &["preprocess", "cluster", "train", "promote"];

/// A small document and where it came from.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its URI.
    pub uri: String,
    /// Its content.
    pub content: Bytes,
}

impl Document {
    /// The document as an input artifact.
    #[must_use]
    pub fn input(&self, name: &str) -> Input {
        let artifact = Artifact {
            name: name.to_owned(),
            uri: self.uri.clone(),
            sha256: Digest::of(&self.content),
            bytes: self.content.len() as u64,
            rows: None,
            media_type: MediaType::Json.as_str().to_owned(),
        };
        Input { artifact, local: None }
    }

    /// The compiled-in document of that URI; `None` when the URI has another scheme.
    ///
    /// # Errors
    /// When the scheme is `builtin` and the name is not known.
    pub(crate) fn builtin(uri: &str) -> Result<Option<Self>, Failure> {
        if !uri.starts_with("builtin://") {
            return Ok(None);
        }
        let (_, content) = BUILTIN.iter().find(|(known, _)| *known == uri).ok_or_else(|| {
            let known: Vec<_> = BUILTIN.iter().map(|(known, _)| *known).collect();
            Failure::configuration(format!("there is no compiled-in document {uri}"))
                .hint(format!("known: {}; a path or a URI serves as well", known.join(", ")))
        })?;
        Ok(Some(Self { uri: uri.to_owned(), content: Bytes::from_static(content.as_bytes()) }))
    }

    /// The section of a params file that belongs to one stage; its default when the file has none.
    ///
    /// # Errors
    /// When the file is no JSON object, has an unknown section, or the section does not fit: with the path of the bad key.
    pub fn params_section<T: DeserializeOwned + Default>(&self, section: &str) -> Result<T, Failure> {
        let invalid = |what: String| Failure::configuration(format!("the params file {} {what}", self.uri));
        let mut sections: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&self.content)
            .map_err(|source| invalid("is no JSON object".to_owned()).caused_by(source))?;
        if let Some(unknown) = sections.keys().find(|key| !PARAMS_SECTIONS.contains(&key.as_str())) {
            return Err(invalid(format!("has an unknown section `{unknown}`"))
                .hint(format!("known sections: {}", PARAMS_SECTIONS.join(", "))));
        }
        match sections.remove(section) {
            None => Ok(T::default()),
            Some(value) => serde_path_to_error::deserialize(value).map_err(|error| {
                let path = error.path().to_string();
                invalid(format!("does not fit at `{section}.{path}`")).caused_by(error.into_inner())
            }),
        }
    }

    /// The document as a data schema, checked.
    ///
    /// # Errors
    /// When it is none, or breaks a rule.
    pub fn data_schema(&self) -> Result<ValidSchema, Failure> {
        DataSchema::from_json(&self.content).and_then(DataSchema::check).map_err(|source| {
            Failure::configuration(format!("the data schema {} is not valid", self.uri)).caused_by(source).hint(
                "schemas/data-schema.json describes the format; `faultline schema import` makes one from an agreement",
            )
        })
    }

    /// The outcome of checking the section of one stage.
    ///
    /// # Errors
    /// When the check failed: a configuration failure that names the section.
    pub fn checked<V, E>(&self, section: &str, checked: Result<V, E>) -> Result<V, Failure>
    where
        E: Error + Send + Sync + 'static,
    {
        checked.map_err(|source| {
            Failure::configuration(format!("the section `{section}` of {} is not valid", self.uri)).caused_by(source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Cluster {
        k_max: u32,
    }

    fn document(content: &'static str) -> Document {
        Document { uri: "p.json".to_owned(), content: Bytes::from_static(content.as_bytes()) }
    }

    #[test]
    fn a_stage_reads_its_own_section_only() {
        let both = document(r#"{"cluster": {"k_max": 4}, "train": {"anything": 1}}"#);
        assert_eq!(both.params_section::<Cluster>("cluster").unwrap(), Cluster { k_max: 4 });
        assert_eq!(document("{}").params_section::<Cluster>("cluster").unwrap(), Cluster::default());
    }

    #[test]
    fn a_bad_key_is_named_with_its_path_and_the_known_ones() {
        let wrong = document(r#"{"cluster": {"kmax": 4}}"#).params_section::<Cluster>("cluster").unwrap_err().render();
        assert!(wrong.contains("cluster.kmax") && wrong.contains("k_max"), "{wrong}");
        let wrong = document(r#"{"clusters": {}}"#).params_section::<Cluster>("cluster").unwrap_err().render();
        assert!(wrong.contains("`clusters`") && wrong.contains("preprocess, cluster, train, promote"), "{wrong}");
        let wrong = document("[]").params_section::<Cluster>("cluster").unwrap_err().render();
        assert!(wrong.contains("no JSON object"), "{wrong}");
    }

    #[test]
    fn an_unknown_builtin_lists_the_known_ones() {
        let error = Document::builtin("builtin://waffle").unwrap_err().render();
        assert!(error.contains("builtin://wafer-strict"), "{error}");
        assert!(Document::builtin("s3://bucket/wafer.json").unwrap().is_none());
    }
}
