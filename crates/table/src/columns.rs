//! Small and middling tables, column by column.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampMillisecondType, UInt8Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
    TimestampMillisecondArray, UInt8Array,
};
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::reader::ChunkReader;

use crate::TableError;
use crate::encoded::Content;
use crate::keys::Keys;
use crate::parquet_file::{self, COLUMNS_AT_ONCE, GroupReader, GroupWriter, ROWS_PER_GROUP};

/// The values of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Text, never missing.
    Text(Vec<String>),
    /// Whole numbers, never missing.
    I64(Vec<i64>),
    /// Numbers, NaN = missing.
    F64(Vec<f64>),
    /// Numbers, NaN = missing.
    F32(Vec<f32>),
    /// Truth values, never missing.
    Bool(Vec<bool>),
    /// Small whole numbers such as targets; `None` = missing.
    OptionalU8(Vec<Option<u8>>),
    /// Moments without a zone, in seconds since 1970-01-01T00:00:00, never missing.
    Moment(Vec<i64>),
}

/// A table as named columns of equal length. Stored as Parquet, always with the same settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    row_count: usize,
    columns: Vec<(String, Values)>,
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::I64(values) | Self::Moment(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::OptionalU8(values) => values.len(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::I64(_) => "i64",
            Self::F64(_) => "f64",
            Self::F32(_) => "f32",
            Self::Bool(_) => "bool",
            Self::OptionalU8(_) => "optional u8",
            Self::Moment(_) => "moments",
        }
    }

    fn field(&self, name: &str) -> Field {
        let (kind, nullable) = match self {
            Self::Text(_) => (DataType::Utf8, false),
            Self::I64(_) => (DataType::Int64, false),
            Self::F64(_) => (DataType::Float64, true),
            Self::F32(_) => (DataType::Float32, true),
            Self::Bool(_) => (DataType::Boolean, false),
            Self::OptionalU8(_) => (DataType::UInt8, true),
            Self::Moment(_) => (MOMENT, false),
        };
        Field::new(name, kind, nullable)
    }

    fn content(&self, range: Range<usize>) -> Content<'_> {
        let array: ArrayRef = match self {
            Self::F32(values) => return Content::F32(Cow::Borrowed(&values[range])),
            Self::Text(values) => Arc::new(StringArray::from_iter_values(&values[range])),
            Self::I64(values) => Arc::new(Int64Array::from_iter_values(values[range].iter().copied())),
            Self::F64(values) => Arc::new(
                values[range].iter().map(|value| (!value.is_nan()).then_some(*value)).collect::<Float64Array>(),
            ),
            Self::Bool(values) => Arc::new(BooleanArray::from(values[range].to_vec())),
            Self::OptionalU8(values) => Arc::new(values[range].iter().copied().collect::<UInt8Array>()),
            Self::Moment(values) => moments(values[range].iter().copied()),
        };
        Content::Array(array)
    }

    fn empty(name: &str, kind: &DataType, capacity: usize) -> Result<Self, TableError> {
        Ok(match kind {
            DataType::Utf8 => Self::Text(Vec::with_capacity(capacity)),
            DataType::Int64 => Self::I64(Vec::with_capacity(capacity)),
            DataType::Float64 => Self::F64(Vec::with_capacity(capacity)),
            DataType::Float32 => Self::F32(Vec::with_capacity(capacity)),
            DataType::Boolean => Self::Bool(Vec::with_capacity(capacity)),
            DataType::UInt8 => Self::OptionalU8(Vec::with_capacity(capacity)),
            kind if *kind == MOMENT => Self::Moment(Vec::with_capacity(capacity)),
            other => {
                return Err(TableError::ColumnType {
                    name: name.to_owned(),
                    got: other.to_string(),
                    expected: "text, i64, f64, f32, bool, u8 or moments",
                });
            }
        })
    }

    fn extend(&mut self, name: &str, array: &dyn Array) -> Result<(), TableError> {
        match self {
            Self::Text(values) => values.extend(text_of(name, array)?),
            Self::I64(values) => values.extend(present::<Int64Type>(name, array)?),
            Self::F64(values) => {
                values.extend(primitive::<Float64Type>(name, array)?.iter().map(|value| value.unwrap_or(f64::NAN)));
            }
            Self::F32(values) => {
                values.extend(primitive::<Float32Type>(name, array)?.iter().map(|value| value.unwrap_or(f32::NAN)));
            }
            Self::Bool(values) => {
                let array = downcast::<BooleanArray>(name, array, "bool")?;
                no_nulls(name, array)?;
                values.extend(array.values().iter());
            }
            Self::OptionalU8(values) => values.extend(primitive::<UInt8Type>(name, array)?.iter()),
            Self::Moment(values) => values.extend(moments_of(name, array)?),
        }
        Ok(())
    }

    /// Adds values of the same kind at the end.
    fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Text(values), Self::Text(more)) => values.extend(more),
            (Self::I64(values), Self::I64(more)) | (Self::Moment(values), Self::Moment(more)) => values.extend(more),
            (Self::F64(values), Self::F64(more)) => values.extend(more),
            (Self::F32(values), Self::F32(more)) => values.extend(more),
            (Self::Bool(values), Self::Bool(more)) => values.extend(more),
            (Self::OptionalU8(values), Self::OptionalU8(more)) => values.extend(more),
            // Both were made from one field.
            _ => {}
        }
    }
}

