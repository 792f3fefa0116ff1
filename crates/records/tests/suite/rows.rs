//! The rows that the tests write.

use faultline_contract::Digest;
use faultline_records::{Record, Records};

pub(crate) fn names() -> Vec<String> {
    ["pressure", "temperature", "flow"].map(str::to_owned).to_vec()
}

pub(crate) fn record(file: &str, row: u64) -> Record {
    Record {
        source_sha256: Digest::of(file.as_bytes()),
        row,
        source_file: file.to_owned(),
        id: format!("{file}-{row}"),
        time: 1_600_000_000,
        line: row + 1,
        byte_offset: row * 40,
        target: [Some(0), Some(1), None][row as usize % 3],
        features: vec![row as f32 * 0.1, f32::NAN, -0.0],
    }
}

pub(crate) fn batch(file: &str, rows: u64) -> Vec<Record> {
    (1..=rows).map(|row| record(file, row)).collect()
}

/// All records of a file, read in pages.
pub(crate) fn all(records: &dyn Records, dataset: &str, file: &str) -> Vec<Record> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = records.page(dataset, Digest::of(file.as_bytes()), after, 70).unwrap();
        let Some(last) = page.last() else { return found };
        after = last.record.row;
        found.extend(page.into_iter().map(|stored| stored.record));
    }
}
