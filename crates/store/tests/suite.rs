//! One suite that every backend must pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use faultline_contract::Digest;
use faultline_store::{InPlace, PutMode, Store, StoreError, StoreUrl, digest_of_bytes, open};
use faultline_testkit::servers::SeaweedFs;

/// Tells the tests that [`s3`] runs where their root is.
const ROOT_VARIABLE: &str = "FAULTLINE_TEST_ROOT";
/// More than one page of an S3 listing.
const MANY: usize = 1_030;
/// More than two parts of an S3 upload, and not a whole number of them.
const LARGE_BYTES: usize = 20 * 1024 * 1024 + 17;

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    suite(StoreUrl::parse("memory://suite", Path::new("/")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file() {
    let folder = tempfile::tempdir().unwrap();
    suite(StoreUrl::parse("a store", folder.path()).unwrap()).await;
}

/// The settings of S3 come from the environment, so the tests on a real server run in a process of their own.
#[test]
fn s3() {
    let Some(server) = SeaweedFs::start() else { return };
    run_alone("s3_suite", &server.root_uri("suite"), server.writer_env());
    run_alone("s3_reader_is_denied", &server.root_uri("suite"), server.reader_env());
    run_alone("s3_stranger_is_denied", &server.root_uri("suite"), server.env("writer", "wrong"));
    run_alone("s3_bucket_is_missing", "s3://no-such-bucket/suite", server.writer_env());
    let mut nowhere = server.writer_env();
    drop(server);
    nowhere.push(("AWS_MAX_ATTEMPTS".to_owned(), "2".to_owned()));
    run_alone("s3_service_is_down", "s3://faultline/suite", nowhere);
}

/// Runs one of the ignored tests below under an environment.
fn run_alone(test: &str, root: &str, environment: Vec<(String, String)>) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(ROOT_VARIABLE, root)
        .envs(environment)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed, see above");
}

/// The root in the environment that [`run_alone`] gave.
fn given_root() -> StoreUrl {
    StoreUrl::parse(&std::env::var(ROOT_VARIABLE).unwrap(), Path::new("/")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test s3, which starts the server"]
async fn s3_suite() {
    suite(given_root()).await;
}

#[tokio::test]
#[ignore = "run by the test s3, which starts the server"]
async fn s3_reader_is_denied() {
    let store = open(&given_root()).await.unwrap();
    assert_eq!(store.get("new/k").await.unwrap(), "third");
    for error in [
        store.put("denied/k", Bytes::new(), PutMode::Overwrite).await.unwrap_err(),
        store.delete("new/k").await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error:?}");
        assert!(error.hint().contains("on arn:aws:s3:::faultline/suite/"), "{}", error.hint());
    }
}

#[tokio::test]
#[ignore = "run by the test s3, which starts the server"]
async fn s3_stranger_is_denied() {
    let store = open(&given_root()).await.unwrap();
    for error in [store.get("new/k").await.unwrap_err(), store.list("").await.unwrap_err()] {
        assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error:?}");
        assert!(error.hint().contains("AWS_ACCESS_KEY_ID"), "{}", error.hint());
    }
}

#[tokio::test]
#[ignore = "run by the test s3, which starts the server"]
async fn s3_bucket_is_missing() {
    let store = open(&given_root()).await.unwrap();
    for error in [store.get("k").await.unwrap_err(), store.list("").await.unwrap_err()] {
        assert!(matches!(error, StoreError::Invalid { .. }), "{error:?}");
        assert!(error.to_string().contains("no bucket no-such-bucket"), "{error}");
    }
}

#[tokio::test]
#[ignore = "run by the test s3, which stops the server"]
async fn s3_service_is_down() {
    let error = open(&given_root()).await.unwrap().get("k").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("s3://faultline/suite/k"), "{error}");
}

/// AWS says 403 of an object that is not there to whoever may list only some of its folders.
#[test]
fn s3_absent_is_told_from_denied() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer_as_aws(stream.unwrap())));
    let environment = [
        ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "someone"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ];
    run_alone(
        "s3_some_folders_are_listed",
        "s3://bucket/main",
        environment.map(|(name, value)| (name.into(), value.into())).into(),
    );
}

