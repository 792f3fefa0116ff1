//! The name of a registered model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::TrackingError;

/// The longest name, in bytes.
const MAX_BYTES: usize = 63;

/// The name of a registered model: 1 to 63 of `a-z`, `A-Z`, `0-9`, `-`, `_` or `.`, starting with a letter or digit,
/// so that it is one path segment in every store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

impl ModelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = TrackingError;

    fn from_str(text: &str) -> Result<Self, TrackingError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ModelName {
    type Error = TrackingError;

    fn try_from(text: String) -> Result<Self, TrackingError> {
        let is_name = text.len() <= MAX_BYTES
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if is_name { Ok(Self(text)) } else { Err(TrackingError::InvalidName { text }) }
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_path_segment() {
        assert!("wafer-2.strict".parse::<ModelName>().is_ok());
        for text in ["", "..", "a/b", ".a", "ä", &"a".repeat(64)] {
            assert!(text.parse::<ModelName>().is_err(), "{text:?}");
        }
    }
}
