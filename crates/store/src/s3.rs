//! A bucket of an S3 service, or a folder in one, as a store.

mod again;
mod clock;
mod connect;
mod download;
mod failure;
mod options;
mod repeat;
mod retry_after;
mod upload;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::DateTime;
use bytes::Bytes;

use self::clock::Clock;
use self::failure::Request;
pub use self::options::{PathStyle, S3Encryption, S3Options};
use crate::error::{Action, StoreError};
use crate::key;
use crate::store::{ObjectMeta, PutMode, Store, Written};
use crate::url::StoreUrl;

/// The backend of `s3://`.
#[derive(Debug)]
pub(crate) struct S3Store {
    root: StoreUrl,
    client: Client,
    bucket: String,
    options: S3Options,
    /// The folder with a slash at its end, or nothing for the whole bucket.
    folder: String,
}

impl S3Store {
    pub(crate) async fn connect(bucket: &str, prefix: &str) -> Self {
        let root = StoreUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let (client, options) = (connect::client().await, S3Options::installed());
        Self { root, client, bucket: bucket.to_owned(), options, folder }
    }

    /// The request for the object under a key that keeps the rules.
    fn request(&self, action: Action, key: &str) -> Result<Request, StoreError> {
        let uri = self.uri_of(key);
        match key::check(key) {
            Ok(()) => {
                let key = format!("{}{key}", self.folder);
                Ok(Request { action, uri, bucket: self.bucket.clone(), key })
            }
            Err(reason) => Err(key::invalid(action, uri, reason)),
        }
    }

    /// Whoever may list only some folders of a bucket is told 403 of an object that is not there. A listing of just that key, in a folder
    /// that may be listed, tells whether it is.
    async fn denied_or_absent<T>(&self, request: &Request, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let Err(StoreError::PermissionDenied { .. }) = &done else { return done };
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&request.key).max_keys(1);
        match list.send().await {
            // The key itself would come first.
            Ok(page) if page.contents().first().is_none_or(|object| object.key() != Some(&request.key)) => {
                Err(StoreError::NotFound { action: request.action, uri: request.uri.clone() })
            }
            _ => done,
        }
    }

    /// An answer to HEAD has no body and so does not say why: asking for the object itself does.
    async fn failed_head(&self, request: &Request, error: &SdkError<HeadObjectError, HttpResponse>) -> StoreError {
        let is_unclear = error.raw_response().is_some_and(|response| [400, 403].contains(&response.status().as_u16()));
        if is_unclear {
            let get = self.client.get_object().bucket(&self.bucket).key(&request.key).range("bytes=0-0");
            if let Err(error) = get.send().await {
                return request.failed(&error);
            }
        }
        request.failed(error)
    }
}

#[async_trait]
impl Store for S3Store {
    fn root(&self) -> &StoreUrl {
        &self.root
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let request = self.request(Action::Read, key)?;
        self.denied_or_absent(&request, download::bytes(&self.client, &request).await).await
    }

    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let request = self.request(Action::Read, key)?;
        self.denied_or_absent(&request, download::file(&self.client, &request, path).await).await
    }

    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        upload::bytes(&self.client, &self.options, &self.request(Action::Write, key)?, content, mode).await
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        self.take_file(key, path, None).await
    }

    async fn take_file(&self, key: &str, path: &Path, known: Option<Written>) -> Result<Written, StoreError> {
        upload::file(&self.client, &self.options, &self.request(Action::Write, key)?, path, known).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let request = self.request(Action::Inspect, key)?;
        match self.client.head_object().bucket(&self.bucket).key(&request.key).send().await {
            Ok(head) => Ok(Some(meta(key, head.content_length(), head.e_tag(), head.last_modified()))),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => match self.denied_or_absent(&request, Err(self.failed_head(&request, &error).await)).await {
                Err(error) if error.is_not_found() => Ok(None),
                done => done,
            },
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        let uri = self.uri_of(prefix);
        if let Err(reason) = key::check_prefix(prefix) {
            return Err(key::invalid(Action::List, uri, reason));
        }
        let below = format!("{}{prefix}", self.folder);
        let request = Request { action: Action::List, uri, bucket: self.bucket.clone(), key: below.clone() };
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&below);
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            for object in page.map_err(|error| request.failed(&error))?.contents.unwrap_or_default() {
                let Some(key) = object.key().and_then(|key| key.strip_prefix(&self.folder)) else { continue };
                // Consoles mark a folder by an empty object whose key ends in a slash.
                if !key.is_empty() && !key.ends_with('/') {
                    found.push(meta(key, object.size(), object.e_tag(), object.last_modified()));
                }
            }
        }
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let request = self.request(Action::Delete, key)?;
        match self.client.delete_object().bucket(&self.bucket).key(&request.key).send().await {
            Ok(_) => Ok(()),
            Err(error) => match request.failed(&error) {
                StoreError::NotFound { .. } => Ok(()),
                error => Err(error),
            },
        }
    }

    /// One request, for a listing of at most one object.
    async fn now(&self, prefix: &str) -> Result<SystemTime, StoreError> {
        let uri = self.uri_of(prefix);
        let below = format!("{}{prefix}", self.folder);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&below).max_keys(1);
        let clock = Clock::default();
        if let Err(error) = list.customize().interceptor(clock.clone()).send().await {
            let request = Request { action: Action::List, uri, bucket: self.bucket.clone(), key: below };
            return Err(request.failed(&error));
        }
        clock.time().ok_or_else(|| StoreError::Invalid {
            action: Action::List,
            uri,
            reason: "the answer does not tell the time of the service, expected a header `Date`".to_owned(),
            hint: "have whatever stands before the service pass the header `Date` on".to_owned(),
        })
    }

    fn local_path(&self, _key: &str) -> Option<PathBuf> {
        None
    }
}

fn meta(key: &str, bytes: Option<i64>, etag: Option<&str>, modified: Option<&DateTime>) -> ObjectMeta {
    ObjectMeta {
        key: key.to_owned(),
        bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
        etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
        modified: modified.and_then(|time| SystemTime::try_from(*time).ok()).unwrap_or(SystemTime::UNIX_EPOCH),
    }
}