#[tokio::test]
#[ignore = "run by the test s3_absent_is_told_from_denied, which starts the server"]
async fn s3_some_folders_are_listed() {
    let store = open(&given_root()).await.unwrap();
    assert!(store.get("listed/absent").await.unwrap_err().is_not_found());
    assert_eq!(store.head("listed/absent").await.unwrap(), None);
    for key in ["listed/there", "other/absent"] {
        for error in [store.get(key).await.unwrap_err(), store.head(key).await.unwrap_err()] {
            assert!(matches!(error, StoreError::PermissionDenied { .. }), "{key}: {error:?}");
            assert!(
                error.hint().contains(&format!("s3:GetObject on arn:aws:s3:::bucket/main/{key}")),
                "{}",
                error.hint()
            );
        }
    }
}

/// Denies every object, and lists the folder `listed`, which holds one.
fn answer_as_aws(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let is_listing = head.contains("list-type=2") && head.contains("prefix=main%2Flisted%2F");
    let (status, body) = match (is_listing, head.contains("%2Fthere")) {
        (true, true) => {
            ("200 OK", "<ListBucketResult><Contents><Key>main/listed/there</Key></Contents></ListBucketResult>")
        }
        (true, false) => ("200 OK", "<ListBucketResult></ListBucketResult>"),
        (false, _) => ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>"),
    };
    let body = if head.starts_with("HEAD") { "" } else { body };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
}

async fn suite(root: StoreUrl) {
    let store = open(&root).await.unwrap();
    absent(&*store).await;
    round_trip(&*store).await;
    create_new_refuses_a_second_write(&*store).await;
    one_winner_of_sixteen(&store).await;
    readers_see_whole_objects(&store).await;
    listings_take_folders(&*store).await;
    listings_are_complete(&store).await;
    large_files(&*store).await;
    bad_keys(&*store).await;
    odd_keys(&*store).await;
    folders_are_roots(&root, &*store).await;
}

async fn put(store: &dyn Store, key: &str, content: &'static str) {
    store.put(key, Bytes::from_static(content.as_bytes()), PutMode::Overwrite).await.unwrap();
}

async fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().into_iter().map(|meta| meta.key).collect()
}

async fn absent(store: &dyn Store) {
    let error = store.get("absent/k").await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains(&store.uri_of("absent/k")), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    assert!(store.get_to_file("absent/k", &copy).await.unwrap_err().is_not_found());
    assert_eq!(store.head("absent/k").await.unwrap(), None);
    assert_eq!(store.list("absent/").await.unwrap(), []);
    store.delete("absent/k").await.unwrap();
}

async fn round_trip(store: &dyn Store) {
    put(store, "round/a/k", "one").await;
    let first = store.head("round/a/k").await.unwrap().unwrap();
    assert_eq!((first.key.as_str(), first.bytes), ("round/a/k", 3));
    put(store, "round/a/k", "three").await;
    assert_eq!(store.get("round/a/k").await.unwrap(), "three");
    let second = store.head("round/a/k").await.unwrap().unwrap();
    assert_ne!(first.etag, second.etag);
    assert!(second.modified.elapsed().map_or(0, |age| age.as_secs()) < 600);
    assert_eq!(store.head("round/a").await.unwrap(), None, "a folder is no object");
    assert!(store.get("round/a").await.unwrap_err().is_not_found(), "a folder is no object");

    put(store, "round/empty", "").await;
    assert_eq!(store.get("round/empty").await.unwrap(), "");

    store.delete("round/a/k").await.unwrap();
    assert_eq!(store.head("round/a/k").await.unwrap(), None);
    assert_eq!(keys(store, "round/").await, ["round/empty"]);
}

