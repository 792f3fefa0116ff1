//! What only a file can get wrong.

use faultline_records::open;

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
