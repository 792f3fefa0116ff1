//! Names that are safe as path segments, in every store and on every engine.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Shard;

/// The longest id, in bytes; a Kubernetes uid has 36, a resource name at most 63.
const MAX_BYTES: usize = 63;
/// The name of a shard's part, between which stand its numbers.
const SHARD: &str = "shard-";
const OF: &str = "-of-";

/// The text cannot serve as an id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{text}` is no {kind}: expected 1 to {MAX_BYTES} of a-z, A-Z, 0-9, `-`, `_` or `.`, starting with a letter or digit"
)]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_id(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, text }) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One execution of a pipeline: `$(context.pipelineRun.uid)` on Tekton, made by the local runner on a laptop.
    RunId,
    "run id"
);
id!(
    /// A stage: `validate`, `cluster`, ... The name gives the crate, the binary, the image, the Task and the S3 prefix.
    StepName,
    "step name"
);
id!(
    /// One share of a step's work in a run: a shard, or one cell of a matrix such as `0-forest`.
    Part,
    "part"
);

impl Part {
    /// The part of one shard of so many, from 1.
    pub(crate) fn of_shard(index: u32, count: u32) -> Self {
        Self(format!("{SHARD}{index}{OF}{count}"))
    }

    /// Whether it is a shard, which is no result of its own: its step's merge puts all of them together.
    #[must_use]
    pub fn is_shard(&self) -> bool {
        let numbers = self.0.strip_prefix(SHARD).and_then(|numbers| numbers.split_once(OF));
        numbers.is_some_and(|(index, count)| format!("{index}/{count}").parse::<Shard>().is_ok())
    }
}

fn is_id(text: &str) -> bool {
    text.len() <= MAX_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_kubernetes_and_people_make() {
        for text in ["6f1c0c2e-6a0e-4c0e-9d0a-0d3f4b1c2d3e", "train-20261121-041500-ab12cd", "0-forest", "a"] {
            assert_eq!(text.parse::<RunId>().map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn rejects_what_could_leave_its_folder_or_break_a_name() {
        let long = "a".repeat(MAX_BYTES + 1);
        for text in ["", "..", ".hidden", "a/b", "a b", "ä", "-a", &long, "a\n"] {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
    }
}
