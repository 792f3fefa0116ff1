//! One column of a row group, encoded in memory.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float32Type;
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use snap::raw::Encoder as Compressor;
use wide::f32x8;

/// The longest header of a page, and more.
const HEADER_BYTES: usize = 64;

/// How f32 is compressed, its bytes split into streams: what is alike in sensor readings are the first bytes, and those become runs. zstd would take
/// six times as long for a tenth of the size.
const OF_STREAMS: Compression = Compression::SNAPPY;

/// The values of a column.
pub(crate) enum Content<'a> {
    /// Of any type but f32.
    Array(ArrayRef),
    /// NaN = missing.
    F32(Cow<'a, [f32]>),
}

impl<'a> Content<'a> {
    /// The values of an array of any type.
    pub(crate) fn of(array: &'a ArrayRef) -> Self {
        match array.as_primitive_opt::<Float32Type>() {
            None => Self::Array(Arc::clone(array)),
            Some(numbers) if numbers.null_count() == 0 => Self::F32(Cow::Borrowed(numbers.values())),
            Some(numbers) => Self::F32(numbers.iter().map(|number| number.unwrap_or(f32::NAN)).collect()),
        }
    }
}

/// A column chunk.
pub(crate) enum Encoded {
    Arrow(Box<ArrowColumnChunk>),
    Split(Bytes, Box<ColumnCloseResult>),
}

impl Encoded {
    /// Encodes an array of any type.
    pub(crate) fn arrow(field: &Field, array: &ArrayRef, mut writer: ArrowColumnWriter) -> Result<Self> {
        for leaf in compute_leaves(field, array)? {
            writer.write(&leaf)?;
        }
        Ok(Self::Arrow(Box::new(writer.close()?)))
    }

    /// Writes the column to its row group.
    pub(crate) fn append_to<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Arrow(chunk) => chunk.append_to_row_group(group),
            Self::Split(bytes, end) => group.append_column(&bytes, *end),
        }
    }
}

/// Encodes columns of f32, one after the other, with memory that is used again: the writer for any type sets up a compressor for each column, and
/// makes a list of numbers of what is a bitmap in the file.
pub(crate) struct Encoder {
    compressor: Compressor,
    present: Vec<f32>,
    page: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { compressor: Compressor::new(), present: Vec::new(), page: Vec::new() }
    }

    /// Encodes a column as one page. NaN becomes null.
    pub(crate) fn encode(&mut self, description: ColumnDescPtr, values: &[f32]) -> Result<Encoded> {
        let misfit = |what: &str| ParquetError::General(format!("column `{}` {what}", description.name()));
        let rows = u32::try_from(values.len()).map_err(|_| misfit("has too many rows for a page"))?;
        let is_nullable = description.max_def_level() > 0;
        self.page.clear();
        let present = present_bits(values);
        let all_present = present.iter().map(|bits| bits.count_ones()).sum::<u32>() == rows;
        match (is_nullable, all_present) {
            (true, true) => add_levels(&run_of_ones(rows), &[], &mut self.page),
            (true, false) => add_levels(&variable((u64::from(rows).div_ceil(8) << 1) | 1), &present, &mut self.page),
            (false, true) => {}
            (false, false) => return Err(misfit("has values that are missing, and may not have them")),
        }
        if all_present {
            add_streams(values, &mut self.page);
        } else {
            keep_present(values, &present, &mut self.present);
            add_streams(&self.present, &mut self.page);
        }

        let compressed = self.compressor.compress_vec(&self.page).map_err(|failure| misfit(&failure.to_string()))?;
        let page = Page::DataPage {
            buf: compressed.into(),
            num_values: rows,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page = CompressedPage::new(page, self.page.len());
        let mut sink = TrackedWrite::new(Vec::with_capacity(page.compressed_size() + HEADER_BYTES));
        let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
        let metadata = ColumnChunkMetaData::builder(description)
            .set_compression(OF_STREAMS)
            .set_encodings(vec![Encoding::RLE, Encoding::BYTE_STREAM_SPLIT])
            .set_num_values(rows.into())
            .set_total_compressed_size(written.compressed_size as i64)
            .set_total_uncompressed_size(written.uncompressed_size as i64)
            .set_data_page_offset(0)
            .build()?;
        let end = ColumnCloseResult {
            bytes_written: written.bytes_written,
            rows_written: rows.into(),
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Encoded::Split(sink.into_inner()?.into(), Box::new(end)))
    }
}

