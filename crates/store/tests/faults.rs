//! What a store over S3 does when the network and the service misbehave: a real server behind a proxy that makes faults.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::{ExitCode, Explain};
use faultline_store::{PutMode, S3Encryption, S3Options, Store, StoreError, StoreUrl, digest_of_bytes, open};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::SeaweedFs;

/// Tells [`faults`] where the server is.
const PORT_VARIABLE: &str = "FAULTLINE_TEST_PORT";
/// More than two ranges, and not a whole number of them.
const LARGE_BYTES: usize = 20 * 1024 * 1024 + 17;
const SMALL_BYTES: usize = 100_000;
/// Within the second range of a large object.
const IN_A_RANGE: usize = 1_000_000;
const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>later</Message></Error>";
const INTERNAL: &str = "<Error><Code>InternalError</Code><Message>oh</Message></Error>";
const EXPIRED: &str = "<Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error>";
const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large</Message></Error>";

/// The credentials come from the environment, so the cases run in a process of their own.
#[test]
fn s3() {
    let Some(server) = SeaweedFs::start() else { return };
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults", "--ignored", "--nocapture"])
        .env(PORT_VARIABLE, server.port().to_string())
        // Fewer attempts than usual spare the test minutes.
        .env("AWS_MAX_ATTEMPTS", "4")
        .envs(server.writer_env().into_iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL_S3"))
        .status()
        .unwrap();
    assert!(status.success(), "see above");
}

/// A store behind a proxy, with one small and one large object in it.
struct Scene {
    proxy: Proxy,
    store: Arc<dyn Store>,
    folder: tempfile::TempDir,
    small: Bytes,
    large: Bytes,
}

impl Scene {
    async fn set() -> Self {
        let proxy = Proxy::start(std::env::var(PORT_VARIABLE).unwrap().parse().unwrap());
        let options =
            S3Options { s3_endpoint_url: Some(proxy.uri()), s3_encryption: S3Encryption::S3, ..S3Options::default() };
        options.install();
        let store = open(&StoreUrl::parse("s3://faultline/faults", Path::new("/")).unwrap()).await.unwrap();
        let bytes = |count: usize| (0..count).map(|index| (index * 7 + index / 251) as u8).collect::<Bytes>();
        let scene = Self {
            proxy,
            store,
            folder: tempfile::tempdir().unwrap(),
            small: bytes(SMALL_BYTES),
            large: bytes(LARGE_BYTES),
        };
        scene.put_file("small", &scene.small).await.unwrap();
        scene.put_file("large", &scene.large).await.unwrap();
        scene
    }

    fn rules(&self, rules: impl IntoIterator<Item = Rule>) {
        let _ = self.proxy.take_requests();
        self.proxy.set(rules.into_iter().collect());
    }

    /// How many requests met a fault since the rules were set.
    fn faults(&self) -> usize {
        self.proxy.take_requests().iter().filter(|seen| seen.met_fault).count()
    }

    async fn put_file(&self, key: &str, content: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.path().join("up");
        std::fs::write(&path, content).unwrap();
        let written = self.store.put_file(key, &path).await?;
        assert_eq!(written, digest_of_bytes(content));
        Ok(())
    }

    async fn get_file(&self, key: &str) -> Result<Bytes, StoreError> {
        let path = self.folder.path().join("down");
        let written = self.store.get_to_file(key, &path).await?;
        let content = Bytes::from(std::fs::read(path).unwrap());
        assert_eq!(written, digest_of_bytes(&content));
        Ok(content)
    }

    /// Everything can be read in spite of the rules, which hit at least once.
    async fn reads_through(&self, what: &str, rules: &[Rule]) {
        for rule in rules {
            for (key, content) in [("small", &self.small), ("large", &self.large)] {
                self.rules([rule.clone()]);
                assert_eq!(self.get_file(key).await.unwrap(), *content, "{what}: {key}");
                assert!(self.faults() > 0, "{what}: {key}");
            }
            self.rules([rule.clone()]);
            assert_eq!(self.store.get("small").await.unwrap(), self.small, "{what}");
            assert!(self.faults() > 0, "{what}");
        }
    }

    /// Everything can be written in spite of the rules, which hit at least once, and is what was written.
    async fn writes_through(&self, what: &str, rule: &Rule) {
        for (index, content) in [&self.small, &self.large].into_iter().enumerate() {
            let key = format!("written/{what}/{index}");
            self.rules([rule.clone()]);
            self.put_file(&key, content).await.unwrap();
            assert!(self.faults() > 0, "{what}");
            self.rules([]);
            assert_eq!(self.get_file(&key).await.unwrap(), *content, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test s3, which starts the server"]
async fn faults() {
    let scene = Scene::set().await;
    passing_faults_of_reads(&scene).await;
    passing_faults_of_writes(&scene).await;
    conditional_writes_have_one_winner(&scene).await;
    a_pause_that_is_asked_for_is_made(&scene).await;
    lasting_faults_end(&scene).await;
    callers_that_are_not_known(&scene).await;
    encryption_is_asked_for(&scene).await;
}

async fn passing_faults_of_reads(scene: &Scene) {
    let get = |fault| Rule::new("GET", "/faults/", fault);
    scene.reads_through("reset", &[get(Fault::Reset).times(2)]).await;
    scene.reads_through("lost answer", &[get(Fault::LoseAnswer).times(1)]).await;
    scene.reads_through("reset in the body", &[get(Fault::ResetAfter(50_000)).times(2)]).await;
    scene.reads_through("truncated", &[get(Fault::Truncate(50_000)).times(2)]).await;
    scene.reads_through("flipped", &[get(Fault::FlipAnswer(50_000)).times(1)]).await;
    scene.reads_through("503", &[get(Fault::Answer(503, "", SLOW_DOWN)).times(2)]).await;
    scene.reads_through("500", &[get(Fault::Answer(500, "", INTERNAL)).times(2)]).await;

    // Only one of the ranges, not the request before them.
    for fault in [Fault::ResetAfter(IN_A_RANGE), Fault::Truncate(IN_A_RANGE), Fault::FlipAnswer(IN_A_RANGE)] {
        scene.rules([get(fault.clone()).after(2).times(1)]);
        assert_eq!(scene.get_file("large").await.unwrap(), scene.large, "{fault:?}");
        assert_eq!(scene.faults(), 1, "{fault:?}");
    }
    // The client waits for the rest of a body as long as it waits for an answer, not for ever.
    scene.rules([get(Fault::StallAfter(50_000)).times(1)]);
    assert_eq!(scene.store.get("small").await.unwrap(), scene.small);
    scene.rules([]);
}

async fn passing_faults_of_writes(scene: &Scene) {
    for (what, fault) in [
        ("reset", Fault::Reset),
        ("lost", Fault::LoseAnswer),
        ("slow-down", Fault::Answer(503, "", SLOW_DOWN)),
        ("internal", Fault::Answer(500, "", INTERNAL)),
        ("flipped", Fault::FlipRequest(60_000)),
    ] {
        scene.writes_through(what, &Rule::new("PUT", "/faults/", fault).times(1)).await;
    }
    // The request that puts the parts together: it may be answered by "there is no such upload" when it is sent again.
    scene.rules([Rule::new("POST", "uploadId", Fault::LoseAnswer).times(1)]);
    scene.put_file("put-together", &scene.large).await.unwrap();
    assert_eq!(scene.faults(), 1);
    scene.rules([]);
    assert_eq!(scene.get_file("put-together").await.unwrap(), scene.large);
    scene.writes_through("any", &Rule::new("P", "/faults/", Fault::Reset).times(2)).await;
}

/// A writer whose answer was lost may be told that the object exists: it is its own, and never half of it.
async fn conditional_writes_have_one_winner(scene: &Scene) {
    scene.rules([Rule::new("PUT", "/faults/", Fault::LoseAnswer).times(1)]);
    let first = scene.store.put("once", "own".into(), PutMode::CreateNew).await;
    assert!(first.as_ref().err().is_none_or(StoreError::is_already_exists), "{first:?}");
    assert_eq!(scene.faults(), 1);
    assert_eq!(scene.store.get("once").await.unwrap(), "own");
    let second = scene.store.put("once", "other".into(), PutMode::CreateNew).await.unwrap_err();
    assert!(second.is_already_exists(), "{second:?}");
    assert_eq!(scene.store.get("once").await.unwrap(), "own");
}

async fn a_pause_that_is_asked_for_is_made(scene: &Scene) {
    scene.rules([Rule::new("GET", "/faults/", Fault::Answer(503, "retry-after: 3\r\n", SLOW_DOWN)).times(1)]);
    let start = std::time::Instant::now();
    assert_eq!(scene.store.get("small").await.unwrap(), scene.small);
    assert!(start.elapsed().as_secs() >= 3, "it came back after {:?}", start.elapsed());
}

async fn lasting_faults_end(scene: &Scene) {
    for fault in [Fault::Reset, Fault::Answer(503, "", SLOW_DOWN), Fault::Truncate(50_000)] {
        scene.rules([Rule::new("GET", "/faults/", fault.clone())]);
        let error = scene.get_file("small").await.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Temporary, "{fault:?}: {error:?}");
        assert!(error.to_string().contains("s3://faultline/faults/small"), "{error}");
        assert!(scene.faults() < 30, "{fault:?}: bounded");
    }
    scene.rules([Rule::new("GET", "/faults/", Fault::FlipAnswer(50_000))]);
    let error = scene.get_file("small").await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(error.exit_code(), ExitCode::Unavailable);
    scene.rules([Rule::new("PUT", "/faults/", Fault::Reset)]);
    let error = scene.put_file("never", &scene.large).await.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Temporary, "{error:?}");
    scene.rules([]);
    assert_eq!(scene.store.head("never").await.unwrap(), None);
}

async fn callers_that_are_not_known(scene: &Scene) {
    // An answer to HEAD has no body, so no code: another request finds out what is the matter.
    scene.rules([
        Rule::new("HEAD", "/faults/", Fault::Answer(400, "", "")),
        Rule::new("GET", "/faults/", Fault::Answer(400, "", EXPIRED)),
    ]);
    let error = scene.store.head("small").await.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Permission, "{error:?}");
    assert!(error.hint().contains("not expired"), "{}", error.hint());
    for (body, hint) in [(EXPIRED, "not expired"), (SKEWED, "set the clock")] {
        scene.rules([Rule::new("GET", "/faults/", Fault::Answer(403, "", body))]);
        let error = scene.store.get("small").await.unwrap_err();
        assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error:?}");
        assert_eq!(error.exit_code(), ExitCode::Permission);
        assert!(error.hint().contains(hint), "{}", error.hint());
    }
}

/// What the server makes of it is its own affair; what counts is that every kind of write asks.
async fn encryption_is_asked_for(scene: &Scene) {
    scene.rules([]);
    scene.store.put("encrypted/bytes", "x".into(), PutMode::Overwrite).await.unwrap();
    scene.put_file("encrypted/small", &scene.small).await.unwrap();
    scene.put_file("encrypted/large", &scene.large).await.unwrap();
    let is_start = |line: &str| {
        line.starts_with("PUT ") && !line.contains("uploadId") || line.starts_with("POST ") && line.contains("?uploads")
    };
    let starts: Vec<_> = scene.proxy.take_requests().into_iter().filter(|seen| is_start(&seen.line)).collect();
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|seen| seen.headers.contains("x-amz-server-side-encryption: aes256\r\n")), "{starts:?}");
}
