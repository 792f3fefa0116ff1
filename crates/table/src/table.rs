//! The typed table of records: row keys, places, targets and features.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Int64Type, UInt8Type};
use arrow_array::{ArrayRef, Int64Array, StringArray, UInt8Array};
use arrow_schema::{DataType, Field};
use faultline_contract::Digest;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::reader::ChunkReader;

use crate::check::Row;
use crate::columns::{MOMENT, moments, moments_of, present, primitive, put_column, text_of};
use crate::encoded::Content;
use crate::keys::Keys;
use crate::parquet_file::{self, COLUMNS_AT_ONCE, GroupReader, GroupWriter, ROWS_PER_GROUP};
use crate::{RowSink, TableError};

/// The columns before the features.
pub const SYSTEM_COLUMNS: [&str; 8] =
    ["_id", "_source_file", "_source_sha256", "_row", "_time", "_line", "_byte_offset", "_target"];

/// Records in memory. All columns have one entry per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The row keys.
    pub keys: Keys,
    /// The moment in the file's name, in seconds since 1970-01-01T00:00:00 by the fab's own clock.
    pub times: Vec<i64>,
    /// The 1-based line in the raw file.
    pub lines: Vec<u64>,
    /// Where the line starts in the raw file, in bytes.
    pub byte_offsets: Vec<u64>,
    /// 0 good, 1 faulty, `None` unknown.
    pub targets: Vec<Option<u8>>,
    /// The names of the features.
    pub feature_names: Vec<String>,
    /// Rows × features, row-major, NaN = missing.
    pub features: Vec<f32>,
}

/// The file that rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, relative to the raw folder.
    pub file: Arc<str>,
    /// The sha256 of its content.
    pub sha256: Digest,
    /// The moment in its name, in seconds.
    pub time: i64,
}

impl Table {
    /// The number of rows.
    pub fn row_count(&self) -> usize {
        self.keys.len()
    }

    /// The features of a row, NaN = missing.
    ///
    /// # Panics
    /// If the row is out of bounds.
    pub fn row(&self, row: usize) -> &[f32] {
        let width = self.feature_names.len();
        &self.features[row * width..(row + 1) * width]
    }

    /// Reads a table from a Parquet file.
    ///
    /// # Errors
    /// If it cannot be read, or its columns are not those of a table.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let read = |source| parquet_file::unreadable(path, source);
        Self::read_from(parquet_file::open_file(path)?).map_err(read)
    }

    /// Reads a table from Parquet bytes (`bytes::Bytes`) or an open file. Holds one copy of the features; row groups are decoded side by side.
    ///
    /// # Errors
    /// If it cannot be read, or its columns are not those of a table.
    pub fn read_from<R: ChunkReader + 'static>(reader: R) -> Result<Self, TableError> {
        let file = GroupReader::new(reader)?;
        let names: Vec<&str> = file.fields().map(|field| field.name().as_str()).collect();
        if !names.starts_with(&SYSTEM_COLUMNS) {
            let missing = SYSTEM_COLUMNS.iter().enumerate().find(|(at, name)| names.get(*at) != Some(name));
            return Err(TableError::NoColumn {
                name: missing.map(|(_, name)| (*name).to_owned()).unwrap_or_default(),
                known: format!("a table whose first columns are {}", SYSTEM_COLUMNS.join(", ")),
            });
        }
        let feature_names: Vec<String> = names[SYSTEM_COLUMNS.len()..].iter().map(|name| (*name).to_owned()).collect();
        let (width, group_rows) = (feature_names.len(), file.group_rows());
        let row_count = group_rows.iter().sum();
        let mut features = vec![0.0; row_count * width];
        let places = parquet_file::split_by_rows(&mut features, &group_rows, width);
        let mut table = Self { keys: Keys::with_capacity(row_count), ..Self::default() };
        let decode = |batches, place| read_part(batches, &feature_names, place);
        file.read(places, decode, |part| {
            table.keys.append(part.keys);
            table.times.extend(part.times);
            table.lines.extend(part.lines);
            table.byte_offsets.extend(part.byte_offsets);
            table.targets.extend(part.targets);
        })?;
        (table.feature_names, table.features) = (feature_names, features);
        Ok(table)
    }

    /// Writes the table as Parquet; the bytes are those that a [`TableWriter`] writes for the same rows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        let mut writer = TableWriter::new(parquet_file::create_file(path)?, &self.feature_names)?;
        for index in 0..self.row_count() {
            let source = SourceFile {
                file: Arc::clone(&self.keys.source_files[index]),
                sha256: self.keys.source_sha256s[index],
                time: self.times[index],
            };
            let row = Row {
                row: self.keys.rows[index],
                line: self.lines[index],
                byte_offset: self.byte_offsets[index],
                id: &self.keys.ids[index],
                target: self.targets[index],
                features: self.row(index),
            };
            writer.push(&source, &row)?;
        }
        parquet_file::close_file(writer.finish()?, path)
    }
}

