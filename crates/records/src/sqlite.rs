//! One SQLite file as the database.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use faultline_contract::Digest;
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior, named_params, params};

use crate::error::RecordsError;
use crate::record::{Layout, Record, Stored, decode, encode};
use crate::records::{Records, Upserted, one_reading_per_name};

/// How long a writer waits for the writers before it.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);
/// `PRAGMA user_version` of a file with the tables below; a new file has 0.
const FORMAT_VERSION: i64 = 1;
const TABLES: &str = "
    CREATE TABLE layouts (
        layout TEXT PRIMARY KEY,
        feature_names TEXT NOT NULL
    ) STRICT;
    CREATE TABLE records (
        dataset TEXT NOT NULL,
        source_sha256 TEXT NOT NULL,
        row INTEGER NOT NULL,
        source_file TEXT NOT NULL,
        id TEXT NOT NULL,
        time INTEGER NOT NULL,
        line INTEGER NOT NULL,
        byte_offset INTEGER NOT NULL,
        target INTEGER,
        layout TEXT NOT NULL REFERENCES layouts,
        features BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX records_key ON records (dataset, source_sha256, row);
    PRAGMA user_version = 1;";
const ADD_LAYOUT: &str = "INSERT INTO layouts (layout, feature_names) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const ADD: &str = "
    INSERT INTO records (dataset, source_sha256, row, source_file, id, time, line, byte_offset, target, layout, features)
    VALUES (:dataset, :source_sha256, :row, :source_file, :id, :time, :line, :byte_offset, :target, :layout, :features)
    ON CONFLICT DO NOTHING";
const CHANGE: &str = "
    UPDATE records SET source_file = :source_file, id = :id, time = :time, line = :line, byte_offset = :byte_offset,
        target = :target, layout = :layout, features = :features
    WHERE dataset = :dataset AND source_sha256 = :source_sha256 AND row = :row
        AND (source_file, id, time, line, byte_offset, target, layout, features)
            IS NOT (:source_file, :id, :time, :line, :byte_offset, :target, :layout, :features)";
const PAGE: &str = "
    SELECT row, source_file, id, time, line, byte_offset, target, layout, features FROM records
    WHERE dataset = ?1 AND source_sha256 = ?2 AND row > ?3 ORDER BY row LIMIT ?4";

/// The backend of `sqlite://`.
#[derive(Debug)]
pub(crate) struct SqliteRecords {
    uri: String,
    connection: Mutex<Connection>,
}

impl SqliteRecords {
    pub(crate) fn open(path: &Path) -> Result<Self, RecordsError> {
        let uri = format!("sqlite://{}", path.display());
        let action = "open";
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| match source.kind() {
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    denied(action, uri.clone(), source.into())
                }
                _ => RecordsError::Failed { action, uri: uri.clone(), source: source.into() },
            })?;
        }
        let mut connection = Connection::open(path).map_err(|error| failed(action, &uri, error))?;
        prepare(&mut connection, &uri)?;
        Ok(Self { uri, connection: Mutex::new(connection) })
    }

    /// A transaction that is dropped in a panic is rolled back, so a poisoned lock guards a sound connection.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for SqliteRecords {
    fn uri(&self) -> &str {
        &self.uri
    }

    fn upsert(&self, dataset: &str, feature_names: &[String], batch: &[Record]) -> Result<Upserted, RecordsError> {
        let action = "write";
        one_reading_per_name(feature_names, batch).map_err(|reason| RecordsError::Malformed {
            action,
            uri: self.uri.clone(),
            reason,
        })?;
        write(&mut self.lock(), dataset, feature_names, batch).map_err(|error| failed(action, &self.uri, error))
    }

    fn page(
        &self,
        dataset: &str,
        source_sha256: Digest,
        after_row: u64,
        limit: usize,
    ) -> Result<Vec<Stored>, RecordsError> {
        let read = |connection: &Connection| -> rusqlite::Result<Vec<Stored>> {
            let mut page = connection.prepare_cached(PAGE)?;
            let range = params![dataset, source_sha256.to_string(), after_row as i64, limit as i64];
            page.query_map(range, |row| stored(row, source_sha256))?.collect()
        };
        read(&self.lock()).map_err(|error| failed("read", &self.uri, error))
    }
}

