//! What only a server can get wrong.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use faultline_contract::{Digest, ExitCode, Explain};
use faultline_records::{RecordsError, open};
use faultline_testkit::generated::workspace;
use faultline_testkit::servers::Secantus;
use mongodb::bson::{Document, doc};
use mongodb::sync::{Client, Collection};
use tempfile::TempDir;

use crate::rows::{all, batch, names, record};
use crate::{BATCH, connect};

/// Keeps the tests of dead servers short.
const SHORT: &str = "serverSelectionTimeoutMS=300";

/// A server with flags of its own.
struct Flagged {
    process: Child,
    uri: String,
    _folder: TempDir,
}

impl Flagged {
    fn start(flags: &[&str]) -> Option<Self> {
        // The ordinary one tells whether it is installed, and leaves its port behind.
        let port = Secantus::start()?.port();
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(workspace().join("scripts/serve"))
            .arg("secantusdb")
            .arg(folder.path())
            .arg(port.to_string())
            .args(flags)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, uri: format!("mongodb://127.0.0.1:{port}/fab"), _folder: folder })
    }
}

impl Drop for Flagged {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn client(uri: &str) -> Client {
    Client::with_uri_str(uri).unwrap()
}

fn address(server: &Secantus) -> String {
    format!("127.0.0.1:{}", server.port())
}

fn stored(server: &Secantus) -> Collection<Document> {
    client(&server.uri("")).database("fab").collection("records")
}

/// An error with its causes and its hint, as a user reads it.
fn told(error: &RecordsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}\ncaused by: {inner}");
        cause = inner.source();
    }
    format!("{text}\nhint: {}", error.hint())
}

fn refused(url: &str) -> RecordsError {
    open(url, Path::new("/")).unwrap_err()
}

#[test]
fn rows_are_documents_that_can_be_asked_for_by_sensor() {
    let Some(server) = Secantus::start() else { return };
    let records = connect(&server.uri("fab"));
    records.upsert("press/train", &names(), &batch("a", 20)).unwrap();
    let stored = stored(&server);
    let count = |filter| stored.count_documents(filter).run().unwrap();
    assert_eq!(count(doc! { "dataset": "press/train", "features.pressure": { "$gt": 1.95 } }), 1);
    assert_eq!(count(doc! { "features.temperature": null, "target": 1 }), 7);
    let layouts = client(&server.uri("")).database("fab").collection::<Document>("layouts");
    let layout = layouts.find_one(doc! {}).run().unwrap().unwrap();
    assert_eq!(layout.get_array("feature_names").unwrap().len(), 3);
    let indexes: Vec<_> = stored.list_index_names().run().unwrap();
    assert_eq!(indexes, ["_id_", "records_key"]);
    assert_eq!(records.uri(), format!("mongodb://{}/fab", address(&server)));
}

#[test]
fn documents_of_other_programs_are_let_be() {
    let Some(server) = Secantus::start() else { return };
    let stored = stored(&server);
    stored.insert_many([doc! { "note": 1 }, doc! { "note": 2 }]).run().unwrap();
    let records = connect(&server.uri("fab"));
    records.upsert("d", &names(), &batch("a", 3)).unwrap();
    let source = Digest::of(b"a").to_string();
    stored
        .insert_many([doc! { "note": 3 }, doc! { "dataset": "d", "source_sha256": &source, "row": "2" }])
        .run()
        .unwrap();
    assert_eq!(all(&*records, "d", "a"), batch("a", 3));
    assert_eq!(records.upsert("d", &names(), &batch("a", 3)).unwrap().unchanged, 3);

    let set = |field: &str, value: mongodb::bson::Bson| {
        stored.update_one(doc! { "row": 2 }, doc! { "$set": { field: value } }).run().unwrap();
        records.page("d", Digest::of(b"a"), 0, 10).unwrap_err()
    };
    let error = set("features.pressure", "high".into());
    assert!(matches!(error, RecordsError::Malformed { .. }), "{error:?}");
    assert_eq!(error.exit_code(), ExitCode::Configuration);
    let said = told(&error);
    assert!(said.contains(&format!("row 2 of the file {source}")), "{said}");
    assert!(said.contains("String in `features.pressure`"), "{said}");
    assert_eq!(records.upsert("d", &names(), &batch("a", 3)).unwrap().changed, 1, "writing mends it");
    assert_eq!(all(&*records, "d", "a"), batch("a", 3));
}

#[test]
fn a_collection_that_has_a_row_twice_is_refused() {
    let Some(server) = Secantus::start() else { return };
    let twice = doc! { "dataset": "d", "source_sha256": "s", "row": 1 };
    stored(&server).insert_many([twice.clone(), twice]).run().unwrap();
    let error = refused(&server.uri("fab"));
    assert!(matches!(error, RecordsError::Open { .. }), "{error:?}");
    assert!(told(&error).contains("the collection `records` is not one that this program made"), "{}", told(&error));
}