/// Reads the batches of a row group; the features go to their place.
fn read_part(
    batches: ParquetRecordBatchReader,
    feature_names: &[String],
    mut features: &mut [f32],
) -> Result<Table, TableError> {
    let width = feature_names.len();
    let mut part = Table::default();
    for batch in batches {
        let batch = batch?;
        let column = |index: usize| batch.column(index).as_ref();
        let (ids, files) = (text_of("_id", column(0))?, text_of("_source_file", column(1))?);
        let (digests, rows) = (text_of("_source_sha256", column(2))?, present::<Int64Type>("_row", column(3))?);
        for (((id, file), digest), row) in ids.into_iter().zip(&files).zip(&digests).zip(rows) {
            part.keys.push(id, file, digest, row as u64)?;
        }
        let counts = |index: usize| -> Result<_, TableError> {
            Ok(present::<Int64Type>(SYSTEM_COLUMNS[index], column(index))?.into_iter().map(|count| count as u64))
        };
        part.times.extend(moments_of("_time", column(4))?);
        part.lines.extend(counts(5)?);
        part.byte_offsets.extend(counts(6)?);
        part.targets.extend(primitive::<UInt8Type>("_target", column(7))?.iter());

        let (place, rest) = parquet_file::split_rows(features, batch.num_rows(), width)?;
        features = rest;
        for (index, name) in feature_names.iter().enumerate() {
            put_column(name, column(SYSTEM_COLUMNS.len() + index), place, index, width)?;
        }
    }
    parquet_file::expect_all(features.len())?;
    Ok(part)
}

/// Writes a table row by row. Memory is that of one row group, and of its part of the footer for each one before: some seven bytes a row of 590
/// features.
pub struct TableWriter<W: Write + Send> {
    writer: GroupWriter<W>,
    width: usize,
    pending: Pending,
    row_count: u64,
}

/// Rows that are not yet written.
#[derive(Default)]
struct Pending {
    ids: Vec<String>,
    files: Vec<Arc<str>>,
    digests: Vec<Digest>,
    rows: Vec<u64>,
    times: Vec<i64>,
    lines: Vec<u64>,
    byte_offsets: Vec<u64>,
    targets: Vec<Option<u8>>,
    features: Transposed,
}

/// Features as they come, row by row, and as they are written, column by column.
#[derive(Default)]
struct Transposed {
    width: usize,
    /// The last rows, row-major: few enough for the cache of a core.
    rows: Vec<f32>,
    /// The rows before them: a place for [`ROWS_PER_GROUP`] values per column.
    columns: Vec<f32>,
    /// How many rows the columns have.
    row_count: usize,
}

