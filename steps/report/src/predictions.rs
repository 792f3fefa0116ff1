//! What was predicted.

use faultline_report::format::{count, share};
use faultline_report::{Axis, Block, Cell, Figure, Histogram, Section, Table};

use crate::ReportError;
use crate::evidence::Evidence;

const PREDICTIONS: &str = "predict/predictions.parquet";
const BINS: usize = 20;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Predictions");
    if let Some(summary) = &evidence.summary {
        let words = format!(
            "Version {} of {} calls {} of {} rows faulty.",
            summary.model_version,
            summary.model,
            count(summary.rows_faulty),
            count(summary.rows)
        );
        section.push(Block::Paragraph(words.into()));
        let mut table = Table::new("Decisions by cluster")
            .column("Cluster")
            .column("Model")
            .numbers("Rows")
            .numbers("called faulty");
        for cluster in &summary.clusters {
            table.push(vec![
                Cell::words(cluster.cluster.to_string()),
                Cell::words(&cluster.model),
                Cell::number(count(cluster.rows)),
                Cell::number(format!("{} ({})", count(cluster.rows_faulty), share(cluster.rows_faulty, cluster.rows))),
            ]);
        }
        section.push(table);
    }
    if let Some(table) = evidence.table(PREDICTIONS)? {
        let failed = |source| ReportError::Table { name: PREDICTIONS.to_owned(), source };
        section.push(probabilities(table.f64("probability").map_err(failed)?));
    }
    Ok(section)
}

fn probabilities(values: &[f64]) -> Figure {
    let highest = values.iter().copied().fold(0.0, f64::max);
    let top = if highest > 0.5 { 1.0 } else { 0.5 };
    let axis = Axis::new("Probability of being faulty");
    let chart = Histogram::new(axis, 0.0, top, BINS).group("all rows", values.iter().copied());
    Figure::new("Probabilities", chart).source(PREDICTIONS)
}
