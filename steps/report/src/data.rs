//! What came in, what was refused and what is missing.

use std::collections::BTreeMap;

use faultline_report::format::count;
use faultline_report::{Bars, Block, Cell, Figure, Section, Table};

use crate::ReportError;
use crate::evidence::Evidence;
use crate::{missing, quarantine};

/// How many paired headers the page lists.
const MAX_ENTRIES: usize = 60;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("The data: what came in, what was refused, what is missing");
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
    figures.extend(missing::most(evidence));
    if !figures.is_empty() {
        section.push(figures);
    }
    if let Some(map) = missing::map(evidence)? {
        section.push(map);
    }
    if let Some(entries) = quarantine::entries(evidence)? {
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