impl<W: Write + Send> TableWriter<W> {
    /// Starts a table with those features.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn new(writer: W, feature_names: &[String]) -> Result<Self, TableError> {
        let kinds = [
            DataType::Utf8,
            DataType::Utf8,
            DataType::Utf8,
            DataType::Int64,
            MOMENT,
            DataType::Int64,
            DataType::Int64,
            DataType::UInt8,
        ];
        let system = SYSTEM_COLUMNS.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind, *name == "_target"));
        let features = feature_names.iter().map(|name| Field::new(name, DataType::Float32, true));
        let writer = GroupWriter::new(writer, system.chain(features).collect())?;
        let width = feature_names.len();
        let pending = Pending { features: Transposed { width, ..Transposed::default() }, ..Pending::default() };
        Ok(Self { writer, width, pending, row_count: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If the number of features is wrong or writing fails.
    pub fn push(&mut self, source: &SourceFile, row: &Row<'_>) -> Result<(), TableError> {
        if row.features.len() != self.width {
            let (name, got) = ("features of a row".to_owned(), row.features.len());
            return Err(TableError::Length { name, got, expected: self.width });
        }
        let pending = &mut self.pending;
        pending.ids.push(row.id.to_owned());
        pending.files.push(Arc::clone(&source.file));
        pending.digests.push(source.sha256);
        pending.rows.push(row.row);
        pending.times.push(source.time);
        pending.lines.push(row.line);
        pending.byte_offsets.push(row.byte_offset);
        pending.targets.push(row.target);
        pending.features.push(row.features);
        self.row_count += 1;
        if pending.ids.len() == ROWS_PER_GROUP { self.flush() } else { Ok(()) }
    }

    /// A sink for the rows of one file, to be given to [`crate::check_file`].
    pub fn rows_of(&mut self, source: SourceFile) -> FileRows<'_, W> {
        FileRows { writer: self, source }
    }

    /// The number of rows added.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Writes what is left and hands the writer back.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn finish(mut self) -> Result<W, TableError> {
        if !self.pending.ids.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), TableError> {
        self.pending.features.turn();
        let pending = &self.pending;
        self.writer.write(COLUMNS_AT_ONCE, |columns| pending.content(columns))?;
        self.pending.clear();
        Ok(())
    }
}

impl Transposed {
    /// Adds a row.
    fn push(&mut self, row: &[f32]) {
        /// Makes whole cache lines of every column.
        const ROWS_AT_ONCE: usize = 64;
        self.rows.extend_from_slice(row);
        if self.rows.len() >= ROWS_AT_ONCE * self.width.max(1) {
            self.turn();
        }
    }

    /// Moves the last rows to the columns.
    fn turn(&mut self) {
        if self.columns.is_empty() {
            self.columns = vec![0.0; self.width * ROWS_PER_GROUP];
        }
        let row_count = self.rows.len().checked_div(self.width).unwrap_or(0);
        let places = self.row_count..self.row_count + row_count;
        for (index, column) in self.columns.chunks_exact_mut(ROWS_PER_GROUP).enumerate() {
            let values = self.rows.iter().skip(index).step_by(self.width);
            column[places.clone()].iter_mut().zip(values).for_each(|(place, value)| *place = *value);
        }
        self.row_count += row_count;
        self.rows.clear();
    }

    /// A column of the rows that have been moved.
    fn column(&self, index: usize) -> &[f32] {
        &self.columns[index * ROWS_PER_GROUP..][..self.row_count]
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.row_count = 0;
    }
}

