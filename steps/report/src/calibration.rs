//! Whether a probability can be taken at its word: the reliability of the version, and which calibration each model got.

use faultline_contract::documents::evaluation::Calibration;
use faultline_contract::documents::train::{Evaluation, Trained};
use faultline_learn::calibration::{Bins, reliability};
use faultline_report::format::{count, decimal};
use faultline_report::{Axis, Block, Cell, Figure, LineChart, Section, Shape, Table};

use crate::ReportError;
use crate::curves::top;
use crate::evidence::{Evidence, Scored};
use crate::promotion::OUT_OF_FOLD;
use crate::words;

/// Each point of the curve should rest on about as many faulty rows.
const FAULTY_PER_POINT: usize = 10;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Can the probabilities be taken at their word?");
    let members = evidence.members();
    if members.is_empty() {
        return Ok(section);
    }
    section.push(Block::Paragraph(
        "A calibration turns what a model says into a probability that holds in the long run: of the rows at 10%, about one in ten should be \
         faulty. It never changes the order of the rows. The one with the least log loss on rows that it was not fitted on is taken; none at \
         all is a fair winner."
            .into(),
    ));
    if let Some(scored) = evidence.scored(OUT_OF_FOLD)? {
        section.push(curve(&scored)?);
    }
    section.push(choices(&members));
    Ok(section)
}

fn curve(scored: &Scored) -> Result<Figure, ReportError> {
    let n_bins = (scored.faulty_count() / FAULTY_PER_POINT).clamp(3, 10);
    let points = reliability(&scored.labels, &scored.probabilities, Bins::Quantile, n_bins)
        .map_err(|source| ReportError::Curve { name: OUT_OF_FOLD.to_owned(), source })?;
    let end = top(&points.iter().flat_map(|point| [point.mean_predicted, point.observed_share]).collect::<Vec<_>>());
    let mut numbers = Table::new("Rows in equal parts by rising probability")
        .numbers("Mean probability")
        .numbers("Share faulty")
        .numbers("Faulty")
        .numbers("Rows");
    for point in &points {
        numbers.push(vec![
            Cell::number(decimal(point.mean_predicted, 3)),
            Cell::number(decimal(point.observed_share, 3)),
            Cell::number(count((point.observed_share * point.rows as f64).round() as u64)),
            Cell::number(count(point.rows)),
        ]);
    }
    let rows = points.iter().map(|point| point.rows).min().unwrap_or(0);
    let axis = |label: &str| Axis::new(label).range(0.0, end);
    let chart = LineChart::new(axis("Mean probability"), axis("Share that is faulty"))
        .shape(Shape::Square)
        .line(
            "the version, out of fold",
            points.iter().map(|point| (point.mean_predicted, point.observed_share)).collect(),
        )
        .reference("as it should be", (0.0, 0.0), (end, end));
    Ok(Figure::new("Reliability of the version, out of fold", chart)
        .caption(format!(
            "Each point stands for at least {} of {} rows. Points above the dashed line: more rows are faulty than the probability says.",
            count(rows),
            count(scored.labels.len() as u64)
        ))
        .source(OUT_OF_FOLD)
        .numbers(numbers))
}

fn choices(members: &[(&Evaluation, &Trained)]) -> Table {
    let mut methods: Vec<&str> = Vec::new();
    for score in members.iter().flat_map(|(_, trained)| &trained.calibrations) {
        if !methods.contains(&score.method.as_str()) {
            methods.push(&score.method);
        }
    }
    let table = Table::new(
        "Calibration of each model of the version, by log loss out of fold; less is better (train/*/evaluation.json)",
    )
    .column("Model")
    .column("Chosen");
    let mut table = methods.iter().fold(table, |table, method| table.numbers(format!("Log loss: {method}")));
    for (evaluation, trained) in members {
        let mut row = vec![Cell::words(words::model(evaluation)), Cell::words(method(&trained.calibration))];
        row.extend(methods.iter().map(|method| {
            let score = trained.calibrations.iter().find(|score| score.method == *method);
            Cell::number(
                score
                    .and_then(|score| score.log_loss)
                    .map_or_else(|| "not eligible".to_owned(), |loss| decimal(loss, 4)),
            )
        }));
        table.push(row);
    }
    table
}

fn method(calibration: &Calibration) -> String {
    match calibration {
        Calibration::None => "none".to_owned(),
        Calibration::Platt { a, b } => format!("platt (slope {}, intercept {})", decimal(*a, 3), decimal(*b, 3)),
        Calibration::Isotonic { x, .. } => format!("isotonic ({} points)", x.len()),
    }
}
