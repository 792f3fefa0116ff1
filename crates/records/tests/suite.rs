//! One suite that every database must pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use faultline_contract::Digest;
use faultline_records::{Layout, Record, Records, RecordsError, open};

/// Tells [`writer_to_be_killed`] where its database is.
const DATABASE_VARIABLE: &str = "FAULTLINE_TEST_RECORDS";
const BATCH: u64 = 300;

fn names() -> Vec<String> {
    ["pressure", "temperature", "flow"].map(str::to_owned).to_vec()
}

fn record(file: &str, row: u64) -> Record {
    Record {
        source_sha256: Digest::of(file.as_bytes()),
        row,
        source_file: file.to_owned(),
        id: format!("{file}-{row}"),
        time: 1_600_000_000,
        line: row + 1,
        byte_offset: row * 40,
        target: [Some(0), Some(1), None][row as usize % 3],
        features: vec![row as f32 * 0.1, f32::NAN, -0.0],
    }
}

fn batch(file: &str, rows: u64) -> Vec<Record> {
    (1..=rows).map(|row| record(file, row)).collect()
}

fn all(records: &dyn Records, dataset: &str, file: &str) -> Vec<Record> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = records.page(dataset, Digest::of(file.as_bytes()), after, 7).unwrap();
        let Some(last) = page.last() else { return found };
        after = last.record.row;
        found.extend(page.into_iter().map(|stored| stored.record));
    }
}

#[test]
fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let records = open("records.sqlite", folder.path()).unwrap();
    suite(&*records);
    let before = all(&*records, "d", "a");
    let again = open("records.sqlite", folder.path()).unwrap();
    assert_eq!(before.len(), 22);
    assert!(all(&*again, "d", "a") == before, "the rows outlive the connection");
}

fn suite(records: &dyn Records) {
    assert_eq!(records.page("d", Digest::of(b"a"), 0, 10).unwrap(), []);

    let first = records.upsert("d", &names(), &batch("a", 20)).unwrap();
    assert_eq!((first.added, first.changed, first.unchanged), (20, 0, 0));
    assert_eq!(all(records, "d", "a"), batch("a", 20));
    assert_eq!(records.page("d", Digest::of(b"a"), 18, 10).unwrap()[0].layout, Layout::of(&names()));

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
}

#[test]
fn writers_at_once_add_each_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let added: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let records = open("records.sqlite", path).unwrap();
                    let files = (0..4).map(|file| records.upsert("d", &names(), &batch(&file.to_string(), BATCH)));
                    files.map(|upserted| upserted.unwrap().added).sum::<u64>()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(added, 4 * BATCH);
    let records = open("records.sqlite", path).unwrap();
    for file in 0..4 {
        assert_eq!(all(&*records, "d", &file.to_string()), batch(&file.to_string(), BATCH));
    }
}

#[test]
fn a_killed_writer_leaves_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let records = open("records.sqlite", folder.path()).unwrap();
    let size_of = |file: u32| all(&*records, "d", &format!("file {file}")).len() as u64;
    let mut whole = 0;
    for pause in [0, 3, 7, 12, 18] {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_to_be_killed", "--ignored"])
            .env(DATABASE_VARIABLE, folder.path().join("records.sqlite"))
            .spawn()
            .unwrap();
        while size_of(whole) == 0 {
            assert!(writer.try_wait().unwrap().is_none(), "the writer never stops by itself");
            thread::sleep(Duration::from_millis(1));
        }
        // Whenever the kill comes, it comes within or between the transactions that follow.
        thread::sleep(Duration::from_millis(pause));
        writer.kill().unwrap();
        writer.wait().unwrap();
        while size_of(whole) > 0 {
            assert_eq!(size_of(whole), BATCH);
            whole += 1;
        }
    }
    assert!(whole >= 5);
}

#[test]
#[ignore = "run by the test a_killed_writer_leaves_whole_batches"]
fn writer_to_be_killed() {
    let database = std::env::var(DATABASE_VARIABLE).unwrap();
    let records = open(&database, Path::new("/")).unwrap();
    for file in 0.. {
        records.upsert("d", &names(), &batch(&format!("file {file}"), BATCH)).unwrap();
    }
}

#[test]
fn a_file_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text"), "this is no database, it is a text of some length").unwrap();
    let error = open("text", folder.path()).unwrap_err();
    assert!(error.to_string().contains("no SQLite database"), "{error}");

    let other = rusqlite::Connection::open(folder.path().join("other")).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    let error = open("other", folder.path()).unwrap_err();
    assert!(error.to_string().contains("format version 0, expected 1"), "{error}");
    other.execute_batch("PRAGMA user_version = 9").unwrap();
    let error = open("other", folder.path()).unwrap_err();
    assert!(error.to_string().contains("format version 9, expected 1"), "{error}");

    let error = open("text/below/a/file", folder.path()).unwrap_err();
    assert!(error.to_string().contains("text/below/a/file"), "{error}");
}
