//! One column of a row group, encoded in memory.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// A column chunk.
pub(crate) enum Encoded {
    Arrow(Box<ArrowColumnChunk>),
    Plain(Bytes, Box<ColumnCloseResult>),
}

impl Encoded {
    /// Encodes an array of any type.
    pub(crate) fn arrow(field: &Field, array: &ArrayRef, mut writer: ArrowColumnWriter) -> Result<Self> {
        for leaf in compute_leaves(field, array)? {
            writer.write(&leaf)?;
        }
        Ok(Self::Arrow(Box::new(writer.close()?)))
    }

    /// Encodes an array of f32. It gets by without the lists of indices that the writer for any type makes.
    pub(crate) fn f32(description: ColumnDescPtr, properties: WriterPropertiesPtr, array: &ArrayRef) -> Result<Self> {
        let misfit = || ParquetError::General("the column does not hold f32".to_owned());
        let array = array.as_primitive_opt::<Float32Type>().ok_or_else(misfit)?;
        let mut sink = TrackedWrite::new(Vec::with_capacity(size_of_val(&array.values()[..])));
        let pages = Box::new(SerializedPageWriter::new(&mut sink));
        let is_nullable = description.max_def_level() > 0;
        let ColumnWriter::FloatColumnWriter(mut writer) = get_column_writer(description, properties, pages) else {
            return Err(misfit());
        };
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => {
                let levels: Vec<i16> = nulls.iter().map(i16::from).collect();
                let mut present = Vec::with_capacity(array.len());
                for run in nulls.valid_slices() {
                    present.extend_from_slice(&array.values()[run.0..run.1]);
                }
                writer.write_batch(&present, Some(&levels), None)?;
            }
            None if is_nullable => {
                writer.write_batch(array.values(), Some(&vec![1; array.len()]), None)?;
            }
            None => {
                writer.write_batch(array.values(), None, None)?;
            }
        }
        let end = writer.close()?;
        Ok(Self::Plain(sink.into_inner()?.into(), Box::new(end)))
    }

    /// Writes the column to its row group.
    pub(crate) fn append_to<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Arrow(chunk) => chunk.append_to_row_group(group),
            Self::Plain(bytes, end) => group.append_column(&bytes, *end),
        }
    }
}
