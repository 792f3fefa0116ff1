//! Parquet with one fixed setting, so that equal tables are equal bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;

use crate::TableError;

/// Rows of a row group: of 590 sensors about 19 MB before compression.
pub(crate) const ROWS_PER_GROUP: usize = 8192;
/// Rows that are written or read at once. Page borders depend on it, so every writer uses it.
pub(crate) const ROWS_PER_BATCH: usize = 1024;
/// zstd's fastest level: sensor readings shrink hardly more with the higher ones.
const ZSTD_LEVEL: i32 = 1;
/// Named in every file in place of the writer library's version, which would change the bytes with each update.
const CREATED_BY: &str = "faultline table 1";

/// Writes record batches.
pub(crate) struct BatchWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
}

impl<W: Write + Send> BatchWriter<W> {
    pub(crate) fn new(writer: W, fields: Vec<Field>) -> Result<Self, TableError> {
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_dictionary_enabled(false);
        for field in fields.iter().filter(|field| *field.data_type() == DataType::Utf8) {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, true);
        }
        let schema = Arc::new(Schema::new(fields));
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(writer, Arc::clone(&schema), options)?;
        Ok(Self { writer, schema })
    }

    /// Writes [`ROWS_PER_BATCH`] rows, fewer only at the end.
    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), TableError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(self.writer.write(&batch)?)
    }

    pub(crate) fn finish(self) -> Result<W, TableError> {
        Ok(self.writer.into_inner()?)
    }
}

/// Reads record batches; gives the fields and the number of rows beside the reader.
pub(crate) fn open<R: ChunkReader + 'static>(
    reader: R,
) -> Result<(SchemaRef, usize, ParquetRecordBatchReader), TableError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(reader, options)?;
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let schema = Arc::clone(builder.schema());
    Ok((schema, rows, builder.with_batch_size(ROWS_PER_BATCH).build()?))
}

/// Opens a local file for reading.
pub(crate) fn open_file(path: &Path) -> Result<File, TableError> {
    File::open(path).map_err(|source| TableError::File { action: "open", path: path.to_owned(), source })
}

/// Creates a local file, or empties it.
pub(crate) fn create_file(path: &Path) -> Result<BufWriter<File>, TableError> {
    let file =
        File::create(path).map_err(|source| TableError::File { action: "create", path: path.to_owned(), source })?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// Writes out what is buffered.
pub(crate) fn close_file(mut file: BufWriter<File>, path: &Path) -> Result<(), TableError> {
    file.flush().map_err(|source| TableError::File { action: "write", path: path.to_owned(), source })
}
