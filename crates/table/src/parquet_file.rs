//! Parquet with one fixed setting, so that equal tables are equal bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use bytes::{Buf as _, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, SchemaDescPtr};
use rayon::prelude::*;

use crate::TableError;
use crate::encoded::{Content, Encoded, Encoder};
use crate::footer::Footer;

/// Rows of a row group: of 590 sensors about 19 MB before compression.
pub(crate) const ROWS_PER_GROUP: usize = 8192;
/// Columns that one thread encodes at a time: enough to be worth handing over.
pub(crate) const COLUMNS_AT_ONCE: usize = 16;
/// Rows that are read at once.
const ROWS_PER_BATCH: usize = 1024;
/// A file starts and ends with these bytes.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";
/// Named in every file in place of the writer library's version, which would change the bytes with each update.
const CREATED_BY: &str = "faultline table 1";

/// How all columns but those of f32 are compressed: by zstd's fastest level, for keys and places shrink hardly more with the higher ones.
pub(crate) fn of_others() -> Result<Compression, ParquetError> {
    Ok(Compression::ZSTD(ZstdLevel::try_new(1)?))
}

/// Writes row groups. The columns of a group are encoded side by side, on the threads of rayon's current pool; each is encoded by itself, so the
/// bytes do not depend on the number of threads.
pub(crate) struct GroupWriter<W: Write + Send> {
    output: TrackedWrite<W>,
    footer: Footer,
    columns: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    /// Makes writers for the columns up to the last one that is not f32.
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    group_count: i32,
}

impl<W: Write + Send> GroupWriter<W> {
    pub(crate) fn new(writer: W, fields: Vec<Field>) -> Result<Self, TableError> {
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(of_others()?)
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
        // What the library would write to is not needed: the row groups are appended here.
        let (library, _) =
            ArrowWriter::try_new_with_options(io::sink(), Arc::clone(&schema), options)?.into_serialized_writer()?;
        let others = |field: &FieldRef| *field.data_type() != DataType::Float32;
        let first_number = schema.fields().iter().rposition(others).map_or(0, |last| last + 1);
        let before = Schema::new(schema.fields()[..first_number].to_vec());
        let factory = ArrowRowGroupWriterFactory::new(&library, Arc::new(before));
        let columns = Arc::new(library.schema_descr().clone());
        let properties = Arc::clone(library.properties());
        let footer = Footer::new(Arc::clone(&columns), Arc::clone(&properties));
        let mut output = TrackedWrite::new(writer);
        output.write_all(MAGIC)?;
        Ok(Self { output, footer, columns, properties, factory, schema, group_count: 0 })
    }

    /// Writes [`ROWS_PER_GROUP`] rows, fewer only at the end. `content` gives that of some columns, which come in ranges of `columns_at_once`.
    pub(crate) fn write<'a>(
        &mut self,
        columns_at_once: usize,
        content: impl Fn(Range<usize>) -> Vec<Content<'a>> + Sync,
    ) -> Result<(), TableError> {
        let column_count = self.schema.fields().len();
        let mut writers = self.factory.create_column_writers(self.group_count as usize)?;
        let mut parts = Vec::new();
        for start in (0..column_count).step_by(columns_at_once.max(1)).rev() {
            let range = start..(start + columns_at_once).min(column_count);
            parts.push((range, writers.split_off(start.min(writers.len()))));
        }
        let descriptions = self.columns.columns();
        let encode = |(range, writers): (Range<usize>, Vec<ArrowColumnWriter>)| {
            let (mut writers, mut encoder) = (writers.into_iter(), Encoder::new());
            let encode = |(column, content): (usize, Content<'a>)| match (content, writers.next()) {
                (Content::F32(values), _) => encoder.encode(Arc::clone(&descriptions[column]), &values),
                (Content::Array(array), Some(writer)) => Encoded::arrow(&self.schema.fields()[column], &array, writer),
                (Content::Array(_), None) => Err(ParquetError::General("an f32 column has other values".to_owned())),
            };
            range.clone().zip(content(range)).map(encode).collect::<Result<Vec<_>, _>>()
        };
        let (columns, properties, number) = (Arc::clone(&self.columns), Arc::clone(&self.properties), self.group_count);
        let mut group = SerializedRowGroupWriter::new(columns, properties, &mut self.output, number, None);
        // What is encoded is written, which takes its digest too, while the next columns are encoded.
        let (mut parts, parts_at_once) = (parts.into_iter().rev(), 2 * rayon::current_num_threads());
        let mut encoded: Vec<Vec<Encoded>> = Vec::new();
        loop {
            let next: Vec<_> = parts.by_ref().take(parts_at_once).collect();
            if next.is_empty() && encoded.is_empty() {
                break;
            }
            let (written, next) = rayon::join(
                || encoded.into_iter().flatten().try_for_each(|column| column.append_to(&mut group)),
                || next.into_par_iter().map(encode).collect::<Result<Vec<_>, ParquetError>>(),
            );
            written?;
            encoded = next?;
        }
        self.footer.add(Arc::unwrap_or_clone(group.close()?))?;
        self.group_count += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<W, TableError> {
        self.output.write_all(&self.footer.finish()?)?;
        // Taking the buffer apart would tell of a full disk in words only.
        self.output.flush()?;
        Ok(self.output.into_inner()?)
    }
}

