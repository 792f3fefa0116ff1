//! What wrong decisions cost at every threshold, and what calling nothing or everything faulty would cost.

use faultline_contract::documents::evaluation::{Assessment, Confusion, CostMatrix};
use faultline_contract::documents::train::{Evaluation, Trained};
use faultline_learn::metrics::cost_curve;
use faultline_report::format::decimal;
use faultline_report::{Axis, Block, Cell, Figure, LineChart, Section, Table};

use crate::ReportError;
use crate::compositions::figure;
use crate::evidence::{Evidence, part_name};
use crate::words;

/// How many models get a curve of their own.
const MAX_MODELS: usize = 6;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("What wrong decisions cost");
    let members = evidence.members();
    let Some((_, first)) = members.first() else {
        return Ok(section);
    };
    section.push(Block::Paragraph(stated(&first.costs).into()));
    if evidence.verdict.is_some() {
        section.push(compared(evidence, &first.costs));
    }
    let mut figures = Vec::new();
    for (evaluation, trained) in members.into_iter().take(MAX_MODELS) {
        figures.extend(curve(evidence, evaluation, trained)?);
    }
    if !figures.is_empty() {
        section.push(figures);
    }
    Ok(section)
}

fn stated(costs: &CostMatrix) -> String {
    format!(
        "The params state that a missed fault costs {} and a false alarm costs {}, in one unit; right decisions cost nothing. The threshold of \
         each model is where its decisions out of fold cost least. If these costs are not yours, neither are the thresholds.",
        plain(costs.false_negative),
        plain(costs.false_positive),
    )
}

fn plain(cost: f64) -> String {
    cost.to_string()
}

/// The mean cost per row of calling no row faulty, and of calling all of them.
pub(crate) fn without_a_model(costs: &CostMatrix, rows: u64, rows_faulty: u64) -> [f64; 2] {
    let good = rows.saturating_sub(rows_faulty);
    let nothing =
        Confusion { true_positives: 0, false_positives: 0, true_negatives: good, false_negatives: rows_faulty };
    let everything =
        Confusion { true_positives: rows_faulty, false_positives: good, true_negatives: 0, false_negatives: 0 };
    [costs.expected_cost(&nothing), costs.expected_cost(&everything)]
}

fn compared(evidence: &Evidence<'_>, costs: &CostMatrix) -> Table {
    let mut table =
        Table::new("Mean cost per row of the version, and of deciding without a model (promote/verdict.json)")
            .column("Rows")
            .numbers("The version")
            .numbers("Call nothing faulty")
            .numbers("Call everything faulty");
    let mut push = |name: &str, known: Option<&Assessment>| {
        if let Some(known) = known {
            let [nothing, everything] = without_a_model(costs, known.metrics.rows, known.metrics.rows_faulty);
            table.push(vec![
                Cell::words(name),
                figure(Some(known), |metrics| Some(metrics.expected_cost), |intervals| Some(intervals.expected_cost)),
                Cell::number(decimal(nothing, 3)),
                Cell::number(decimal(everything, 3)),
            ]);
        }
    };
    let verdict = evidence.verdict.as_ref();
    push("out of fold", evidence.version().map(|won| &won.out_of_fold));
    push("held out", verdict.and_then(|verdict| verdict.challenger.as_ref()));
    push("forward in time", evidence.version().and_then(|won| won.forward.as_ref()));
    table
}

fn curve(evidence: &Evidence<'_>, evaluation: &Evaluation, trained: &Trained) -> Result<Option<Figure>, ReportError> {
    let source = format!("train/{}/oof.parquet", part_name(evaluation));
    let Some(scored) = evidence.scored(&source)? else {
        return Ok(None);
    };
    let curve = cost_curve(&scored.labels, &scored.probabilities, &trained.costs)
        .map_err(|error| ReportError::Curve { name: source.clone(), source: error })?;
    let points: Vec<(f64, f64)> = curve.iter().rev().filter_map(|point| Some((point.threshold?, point.cost))).collect();
    let end = points.last().map_or(1.0, |(threshold, _)| *threshold);
    let rows = scored.labels.len() as u64;
    let [nothing, everything] = without_a_model(&trained.costs, rows, scored.faulty_count() as u64);
    let chosen = curve.iter().find(|point| point.threshold == Some(trained.threshold));
    let mut chart = LineChart::new(Axis::new("Threshold"), Axis::new("Mean cost per row").from_zero())
        .steps("at each threshold", points)
        .reference(format!("call nothing faulty ({})", decimal(nothing, 3)), (0.0, nothing), (end, nothing));
    let caption = if let Some(chosen) = chosen {
        chart = chart.mark((trained.threshold, chosen.cost), format!("chosen: {}", decimal(trained.threshold, 3)));
        format!("At the chosen threshold a row costs {} on the mean", decimal(chosen.cost, 3))
    } else {
        "No threshold is cheaper than to call nothing faulty".to_owned()
    };
    Ok(Some(
        Figure::new(format!("Costs: {}", words::model(evaluation)), chart)
            .caption(format!("{caption}; calling everything faulty costs {}. Out of fold.", decimal(everything, 3)))
            .source(source),
    ))
}
