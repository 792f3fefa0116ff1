//! The cache entry of a step key: a hint, checked before it is believed.

use serde::{Deserialize, Serialize};

/// Where the last result for a step key was committed. Every run that makes or reuses the result writes the hint anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheHint {
    /// The key of the manifest below the store's root.
    pub manifest_key: String,
}
