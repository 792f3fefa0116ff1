#![doc = include_str!("../README.md")]

mod digest;
mod error;
mod file;
mod key;
mod memory;
mod store;
mod url;

use std::sync::Arc;

pub use crate::digest::{of_bytes as digest_of_bytes, of_file as digest_of_file};
pub use crate::error::{Action, Cause, StoreError};
pub use crate::store::{ObjectMeta, PutMode, Store, Written};
pub use crate::url::StoreUrl;

/// Opens the store at a root. Nothing is created or asked before the first request.
///
/// # Errors
/// [`StoreError::Invalid`] when a setting of the environment cannot be used.
#[expect(clippy::unused_async, reason = "the S3 backend resolves its settings here")]
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        StoreUrl::File { path } => Arc::new(file::FileStore::new(path)),
        StoreUrl::Memory { name } => Arc::new(memory::MemoryStore::open(name)),
        StoreUrl::S3 { .. } => {
            return Err(StoreError::Invalid {
                action: Action::Open,
                uri: url.to_string(),
                reason: "s3 is not linked into this build".to_owned(),
                hint: "use a file:// root".to_owned(),
            });
        }
    })
}
