//! A bucket of an S3 service, or a folder in one, as a store.

mod connect;
mod failure;
mod upload;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use self::failure::Request;
use crate::digest;
use crate::error::{Action, StoreError};
use crate::key;
use crate::store::{ObjectMeta, PutMode, Store, Written};
use crate::url::StoreUrl;

/// How often a body that breaks off is asked for again. (Requests that fail as a whole are repeated by the SDK.)
const BODY_ATTEMPTS: u32 = 4;
/// How often a conditional write is repeated that the service called off because another was under way.
const CONFLICT_ATTEMPTS: u32 = 8;
/// The first wait before a repetition; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The backend of `s3://`.
#[derive(Debug)]
pub(crate) struct S3Store {
    root: StoreUrl,
    client: Client,
    bucket: String,
    /// The folder with a slash at its end, or nothing for the whole bucket.
    folder: String,
}

impl S3Store {
    pub(crate) async fn connect(bucket: &str, prefix: &str) -> Result<Self, StoreError> {
        let root = StoreUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        let client = connect::client(&root).await?;
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { root, client, bucket: bucket.to_owned(), folder })
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

    async fn open(&self, request: &Request) -> Result<GetObjectOutput, StoreError> {
        self.client
            .get_object()
            .bucket(&self.bucket)
            .key(&request.key)
            .send()
            .await
            .map_err(|error| request.failed(&error))
    }

    async fn copy_to(&self, request: &Request, path: &Path) -> Result<Written, Interrupted> {
        let output = self.open(request).await.map_err(Interrupted::Finally)?;
        let locally = |error| Interrupted::Finally(request.failed_locally(path, error));
        let mut file = tokio::fs::File::create(path).await.map_err(locally)?;
        let (expected, mut body, mut running) = (output.content_length(), output.body, digest::Running::default());
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Interrupted::Midway(request.broke_off(error)))?;
            running.update(&chunk);
            file.write_all(&chunk).await.map_err(locally)?;
        }
        file.flush().await.map_err(locally)?;
        let written = running.finish();
        request.check_length(expected, written.bytes).map_err(Interrupted::Midway)?;
        Ok(written)
    }

    async fn read_all(&self, request: &Request) -> Result<Bytes, Interrupted> {
        let output = self.open(request).await.map_err(Interrupted::Finally)?;
        let expected = output.content_length();
        let content =
            output.body.collect().await.map_err(|error| Interrupted::Midway(request.broke_off(error)))?.into_bytes();
        request.check_length(expected, content.len() as u64).map_err(Interrupted::Midway)?;
        Ok(content)
    }
}

/// Why reading a body stopped.
enum Interrupted {
    /// It may go well the next time.
    Midway(StoreError),
    /// Asking again is of no use, or was done by the SDK.
    Finally(StoreError),
}

/// The attempts at one body, each from its beginning.
struct Attempts {
    left: u32,
    wait: Duration,
}

impl Attempts {
    fn new() -> Self {
        Self { left: BODY_ATTEMPTS - 1, wait: FIRST_WAIT }
    }

    /// Waits before the next attempt, or gives up.
    async fn pause(&mut self, interrupted: Interrupted) -> Result<(), StoreError> {
        match interrupted {
            Interrupted::Midway(_) if self.left > 0 => {
                tokio::time::sleep(self.wait).await;
                self.left -= 1;
                self.wait *= 2;
                Ok(())
            }
            Interrupted::Midway(error) | Interrupted::Finally(error) => Err(error),
        }
    }
}

#[async_trait]
impl Store for S3Store {
    fn root(&self) -> &StoreUrl {
        &self.root
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let request = self.request(Action::Read, key)?;
        let mut attempts = Attempts::new();
        loop {
            match self.read_all(&request).await {
                Ok(content) => return Ok(content),
                Err(interrupted) => attempts.pause(interrupted).await?,
            }
        }
    }

    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let request = self.request(Action::Read, key)?;
        let mut attempts = Attempts::new();
        loop {
            match self.copy_to(&request, path).await {
                Ok(written) => return Ok(written),
                Err(interrupted) => attempts.pause(interrupted).await?,
            }
        }
    }

    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        let request = self.request(Action::Write, key)?;
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let put = self.client.put_object().bucket(&self.bucket).key(&request.key);
            let put = put.body(ByteStream::from(content.clone()));
            let put = if mode == PutMode::CreateNew { put.if_none_match("*") } else { put };
            match put.send().await {
                Ok(_) => return Ok(()),
                Err(error) if failure::is_conflict(&error) && attempt < CONFLICT_ATTEMPTS => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    attempt += 1;
                }
                Err(error) => return Err(request.failed(&error)),
            }
        }
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        let request = self.request(Action::Write, key)?;
        upload::file(&self.client, &request, path).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let request = self.request(Action::Inspect, key)?;
        match self.client.head_object().bucket(&self.bucket).key(&request.key).send().await {
            Ok(head) => Ok(Some(meta(key, head.content_length(), head.e_tag(), head.last_modified()))),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => Err(request.failed(&error)),
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