impl Columns {
    /// A table of that many rows without columns.
    pub fn new(row_count: usize) -> Self {
        Self { row_count, columns: Vec::new() }
    }

    /// The number of rows.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The names of the columns that hold features, in order: those without a leading underscore, which no feature may have.
    pub fn feature_names(&self) -> Vec<String> {
        self.names().filter(|name| is_feature(name)).map(str::to_owned).collect()
    }

    /// Adds a column at the end.
    ///
    /// # Errors
    /// If its length is wrong or its name is taken.
    pub fn with(mut self, name: &str, values: Values) -> Result<Self, TableError> {
        if values.len() != self.row_count {
            return Err(TableError::Length { name: name.to_owned(), got: values.len(), expected: self.row_count });
        }
        if self.names().any(|known| known == name) {
            return Err(TableError::DuplicateColumn { name: name.to_owned() });
        }
        self.columns.push((name.to_owned(), values));
        Ok(self)
    }

    /// Adds the row key columns `_id`, `_source_file`, `_source_sha256` and `_row`.
    ///
    /// # Errors
    /// As [`Columns::with`].
    pub fn with_keys(self, keys: &Keys) -> Result<Self, TableError> {
        self.with("_id", Values::Text(keys.ids.clone()))?
            .with("_source_file", Values::Text(keys.source_files.iter().map(ToString::to_string).collect()))?
            .with("_source_sha256", Values::Text(keys.source_sha256s.iter().map(ToString::to_string).collect()))?
            .with("_row", Values::I64(keys.rows.iter().map(|row| *row as i64).collect()))
    }

    /// Adds one f32 column per name from a matrix of rows × names, row-major, NaN = missing.
    ///
    /// # Errors
    /// As [`Columns::with`].
    pub fn with_matrix(mut self, names: &[String], matrix: &[f32]) -> Result<Self, TableError> {
        for (index, name) in names.iter().enumerate() {
            let values = matrix.iter().skip(index).step_by(names.len()).copied().collect();
            self = self.with(name, Values::F32(values))?;
        }
        Ok(self)
    }

    /// The row key columns.
    ///
    /// # Errors
    /// If one of them is absent or of another type.
    pub fn keys(&self) -> Result<Keys, TableError> {
        let mut keys = Keys::with_capacity(self.row_count);
        let (ids, files) = (self.text("_id")?, self.text("_source_file")?);
        let (digests, rows) = (self.text("_source_sha256")?, self.i64("_row")?);
        for (((id, file), digest), row) in ids.iter().zip(files).zip(digests).zip(rows) {
            keys.push(id.clone(), file, digest, *row as u64)?;
        }
        Ok(keys)
    }

    /// The f32 columns of those names as one matrix of rows × names, row-major, NaN = missing.
    ///
    /// # Errors
    /// If one of them is absent or of another type.
    pub fn matrix(&self, names: &[String]) -> Result<Vec<f32>, TableError> {
        let columns = names.iter().map(|name| self.f32(name)).collect::<Result<Vec<_>, _>>()?;
        Ok((0..self.row_count).flat_map(|row| columns.iter().map(move |column| column[row])).collect())
    }

