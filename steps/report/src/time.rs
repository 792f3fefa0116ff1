//! Whether the version holds in time: early rows against late ones, and which features moved in between.

use std::collections::HashSet;
use std::sync::Arc;

use faultline_contract::documents::evaluation::{Assessment, CostMatrix};
use faultline_contract::documents::promote::Verdict;
use faultline_learn::bootstrap::{BootstrapParams, assess};
use faultline_report::format::{count, decimal, percent, share};
use faultline_report::{Block, Cell, Section, Table};
use faultline_table::Columns;

use crate::ReportError;
use crate::compositions::figure;
use crate::drift::{Drift, Halves, drifts};
use crate::evidence::{Evidence, LOADED};
use crate::promotion::OUT_OF_FOLD;
use crate::words;

/// The late training rows, scored by what was fitted on the early ones.
const FORWARD: &str = "promote/forward.parquet";
/// How many features the tables list.
const MAX_FEATURES: usize = 10;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Early and late");
    let (Some(verdict), Some(all), Some(forward)) =
        (&evidence.verdict, evidence.table(OUT_OF_FOLD)?, evidence.table(FORWARD)?)
    else {
        return Ok(section);
    };
    let late: HashSet<Place> = places(&forward, FORWARD)?.into_iter().collect();
    let scored = places(&all, OUT_OF_FOLD)?;
    let (late_rows, early_rows) = (0..scored.len()).partition(|&row| late.contains(&scored[row]));
    section.push(Block::Paragraph(
        "The training rows are parted by the time in the name of their file. That is not necessarily the order in which the process worked: \
         ask whoever writes the files before you read a trend into it."
            .into(),
    ));
    section.push(figures(evidence, verdict, &all, early_rows, late_rows)?);
    if let Some(table) = evidence.loaded()? {
        let scored: HashSet<Place> = scored.into_iter().collect();
        let place = |row: usize| (Arc::clone(&table.keys.source_files[row]), table.keys.rows[row]);
        let (late, early) = (0..table.row_count())
            .filter(|row| scored.contains(&place(*row)))
            .partition(|row| late.contains(&place(*row)));
        let drifts = drifts(&table, &Halves { early, late });
        section.push(shifted(evidence, &drifts));
        if let Some(missing) = missing(&drifts) {
            section.push(missing);
        }
    } else {
        section.push(Block::Paragraph(format!("{LOADED} is too large to look for features that moved.").into()));
    }
    Ok(section)
}

/// Where a row stands: its file and its number in it.
type Place = (Arc<str>, u64);

fn places(table: &Columns, name: &str) -> Result<Vec<Place>, ReportError> {
    let keys = table.keys().map_err(|source| ReportError::Table { name: name.to_owned(), source })?;
    Ok(keys.source_files.into_iter().zip(keys.rows).collect())
}

