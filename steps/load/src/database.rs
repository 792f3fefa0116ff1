//! The rows of a table in the database of records.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use faultline_contract::Digest;
use faultline_records::{Layout, Record, Records, RecordsError, Stored, Upserted};
use faultline_table::Table;

/// Rows of one upsert, and of one page, at most.
const BATCH_ROWS: usize = 1_000;
/// Their readings in memory; of 590 sensors, a full batch has about 2.4 MB.
const BATCH_BYTES: usize = 8 << 20;

/// A database, and the data set in it that is loaded.
pub(crate) struct Database {
    records: Box<dyn Records>,
    dataset: String,
}

/// A row that the database does not have as the table has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) file: Arc<str>,
    pub(crate) row: u64,
}

impl Database {
    pub(crate) fn new(records: Box<dyn Records>, dataset: String) -> Self {
        Self { records, dataset }
    }

    pub(crate) fn uri(&self) -> &str {
        self.records.uri()
    }

    /// Writes the rows, batch by batch.
    pub(crate) fn upsert(&self, table: &Table) -> Result<Upserted, RecordsError> {
        let mut upserted = Upserted::default();
        let batch_rows = batch_rows(table);
        for start in (0..table.row_count()).step_by(batch_rows) {
            let rows = start..table.row_count().min(start + batch_rows);
            let batch: Vec<Record> = rows.map(|index| record(table, index)).collect();
            upserted += self.records.upsert(&self.dataset, &table.feature_names, &batch)?;
        }
        Ok(upserted)
    }

    /// Reads exactly the rows of the table, in its order, and hands each to `take`; stops at the first that is not as
    /// the table has it. Other rows of the same files are passed over.
    pub(crate) fn read_back<E: From<RecordsError>>(
        &self,
        table: &Table,
        mut take: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<Option<Difference>, E> {
        let layout = Layout::of(&table.feature_names);
        for group in groups(&table.keys.source_sha256s) {
            let mut cursor = Cursor {
                database: self,
                source: table.keys.source_sha256s[group.start],
                after: 0,
                page_rows: batch_rows(table),
                page: Vec::new().into_iter(),
            };
            for index in group {
                let expected = record(table, index);
                match cursor.seek(expected.row)? {
                    Some(stored) if stored.layout == layout && stored.record == expected => take(&stored.record)?,
                    _ => {
                        let file = Arc::clone(&table.keys.source_files[index]);
                        return Ok(Some(Difference { file, row: expected.row }));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.dataset, self.uri())
    }
}

/// A place among the records of one raw file.
struct Cursor<'a> {
    database: &'a Database,
    source: Digest,
    after: u64,
    page_rows: usize,
    page: IntoIter<Stored>,
}

impl Cursor<'_> {
    /// The record of that row; rows are asked for in rising order.
    fn seek(&mut self, row: u64) -> Result<Option<Stored>, RecordsError> {
        loop {
            if self.page.as_slice().is_empty() {
                let Database { records, dataset } = self.database;
                self.page = records.page(dataset, self.source, self.after, self.page_rows)?.into_iter();
            }
            match self.page.next() {
                None => return Ok(None),
                Some(stored) => {
                    self.after = stored.record.row;
                    if stored.record.row >= row {
                        return Ok((stored.record.row == row).then_some(stored));
                    }
                }
            }
        }
    }
}

/// How many rows of the table are in memory as records at a time.
fn batch_rows(table: &Table) -> usize {
    let row_bytes = size_of::<f32>() * table.feature_names.len();
    (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS)
}

/// A row of the table as a record.
fn record(table: &Table, index: usize) -> Record {
    Record {
        source_sha256: table.keys.source_sha256s[index],
        row: table.keys.rows[index],
        source_file: table.keys.source_files[index].to_string(),
        id: table.keys.ids[index].clone(),
        time: table.times[index],
        line: table.lines[index],
        byte_offset: table.byte_offsets[index],
        target: table.targets[index],
        features: table.row(index).to_vec(),
    }
}

/// The rows of each raw file; they stand together.
fn groups(sources: &[Digest]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    sources.chunk_by(|a, b| a == b).map(move |chunk| {
        let group = start..start + chunk.len();
        start = group.end;
        group
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_rows_make_small_batches() {
        let rows_of = |features| {
            let feature_names = vec![String::new(); features];
            batch_rows(&Table { feature_names, ..Table::default() })
        };
        assert_eq!([0, 590, 3_000, 4_000_000].map(rows_of), [1_000, 1_000, 699, 1]);
    }
}