    /// The values of a column.
    ///
    /// # Errors
    /// [`TableError::NoColumn`] with the known names.
    pub fn values(&self, name: &str) -> Result<&Values, TableError> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, values)| values).ok_or_else(|| {
            const SHOWN: usize = 12;
            let known: Vec<&str> = self.names().take(SHOWN).collect();
            let more = if self.columns.len() > SHOWN { ", ..." } else { "" };
            TableError::NoColumn { name: name.to_owned(), known: known.join(", ") + more }
        })
    }

    /// Writes the table as Parquet.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        self.write_with_matrix(path, &[], &[])
    }

    /// Writes the table as Parquet, and after its columns those of [`Columns::with_matrix`], without making columns of them first.
    ///
    /// # Errors
    /// If the matrix has the wrong size, a name is taken, or the file cannot be written.
    pub fn write_with_matrix(&self, path: &Path, names: &[String], matrix: &[f32]) -> Result<(), TableError> {
        parquet_file::close_file(self.write_all(parquet_file::create_file(path)?, names, matrix)?, path)
    }

    /// Writes the table as Parquet and hands the writer back.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn write_to<W: Write + Send>(&self, writer: W) -> Result<W, TableError> {
        self.write_all(writer, &[], &[])
    }

    /// The columns, in order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Values> {
        self.columns.iter().map(|(_, values)| values)
    }

    /// The columns of the file.
    pub(crate) fn file_fields(&self) -> Vec<Field> {
        self.columns.iter().map(|(name, values)| values.field(name)).collect()
    }

    /// What some columns have in some rows.
    pub(crate) fn content(&self, columns: Range<usize>, rows: &Range<usize>) -> Vec<Content<'_>> {
        self.columns[columns].iter().map(|(_, values)| values.content(rows.clone())).collect()
    }

    fn write_all<W: Write + Send>(&self, writer: W, names: &[String], matrix: &[f32]) -> Result<W, TableError> {
        let width = names.len();
        if matrix.len() != self.row_count * width {
            let (got, expected) = (matrix.len(), self.row_count * width);
            return Err(TableError::MatrixSize { got, expected });
        }
        let mut known: HashSet<&str> = self.names().collect();
        if let Some(name) = names.iter().find(|name| !known.insert(name)) {
            return Err(TableError::DuplicateColumn { name: name.clone() });
        }
        let mut fields = self.file_fields();
        fields.extend(names.iter().map(|name| Field::new(name, DataType::Float32, true)));
        let mut writer = GroupWriter::new(writer, fields)?;
        for start in (0..self.row_count).step_by(ROWS_PER_GROUP) {
            let rows = start..(start + ROWS_PER_GROUP).min(self.row_count);
            let matrix = &matrix[rows.start * width..rows.end * width];
            writer.write(COLUMNS_AT_ONCE, |columns| {
                let n_own = self.columns.len();
                let mut content = self.content(columns.start.min(n_own)..columns.end.min(n_own), &rows);
                let of_matrix = columns.start.saturating_sub(n_own)..columns.end.saturating_sub(n_own);
                content.extend(cut_out(matrix, width, of_matrix).into_iter().map(|cut| Content::F32(Cow::Owned(cut))));
                content
            })?;
        }
        writer.finish()
    }

    /// Reads a table from a Parquet file.
    ///
    /// # Errors
    /// If it cannot be read or holds other types than those of [`Values`].
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let read = |source| parquet_file::unreadable(path, source);
        Self::read_from(parquet_file::open_file(path)?).map_err(read)
    }

    /// Reads a table from Parquet bytes (`bytes::Bytes`) or an open file.
    ///
    /// # Errors
    /// If it cannot be read or holds other types than those of [`Values`].
    pub fn read_from<R: ChunkReader + 'static>(reader: R) -> Result<Self, TableError> {
        Self::read_chosen(&GroupReader::new(reader)?)
    }

    /// Reads the columns that the reader was told to read.
    pub(crate) fn read_chosen<R: ChunkReader + 'static>(file: &GroupReader<R>) -> Result<Self, TableError> {
        let group_rows = file.group_rows();
        let row_count = group_rows.iter().sum();
        let mut columns = empty(file, row_count)?;
        let decode = |batches, row_count| read_part(file, batches, row_count);
        file.read(group_rows, decode, |part| {
            columns.iter_mut().zip(part.columns).for_each(|((_, values), (_, more))| values.append(more));
        })?;
        Ok(Self { row_count, columns })
    }
}

/// The columns that are read, yet without rows.
fn empty<R: ChunkReader>(file: &GroupReader<R>, capacity: usize) -> Result<Vec<(String, Values)>, TableError> {
    let column = |field: &FieldRef| -> Result<_, TableError> {
        Ok((field.name().clone(), Values::empty(field.name(), field.data_type(), capacity)?))
    };
    file.fields().map(column).collect()
}