async fn create_new_refuses_a_second_write(store: &dyn Store) {
    store.put("new/k", Bytes::from_static(b"first"), PutMode::CreateNew).await.unwrap();
    let error = store.put("new/k", Bytes::from_static(b"second"), PutMode::CreateNew).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    assert!(error.to_string().contains(&store.uri_of("new/k")), "{error}");
    assert_eq!(store.get("new/k").await.unwrap(), "first");
    assert_eq!(keys(store, "new/").await, ["new/k"], "the loser leaves nothing behind");
    store.delete("new/k").await.unwrap();
    store.put("new/k", Bytes::from_static(b"third"), PutMode::CreateNew).await.unwrap();
}

async fn one_winner_of_sixteen(store: &Arc<dyn Store>) {
    for round in 0..5 {
        let key = format!("race/{round}");
        let racers: Vec<_> = (0..16)
            .map(|racer| {
                let (store, key) = (Arc::clone(store), key.clone());
                tokio::spawn(async move {
                    let content = format!("racer {racer}").repeat(1_000);
                    match store.put(&key, content.clone().into(), PutMode::CreateNew).await {
                        Ok(()) => Some(content),
                        Err(StoreError::AlreadyExists { .. }) => None,
                        Err(error) => panic!("{error:?}"),
                    }
                })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get(&key).await.unwrap(), winners[0]);
    }
}

async fn readers_see_whole_objects(store: &Arc<dyn Store>) {
    const BYTES: usize = 300_000;
    put(&**store, "whole/k", "").await;
    let writer = tokio::spawn({
        let store = Arc::clone(store);
        async move {
            for letter in b'a'..b'm' {
                store.put("whole/k", vec![letter; BYTES].into(), PutMode::Overwrite).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let content = store.get("whole/k").await.unwrap();
        let letters: BTreeSet<u8> = content.iter().copied().collect();
        assert!(letters.len() <= 1 && (content.is_empty() || content.len() == BYTES), "{letters:?} {}", content.len());
        assert!(keys(&**store, "whole/").await.len() == 1);
    }
    writer.await.unwrap();
}

async fn listings_take_folders(store: &dyn Store) {
    for key in ["list/run/a", "list/run/b/c", "list/run-2/a", "list/runs/a", "list/run.json"] {
        put(store, key, "x").await;
    }
    assert_eq!(keys(store, "list/run/").await, ["list/run/a", "list/run/b/c"]);
    let all = ["list/run-2/a", "list/run.json", "list/run/a", "list/run/b/c", "list/runs/a"];
    assert_eq!(keys(store, "list/").await, all, "sorted by bytes");
    assert!(keys(store, "").await.contains(&"list/run/a".to_owned()));
    for prefix in ["list/ru", "/", "list//", "../"] {
        assert!(matches!(store.list(prefix).await.unwrap_err(), StoreError::Invalid { .. }), "{prefix}");
    }
}

async fn listings_are_complete(store: &Arc<dyn Store>) {
    let expected: Vec<_> = (0..MANY).map(|index| format!("many/{index:05}")).collect();
    for chunk in expected.chunks(64) {
        let writes: Vec<_> = chunk
            .iter()
            .map(|key| {
                let (store, key) = (Arc::clone(store), key.clone());
                tokio::spawn(
                    async move { store.put(&key, Bytes::from_static(b"x"), PutMode::Overwrite).await.unwrap() },
                )
            })
            .collect();
        for write in writes {
            write.await.unwrap();
        }
    }
    assert_eq!(keys(&**store, "many/").await, expected);
}

async fn large_files(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("original"), folder.path().join("copy"));
    for bytes in [0, 1, LARGE_BYTES] {
        let content: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
        std::fs::write(&original, &content).unwrap();
        std::fs::write(&copy, "something longer that stood here before").unwrap();
        let expected = digest_of_bytes(&content);
        assert_eq!(store.put_file("large/k", &original).await.unwrap(), expected);
        assert_eq!(store.head("large/k").await.unwrap().unwrap().bytes, bytes as u64);
        assert_eq!(store.get_to_file("large/k", &copy).await.unwrap(), expected);
        assert!(std::fs::read(&copy).unwrap() == content);
        let (path, written) = store.fetch("large/k", &copy).await.unwrap();
        assert_eq!(written, expected);
        assert!(std::fs::read(&path).unwrap() == content);
        assert_eq!(store.local_path("large/k").is_some(), path != copy);
        let in_place = store.fetch_in_place(&["large/k".to_owned()]).await.unwrap();
        let blake3 = Digest::from(*blake3::hash(&content).as_bytes());
        assert_eq!(in_place, (path != copy).then(|| vec![InPlace { path, written, blake3 }]));
        let of_another = digest_of_bytes(b"of something else, as the size shows");
        for known in [None, Some(expected), Some(of_another)] {
            assert_eq!(store.take_file("large/taken", &original, known).await.unwrap(), expected);
            assert!(store.get("large/taken").await.unwrap() == content);
            assert!(std::fs::read(&original).unwrap() == content);
        }
        // A store that holds all in memory has no use for it.
        let of_as_many_bytes = digest_of_bytes(&vec![255; bytes]);
        let given_back = if store.root_uri().starts_with("memory:") { expected } else { of_as_many_bytes };
        assert_eq!(store.take_file("large/taken", &original, Some(of_as_many_bytes)).await.unwrap(), given_back);
        std::fs::remove_file(&original).unwrap();
        assert!(store.get("large/taken").await.unwrap() == content);
        assert_eq!(keys(store, "large/").await, ["large/k", "large/taken"]);
    }
    match store.fetch_in_place(&["large/k".to_owned(), "large/gone".to_owned()]).await {
        Ok(found) => assert_eq!((found, store.local_path("large/gone")), (None, None)),
        Err(error) => assert!(error.is_not_found() && error.to_string().contains("large/gone"), "{error}"),
    }
    store.take_file("large/none", Path::new("/nowhere/x"), None).await.unwrap_err();
    store.put_file("large/none", Path::new("/nowhere/x")).await.unwrap_err();
    assert_eq!(store.head("large/none").await.unwrap(), None);
    assert!(store.get_to_file("large/k", Path::new("/nowhere/x")).await.is_err());
}

async fn bad_keys(store: &dyn Store) {
    for key in ["", "/etc/passwd", "a//b", "../x", "a/../../x", "a/.", "a/"] {
        let is_invalid = |error: StoreError| matches!(error, StoreError::Invalid { .. });
        assert!(is_invalid(store.get(key).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.head(key).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.delete(key).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.put(key, Bytes::new(), PutMode::CreateNew).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.put_file(key, Path::new("/dev/null")).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.take_file(key, Path::new("/dev/null"), None).await.unwrap_err()), "{key}");
        assert!(is_invalid(store.get_to_file(key, Path::new("/dev/null")).await.unwrap_err()), "{key}");
        assert_eq!(store.local_path(key), None, "{key}");
    }
}

async fn odd_keys(store: &dyn Store) {
    let odd = ["odd/a b", "odd/ä€𝄞", "odd/100%25", "odd/a+b&c=d", "odd/#?", "odd/'\"<>", "odd/.hidden"];
    for key in odd {
        put(store, key, "odd").await;
        assert_eq!(store.get(key).await.unwrap(), "odd", "{key}");
        assert_eq!(store.root().key_of(&store.uri_of(key)).as_deref(), Some(key));
    }
    let mut expected = odd.map(str::to_owned);
    expected.sort();
    assert_eq!(keys(store, "odd/").await, expected);
    for key in odd {
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.list("odd/").await.unwrap(), []);
}

async fn folders_are_roots(root: &StoreUrl, store: &dyn Store) {
    put(store, "outer/inner/k", "x").await;
    let inner = open(&root.join("outer/inner").unwrap()).await.unwrap();
    assert_eq!(inner.get("k").await.unwrap(), "x");
    assert_eq!(keys(&*inner, "").await, ["k"]);
    assert_eq!(inner.uri_of("k"), store.uri_of("outer/inner/k"));
    let (parent, key) = StoreUrl::parse_object(&store.uri_of("outer/inner/k"), Path::new("/")).unwrap();
    assert_eq!(open(&parent).await.unwrap().get(&key).await.unwrap(), "x");
}