/// A file to be read by row groups, which are decoded side by side.
pub(crate) struct GroupReader<R> {
    reader: R,
    metadata: ArrowReaderMetadata,
    /// Which columns are read, rising.
    columns: Vec<usize>,
}

impl<R: ChunkReader> GroupReader<R> {
    pub(crate) fn new(reader: R) -> Result<Self, TableError> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&reader, options)?;
        let columns = (0..metadata.schema().fields().len()).collect();
        Ok(Self { reader, metadata, columns })
    }

    /// From here on only columns whose names are `wanted` are read.
    pub(crate) fn choose(&mut self, wanted: impl Fn(&str) -> bool) {
        let fields = self.metadata.schema().fields();
        self.columns = (0..fields.len()).filter(|&column| wanted(fields[column].name())).collect();
    }

    /// The columns that are read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let fields = self.metadata.schema().fields();
        self.columns.iter().map(|&column| &fields[column])
    }

    /// The number of rows of each group.
    pub(crate) fn group_rows(&self) -> Vec<usize> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// Decodes every group, each with its own one of the `places`, and hands the results over in order. As many groups as there are threads are
    /// in memory at a time.
    pub(crate) fn read<P: Send, T: Send>(
        &self,
        places: Vec<P>,
        decode: impl Fn(ParquetRecordBatchReader, P) -> Result<T, TableError> + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), TableError> {
        let mut places = places.into_iter().enumerate();
        loop {
            let round: Vec<(usize, P)> = places.by_ref().take(rayon::current_num_threads()).collect();
            if round.is_empty() {
                return Ok(());
            }
            self.read_groups(round, &decode)?.into_iter().for_each(&mut take);
        }
    }

    /// Decodes some groups, each with its place, all at a time.
    pub(crate) fn read_groups<P: Send, T: Send>(
        &self,
        groups: Vec<(usize, P)>,
        decode: impl Fn(ParquetRecordBatchReader, P) -> Result<T, TableError> + Sync,
    ) -> Result<Vec<T>, TableError> {
        let read = |(group, place)| Ok((group, place, self.content(group)?));
        let groups = groups.into_iter().map(read).collect::<Result<Vec<_>, TableError>>()?;
        let decode = |(group, place, content): (usize, P, Part)| {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(content, self.metadata.clone());
            let columns = ProjectionMask::leaves(builder.parquet_schema(), self.columns.iter().copied());
            let builder = builder.with_projection(columns);
            decode(builder.with_row_groups(vec![group]).with_batch_size(ROWS_PER_BATCH).build()?, place)
        };
        groups.into_par_iter().map(decode).collect()
    }

    /// The bytes of a group from the first to the last column that is read. An open file is read by one thread alone: its clones share one position.
    fn content(&self, group: usize) -> Result<Part, TableError> {
        let columns = self.metadata.metadata().row_group(group).columns();
        let ranges = self.columns.iter().filter_map(|&column| Some(columns.get(column)?.byte_range()));
        let span = |span: Option<(u64, u64)>, (start, length): (u64, u64)| {
            let (first, last) = span.unwrap_or((start, start));
            Some((first.min(start), last.max(start.saturating_add(length))))
        };
        let (start, end) = ranges.fold(None, span).unwrap_or_default();
        if end > self.reader.len() || start > end {
            return Err(ParquetError::EOF(format!("row group {group} ends beyond the file")).into());
        }
        let bytes = self.reader.get_bytes(start, (end - start) as usize)?;
        Ok(Part { bytes, start, file_bytes: self.reader.len() })
    }
}

/// The places of groups of rows in a row-major matrix.
pub(crate) fn split_by_rows<'a>(mut matrix: &'a mut [f32], group_rows: &[usize], width: usize) -> Vec<&'a mut [f32]> {
    let mut places = Vec::with_capacity(group_rows.len());
    for rows in group_rows {
        let (place, rest) = matrix.split_at_mut(rows * width);
        places.push(place);
        matrix = rest;
    }
    places
}