/// Reads the batches of a row group.
pub(crate) fn read_part<R: ChunkReader>(
    file: &GroupReader<R>,
    batches: ParquetRecordBatchReader,
    row_count: usize,
) -> Result<Columns, TableError> {
    let mut columns = empty(file, row_count)?;
    for batch in batches {
        for ((name, values), array) in columns.iter_mut().zip(batch?.columns()) {
            values.extend(name, array.as_ref())?;
        }
    }
    for (_, values) in &columns {
        parquet_file::expect_all(row_count.abs_diff(values.len()))?;
    }
    Ok(Columns { row_count, columns })
}

macro_rules! typed_getters {
    ($($(#[doc = $doc:literal])* $method:ident -> $type:ty = $variant:ident;)*) => {
        impl Columns {$(
            $(#[doc = $doc])*
            ///
            /// # Errors
            /// If there is no such column or it holds another type.
            pub fn $method(&self, name: &str) -> Result<&[$type], TableError> {
                match self.values(name)? {
                    Values::$variant(values) => Ok(values),
                    other => Err(TableError::ColumnType {
                        name: name.to_owned(),
                        got: other.kind().to_owned(),
                        expected: stringify!($method),
                    }),
                }
            }
        )*}
    };
}

typed_getters! {
    /// A column of text.
    text -> String = Text;
    /// A column of whole numbers.
    i64 -> i64 = I64;
    /// A column of f64 numbers, NaN = missing.
    f64 -> f64 = F64;
    /// A column of f32 numbers, NaN = missing.
    f32 -> f32 = F32;
    /// A column of truth values.
    bool -> bool = Bool;
    /// A column of small whole numbers, `None` = missing.
    optional_u8 -> Option<u8> = OptionalU8;
    /// A column of moments, in seconds.
    moment -> i64 = Moment;
}

/// Some columns of a row-major matrix. All are cut out in one pass, since they share its cache lines.
fn cut_out(matrix: &[f32], width: usize, columns: Range<usize>) -> Vec<Vec<f32>> {
    let row_count = matrix.len().checked_div(width).unwrap_or(0);
    let mut values: Vec<Vec<f32>> = columns.clone().map(|_| Vec::with_capacity(row_count)).collect();
    for row in matrix.chunks_exact(width.max(1)) {
        values.iter_mut().zip(&row[columns.clone()]).for_each(|(values, value)| values.push(*value));
    }
    values
}

/// Whether a column of that name holds a feature: no feature may have a leading underscore.
pub(crate) fn is_feature(name: &str) -> bool {
    !name.starts_with('_')
}

/// How moments are stored.
pub(crate) const MOMENT: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);
const MILLIS: i64 = 1000;

/// Puts an array into a column of a row-major matrix, null = NaN.
pub(crate) fn put_column(
    name: &str,
    array: &dyn Array,
    matrix: &mut [f32],
    column: usize,
    width: usize,
) -> Result<(), TableError> {
    let array = primitive::<Float32Type>(name, array)?;
    let places = matrix.iter_mut().skip(column).step_by(width.max(1));
    if array.null_count() == 0 {
        places.zip(array.values()).for_each(|(place, value)| *place = *value);
    } else {
        places.zip(array).for_each(|(place, value)| *place = value.unwrap_or(f32::NAN));
    }
    Ok(())
}

/// An array in which NaN is null.
pub(crate) fn moments(seconds: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(seconds.map(|second| second.saturating_mul(MILLIS))))
}

pub(crate) fn moments_of(name: &str, array: &dyn Array) -> Result<Vec<i64>, TableError> {
    Ok(present::<TimestampMillisecondType>(name, array)?.into_iter().map(|millis| millis.div_euclid(MILLIS)).collect())
}

pub(crate) fn text_of(name: &str, array: &dyn Array) -> Result<Vec<String>, TableError> {
    let array = downcast::<StringArray>(name, array, "text")?;
    no_nulls(name, array)?;
    Ok(array.iter().flatten().map(str::to_owned).collect())
}

/// The values of a column that may not have missing ones.
pub(crate) fn present<T: ArrowPrimitiveType>(name: &str, array: &dyn Array) -> Result<Vec<T::Native>, TableError> {
    let array = primitive::<T>(name, array)?;
    no_nulls(name, array)?;
    Ok(array.values().to_vec())
}

pub(crate) fn primitive<'a, T: ArrowPrimitiveType>(
    name: &str,
    array: &'a dyn Array,
) -> Result<&'a PrimitiveArray<T>, TableError> {
    downcast(name, array, "numbers of another width")
}

fn downcast<'a, A: 'static>(name: &str, array: &'a dyn Array, expected: &'static str) -> Result<&'a A, TableError> {
    array.as_any().downcast_ref().ok_or_else(|| TableError::ColumnType {
        name: name.to_owned(),
        got: array.data_type().to_string(),
        expected,
    })
}

