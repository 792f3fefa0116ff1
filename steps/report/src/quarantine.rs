//! Quarantine: what was refused, entry by entry.

use std::io::{BufRead as _, BufReader};

use faultline_report::format::count;
use faultline_report::{Block, Cell, Table};
use faultline_table::{QuarantineRecord, Scope};

use crate::ReportError;
use crate::evidence::Evidence;

/// How many entries the page lists.
const MAX_ENTRIES: usize = 60;

/// The first entries, files before rows.
pub(crate) fn entries(evidence: &Evidence<'_>) -> Result<Option<Block>, ReportError> {
    const NAME: &str = "validate/quarantine.jsonl";
    let Some(file) = evidence.file(NAME)? else {
        return Ok(None);
    };
    let (mut files, mut rows, mut entries) = (Vec::new(), Vec::new(), 0_u64);
    for line in BufReader::new(file).lines() {
        let record: QuarantineRecord =
            serde_json::from_str(&line?).map_err(|source| ReportError::Document { name: NAME.to_owned(), source })?;
        entries += 1;
        let kept = if record.scope == Scope::File { &mut files } else { &mut rows };
        if kept.len() < MAX_ENTRIES {
            kept.push(record);
        }
    }
    if entries == 0 {
        return Ok(None);
    }
    files.append(&mut rows);
    files.truncate(MAX_ENTRIES);
    let caption = format!("{} of {} entries of {NAME}, rejected files first", files.len(), count(entries));
    let mut table = Table::new(caption)
        .column("Reason")
        .column("File")
        .numbers("Line")
        .numbers("Byte offset")
        .column("Column")
        .column("Value")
        .numbers("Rows")
        .column("Expected");
    for record in &files {
        table.push(vec![
            Cell::words(record.code.to_string().replace('_', " ")),
            Cell::code(&record.file),
            Cell::number(record.line.map(count).unwrap_or_default()),
            Cell::number(record.byte_offset.map(count).unwrap_or_default()),
            Cell::words(record.column.as_deref().unwrap_or_default()),
            Cell::code(record.value.as_deref().unwrap_or_default()),
            Cell::number(count(record.rows)),
            Cell::words(&record.message),
        ]);
    }
    Ok(Some(Block::Folded(format!("Quarantine, entry by entry ({})", count(entries)).into(), table)))
}
