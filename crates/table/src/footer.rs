//! The footer of a Parquet file, made while the file is written.
//!
//! The library keeps what it knows of every column chunk until the end, some 400 bytes each. Here a row group becomes the bytes that it will have
//! in the footer as soon as it is written, about a fifth of that. The library itself makes them: of a footer with the group the part that a footer
//! without it lacks.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::schema::types::SchemaDescPtr;

use crate::encoded::variable;
use crate::parquet_file::MAGIC;

/// What follows the footer: its length, and the magic bytes.
const AFTER: usize = 8;
/// What stands between the number of rows and the row groups: the header of the next field, a list (Thrift's compact protocol).
const FIELD: u8 = 0x19;
/// A list of structures: its type, below the number of entries.
const STRUCTURES: u8 = 0x0c;
/// From this number of entries on it stands after the type.
const LONG_LIST: usize = 15;

/// The footer so far.
pub(crate) struct Footer {
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    /// The footer of a file without rows: up to their number, and from the end of the list of row groups on.
    head: Vec<u8>,
    tail: Vec<u8>,
    groups: Vec<u8>,
    group_count: usize,
    row_count: u64,
}

impl Footer {
    pub(crate) fn new(schema: SchemaDescPtr, properties: WriterPropertiesPtr) -> Self {
        let (head, tail, groups) = Default::default();
        Self { schema, properties, head, tail, groups, group_count: 0, row_count: 0 }
    }

    /// Adds the next row group.
    pub(crate) fn add(&mut self, group: RowGroupMetaData) -> Result<()> {
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        let with = self.of(vec![group])?;
        if self.head.is_empty() {
            let without = self.of(Vec::new())?;
            let differs = without.iter().zip(&with).position(|(without, with)| without != with);
            let Some((head, tail)) = differs.and_then(|at| without.split_at_checked(at)) else { return Err(unknown()) };
            let Some(tail) = tail.strip_prefix(list(0, 0).as_slice()) else { return Err(unknown()) };
            (self.head, self.tail) = (head.to_vec(), tail.to_vec());
        }
        let before = [self.head.as_slice(), list(rows, 1).as_slice()].concat();
        let group = with.strip_prefix(before.as_slice()).and_then(|rest| rest.strip_suffix(self.tail.as_slice()));
        self.groups.extend(group.ok_or_else(unknown)?);
        self.group_count += 1;
        self.row_count += rows;
        Ok(())
    }

    /// The end of the file, from the footer on.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut footer = match self.group_count {
            0 => self.of(Vec::new())?,
            count => [self.head, list(self.row_count, count), self.groups, self.tail].concat(),
        };
        let length = u32::try_from(footer.len())
            .map_err(|_| ParquetError::General("the footer is longer than Parquet allows".to_owned()))?;
        footer.extend(length.to_le_bytes());
        footer.extend(MAGIC);
        Ok(footer)
    }

    /// What the library writes of a file with these groups.
    fn of(&self, groups: Vec<RowGroupMetaData>) -> Result<Vec<u8>> {
        let file = FileMetaData::new(
            self.properties.writer_version().as_num(),
            0,
            Some(self.properties.created_by().to_owned()),
            None,
            SchemaDescPtr::clone(&self.schema),
            None,
        );
        let mut bytes = Vec::new();
        ParquetMetaDataWriter::new(&mut bytes, &ParquetMetaData::new(file, groups)).finish()?;
        bytes.truncate(bytes.len().saturating_sub(AFTER));
        Ok(bytes)
    }
}

/// The number of rows, and the start of the list of row groups.
fn list(rows: u64, count: usize) -> Vec<u8> {
    // Whole numbers are written with their sign in the lowest bit.
    let mut bytes = variable(rows << 1);
    bytes.push(FIELD);
    bytes.push((count.min(LONG_LIST) as u8) << 4 | STRUCTURES);
    if count >= LONG_LIST {
        bytes.extend(variable(count as u64));
    }
    bytes
}

fn unknown() -> ParquetError {
    ParquetError::General("the library writes footers in a way that is not known here".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::file::metadata::ColumnChunkMetaData;
    use parquet::file::properties::WriterProperties;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn schema() -> SchemaDescPtr {
        let schema = "message schema { required binary _id (UTF8); optional float a; optional float b; }";
        Arc::new(SchemaDescriptor::new(Arc::new(parse_message_type(schema).unwrap())))
    }

    fn group(number: usize) -> RowGroupMetaData {
        let column = |column| {
            ColumnChunkMetaData::builder(column)
                .set_num_values(100 + number as i64)
                .set_data_page_offset(1 << number)
                .set_total_compressed_size(77)
                .build()
                .unwrap()
        };
        RowGroupMetaData::builder(schema())
            .set_num_rows(if number.is_multiple_of(2) { 8_192 } else { 3 })
            .set_total_byte_size(1_000)
            .set_ordinal(number as i32)
            .set_column_metadata(schema().columns().iter().cloned().map(column).collect())
            .build()
            .unwrap()
    }

    #[test]
    fn the_footer_is_that_of_the_library() {
        let properties = Arc::new(WriterProperties::builder().set_created_by("somebody".to_owned()).build());
        for count in [0, 1, 2, 14, 15, 40] {
            let mut footer = Footer::new(schema(), Arc::clone(&properties));
            (0..count).for_each(|number| footer.add(group(number)).unwrap());
            let groups = (0..count).map(group).collect();
            let mut expected = footer.of(groups).unwrap();
            expected.extend((expected.len() as u32).to_le_bytes());
            expected.extend(MAGIC);
            assert_eq!(footer.finish().unwrap(), expected, "{count}");
        }
    }
}
