//! One suite that every database must pass, and what only one of them can get wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mongodb;
mod rows;
mod sqlite;

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use faultline_contract::Digest;
use faultline_records::{Layout, Records, RecordsError, open};
use faultline_testkit::servers::Secantus;

use crate::rows::{all, batch, names};

/// Tells [`writer_to_be_killed`] where its database is.
const DATABASE_VARIABLE: &str = "FAULTLINE_TEST_RECORDS";
const BATCH: u64 = 300;

fn connect(url: &str) -> Box<dyn Records> {
    open(url, Path::new("/")).unwrap()
}

/// Runs a test on a new SQLite file.
fn on_sqlite(test: impl Fn(&str)) {
    let folder = tempfile::tempdir().unwrap();
    test(&format!("sqlite://{}/records.sqlite", folder.path().display()));
}

/// Runs a test on a new MongoDB server.
fn on_mongodb(test: impl Fn(&str)) {
    let Some(server) = Secantus::start() else { return };
    test(&server.uri("fab"));
}

#[test]
fn sqlite_passes_the_suite() {
    on_sqlite(suite);
}

#[test]
fn mongodb_passes_the_suite() {
    on_mongodb(suite);
}

fn suite(url: &str) {
    let records = &*connect(url);
    assert_eq!(records.page("d", Digest::of(b"a"), 0, 10).unwrap(), []);

    let first = records.upsert("d", &names(), &batch("a", 20)).unwrap();
    assert_eq!((first.added, first.changed, first.unchanged), (20, 0, 0));
    assert_eq!(all(records, "d", "a"), batch("a", 20));
    assert_eq!(records.page("d", Digest::of(b"a"), 18, 10).unwrap()[0].layout, Layout::of(&names()));
    let page: Vec<u64> = records.page("d", Digest::of(b"a"), 5, 3).unwrap().iter().map(|row| row.record.row).collect();
    assert_eq!(page, [6, 7, 8]);

    let again = records.upsert("d", &names(), &batch("a", 22)).unwrap();
    assert_eq!((again.added, again.changed, again.unchanged), (2, 0, 20));

    let mut other = batch("a", 22);
    other[4].features[0] = 7.0;
    other[9].target = None;
    let changed = records.upsert("d", &names(), &other).unwrap();
    assert_eq!((changed.added, changed.changed, changed.unchanged), (0, 2, 20));
    assert_eq!(all(records, "d", "a"), other);

    let renamed = ["p", "t", "f"].map(str::to_owned);
    let changed = records.upsert("d", &renamed, &other).unwrap();
    assert_eq!((changed.added, changed.changed), (0, 22), "the names belong to the content");

    for (dataset, file) in [("other", "a"), ("d", "b")] {
        records.upsert(dataset, &names(), &batch(file, 3)).unwrap();
    }
    assert_eq!(all(records, "d", "a"), other, "other data sets and files are apart");
    assert_eq!(all(records, "other", "a").len(), 3);

    let mut wrong = batch("w", 5);
    wrong[3].features.pop();
    let error = records.upsert("d", &names(), &wrong).unwrap_err();
    assert!(matches!(error, RecordsError::Malformed { .. }), "{error:?}");
    assert_eq!(all(records, "d", "w"), [], "all or none");

    records.upsert("d", &names(), &batch("a", 20)).unwrap();
    let mut rows = other[20..].to_vec();
    rows.extend(batch("a", 20));
    rows.sort_by_key(|record| record.row);
    assert_eq!(all(records, "d", "a"), rows);
    records.upsert("d", &names(), &[]).unwrap();

    special_values(records);
    assert_eq!(all(&*connect(url), "d", "a"), rows, "the rows outlive the connection");
}

