#![doc = include_str!("../README.md")]

mod digest;
mod error;
mod faults;
mod file;
mod key;
mod lanes;
mod memory;
mod s3;
mod side_by_side;
mod store;
mod url;

use std::sync::Arc;

pub use crate::digest::{DigestWriter, Passed, of_bytes as digest_of_bytes};
pub use crate::error::{Action, Cause, StoreError};
pub use crate::s3::{PathStyle, S3Encryption, S3Options};
pub use crate::store::{InPlace, ObjectMeta, PutMode, Store, Written};
pub use crate::url::StoreUrl;

/// Opens the store at a root. Nothing is created or asked before the first request, except for the settings of S3.
///
/// # Errors
/// [`StoreError::Invalid`] when the environment asks for a kill at a point that is no point.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    let store: Arc<dyn Store> = match url {
        StoreUrl::File { path } => Arc::new(file::FileStore::new(path)),
        StoreUrl::Memory { name } => Arc::new(memory::MemoryStore::open(name)),
        StoreUrl::S3 { bucket, prefix } => Arc::new(s3::S3Store::connect(bucket, prefix).await),
    };
    Ok(match faults::Plan::from_env()? {
        Some(plan) => Arc::new(faults::FaultPoints::new(store, plan)),
        None => store,
    })
}
