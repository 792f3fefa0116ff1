//! What a step may touch, in terms of the store's layout. Policies of stores and roles of databases are made from it.

use serde::{Deserialize, Serialize};

use crate::{StepName, layout};

/// Everything that a step touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The stage.
    pub step: StepName,
    /// Each place with the rights that the step needs there.
    pub access: Vec<Access>,
}

/// One place, and what is done there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Where.
    pub place: Place,
    /// What, in rising order.
    pub rights: Vec<Right>,
}

/// A set of objects, or a collection of a database. In keys `*` stands for any text, slashes included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Place {
    /// Objects below the store's root.
    Store {
        /// Their keys.
        keys: String,
    },
    /// Objects of the registered model that the run names.
    Model {
        /// Their keys below the model's folder.
        keys: String,
    },
    /// The objects below a folder that a param of the pipeline names.
    Folder {
        /// The param, for example `raw-uri`.
        param: String,
    },
    /// One object that a param of the pipeline names.
    Document {
        /// The param, for example `schema-uri`.
        param: String,
    },
    /// A collection of the database of records.
    Collection {
        /// Its name.
        name: String,
    },
}

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Read what is there.
    Read,
    /// List what is there, and be told that something is not.
    List,
    /// Add, and replace nothing.
    Add,
    /// Add and replace.
    Write,
    /// See to the indexes of a collection.
    Index,
    /// Take away.
    Delete,
}

impl Access {
    /// A place and the rights there.
    #[must_use]
    pub fn new(place: Place, rights: &[Right]) -> Self {
        Self { place, rights: rights.to_vec() }
    }

    /// Reading the manifests and outputs of a stage in any run: a result that was reused lies below the run that made it.
    #[must_use]
    pub fn outputs_of(stage: &str) -> Self {
        Self::new(Place::Store { keys: layout::step_in_any_run(stage) }, &[Right::Read])
    }

    /// Reading everything in the folder that a param names.
    #[must_use]
    pub fn folder(param: &str) -> Self {
        Self::new(Place::Folder { param: param.to_owned() }, &[Right::Read, Right::List])
    }

    /// Reading the files that a folder is known to hold, without looking for others.
    #[must_use]
    pub fn known_files(param: &str) -> Self {
        Self::new(Place::Folder { param: param.to_owned() }, &[Right::Read])
    }

    /// Reading the document that a param names.
    #[must_use]
    pub fn document(param: &str) -> Self {
        Self::new(Place::Document { param: param.to_owned() }, &[Right::Read])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_prints_is_read_back() {
        let access = vec![
            Access::outputs_of("load"),
            Access::folder("raw-uri"),
            Access::known_files("raw-uri"),
            Access::document("schema-uri"),
            Access::new(Place::Model { keys: "history/*".to_owned() }, &[Right::Read, Right::List, Right::Write]),
            Access::new(Place::Collection { name: "records".to_owned() }, &[Right::Index]),
        ];
        let declaration = Declaration { step: "predict".parse().unwrap(), access };
        let text = serde_json::to_string(&declaration).unwrap();
        assert!(text.contains(r#"{"kind":"store","keys":"runs/*/load/*"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Declaration>(&text).unwrap(), declaration);
    }
}