/// Names and values that a database may have its own view of.
fn special_values(records: &dyn Records) {
    let names = ["T1.max", "$set", "100%", "", "a b", "_id", "é€"].map(str::to_owned);
    let mut special = batch("special", 2);
    special[0].features = vec![-0.0, f32::MIN_POSITIVE, 1.0e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    special[1].features = vec![f32::from_bits(0xffc0_0001), 0.1, 16_777_217.0, -1.0, 0.0, 1.0 / 3.0, 5.0];
    special[1].id = String::from("a \"quoted\"\nname\0 of 日本");
    special[1].time = -1;
    special[1].byte_offset = 1 << 50;
    assert_eq!(records.upsert("s", &names, &special).unwrap().added, 2);
    assert_eq!(all(records, "s", "special"), special);
    assert_eq!(records.page("s", Digest::of(b"special"), 0, 10).unwrap()[1].layout, Layout::of(&names));
    assert_eq!(records.upsert("s", &names, &special).unwrap().unchanged, 2);
    special[0].features[0] = 0.0;
    assert_eq!(records.upsert("s", &names, &special).unwrap().changed, 1, "0.0 is not -0.0");

    // Rows of several files, some far apart, in one batch.
    let mut mixed = batch("near", 30);
    mixed.extend([1, 500, 90_000].map(|row| rows::record("far", row)));
    assert_eq!(records.upsert("s", &self::names(), &mixed[..32]).unwrap().added, 32);
    let upserted = records.upsert("s", &self::names(), &mixed).unwrap();
    assert_eq!((upserted.added, upserted.unchanged), (1, 32));
    assert_eq!(all(records, "s", "far"), mixed[30..]);
}

#[test]
fn writers_at_once_add_each_row_once_to_sqlite() {
    on_sqlite(writers_at_once);
}

#[test]
fn writers_at_once_add_each_row_once_to_mongodb() {
    on_mongodb(writers_at_once);
}

fn writers_at_once(url: &str) {
    let added: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let records = connect(url);
                    let files = (0..4).map(|file| records.upsert("d", &names(), &batch(&file.to_string(), BATCH)));
                    files.map(|upserted| upserted.unwrap().added).sum::<u64>()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(added, 4 * BATCH);
    let records = connect(url);
    for file in 0..4 {
        assert_eq!(all(&*records, "d", &file.to_string()), batch(&file.to_string(), BATCH));
    }
}

#[test]
fn a_killed_writer_leaves_whole_batches_in_sqlite() {
    on_sqlite(|url| killed_writer(url, |rows| assert_eq!(rows, BATCH)));
}

#[test]
fn a_killed_writer_leaves_whole_rows_in_mongodb() {
    on_mongodb(|url| killed_writer(url, |rows| assert!(rows <= BATCH)));
}

/// Kills writers at some moments, and has `judge` look at how many rows of each file are there. The same batches once more add what is
/// missing.
fn killed_writer(url: &str, judge: impl Fn(u64)) {
    let records = connect(url);
    let file = |number: u32| format!("file {number}");
    let mut next = 0;
    for pause in [0, 3, 7, 12, 18] {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_to_be_killed", "--ignored"])
            .env(DATABASE_VARIABLE, url)
            .spawn()
            .unwrap();
        while all(&*records, "d", &file(next)).is_empty() {
            assert!(writer.try_wait().unwrap().is_none(), "the writer never stops by itself");
            thread::sleep(Duration::from_millis(1));
        }
        // Whenever the kill comes, it comes within or between the batches that follow.
        thread::sleep(Duration::from_millis(pause));
        writer.kill().unwrap();
        writer.wait().unwrap();
        loop {
            let (whole, found) = (batch(&file(next), BATCH), all(&*records, "d", &file(next)));
            if found.is_empty() {
                break;
            }
            judge(found.len() as u64);
            assert!(found.iter().all(|record| *record == whole[record.row as usize - 1]), "whole rows");
            let upserted = records.upsert("d", &names(), &whole).unwrap();
            assert_eq!((upserted.added + found.len() as u64, upserted.changed), (BATCH, 0));
            assert_eq!(all(&*records, "d", &file(next)), whole);
            next += 1;
        }
    }
    assert!(next >= 5);
}

#[test]
#[ignore = "run by the tests of killed writers"]
fn writer_to_be_killed() {
    let records = connect(&std::env::var(DATABASE_VARIABLE).unwrap());
    for file in 0.. {
        let file = format!("file {file}");
        if all(&*records, "d", &file).is_empty() {
            records.upsert("d", &names(), &batch(&file, BATCH)).unwrap();
        }
    }
}