#[test]
fn a_server_that_is_killed_in_mid_batch_and_started_again_loses_nothing() {
    let Some(mut server) = Secantus::start() else { return };
    let url = server.uri("fab");
    let files: Vec<String> = (0..12).map(|file| format!("file {file}")).collect();
    let rows: Vec<_> = files.iter().flat_map(|file| batch(file, BATCH)).collect();
    connect(&url);
    let stored = stored(&server);
    let upserted = thread::scope(|scope| {
        let writer = scope.spawn(|| connect(&url).upsert("d", &names(), &rows));
        for target in [1, 1_200, 2_400] {
            while stored.count_documents(doc! {}).run().is_ok_and(|count| count < target) {}
            server.restart(false);
        }
        writer.join().unwrap().unwrap()
    });
    assert_eq!((upserted.added, upserted.changed, upserted.unchanged), (rows.len() as u64, 0, 0));
    let records = connect(&url);
    for file in &files {
        assert_eq!(all(&*records, "d", file), batch(file, BATCH));
    }
    assert_eq!(stored.count_documents(doc! {}).run().unwrap(), rows.len() as u64);
    assert_eq!(records.upsert("d", &names(), &rows).unwrap().unchanged, rows.len() as u64);
}

#[test]
fn a_server_that_is_gone_ends_in_a_clear_temporary_failure() {
    let Some(mut server) = Secantus::start() else { return };
    let records = connect(&format!("{}?{SHORT}", server.uri("fab")));
    records.upsert("d", &names(), &batch("a", 3)).unwrap();
    server.kill();
    for error in [
        records.upsert("d", &names(), &batch("a", 5)).unwrap_err(),
        records.page("d", Digest::of(b"a"), 0, 10).unwrap_err(),
    ] {
        assert!(matches!(error, RecordsError::Unavailable { .. }), "{error:?}");
        assert_eq!(error.exit_code(), ExitCode::Temporary);
        let said = told(&error);
        assert!(said.contains(&format!("the records at mongodb://{}/fab: ", address(&server))), "{said}");
        assert!(said.contains("the database is unavailable") && said.contains("Connection refused"), "{said}");
    }
    server.restart(false);
    let again = records.upsert("d", &names(), &batch("a", 5)).unwrap();
    assert_eq!((again.added, again.unchanged), (2, 3));
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = refused(&format!("mongodb://127.0.0.1:{port}/fab?{SHORT}&connectTimeoutMS=200"));
    assert!(matches!(error, RecordsError::Unavailable { .. }), "{error:?}");

    let Some(server) = Secantus::start() else { return };
    let records = connect(&format!("{}?heartbeatFrequencyMS=60000&socketTimeoutMS=400", server.uri("fab")));
    let signal = |name: &str| {
        let pid = server.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let error = records.page("d", Digest::of(b"a"), 0, 10).unwrap_err();
    assert!(told(&error).contains("no answer in 400ms"), "{}", told(&error));
    let upserted = thread::scope(|scope| {
        let writer = scope.spawn(|| records.upsert("d", &names(), &batch("a", 50)));
        thread::sleep(Duration::from_millis(1_500));
        signal("-CONT");
        writer.join().unwrap().unwrap()
    });
    assert_eq!(upserted.added, 50);
    assert_eq!(all(&*records, "d", "a"), batch("a", 50));
}

#[test]
fn passing_conditions_are_waited_out_and_others_are_told_apart() {
    let Some(server) = Flagged::start(&["--enable-test-commands"]) else { return };
    let records = connect(&server.uri);
    let admin = client(&server.uri).database("admin");
    let fail = |mode: Document, data: Document| {
        admin.run_command(doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data }).run().unwrap();
    };
    let end = || admin.run_command(doc! { "configureFailPoint": "failCommand", "mode": "off" }).run().unwrap();
    let mut file = 0;
    let mut upsert = || {
        file += 1;
        (file.to_string(), records.upsert("d", &names(), &batch(&file.to_string(), 20)))
    };
    for data in [
        doc! { "failCommands": ["insert", "find"], "closeConnection": true },
        doc! { "failCommands": ["insert"], "errorCode": 10_107 },
        doc! { "failCommands": ["insert", "find"], "errorCode": 91 },
        doc! { "failCommands": ["insert"], "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
    ] {
        fail(doc! { "times": 3 }, data.clone());
        let (name, upserted) = upsert();
        let upserted = upserted.unwrap_or_else(|error| panic!("{data}: {}", told(&error)));
        assert_eq!((upserted.added, upserted.changed, upserted.unchanged), (20, 0, 0), "{data}");
        assert_eq!(all(&*records, "d", &name), batch(&name, 20), "{data}");
        end();
    }
    for (code, exit_code, words) in [
        (14_031, ExitCode::Unavailable, "the disk or the quota of the database is full"),
        (371, ExitCode::Unavailable, "the database is read-only"),
        (13, ExitCode::Permission, "createIndex"),
        (18, ExitCode::Permission, "authSource"),
        (2, ExitCode::Unavailable, "(code 2)"),
    ] {
        fail(doc! { "times": 1 }, doc! { "failCommands": ["insert"], "errorCode": code });
        let (_, upserted) = upsert();
        let error = upserted.unwrap_err();
        assert_eq!(error.exit_code(), exit_code, "{error:?}");
        assert!(told(&error).contains(words), "{}", told(&error));
        end();
    }
}

#[test]
fn users_may_do_what_they_were_granted() {
    let Some(mut server) = Secantus::start() else { return };
    let user = |database: &str, name: &str, role: Document| {
        let command = doc! { "createUser": name, "pwd": "hunter2", "roles": [role] };
        client(&server.uri("")).database(database).run_command(command).run().unwrap();
    };
    let on = |collection: &str, actions: &[&str]| {
        doc! { "resource": { "db": "fab", "collection": collection }, "actions": actions }
    };
    let privileges = [on("records", &["find", "insert", "update", "createIndex"]), on("layouts", &["find", "insert"])];
    let role = doc! { "createRole": "faultline-load", "privileges": privileges, "roles": [] };
    client(&server.uri("")).database("admin").run_command(role).run().unwrap();
    user("admin", "load", doc! { "role": "faultline-load", "db": "admin" });
    user("fab", "writer", doc! { "role": "readWrite", "db": "fab" });
    user("fab", "reader", doc! { "role": "read", "db": "fab" });
    server.restart(true);

    let url = |user: &str, rest: &str| format!("mongodb://{user}@{}/fab?{SHORT}{rest}", address(&server));
    for url in [url("writer:hunter2", ""), url("load:hunter2", "&authSource=admin")] {
        let records = connect(&url);
        records.upsert("d", &names(), &batch("a", 5)).unwrap();
        let changed = record("a", 6 - 1);
        records.upsert("d", &names(), &[faultline_records::Record { id: "changed".to_owned(), ..changed }]).unwrap();
        assert_eq!(all(&*records, "d", "a").len(), 5);
        assert!(!format!("{records:?} {}", records.uri()).contains("hunter2"));
    }
    let mut told_apart = BTreeSet::new();
    for (url, words) in [
        (url("writer:hunter3", ""), "authSource"),
        (url("nobody:hunter2", ""), "authSource"),
        (url("load:hunter2", ""), "authSource"),
        (url("writer", ""), "no password"),
        (url("reader:hunter2", ""), "`readWrite` on the database `fab`"),
        (format!("mongodb://{}/fab?{SHORT}", address(&server)), "`readWrite` on the database `fab`"),
    ] {
        let error = refused(&url);
        assert!(matches!(error, RecordsError::PermissionDenied { .. }), "{url}: {error:?}");
        assert_eq!(error.exit_code(), ExitCode::Permission);
        let said = told(&error);
        assert!(said.contains(words), "{url}: {said}");
        for secret in ["hunter", "writer", "nobody"] {
            assert!(!format!("{said} {error:?}").contains(secret), "{url}: {said} {error:?}");
        }
        told_apart.insert(said);
    }
    assert!(told_apart.len() >= 3, "{told_apart:?}");
}

#[test]
fn tls_is_by_connection_string() {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate] = ["key.pem", "cert.pem"].map(|name| folder.path().join(name).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let Some(server) = Flagged::start(&["--tls-cert-file", &certificate, "--tls-key-file", &key]) else { return };
    let records = connect(&format!("{}?tls=true&tlsCAFile={certificate}", server.uri));
    assert_eq!(records.upsert("d", &names(), &batch("a", 20)).unwrap().added, 20);
    assert_eq!(all(&*records, "d", "a"), batch("a", 20));

    let error = refused(&format!("{}?tls=true&{SHORT}", server.uri));
    assert!(matches!(error, RecordsError::Url { .. }), "{error:?}");
    assert!(told(&error).contains("the certificates do not fit, see tlsCAFile"), "{}", told(&error));
    let error = refused(&format!("{}?tls=true&tlsCAFile=/nowhere&{SHORT}", server.uri));
    assert!(matches!(error, RecordsError::Url { .. }), "{error:?}");
    let error = refused(&format!("{}?{SHORT}", server.uri));
    assert!(matches!(error, RecordsError::Unavailable { .. }), "{error:?}");
}
