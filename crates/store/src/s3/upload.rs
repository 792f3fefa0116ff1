//! Bytes or a local file into an object: in one request when small, else in parts.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::failure::Request;
use super::options::S3Options;
use super::repeat::repeated;
use crate::digest::{self, Running};
use crate::error::StoreError;
use crate::store::{PutMode, Written};

/// The size of a part, and of the largest file that goes in one request.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// S3 takes no more parts than this; larger files get larger parts.
const MAX_PARTS: u64 = 10_000;
/// How often a request is sent that another one was in the way of, or that came damaged.
const ATTEMPTS: u32 = 8;
/// Parts on their way at one time: memory is at most this many parts and one.
const PARALLEL_PARTS: usize = 4;

/// A small object in one request.
pub(super) async fn bytes(
    client: &Client,
    options: &S3Options,
    request: &Request,
    content: Bytes,
    mode: PutMode,
) -> Result<(), StoreError> {
    let condition = (mode == PutMode::CreateNew).then(|| "*".to_owned());
    repeated(ATTEMPTS, || async {
        let put = client.put_object().bucket(&request.bucket).key(&request.key).body(ByteStream::from(content.clone()));
        let put = put.set_if_none_match(condition.clone());
        let put = put.set_server_side_encryption(options.server_side_encryption());
        let put = put.set_ssekms_key_id(options.kms_key_id());
        put.send().await.map(|_| ()).map_err(|error| request.not_written(&error))
    })
    .await
}

/// A local file, whatever its size. Its digest is taken on the way, if that of a file of its size is not `known`.
pub(super) async fn file(
    client: &Client,
    options: &S3Options,
    request: &Request,
    path: &Path,
    known: Option<Written>,
) -> Result<Written, StoreError> {
    let locally = |error| request.failed_locally(path, error);
    let mut file = File::open(path).await.map_err(locally)?;
    let bytes = file.metadata().await.map_err(locally)?.len();
    let known = known.filter(|known| known.bytes == bytes);
    if bytes <= PART_BYTES {
        let mut content = Vec::new();
        file.read_to_end(&mut content).await.map_err(locally)?;
        let written = known.unwrap_or_else(|| digest::of_bytes(&content));
        return self::bytes(client, options, request, content.into(), PutMode::Overwrite).await.map(|()| written);
    }
    let created = client
        .create_multipart_upload()
        .bucket(&request.bucket)
        .key(&request.key)
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .checksum_type(ChecksumType::FullObject)
        .set_server_side_encryption(options.server_side_encryption())
        .set_ssekms_key_id(options.kms_key_id())
        .send()
        .await
        .map_err(|error| request.failed(&error))?;
    let upload = Upload { client, request, id: created.upload_id().unwrap_or_default() };
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MAX_PARTS));
    let done = match upload.parts(&mut file, path, part_bytes, known).await {
        Ok((parts, written)) => upload.complete(parts, bytes).await.map(|()| written),
        Err(error) => Err(error),
    };
    if done.is_err() {
        upload.abort().await;
    }
    done
}

/// A multipart upload under way.
struct Upload<'a> {
    client: &'a Client,
    request: &'a Request,
    id: &'a str,
}

impl Upload<'_> {
    async fn parts(
        &self,
        file: &mut File,
        path: &Path,
        part_bytes: u64,
        known: Option<Written>,
    ) -> Result<(Vec<CompletedPart>, Written), StoreError> {
        let (mut running, mut under_way, mut parts) = (Running::default(), JoinSet::new(), Vec::new());
        for number in 1.. {
            let mut content = Vec::with_capacity(part_bytes as usize);
            file.take(part_bytes)
                .read_to_end(&mut content)
                .await
                .map_err(|error| self.request.failed_locally(path, error))?;
            if content.is_empty() {
                break;
            }
            if known.is_none() {
                running.update(&content);
            }
            if under_way.len() == PARALLEL_PARTS
                && let Some(part) = under_way.join_next().await
            {
                parts.push(self.joined(part)?);
            }
            under_way.spawn(part(
                self.client.clone(),
                self.request.clone(),
                self.id.to_owned(),
                number,
                content.into(),
            ));
        }
        while let Some(part) = under_way.join_next().await {
            parts.push(self.joined(part)?);
        }
        parts.sort_unstable_by_key(CompletedPart::part_number);
        Ok((parts, known.unwrap_or_else(|| running.finish())))
    }

    fn joined(
        &self,
        part: Result<Result<CompletedPart, StoreError>, tokio::task::JoinError>,
    ) -> Result<CompletedPart, StoreError> {
        part.unwrap_or_else(|error| Err(self.request.unavailable(error.into())))
    }

    async fn complete(&self, parts: Vec<CompletedPart>, bytes: u64) -> Result<(), StoreError> {
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.request.bucket)
            .key(&self.request.key)
            .upload_id(self.id)
            .checksum_type(ChecksumType::FullObject)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| self.request.failed(&error));
        match completed {
            // Sent again after its answer was lost, it finds no upload any more, and the object in its place.
            Err(StoreError::NotFound { .. }) if self.is_there(bytes).await => Ok(()),
            completed => completed,
        }
    }

    async fn is_there(&self, bytes: u64) -> bool {
        let head = self.client.head_object().bucket(&self.request.bucket).key(&self.request.key).send().await;
        head.is_ok_and(|head| head.content_length().and_then(|length| u64::try_from(length).ok()) == Some(bytes))
    }

    /// Frees the parts. When that fails too, the bucket's rule for unfinished uploads does it.
    async fn abort(&self) {
        let abort = self.client.abort_multipart_upload().bucket(&self.request.bucket).key(&self.request.key);
        let _ = abort.upload_id(self.id).send().await;
    }
}

async fn part(
    client: Client,
    request: Request,
    upload: String,
    number: i32,
    content: Bytes,
) -> Result<CompletedPart, StoreError> {
    let sent = repeated(ATTEMPTS, || async {
        let part = client.upload_part().bucket(&request.bucket).key(&request.key).upload_id(&upload);
        let part = part.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let part = part.body(ByteStream::from(content.clone()));
        part.send().await.map_err(|error| request.not_written(&error))
    })
    .await?;
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(sent.e_tag)
        .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
        .build())
}
