//! Every model that was trained, whether the version uses it or not.

use faultline_contract::documents::evaluation::{Interval, Intervals, Metrics};
use faultline_contract::documents::train::Evaluation;
use faultline_report::format::count;
use faultline_report::{Block, Cell, Section, Table, Tone};

use crate::ReportError;
use crate::curves::{Named, curves};
use crate::evidence::{Evidence, Scored, part_name};
use crate::words;

/// How many models get a curve.
const MAX_CURVES: usize = 6;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("All models");
    if evidence.evaluations.is_empty() {
        return Ok(section);
    }
    section.push(Block::Paragraph(
        "The best point of the grid of every model and family, out of fold. The rows of a cluster have their own share of faulty rows, so \
         average precision is not to be compared from one cluster to the next."
            .into(),
    ));
    section.push(trained(evidence));
    let mut named = Vec::new();
    for (evaluation, _) in evidence.members().into_iter().take(MAX_CURVES) {
        let source = format!("train/{}/oof.parquet", part_name(evaluation));
        if let Some(scored) = evidence.scored(&source)?.filter(Scored::has_both_classes) {
            named.push(Named { name: words::model(evaluation), source, scored });
        }
    }
    if !named.is_empty() {
        section.push(curves(&named, "out of fold, model by model")?);
    }
    Ok(section)
}

fn trained(evidence: &Evidence<'_>) -> Table {
    let mut table = Table::new("The best point of every grid (train/*/evaluation.json)")
        .column("Model")
        .column("State")
        .numbers("Faulty of rows")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .numbers("Cost per row")
        .numbers("Threshold")
        .column("Hyper-parameters");
    let members: Vec<String> = evidence.members().into_iter().map(|(evaluation, _)| part_name(evaluation)).collect();
    for evaluation in &evidence.evaluations {
        let is_member = evidence.verdict.is_some() && members.contains(&part_name(evaluation));
        let row = row(evaluation, is_member);
        if is_member { table.push_strong(row) } else { table.push(row) }
    }
    table
}

fn row(evaluation: &Evaluation, is_member: bool) -> Vec<Cell> {
    let trained = evaluation.trained.as_ref();
    let state = match (trained, is_member) {
        (None, _) => Cell::badge(Tone::Warning, "not trained"),
        (Some(_), true) => Cell::badge(Tone::Good, "in the version"),
        (Some(_), false) => Cell::badge(Tone::Neutral, "trained"),
    };
    let figure = |pick: fn(&Metrics) -> Option<f64>, interval: fn(&Intervals) -> Option<Interval>| {
        crate::compositions::figure(trained.map(|trained| &trained.out_of_fold), pick, interval)
    };
    let last = trained.map_or_else(
        || Cell::words(evaluation.reason.as_deref().unwrap_or_default()),
        |trained| Cell::code(words::hyper_params(&trained.params)),
    );
    vec![
        Cell::words(words::model(evaluation)),
        state,
        Cell::number(format!("{} of {}", count(evaluation.rows_train_faulty), count(evaluation.rows_train))),
        figure(|metrics| metrics.average_precision, |intervals| intervals.average_precision),
        figure(|metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
        figure(|metrics| Some(metrics.expected_cost), |intervals| Some(intervals.expected_cost)),
        Cell::number(trained.map(|trained| words::threshold(trained.threshold)).unwrap_or_default()),
        last,
    ]
}
