//! Batches of documents, bounded in rows and in bytes.

use std::iter::Peekable;

use mongodb::bson::RawDocumentBuf;
use mongodb::bson::oid::ObjectId;

use crate::mongo::document::{Key, Shape};
use crate::record::Record;

/// A server takes messages of 48 MB.
pub(crate) const BATCH_BYTES: usize = 8 << 20;
/// A look-up of a batch names its rows.
const BATCH_ROWS: usize = 1_000;

/// A row on its way into the database.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) record: &'a Record,
    /// The id that the document gets if this writer is the one who adds it.
    pub(crate) id: ObjectId,
    pub(crate) document: RawDocumentBuf,
    /// It was sent as new: should the answer be lost, the id tells whose document stands there.
    pub(crate) is_sent: bool,
    /// It was sent in the place of another.
    pub(crate) is_replaced: bool,
}

impl Item<'_> {
    pub(crate) fn key(&self) -> Key {
        (self.record.source_sha256, self.record.row)
    }
}

/// The records as batches: at most [`BATCH_ROWS`] and, unless one alone is larger, [`BATCH_BYTES`]. Only one batch of documents is
/// in memory.
pub(crate) fn batches<'a>(shape: &Shape<'_>, records: &'a [Record]) -> impl Iterator<Item = Vec<Item<'a>>> {
    let mut items = records
        .iter()
        .map(|record| {
            let id = ObjectId::new();
            Item { record, id, document: shape.document(Some(id), record), is_sent: false, is_replaced: false }
        })
        .peekable();
    std::iter::from_fn(move || next_batch(&mut items))
}

fn next_batch<'a>(items: &mut Peekable<impl Iterator<Item = Item<'a>>>) -> Option<Vec<Item<'a>>> {
    let mut batch = vec![items.next()?];
    let mut bytes = size(&batch[0]);
    while batch.len() < BATCH_ROWS
        && let Some(item) = items.next_if(|item| bytes + size(item) <= BATCH_BYTES)
    {
        bytes += size(&item);
        batch.push(item);
    }
    Some(batch)
}

fn size(item: &Item<'_>) -> usize {
    item.document.as_bytes().len()
}

#[cfg(test)]
mod tests {
    use faultline_contract::Digest;

    use super::*;

    fn records(rows: u64, features: usize) -> Vec<Record> {
        let record = |row| Record {
            source_sha256: Digest::of(b"file"),
            row,
            source_file: "file.csv".to_owned(),
            id: String::new(),
            time: 0,
            line: row,
            byte_offset: 0,
            target: None,
            features: vec![row as f32; features],
        };
        (1..=rows).map(record).collect()
    }

    fn names(features: usize) -> Vec<String> {
        (0..features).map(|index| format!("sensor {index}")).collect()
    }

    #[test]
    fn batches_of_wide_rows_are_bounded_in_bytes() {
        let (records, names) = (records(5_000, 3_000), names(3_000));
        let mut rows = Vec::new();
        let mut widest = 0;
        for batch in batches(&Shape::new("d", &names).unwrap(), &records) {
            let bytes: usize = batch.iter().map(size).sum();
            assert!(bytes <= BATCH_BYTES, "{bytes}");
            widest = widest.max(bytes);
            rows.extend(batch.iter().map(|item| item.record.row));
        }
        assert!(widest > BATCH_BYTES / 2, "batches are filled: {widest}");
        assert!(rows.into_iter().eq(1..=5_000), "every row once, in order");
    }

    #[test]
    fn batches_of_narrow_rows_are_bounded_in_rows() {
        let (records, names) = (records(2_500, 1), names(1));
        let shape = Shape::new("d", &names).unwrap();
        let sizes: Vec<usize> = batches(&shape, &records).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
        assert_eq!(batches(&shape, &[]).count(), 0);
    }

    #[test]
    fn a_row_that_fills_a_batch_goes_alone() {
        let (records, names) = (records(3, 600_000), names(600_000));
        let sizes: Vec<usize> = batches(&Shape::new("d", &names).unwrap(), &records).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }
}