fn no_nulls(name: &str, array: &dyn Array) -> Result<(), TableError> {
    match (0..array.len()).find(|row| array.is_null(*row)) {
        Some(row) if array.null_count() > 0 => Err(TableError::UnexpectedNull { name: name.to_owned(), row }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(rows: usize) -> Columns {
        let number = |row: usize| if row.is_multiple_of(3) { f64::NAN } else { row as f64 / 7.0 };
        Columns::new(rows)
            .with("name", Values::Text((0..rows).map(|row| format!("n{}", row % 5)).collect()))
            .and_then(|table| table.with("count", Values::I64((0..rows).map(|row| row as i64 - 2).collect())))
            .and_then(|table| table.with("wide", Values::F64((0..rows).map(number).collect())))
            .and_then(|table| table.with("narrow", Values::F32((0..rows).map(|row| number(row) as f32).collect())))
            .and_then(|table| table.with("flag", Values::Bool((0..rows).map(|row| row.is_multiple_of(2)).collect())))
            .and_then(|table| {
                table.with("target", Values::OptionalU8((0..rows).map(|row| (row % 4 > 0).then_some(1)).collect()))
            })
            .and_then(|table| table.with("time", Values::Moment((0..rows).map(|row| row as i64 * 86_400).collect())))
            .unwrap()
    }

    fn bytes(table: &Columns) -> Vec<u8> {
        table.write_to(Vec::new()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for rows in [0, 1, 1024, ROWS_PER_GROUP, 2 * ROWS_PER_GROUP + 5] {
            let table = example(rows);
            let again = Columns::read_from(bytes::Bytes::from(bytes(&table))).unwrap();
            // Compared as text because NaN is not equal to itself.
            assert_eq!(format!("{again:?}"), format!("{table:?}"));
        }
    }

    #[test]
    fn equal_tables_are_equal_bytes_without_a_trace_of_the_library() {
        let bytes = bytes(&example(3000));
        assert_eq!(bytes, super::tests::bytes(&example(3000)));
        let library = b"parquet-rs";
        assert!(!bytes.windows(library.len()).any(|window| window == library));
    }

    #[test]
    fn a_matrix_goes_in_and_out() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let matrix = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let table = Columns::new(2).with_matrix(&names, &matrix).unwrap();
        assert_eq!(table.f32("b").unwrap(), [2.0, 5.0]);
        assert_eq!(table.matrix(&names).unwrap(), matrix);
        assert_eq!(table.matrix(&names[2..]).unwrap(), [3.0, 6.0]);
    }

    #[test]
    fn a_matrix_is_written_as_its_columns_are() {
        let names: Vec<String> = (0..37).map(|column| format!("s{column}")).collect();
        for rows in [0, 3, ROWS_PER_GROUP + 2] {
            let matrix: Vec<f32> = (0..rows * names.len())
                .map(|place| if place % 11 == 0 { f32::NAN } else { (place % 977) as f32 })
                .collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            example(rows).write_with_matrix(file.path(), &names, &matrix).unwrap();
            let expected = bytes(&example(rows).with_matrix(&names, &matrix).unwrap());
            assert!(std::fs::read(file.path()).unwrap() == expected, "{rows}");
        }
        let path = Path::new("/dev/null");
        let message = |names: &[&str], matrix: &[f32]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            example(2).write_with_matrix(path, &names, matrix).unwrap_err().to_string()
        };
        assert_eq!(message(&["a"], &[1.0]), "the matrix has 1 values, expected 2");
        assert_eq!(message(&["flag"], &[1.0, 2.0]), "column `flag` stands twice");
        assert_eq!(message(&["a", "a"], &[0.0; 4]), "column `a` stands twice");
    }

    #[test]
    fn mistakes_are_named() {
        let table = example(2);
        assert_eq!(
            table.i64("Name").unwrap_err().to_string(),
            "no column `Name`, expected one of name, count, wide, narrow, flag, target, time"
        );
        assert_eq!(table.i64("wide").unwrap_err().to_string(), "column `wide` holds f64, expected i64");
        let wrong = example(2).with("x", Values::I64(vec![1])).unwrap_err();
        assert_eq!(wrong.to_string(), "column `x` has 1 rows, expected 2");
        assert!(matches!(example(1).with("name", Values::I64(vec![1])), Err(TableError::DuplicateColumn { .. })));
        let torn = bytes::Bytes::from(bytes(&table)[..40].to_vec());
        assert!(matches!(Columns::read_from(torn), Err(TableError::Parquet(_))));
    }
}