impl Pending {
    /// What is in some columns of the file.
    fn content(&self, columns: Range<usize>) -> Vec<Content<'_>> {
        let content = |column: usize| match column.checked_sub(SYSTEM_COLUMNS.len()) {
            Some(feature) => Some(Content::F32(Cow::Borrowed(self.features.column(feature)))),
            None => self.system_array(column).map(Content::Array),
        };
        columns.filter_map(content).collect()
    }

    /// The array of one of [`SYSTEM_COLUMNS`].
    fn system_array(&self, column: usize) -> Option<ArrayRef> {
        let counts = |values: &[u64]| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(values.iter().map(|value| *value as i64)))
        };
        Some(match *SYSTEM_COLUMNS.get(column)? {
            "_id" => Arc::new(StringArray::from_iter_values(&self.ids)),
            "_source_file" => Arc::new(StringArray::from_iter_values(&self.files)),
            "_source_sha256" => {
                let files = self.digests.chunk_by(|one, next| one == next);
                let texts = files.flat_map(|rows| std::iter::repeat_n(rows[0].to_string(), rows.len()));
                Arc::new(StringArray::from_iter_values(texts))
            }
            "_row" => counts(&self.rows),
            "_time" => moments(self.times.iter().copied()),
            "_line" => counts(&self.lines),
            "_byte_offset" => counts(&self.byte_offsets),
            _ => Arc::new(self.targets.iter().copied().collect::<UInt8Array>()),
        })
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.files.clear();
        self.digests.clear();
        self.rows.clear();
        self.times.clear();
        self.lines.clear();
        self.byte_offsets.clear();
        self.targets.clear();
        self.features.clear();
    }
}

/// Puts the accepted rows of one file into a table; the refused ones are left out.
pub struct FileRows<'a, W: Write + Send> {
    writer: &'a mut TableWriter<W>,
    source: SourceFile,
}

impl<W: Write + Send> RowSink for FileRows<'_, W> {
    type Error = TableError;

    fn accept(&mut self, row: &Row<'_>) -> Result<(), TableError> {
        self.writer.push(&self.source, row)
    }

    fn refuse(&mut self, _: crate::QuarantineRecord) -> Result<(), TableError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(rows: usize) -> Table {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut table = Table { feature_names: names, ..Table::default() };
        for row in 0..rows {
            let digest = Digest::of(&[(row / 100) as u8]);
            let file = format!("f{}.csv", row / 100);
            table.keys.push(format!("id-{row}"), &file, &digest.to_string(), row as u64 % 100 + 1).unwrap();
            table.times.push(1_600_000_000 + row as i64 / 100);
            table.lines.push(row as u64 + 2);
            table.byte_offsets.push(row as u64 * 50);
            table.targets.push([Some(0), Some(1), None][row % 3]);
            table.features.extend([row as f32, if row % 2 == 0 { f32::NAN } else { 0.5 }, -1.0]);
        }
        table
    }

    #[test]
    fn a_table_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        for rows in [0, 1, 2500] {
            let path = folder.path().join("t.parquet");
            let table = example(rows);
            table.write(&path).unwrap();
            let again = Table::read(&path).unwrap();
            assert_eq!(format!("{again:?}"), format!("{table:?}"));
        }
    }

    #[test]
    fn a_table_is_readable_as_columns_with_the_same_names_and_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let table = example(10);
        table.write(&path).unwrap();
        let columns = crate::Columns::read(&path).unwrap();
        let names: Vec<&str> = columns.names().collect();
        assert_eq!(names[..8], SYSTEM_COLUMNS);
        assert_eq!(names[8..], ["a", "b", "c"]);
        assert_eq!(columns.keys().unwrap(), table.keys);
        assert_eq!(columns.moment("_time").unwrap(), table.times);
        assert_eq!(columns.optional_u8("_target").unwrap(), table.targets);
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        crate::Columns::new(1).with("x", crate::Values::I64(vec![1])).unwrap().write(&path).unwrap();
        assert!(matches!(Table::read(&path), Err(TableError::Read { .. })));
        assert!(matches!(Table::read(&folder.path().join("none")), Err(TableError::File { .. })));
    }

    #[test]
    fn a_row_of_the_wrong_width_is_refused() {
        let mut writer = TableWriter::new(Vec::new(), &["a".to_owned()]).unwrap();
        let source = SourceFile { file: "f".into(), sha256: Digest::of(b""), time: 0 };
        let row = Row { row: 1, line: 2, byte_offset: 3, id: "x", target: None, features: &[1.0, 2.0] };
        assert!(matches!(writer.push(&source, &row), Err(TableError::Length { .. })));
    }
}