/// One bit per value, the first in the lowest bit of the first byte.
fn present_bits(values: &[f32]) -> Vec<u8> {
    let byte = |eight: [f32; 8]| {
        let eight = f32x8::new(eight);
        eight.simd_eq(eight).to_bitmask() as u8
    };
    let (eights, few) = values.as_chunks();
    let mut bits: Vec<u8> = eights.iter().map(|eight| byte(*eight)).collect();
    if !few.is_empty() {
        let mut last = [f32::NAN; 8];
        last[..few.len()].copy_from_slice(few);
        bits.push(byte(last));
    }
    bits
}

/// The levels of a page, with their length ahead, in Parquet's hybrid of runs and packed bits.
fn add_levels(head: &[u8], bits: &[u8], page: &mut Vec<u8>) {
    page.extend(((head.len() + bits.len()) as u32).to_le_bytes());
    page.extend(head);
    page.extend(bits);
}

fn run_of_ones(count: u32) -> Vec<u8> {
    let mut run = variable(u64::from(count) << 1);
    run.push(1);
    run
}

/// A number in as many bytes as it needs, seven bits in each.
pub(crate) fn variable(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The values that are there, close together.
fn keep_present(values: &[f32], present: &[u8], kept: &mut Vec<f32>) {
    let mut end = 0;
    kept.resize(values.len(), 0.0);
    for (eight, bits) in values.chunks(8).zip(present) {
        if *bits == u8::MAX {
            kept[end..end + eight.len()].copy_from_slice(eight);
            end += eight.len();
        } else {
            for value in eight {
                kept[end] = *value;
                end += usize::from(!value.is_nan());
            }
        }
    }
    kept.truncate(end);
}

/// The first bytes of all values, then the second ones, and so on.
fn add_streams(values: &[f32], page: &mut Vec<u8>) {
    /// As many as fill a vector with their bytes of one stream.
    const AT_ONCE: usize = 16;
    let (start, length) = (page.len(), values.len());
    page.resize(start + size_of_val(values), 0);
    let byte = |value: f32, stream: usize| (value.to_bits() >> (8 * stream)) as u8;
    let (many, few) = values.as_chunks::<AT_ONCE>();
    for (stream, place) in page[start..].chunks_exact_mut(length.max(1)).enumerate() {
        let (places, last) = place.as_chunks_mut::<AT_ONCE>();
        for (place, values) in places.iter_mut().zip(many) {
            *place = values.map(|value| byte(value, stream));
        }
        for (place, value) in last.iter_mut().zip(few) {
            *place = byte(*value, stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    use super::*;
    use crate::parquet_file::of_others;
    use crate::{Columns, Values};

    /// Written as a column of a table and read by the library's own reader.
    fn read_back(values: &[f32]) -> Vec<f32> {
        let table = Columns::new(values.len()).with("x", Values::F32(values.to_vec())).unwrap();
        let bytes = table.write_to(Vec::new()).unwrap();
        Columns::read_from(bytes::Bytes::from(bytes)).unwrap().f32("x").unwrap().to_vec()
    }

    fn same(one: &[f32], other: &[f32]) -> bool {
        let bits = |value: &f32| if value.is_nan() { None } else { Some(value.to_bits()) };
        one.iter().map(bits).eq(other.iter().map(bits))
    }

    #[test]
    fn whole_pages_with_all_with_no_and_with_some_values_are_read_back() {
        for rows in [1, 7, 8, 9, 64, 1_000, 8_192, 20_000] {
            for gap in [1, 2, 8, 9, usize::MAX] {
                let value = |row: usize| if row % gap == gap - 1 { f32::NAN } else { row as f32 / 3.0 - 100.0 };
                let values: Vec<f32> = (0..rows).map(value).collect();
                assert!(same(&read_back(&values), &values), "{rows} rows, a gap after {gap}");
            }
        }
    }

    #[test]
    fn tables_of_earlier_versions_are_read() {
        let values: Vec<f32> = (0..10_000).map(|row| if row % 7 == 0 { f32::NAN } else { row as f32 / 3.0 }).collect();
        let present = values.iter().map(|value| Some(*value).filter(|value| !value.is_nan()));
        let array: ArrayRef = Arc::new(present.collect::<Float32Array>());
        let batch = RecordBatch::try_from_iter([("x", array)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(of_others().unwrap())
            .set_dictionary_enabled(false)
            .set_max_row_group_row_count(Some(8_192))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let table = Columns::read_from(bytes::Bytes::from(writer.into_inner().unwrap())).unwrap();
        assert!(same(table.f32("x").unwrap(), &values));
    }

    proptest! {
        #[test]
        fn any_bits_but_those_of_nan_are_kept(bits in prop::collection::vec(prop_oneof![3 => any::<u32>(), 1 => Just(f32::NAN.to_bits())], 0..200)) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            prop_assert!(same(&read_back(&values), &values));
        }
    }
}
