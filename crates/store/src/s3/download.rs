//! An object into memory or a local file: in one request when small, else in ranges, some at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_smithy_types::base64;
use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::failure::Request;
use super::repeat::{Interrupted, repeated};
use crate::digest::Running;
use crate::error::StoreError;
use crate::store::Written;

/// The size of a range, and of the largest object that comes in one request.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// Ranges on their way at one time: memory is at most this many of them and one.
const PARALLEL_RANGES: usize = 4;
/// How often a body that breaks off is asked for again. (Requests that fail as a whole are repeated by the SDK.)
const BODY_ATTEMPTS: u32 = 4;

/// The whole object in memory.
pub(super) async fn bytes(client: &Client, request: &Request) -> Result<Bytes, StoreError> {
    repeated(BODY_ATTEMPTS, || whole(client, request)).await
}

/// The object as a local file.
pub(super) async fn file(client: &Client, request: &Request, path: &Path) -> Result<Written, StoreError> {
    repeated(BODY_ATTEMPTS, || copy(client, request, path)).await
}

async fn whole(client: &Client, request: &Request) -> Result<Bytes, Interrupted> {
    let output = open(client, request).await?;
    let (expected, checksum) = (output.content_length(), Checksum::of(&output));
    let content = collect(request, output).await?;
    request.check_length(expected, content.len() as u64).map_err(Interrupted::Midway)?;
    if let Some(mut checksum) = checksum {
        checksum.update(&content);
        checksum.check(request)?;
    }
    Ok(content)
}

async fn copy(client: &Client, request: &Request, path: &Path) -> Result<Written, Interrupted> {
    let output = open(client, request).await?;
    let (expected, checksum) = (output.content_length(), Checksum::of(&output));
    let bytes = expected.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    let mut target = Target {
        request,
        path,
        file: File::create(path).await.map_err(|error| locally(request, path, error))?,
        running: Running::default(),
        checksum,
    };
    if bytes <= RANGE_BYTES {
        let mut body = output.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Interrupted::Midway(request.broke_off(error)))?;
            target.write(&chunk).await?;
        }
    } else {
        let etag = output.e_tag.clone().unwrap_or_default();
        // The rest of the answer is not read: the ranges take its place.
        drop(output);
        let mut ranges = (0..bytes).step_by(RANGE_BYTES as usize).map(|start| start..bytes.min(start + RANGE_BYTES));
        let mut under_way = UnderWay::default();
        loop {
            while under_way.0.len() < PARALLEL_RANGES
                && let Some(bytes) = ranges.next()
            {
                let range = range(client.clone(), request.clone(), etag.clone(), bytes);
                under_way.0.push_back(tokio::spawn(range));
            }
            let Some(first) = under_way.0.pop_front() else { break };
            let content = first.await.map_err(|error| Interrupted::Finally(request.unavailable(error.into())))??;
            target.write(&content).await?;
        }
    }
    target.finish(expected).await
}

async fn open(client: &Client, request: &Request) -> Result<GetObjectOutput, Interrupted> {
    let get = client.get_object().bucket(&request.bucket).key(&request.key);
    get.send().await.map_err(|error| Interrupted::Finally(request.failed(&error)))
}

/// One range of the object with that tag; asked for again when it breaks off.
async fn range(client: Client, request: Request, etag: String, bytes: Range<u64>) -> Result<Bytes, Interrupted> {
    let ask = || range_once(&client, &request, &etag, &bytes);
    repeated(BODY_ATTEMPTS, ask).await.map_err(|error| match error {
        // Of an object that was replaced all ranges must be asked for anew.
        error @ StoreError::Corrupt { .. } => Interrupted::Midway(error),
        error => Interrupted::Finally(error),
    })
}

async fn range_once(client: &Client, request: &Request, etag: &str, bytes: &Range<u64>) -> Result<Bytes, Interrupted> {
    let get = client.get_object().bucket(&request.bucket).key(&request.key).if_match(etag);
    let get = get.range(format!("bytes={}-{}", bytes.start, bytes.end - 1));
    let output = get.send().await.map_err(|error| Interrupted::Finally(request.failed(&error)))?;
    let content = collect(request, output).await?;
    let expected = i64::try_from(bytes.end - bytes.start).ok();
    request.check_length(expected, content.len() as u64).map_err(Interrupted::Midway)?;
    Ok(content)
}

async fn collect(request: &Request, output: GetObjectOutput) -> Result<Bytes, Interrupted> {
    let collected = output.body.collect().await;
    Ok(collected.map_err(|error| Interrupted::Midway(request.broke_off(error)))?.into_bytes())
}

fn locally(request: &Request, path: &Path, error: std::io::Error) -> Interrupted {
    Interrupted::Finally(request.failed_locally(path, error))
}

/// Ranges on their way, in order; given up when this is dropped.
#[derive(Default)]
struct UnderWay(VecDeque<JoinHandle<Result<Bytes, Interrupted>>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// The local file, and what is known of its content so far.
struct Target<'a> {
    request: &'a Request,
    path: &'a Path,
    file: File,
    running: Running,
    checksum: Option<Checksum>,
}

impl Target<'_> {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), Interrupted> {
        self.running.update(chunk);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(chunk);
        }
        self.file.write_all(chunk).await.map_err(|error| locally(self.request, self.path, error))
    }

    async fn finish(mut self, expected: Option<i64>) -> Result<Written, Interrupted> {
        self.file.flush().await.map_err(|error| locally(self.request, self.path, error))?;
        let written = self.running.finish();
        self.request.check_length(expected, written.bytes).map_err(Interrupted::Midway)?;
        self.checksum.map_or(Ok(()), |checksum| checksum.check(self.request))?;
        Ok(written)
    }
}

/// The checksum that the service keeps of the whole object, and that of the bytes that came.
struct Checksum {
    expected: String,
    running: crc_fast::Digest,
    bytes: usize,
}

impl Checksum {
    /// Checksums of the checksums of parts are not of the whole; their form has a dash.
    fn of(output: &GetObjectOutput) -> Option<Self> {
        let found = [
            (output.checksum_crc64_nvme(), CrcAlgorithm::Crc64Nvme, 8),
            (output.checksum_crc32_c(), CrcAlgorithm::Crc32Iscsi, 4),
            (output.checksum_crc32(), CrcAlgorithm::Crc32IsoHdlc, 4),
        ];
        let of_whole = |text: &&str| !text.contains('-');
        found.into_iter().find_map(|(expected, algorithm, bytes)| {
            let expected = expected.filter(of_whole)?.to_owned();
            Some(Self { expected, running: crc_fast::Digest::new(algorithm), bytes })
        })
    }

    fn update(&mut self, chunk: &[u8]) {
        self.running.update(chunk);
    }

    fn check(&self, request: &Request) -> Result<(), Interrupted> {
        let value = self.running.finalize().to_be_bytes();
        let got = base64::encode(&value[value.len() - self.bytes..]);
        if got == self.expected {
            return Ok(());
        }
        let text = format!("got the checksum {got}, the service says {}", self.expected);
        Err(Interrupted::Midway(request.corrupt(text.into())))
    }
}
