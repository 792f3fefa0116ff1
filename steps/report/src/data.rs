//! What came in, what was refused and what is missing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};

use faultline_contract::documents::preprocess::Fate;
use faultline_report::format::{count, percent};
use faultline_report::{Bars, Block, Cell, Figure, Section, Table};
use faultline_table::{QuarantineRecord, Scope};

use crate::ReportError;
use crate::evidence::Evidence;

/// How many features the picture of missing values shows.
const MAX_FEATURES: usize = 15;
/// How many quarantine entries the page lists.
const MAX_ENTRIES: usize = 60;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Data");
    let mut figures = Vec::new();
    if let Some(profile) = &evidence.profile {
        if !profile.file_reasons.is_empty() {
            figures.push(reasons("Rejected files by reason", "Files", &profile.file_reasons));
        }
        if !profile.row_reasons.is_empty() {
            let caption = "A rejected file stands for all its rows.";
            figures.push(reasons("Quarantined rows by reason", "Rows", &profile.row_reasons).caption(caption));
        }
    }
    figures.extend(missing_of_training(evidence).or_else(|| missing_of_accepted(evidence)));
    if !figures.is_empty() {
        section.push(figures);
    }
    if let Some(entries) = quarantine(evidence)? {
        section.push(entries);
    }
    if let Some(headers) = paired_headers(evidence) {
        section.push(headers);
    }
    Ok(section)
}

fn reasons(title: &str, quantity: &str, by_reason: &BTreeMap<String, u64>) -> Figure {
    let mut sorted: Vec<_> = by_reason.iter().collect();
    sorted.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
    let bars = sorted.into_iter().fold(Bars::new("Reason", quantity), |bars, (reason, n)| {
        bars.bar(reason.replace('_', " "), *n as f64, count(*n))
    });
    Figure::new(title, bars).source("validate/profile.json")
}

fn missing_of_training(evidence: &Evidence<'_>) -> Option<Figure> {
    let known = evidence.missingness.as_ref()?;
    let fate = |fate| known.features.iter().filter(|feature| feature.fate == fate).count();
    let caption = format!(
        "Share of the {} training rows without a value. Of {} features {} are kept; {} have no value in any training row, {} do not vary.",
        count(known.rows),
        known.features.len(),
        fate(Fate::Kept),
        fate(Fate::DroppedEmpty),
        fate(Fate::DroppedConstant),
    );
    let missing = known.features.iter().map(|feature| (feature.name.as_str(), feature.missing));
    Some(missing_figure(missing, known.rows).caption(caption).source("preprocess/missingness.json"))
}

fn missing_of_accepted(evidence: &Evidence<'_>) -> Option<Figure> {
    let columns = &evidence.profile.as_ref()?.columns;
    let rows = evidence.job.count("validate", "rows_accepted")?;
    let missing = columns.iter().map(|column| (column.name.as_str(), column.missing));
    let caption = format!("Share of the {} accepted rows without a value.", count(rows));
    Some(missing_figure(missing, rows).caption(caption).source("validate/profile.json"))
}

fn missing_figure<'a>(missing: impl Iterator<Item = (&'a str, u64)>, rows: u64) -> Figure {
    let mut sorted: Vec<_> = missing.collect();
    // The sort is stable: equals stay in the order of the schema.
    sorted.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
    let bars =
        sorted.iter().take(MAX_FEATURES).fold(Bars::new("Feature", "Missing").full(1.0), |bars, (name, missing)| {
            let ratio = *missing as f64 / rows.max(1) as f64;
            bars.bar(*name, ratio, percent(ratio))
        });
    let title = if sorted.len() > MAX_FEATURES {
        format!("The {MAX_FEATURES} most missing features")
    } else {
        "Missing values".to_owned()
    };
    Figure::new(title, bars)
}

/// The first entries, files before rows.
fn quarantine(evidence: &Evidence<'_>) -> Result<Option<Block>, ReportError> {
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
        .column("Column")
        .numbers("Rows")
        .column("Expected");
    for record in &files {
        table.push(vec![
            Cell::words(record.code.to_string().replace('_', " ")),
            Cell::code(&record.file),
            Cell::number(record.line.map(count).unwrap_or_default()),
            Cell::words(record.column.as_deref().unwrap_or_default()),
            Cell::number(count(record.rows)),
            Cell::words(&record.message),
        ]);
    }
    Ok(Some(Block::Folded(format!("Quarantine, entry by entry ({})", count(entries)).into(), table)))
}

fn paired_headers(evidence: &Evidence<'_>) -> Option<Block> {
    let profile = evidence.profile.as_ref().filter(|profile| !profile.paired_headers.is_empty())?;
    let mut table =
        Table::new("Headers that matched no column by name").column("File").column("Header").column("Taken for");
    for paired in profile.paired_headers.iter().take(MAX_ENTRIES) {
        table.push(vec![Cell::code(&paired.file), Cell::code(&paired.header), Cell::words(&paired.column)]);
    }
    let summary = format!("Headers paired by rule ({})", profile.paired_headers.len());
    Some(Block::Folded(summary.into(), table))
}
