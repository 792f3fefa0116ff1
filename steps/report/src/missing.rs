//! What is missing: feature by feature, and file by file.

use std::sync::Arc;

use faultline_contract::documents::preprocess::Fate;
use faultline_report::format::{count, percent};
use faultline_report::{Bars, Figure, Heat};

use crate::ReportError;
use crate::evidence::{Evidence, LOADED};

/// How many features the picture of missing values shows.
const MAX_FEATURES: usize = 15;
/// How many files the map shows.
const MAX_FILES: usize = 40;

/// The features that lack most.
pub(crate) fn most(evidence: &Evidence<'_>) -> Option<Figure> {
    of_training(evidence).or_else(|| of_accepted(evidence))
}

/// Which features lack values in which files; none when nothing was loaded.
pub(crate) fn map(evidence: &Evidence<'_>) -> Result<Option<Figure>, ReportError> {
    let Some(table) = evidence.loaded()?.filter(|table| table.row_count() > 0 && !table.feature_names.is_empty())
    else {
        return Ok(None);
    };
    // In the order of the times in their names.
    let mut files: Vec<(i64, Arc<str>, Vec<usize>)> = Vec::new();
    for (row, (file, time)) in table.keys.source_files.iter().zip(&table.times).enumerate() {
        match files.iter_mut().rev().find(|(_, known, _)| known == file) {
            Some((_, _, rows)) => rows.push(row),
            None => files.push((*time, Arc::clone(file), vec![row])),
        }
    }
    files.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
    let n_files = files.len();
    let heat = files.into_iter().take(MAX_FILES).fold(
        Heat::new("File", "Features, in the order of the schema"),
        |heat, (_, file, rows)| {
            let mut missing = vec![0_usize; table.feature_names.len()];
            for &row in &rows {
                for (missing, value) in missing.iter_mut().zip(table.row(row)) {
                    *missing += usize::from(value.is_nan());
                }
            }
            let ratios: Vec<f64> = missing.iter().map(|missing| *missing as f64 / rows.len() as f64).collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            heat.row(file.as_ref(), ratios, percent(mean))
        },
    );
    let left_out = n_files.saturating_sub(MAX_FILES);
    let more = if left_out > 0 { format!(" {left_out} later files are left out.") } else { String::new() };
    Ok(Some(
        Figure::new("Missing values, file by file", heat)
            .caption(format!(
                "One strip per accepted file, earliest name first; one place per feature, darker where more of the file's rows have no value. \
                 To the right the share of all its values that is missing.{more}"
            ))
            .source(LOADED),
    ))
}

fn of_training(evidence: &Evidence<'_>) -> Option<Figure> {
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
    Some(bars(missing, known.rows).caption(caption).source("preprocess/missingness.json"))
}

fn of_accepted(evidence: &Evidence<'_>) -> Option<Figure> {
    let columns = &evidence.profile.as_ref()?.columns;
    let rows = evidence.job.count("validate", "rows_accepted")?;
    let missing = columns.iter().map(|column| (column.name.as_str(), column.missing));
    let caption = format!("Share of the {} accepted rows without a value.", count(rows));
    Some(bars(missing, rows).caption(caption).source("validate/profile.json"))
}

fn bars<'a>(missing: impl Iterator<Item = (&'a str, u64)>, rows: u64) -> Figure {
    let mut sorted: Vec<_> = missing.collect();
    // The sort is stable: equals stay in the order of the schema.
    sorted.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
    let chart =
        sorted.iter().take(MAX_FEATURES).fold(Bars::new("Feature", "Missing").full(1.0), |bars, (name, missing)| {
            let ratio = *missing as f64 / rows.max(1) as f64;
            bars.bar(*name, ratio, percent(ratio))
        });
    let title = if sorted.len() > MAX_FEATURES {
        format!("The {MAX_FEATURES} most missing features")
    } else {
        "Missing values".to_owned()
    };
    Figure::new(title, chart)
}