/// The places of the next rows of a row-major matrix, and those after them.
pub(crate) fn split_rows(
    matrix: &mut [f32],
    row_count: usize,
    width: usize,
) -> parquet::errors::Result<(&mut [f32], &mut [f32])> {
    let beyond = || ParquetError::General("a row group holds more rows than it says".to_owned());
    matrix.split_at_mut_checked(row_count * width).ok_or_else(beyond)
}

/// Refuses a row group that has not as many rows as its file says: what is `left` of the room for them must be nothing.
pub(crate) fn expect_all(left: usize) -> parquet::errors::Result<()> {
    let fewer = || ParquetError::General("a row group holds fewer rows than it says".to_owned());
    if left == 0 { Ok(()) } else { Err(fewer()) }
}

/// A part of a file that is in memory, at its place in the file.
struct Part {
    bytes: Bytes,
    start: u64,
    file_bytes: u64,
}

impl Part {
    fn slice(&self, start: u64, length: Option<usize>) -> parquet::errors::Result<Bytes> {
        let outside = || ParquetError::EOF(format!("byte {start} is outside of the row group"));
        let first = usize::try_from(start.checked_sub(self.start).ok_or_else(outside)?).map_err(|_| outside())?;
        let last = length.map_or(Some(self.bytes.len()), |length| first.checked_add(length));
        match last {
            Some(last) if first <= last && last <= self.bytes.len() => Ok(self.bytes.slice(first..last)),
            _ => Err(outside()),
        }
    }
}

impl Length for Part {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for Part {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(self.slice(start, None)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.slice(start, Some(length))
    }
}

/// Reads record batches one after the other; gives the fields beside the reader.
pub(crate) fn open<R: ChunkReader + 'static>(reader: R) -> Result<(SchemaRef, ParquetRecordBatchReader), TableError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(reader, options)?;
    Ok((Arc::clone(builder.schema()), builder.with_batch_size(ROWS_PER_BATCH).build()?))
}

/// The error of a file whose content is not what it should be.
pub(crate) fn unreadable(path: &Path, source: TableError) -> TableError {
    TableError::Read { path: path.to_owned(), source: Box::new(source) }
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

#[cfg(test)]
mod tests {
    use parquet::file::metadata::ParquetMetaDataReader;

    use super::*;
    use crate::{Columns, Table, TableWriter, Values};

    /// The file with a footer that tells of another number of rows in its only row group.
    fn saying(file: &[u8], row_count: i64) -> Bytes {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::copy_from_slice(file)).unwrap();
        let group = metadata.row_group(0).clone().into_builder().set_num_rows(row_count).build().unwrap();
        let properties = Arc::new(WriterProperties::builder().set_created_by(CREATED_BY.to_owned()).build());
        let mut footer = Footer::new(metadata.file_metadata().schema_descr_ptr(), properties);
        footer.add(group).unwrap();
        let (content, length) = file.split_at(file.len() - MAGIC.len() - size_of::<u32>());
        let length = u32::from_le_bytes(length[..size_of::<u32>()].try_into().unwrap());
        [&content[..content.len() - length as usize], &footer.finish().unwrap()].concat().into()
    }

    #[test]
    fn a_row_group_that_has_not_the_rows_it_says_is_refused() {
        let numbers = Columns::new(3).with("a", Values::F32(vec![1.0, f32::NAN, 3.0])).unwrap();
        let columns = |row_count| Columns::read_from(saying(&numbers.write_to(Vec::new()).unwrap(), row_count));
        assert_eq!(columns(3).unwrap().row_count(), 3);
        let mut writer = TableWriter::new(Vec::new(), &["a".to_owned()]).unwrap();
        let source = crate::SourceFile { file: "f".into(), sha256: faultline_contract::Digest::of(b""), time: 0 };
        for row in 1..=3 {
            let row = crate::Row { row, line: row + 1, byte_offset: 9, id: "x", target: None, features: &[0.5] };
            writer.push(&source, &row).unwrap();
        }
        let table = writer.finish().unwrap();
        let table = |row_count| Table::read_from(saying(&table, row_count));
        assert_eq!(table(3).unwrap().row_count(), 3);
        // The library's errors tell what is wrong, ours only that something is.
        let message = |error: TableError| format!("{error:?}");
        for (said, expected) in [(2, "more rows than it says"), (4, "fewer rows than it says")] {
            let error = message(table(said).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        let error = message(columns(4).unwrap_err());
        assert!(error.contains("fewer rows than it says"), "{error}");
    }
}
