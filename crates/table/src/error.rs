//! What can go wrong with tables.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use thiserror::Error;

/// What can go wrong with tables.
#[derive(Debug, Error)]
pub enum TableError {
    /// A file could not be opened, created or written.
    #[error("{action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A table file is not what it should be.
    #[error("read table `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<TableError>,
    },
    /// Parquet could not be read or written.
    #[error("parquet")]
    Parquet(#[from] ParquetError),
    /// Columns do not make a batch.
    #[error("arrow")]
    Arrow(#[from] ArrowError),
    /// CSV could not be written.
    #[error("write CSV")]
    Csv(#[from] csv::Error),
    /// Plain writing failed.
    #[error("write")]
    Write(#[from] io::Error),
    /// There is no column of that name.
    #[error("no column `{name}`, expected one of {known}")]
    NoColumn {
        /// The name.
        name: String,
        /// The known names, abridged.
        known: String,
    },
    /// A column holds another type.
    #[error("column `{name}` holds {got}, expected {expected}")]
    ColumnType {
        /// The column.
        name: String,
        /// What it holds.
        got: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A column has another number of rows than the table.
    #[error("column `{name}` has {got} rows, expected {expected}")]
    Length {
        /// The column.
        name: String,
        /// Its rows.
        got: usize,
        /// The rows of the table.
        expected: usize,
    },
    /// A matrix is not that of the rows and names.
    #[error("the matrix has {got} values, expected {expected}")]
    MatrixSize {
        /// Its values.
        got: usize,
        /// Rows times names.
        expected: usize,
    },
    /// There is no such row.
    #[error("no row {row}, expected one below {row_count}")]
    NoRow {
        /// The row, from 0.
        row: usize,
        /// The rows of the table.
        row_count: usize,
    },
    /// A row is asked for twice.
    #[error("row {row} is asked for twice, expected once")]
    RowTwice {
        /// The row, from 0.
        row: usize,
    },
    /// A column stands twice.
    #[error("column `{name}` stands twice")]
    DuplicateColumn {
        /// The column.
        name: String,
    },
    /// A value that may not be missing is.
    #[error("column `{name}` has a missing value at row {row}, expected none")]
    UnexpectedNull {
        /// The column.
        name: String,
        /// The 0-based row.
        row: usize,
    },
    /// Tables that are put together have other columns.
    #[error("the columns of `{}` are others than those of `{}`", path.display(), first.display())]
    Unlike {
        /// The table.
        path: PathBuf,
        /// The first table.
        first: PathBuf,
    },
    /// The text of a source digest is none.
    #[error("column `_source_sha256`")]
    Digest(#[from] faultline_contract::digest::InvalidDigest),
}

impl TableError {
    /// Whether a disk is at fault and not a table: it is full, or gave no access.
    pub fn is_of_disk(&self) -> bool {
        match self {
            Self::File { .. } | Self::Write(_) => true,
            Self::Csv(error) => error.is_io_error(),
            // A file that ends too early is a wrong table.
            Self::Parquet(ParquetError::External(cause)) => {
                cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() != io::ErrorKind::UnexpectedEof)
            }
            Self::Read { source, .. } => source.is_of_disk(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufWriter, Write};

    use super::*;
    use crate::{Columns, Values};

    /// Takes some bytes.
    struct Small(usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_wrong_table() {
        let table = Columns::new(3000).with("x", Values::F32((0..3000).map(|x| x as f32 / 7.0).collect())).unwrap();
        for room in [0, 3, 4, 100, 5000] {
            for error in [table.write_to(Small(room)).err(), table.write_to(BufWriter::new(Small(room))).err()] {
                assert!(error.is_none_or(|error| error.is_of_disk()), "{room}");
            }
        }
        assert!(table.write_to(Small(100)).is_err());
        let missing = Columns::read(std::path::Path::new("/nowhere/x.parquet")).unwrap_err();
        assert!(missing.is_of_disk(), "{missing:?}");
        assert!(!Columns::read_from(bytes::Bytes::from_static(b"PAR1 no table PAR1")).unwrap_err().is_of_disk());
    }
}