fn figures(
    evidence: &Evidence<'_>,
    verdict: &Verdict,
    all: &Columns,
    early: Vec<usize>,
    late: Vec<usize>,
) -> Result<Table, ReportError> {
    let mut table = Table::new(format!(
        "The version early and late, with {} intervals ({OUT_OF_FOLD}, promote/verdict.json)",
        words::level(verdict.gate.level)
    ))
    .column("Training rows")
    .column("Scored by models fitted on")
    .numbers("Faulty of rows")
    .numbers("Share faulty")
    .numbers("Average precision")
    .numbers("ROC AUC")
    .column("Reading");
    let mut push = |rows: &str, fitted: &str, known: &Assessment| {
        let metrics = &known.metrics;
        let row = vec![
            Cell::words(rows),
            Cell::words(fitted),
            Cell::number(format!("{} of {}", count(metrics.rows_faulty), count(metrics.rows))),
            Cell::number(share(metrics.rows_faulty, metrics.rows)),
            figure(Some(known), |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(Some(known), |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
            words::reading(known),
        ];
        table.push(row);
    };
    for (name, rows) in [("early", early), ("late", late)] {
        if let Some(known) = part(evidence, verdict, all, &rows)? {
            push(name, "the other folds, of all times", &known);
        }
    }
    if let Some(known) = evidence.version().and_then(|won| won.forward.as_ref()) {
        push("late", "the early rows alone: the past predicts the future", known);
    }
    Ok(table)
}

/// The figures of some of the out-of-fold rows; none without rows.
fn part(
    evidence: &Evidence<'_>,
    verdict: &Verdict,
    all: &Columns,
    rows: &[usize],
) -> Result<Option<Assessment>, ReportError> {
    let failed = |source| ReportError::Table { name: OUT_OF_FOLD.to_owned(), source };
    let (targets, probabilities) =
        (all.optional_u8("target").map_err(failed)?, all.f64("probability").map_err(failed)?);
    let decisions = all.bool("is_faulty").map_err(failed)?;
    let labelled = rows.iter().filter_map(|&row| Some((targets[row]? == 1, (probabilities[row], decisions[row]))));
    let (labels, said): (Vec<bool>, Vec<(f64, bool)>) = labelled.unzip();
    if labels.is_empty() {
        return Ok(None);
    }
    let (probabilities, decisions): (Vec<f64>, Vec<bool>) = said.into_iter().unzip();
    let costs = evidence.members().first().map_or_else(CostMatrix::default, |(_, trained)| trained.costs);
    let seed = evidence.job.stage("promote").map_or(0, |stage| stage.manifest.seed);
    let failed = |source| ReportError::Curve { name: OUT_OF_FOLD.to_owned(), source };
    let wanted = BootstrapParams {
        n_resamples: u32::try_from(verdict.gate.n_resamples).unwrap_or(u32::MAX),
        level: verdict.gate.level,
    };
    let params = wanted.check().map_err(failed)?;
    assess(&labels, &probabilities, &decisions, &costs, &params, seed).map(Some).map_err(failed)
}

fn shifted(evidence: &Evidence<'_>, drifts: &[Drift<'_>]) -> Table {
    let mut sorted: Vec<&Drift<'_>> = drifts.iter().filter(|drift| drift.shift.is_finite()).collect();
    // The sort is stable: equals stay in the order of the schema.
    sorted.sort_by(|left, right| right.shift.abs().total_cmp(&left.shift.abs()));
    let mut table =
        Table::new(format!("The {MAX_FEATURES} features that moved most between early and late ({LOADED})"))
            .column("Feature")
            .numbers("Mean early")
            .numbers("Mean late")
            .numbers("Shift in standard deviations")
            .numbers("Missing early")
            .numbers("Missing late")
            .numbers("Greatest importance in the version");
    let members = evidence.members();
    for drift in sorted.into_iter().take(MAX_FEATURES) {
        let shares = members.iter().flat_map(|(_, trained)| &trained.importances);
        let importance =
            shares.filter(|known| known.feature == drift.feature).map(|known| known.share).fold(0.0, f64::max);
        table.push(vec![
            Cell::words(drift.feature),
            Cell::number(significant(drift.early.mean)),
            Cell::number(significant(drift.late.mean)),
            Cell::number(decimal(drift.shift, 2)),
            Cell::number(percent(drift.early.missing_share())),
            Cell::number(percent(drift.late.missing_share())),
            Cell::number(percent(importance)),
        ]);
    }
    table
}

/// The features whose share of missing values changed most; none when none did.
fn missing(drifts: &[Drift<'_>]) -> Option<Table> {
    let change = |drift: &Drift<'_>| (drift.late.missing_share() - drift.early.missing_share()).abs();
    let mut sorted: Vec<&Drift<'_>> = drifts.iter().filter(|drift| change(drift) > 0.0).collect();
    sorted.sort_by(|left, right| change(right).total_cmp(&change(left)));
    let mut table = Table::new(format!("The features whose missing values changed most ({LOADED})"))
        .column("Feature")
        .numbers("Missing early")
        .numbers("Missing late");
    for drift in sorted.into_iter().take(MAX_FEATURES) {
        table.push(vec![
            Cell::words(drift.feature),
            Cell::number(percent(drift.early.missing_share())),
            Cell::number(percent(drift.late.missing_share())),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

/// A reading of any size with about five digits.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return decimal(value, 0);
    }
    let magnitude = value.abs().log10().floor();
    if (-4.0..9.0).contains(&magnitude) {
        decimal(value, (4.0 - magnitude).clamp(0.0, 8.0) as usize)
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_any_size_keep_their_digits() {
        let shown = [0.0, 0.012_345_678, 3_014.531_9, 1.5e12].map(significant);
        assert_eq!(shown, ["0", "0.012346", "3,014.5", "1.500e12"]);
    }
}
