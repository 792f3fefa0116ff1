//! The same promises with the rows in MongoDB.

use std::fs;

use faultline_contract::{Digest, Manifest};
use faultline_testkit::servers::Secantus;
use mongodb::bson::{Document, doc};
use mongodb::sync::{Client, Collection};

use crate::fixture::{FIRST, Fixture, SECOND, export, stderr, succeeded};

/// `load` on a database of a server.
struct OnServer {
    flag: String,
    stored: Collection<Document>,
}

impl OnServer {
    fn new(server: &Secantus) -> Self {
        let client = Client::with_uri_str(server.uri("fab")).unwrap();
        Self {
            flag: format!("--records-uri={}", server.uri("fab")),
            stored: client.database("fab").collection("records"),
        }
    }

    fn load(&self, fixture: &Fixture, run: &str) -> Manifest {
        fixture.load(run, "train", &[&self.flag])
    }

    fn rows(&self) -> u64 {
        self.stored.count_documents(doc! { "dataset": "press/train" }).run().unwrap()
    }
}

/// The digest of the export of an embedded run.
fn embedded(files: &[(&str, &str)]) -> Digest {
    export(&Fixture::new(files).load("r1", "train", &[])).0
}

#[test]
fn the_export_is_that_of_the_embedded_database_whatever_else_is_stored() {
    let Some(server) = Secantus::start() else { return };
    let database = OnServer::new(&server);
    database
        .stored
        .insert_many([doc! { "note": 1 }, doc! { "note": 2 }, doc! { "dataset": "press/train" }])
        .run()
        .unwrap();
    let fixture = Fixture::new(&[FIRST, SECOND]);
    let first = database.load(&fixture, "r1");
    assert_eq!((first.count("rows_added"), database.rows()), (5, 6), "five rows and the note");
    assert_eq!(export(&first).0, embedded(&[FIRST, SECOND]));

    let reused = database.load(&fixture, "r2");
    assert!(reused.reused_from.is_some());
    let again = fixture.load("r3", "train", &[&database.flag, "--no-cache"]);
    assert_eq!((again.count("rows_added"), database.rows(), export(&again).0), (0, 6, export(&first).0));

    fixture.raw(SECOND.0, "Part,T,P,Result\nD,7,8.5,-1\n");
    let changed = database.load(&fixture, "r4");
    assert_eq!((changed.count("rows_added"), database.rows()), (1, 7));
    assert_eq!(export(&changed).1.keys.ids, ["A", "B", "C", "D"]);
    assert_eq!(export(&changed).0, embedded(&[FIRST, (SECOND.0, "Part,T,P,Result\nD,7,8.5,-1\n")]));
}

#[test]
fn a_result_is_reused_only_if_the_server_has_its_rows() {
    let Some(server) = Secantus::start() else { return };
    let database = OnServer::new(&server);
    let fixture = Fixture::new(&[FIRST, SECOND]);
    let first = database.load(&fixture, "r1");
    database.stored.delete_one(doc! { "id": "D" }).run().unwrap();
    let second = database.load(&fixture, "r2");
    assert!(second.reused_from.is_none(), "a row was dropped");
    assert_eq!((second.count("rows_added"), database.rows(), export(&second).0), (1, 5, export(&first).0));

    let update = doc! { "$set": { "features.P": 4.5 } };
    database.stored.update_one(doc! { "id": "B" }, update).run().unwrap();
    let third = database.load(&fixture, "r3");
    assert!(third.reused_from.is_none(), "a reading was changed");
    assert_eq!((third.count("rows_added"), database.rows(), export(&third).0), (0, 5, export(&first).0));
    assert!(database.load(&fixture, "r4").reused_from.is_some());
}

#[test]
fn runs_at_once_store_each_row_once_on_a_server() {
    let Some(server) = Secantus::start() else { return };
    let database = OnServer::new(&server);
    let fixture = Fixture::new(&[FIRST, SECOND]);
    let runs = ["r1", "r2", "r3", "r4"];
    for run in runs {
        fixture.prepare(run, "train");
    }
    let started = runs.map(|run| fixture.start(run, &[&database.flag, "--no-cache"]));
    for child in started {
        succeeded(&child.wait_with_output().unwrap());
    }
    let manifests = runs.map(|run| fixture.manifest(run));
    assert_eq!(manifests.iter().map(|manifest| manifest.count("rows_added")).sum::<u64>(), 5);
    assert_eq!(database.rows(), 5);
    assert!(manifests.iter().all(|manifest| export(manifest).0 == export(&manifests[0]).0));
}

#[test]
fn a_server_that_is_gone_is_temporary_and_the_same_command_goes_on() {
    let Some(mut server) = Secantus::start() else { return };
    let fixture = Fixture::new(&[FIRST]);
    fixture.prepare("r1", "train");
    let flag =
        format!("--records-uri=mongodb://me:hunter2@127.0.0.1:{}/fab?serverSelectionTimeoutMS=300", server.port());
    server.kill();
    let output = fixture.start("r1", &[&flag]).wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("the database is unavailable") && said.contains("--records-uri"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(fs::metadata(fixture.path("root/runs/r1/load/manifest.json")).is_err(), "nothing is committed");

    server.restart(false);
    succeeded(&fixture.start("r1", &[&OnServer::new(&server).flag]).wait_with_output().unwrap());
    assert_eq!(fixture.manifest("r1").count("rows_added"), 3);
}

#[test]
fn a_connection_string_that_cannot_serve_gets_an_error_that_says_what_to_do() {
    let fixture = Fixture::new(&[FIRST]);
    fixture.prepare("r1", "train");
    for (uri, words) in [
        ("mongodb://", "cannot be empty"),
        ("mongodb://me:hunter2@host/a/b", "illegal character in database name: /"),
        ("mongodb://me:hunter2@host:port/a", "the port must be an integer"),
        ("mongodb://me:hunter2/x@host/a", "must be URL encoded"),
        ("mongodb://host/a?tsl=true", "tsl is an invalid option"),
    ] {
        let output = fixture.start("r1", &[&format!("--records-uri={uri}")]).wait_with_output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{uri}: {said}");
        assert!(said.contains(words) && said.contains("--records-uri"), "{uri}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