/// Sets the connection up, and makes the tables of a new file.
fn prepare(connection: &mut Connection, uri: &str) -> Result<(), RecordsError> {
    let action = "open";
    connection.busy_timeout(PATIENCE).map_err(|error| failed(action, uri, error))?;
    // The switch to WAL does not wait for other processes by itself.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(_) => break,
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(POLL),
            Err(error) => return Err(failed(action, uri, error)),
        }
    }
    let version = connection
        .pragma_update(None, "synchronous", "FULL")
        .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
        .and_then(|()| make_tables(connection))
        .map_err(|error| failed(action, uri, error))?;
    if version == FORMAT_VERSION {
        return Ok(());
    }
    let reason = format!("the file has format version {version}, expected {FORMAT_VERSION}");
    Err(RecordsError::Open { uri: uri.to_owned(), reason })
}

/// Makes the tables in a file that has none, and returns its format version.
fn make_tables(connection: &mut Connection) -> rusqlite::Result<i64> {
    let version = |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = version(connection)?;
    if found != 0 {
        return Ok(found);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = version(&transaction)?;
    if found != 0 {
        return Ok(found);
    }
    let strangers: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if strangers == 0 {
        transaction.execute_batch(TABLES)?;
    }
    let made = version(&transaction)?;
    transaction.commit()?;
    Ok(made)
}

fn write(
    connection: &mut Connection,
    dataset: &str,
    feature_names: &[String],
    batch: &[Record],
) -> rusqlite::Result<Upserted> {
    let layout = Layout::of(feature_names).0.to_string();
    let mut upserted = Upserted::default();
    // Immediate: two writers queue up, instead of failing when the second one turns from reading to writing.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let names = serde_json::Value::from(feature_names).to_string();
        transaction.prepare_cached(ADD_LAYOUT)?.execute(params![layout, names])?;
        let (mut add, mut change) = (transaction.prepare_cached(ADD)?, transaction.prepare_cached(CHANGE)?);
        for record in batch {
            let (source_sha256, features) = (record.source_sha256.to_string(), encode(&record.features));
            let values = named_params! {
                ":dataset": dataset,
                ":source_sha256": source_sha256,
                ":row": record.row as i64,
                ":source_file": record.source_file,
                ":id": record.id,
                ":time": record.time,
                ":line": record.line as i64,
                ":byte_offset": record.byte_offset as i64,
                ":target": record.target,
                ":layout": layout,
                ":features": features,
            };
            if add.execute(values)? == 1 {
                upserted.added += 1;
            } else if change.execute(values)? == 1 {
                upserted.changed += 1;
            } else {
                upserted.unchanged += 1;
            }
        }
    }
    transaction.commit()?;
    Ok(upserted)
}

fn stored(row: &Row<'_>, source_sha256: Digest) -> rusqlite::Result<Stored> {
    let wrong = |column, kind, what: &str| rusqlite::Error::FromSqlConversionFailure(column, kind, what.into());
    let count = |column| row.get::<_, i64>(column).map(|count| count as u64);
    let layout: String = row.get(7)?;
    let features = row.get_ref(8)?.as_blob().ok().and_then(decode);
    Ok(Stored {
        layout: Layout(layout.parse().map_err(|_| wrong(7, Type::Text, "the layout is no sha256"))?),
        record: Record {
            source_sha256,
            row: count(0)?,
            source_file: row.get(1)?,
            id: row.get(2)?,
            time: row.get(3)?,
            line: count(4)?,
            byte_offset: count(5)?,
            target: row.get(6)?,
            features: features.ok_or_else(|| wrong(8, Type::Blob, "the readings are no whole number of f32"))?,
        },
    })
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Sorts a failure by what the caller can do.
fn failed(action: &'static str, uri: &str, error: rusqlite::Error) -> RecordsError {
    let uri = uri.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => RecordsError::Busy { action, uri },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            denied(action, uri, Box::new(error))
        }
        Some(ErrorCode::DiskFull) => RecordsError::Full { action, uri, source: Box::new(error) },
        Some(ErrorCode::NotADatabase) => {
            RecordsError::Open { uri, reason: "the file is no SQLite database".to_owned() }
        }
        Some(_) => RecordsError::Failed { action, uri, source: Box::new(error) },
        None => RecordsError::Malformed { action, uri, reason: error.to_string() },
    }
}

fn denied(action: &'static str, uri: String, source: Box<dyn std::error::Error + Send + Sync>) -> RecordsError {
    let hint = "give this user the right to write the file and its folder".to_owned();
    RecordsError::PermissionDenied { action, uri, hint, source }
}
