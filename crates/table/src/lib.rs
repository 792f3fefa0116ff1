#![doc = include_str!("../README.md")]

mod check;
mod columns;
mod concatenate;
mod csv_text;
mod encoded;
mod error;
mod features;
mod fields;
mod folder;
mod footer;
mod header;
mod keys;
mod kit;
mod lines;
mod number;
mod parallel;
mod parquet_file;
mod parts;
mod piece_rows;
mod plain_cells;
mod quarantine;
mod row;
mod table;

pub use check::{CheckError, FileOutcome, Known, Row, RowSink, check_file, check_known_file};
pub use columns::{Columns, Values};
pub use concatenate::concatenate;
pub use error::TableError;
pub use features::FeatureFile;
pub use folder::{FolderCheck, FolderOutcome, SharedFile};
pub use keys::Keys;
pub use parallel::Room;
pub use parts::{PartWriter, Parts, ROWS_PER_PART};
pub use quarantine::{Code, QuarantineLog, QuarantineRecord, Scope};
pub use table::{FileRows, SYSTEM_COLUMNS, SourceFile, Table, TableWriter};
