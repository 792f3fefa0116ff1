//! Versions that were begun and never committed.

use faultline_store::ObjectMeta;

use crate::error::TrackingError;
use crate::name::ModelName;
use crate::registry::{Registry, Version};

/// A version that a run has claimed and nobody has committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// The registered model.
    pub model: ModelName,
    /// The number and who has it.
    pub claim: Version,
    /// What was written of it beside the claim.
    pub files: Vec<ObjectMeta>,
}

impl Registry {
    /// What there is of a version that is not committed; none of one that is.
    ///
    /// # Errors
    /// [`TrackingError::Store`].
    pub async fn unfinished(&self, claim: Version) -> Result<Option<Unfinished>, TrackingError> {
        let mut files = self.store.list(&self.version_key(claim.version, "")).await?;
        if claim.bundle_sha256.is_some() || files.iter().any(|file| file.key.ends_with("/bundle.json")) {
            return Ok(None);
        }
        files.retain(|file| !file.key.ends_with("/claim.json"));
        Ok(Some(Unfinished { model: self.model.clone(), claim, files }))
    }

    /// Deletes the files of a version that was never committed, unless something was written of it since it was looked at. The claim
    /// stays: a number is given once. Says whether the files were deleted.
    ///
    /// # Errors
    /// [`TrackingError::Store`].
    pub async fn discard(&self, unfinished: &Unfinished) -> Result<bool, TrackingError> {
        if self.unfinished(unfinished.claim.clone()).await?.as_ref() != Some(unfinished) {
            return Ok(false);
        }
        for file in &unfinished.files {
            self.store.delete(&file.key).await?;
        }
        Ok(true)
    }
}
