//! What was trained, and how well it does on training rows that it was not fitted on.

use faultline_contract::documents::train::{Evaluation, HyperParams, Metrics, Trained};
use faultline_learn::metrics::{pr_curve, roc_curve};
use faultline_report::format::{count, decimal, percent};
use faultline_report::{
    Axis, Bars, Block, Cell, Curve, Figure, Histogram, Section, Table, Tone, precision_recall, roc,
};

use crate::ReportError;
use crate::evidence::{Evidence, Scored};

/// How many features the importances of one model show.
const MAX_IMPORTANCES: usize = 10;
/// How many models get curves and importances of their own.
const MAX_MODELS: usize = 6;
const BINS: usize = 20;

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Models");
    if evidence.evaluations.is_empty() {
        return Ok(section);
    }
    section.push(Block::Paragraph(
        "Every figure in this section is out of fold: each training row is scored by a model that was fitted without it. The family \
         with the greater average precision is chosen for each cluster."
            .into(),
    ));
    section.push(candidates(evidence));
    let mut scored = Vec::new();
    for evaluation in evidence.evaluations.iter().filter(|evaluation| is_chosen(evidence, evaluation)).take(MAX_MODELS)
    {
        let table = format!("train/{}-{}/oof.parquet", evaluation.model, evaluation.family);
        if let Some(rows) = evidence.scored(&table)?.filter(Scored::has_both_classes) {
            scored.push((name(evaluation), table, rows));
        }
    }
    if !scored.is_empty() {
        section.push(curves(&scored, "out of fold")?);
    }
    let importances: Vec<_> = evidence
        .evaluations
        .iter()
        .filter(|evaluation| is_chosen(evidence, evaluation))
        .take(MAX_MODELS)
        .filter_map(|evaluation| Some(importances(evaluation, evaluation.trained.as_ref()?)))
        .collect();
    if !importances.is_empty() {
        section.push(importances);
    }
    Ok(section)
}

/// ROC and precision-recall curves with one line per table of probabilities.
pub(crate) fn curves(scored: &[(String, String, Scored)], rows: &str) -> Result<Vec<Figure>, ReportError> {
    let (mut roc_curves, mut pr_curves) = (Vec::new(), Vec::new());
    for (name, table, scored) in scored {
        let failed = |source| ReportError::Curve { name: table.clone(), source };
        let (labels, probabilities) = (&scored.labels, &scored.probabilities);
        let auc = faultline_learn::metrics::roc_auc(labels, probabilities).map_err(failed)?;
        let points = roc_curve(labels, probabilities).map_err(failed)?;
        let points = points.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
        roc_curves.push(Curve::new(name.as_str(), auc, points));
        let precision = faultline_learn::metrics::average_precision(labels, probabilities).map_err(failed)?;
        let points = pr_curve(labels, probabilities).map_err(failed)?;
        let first = points.first().map(|point| (0.0, point.precision));
        let points = first.into_iter().chain(points.iter().map(|point| (point.recall, point.precision))).collect();
        pr_curves.push(Curve::new(name.as_str(), precision, points));
    }
    let rows_in_all: usize = scored.iter().map(|(_, _, scored)| scored.labels.len()).sum();
    let faulty: f64 = scored.iter().map(|(_, _, scored)| scored.prevalence() * scored.labels.len() as f64).sum();
    let source = scored.iter().map(|(_, table, _)| table.as_str()).collect::<Vec<_>>().join(", ");
    Ok(vec![
        Figure::new(format!("ROC, {rows}"), roc(roc_curves))
            .caption("How many of the faulty rows are found (upwards) at which share of false alarms among the good (to the right).")
            .source(source.as_str()),
        Figure::new(format!("Precision and recall, {rows}"), precision_recall(pr_curves, faulty / rows_in_all as f64))
            .caption("How many alarms are right (upwards) when which share of the faulty rows is to be found (to the right).")
            .source(source),
    ])
}

/// How the probabilities of good and faulty rows lie apart.
pub(crate) fn histogram(scored: &Scored, title: String, source: &str) -> Figure {
    let highest = scored.probabilities.iter().copied().fold(0.0, f64::max);
    let chart =
        Histogram::new(Axis::new("Probability of being faulty"), 0.0, if highest > 0.5 { 1.0 } else { 0.5 }, BINS)
            .group("good", scored.of_class(false))
            .group("faulty", scored.of_class(true));
    Figure::new(title, chart)
        .caption("Each group adds up to 1, so that the rare faulty rows can be seen beside the good.")
        .source(source)
}

/// Without a verdict every trained model counts as chosen.
fn is_chosen(evidence: &Evidence<'_>, evaluation: &Evaluation) -> bool {
    let Some(verdict) = &evidence.verdict else {
        return evaluation.trained.is_some();
    };
    let is_it = |choice: &&faultline_contract::documents::promote::Choice| {
        choice.model == evaluation.model && choice.chosen == Some(evaluation.family) && !choice.clusters.is_empty()
    };
    verdict.choices.iter().find(is_it).is_some()
}

fn name(evaluation: &Evaluation) -> String {
    match evaluation.model.parse::<usize>() {
        Ok(cluster) => format!("cluster {cluster}, {}", evaluation.family),
        Err(_) => format!("{}, {}", evaluation.model, evaluation.family),
    }
}

fn candidates(evidence: &Evidence<'_>) -> Table {
    let mut table = Table::new("The best point of every grid")
        .column("Model")
        .column("State")
        .numbers("Rows")
        .numbers("Faulty")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .numbers("MCC")
        .numbers("Threshold")
        .column("Hyper-parameters");
    for evaluation in &evidence.evaluations {
        let is_chosen = evidence.verdict.is_some() && is_chosen(evidence, evaluation);
        let state = match (&evaluation.trained, is_chosen) {
            (None, _) => Cell::badge(Tone::Warning, "not trained"),
            (Some(_), true) => Cell::badge(Tone::Good, "in the version"),
            (Some(_), false) => Cell::badge(Tone::Neutral, "trained"),
        };
        let figure = |pick: fn(&Metrics) -> Option<f64>| {
            let figure = evaluation.trained.as_ref().and_then(|trained| pick(&trained.out_of_fold));
            Cell::number(figure.map_or_else(|| "n/a".to_owned(), |figure| decimal(figure, 3)))
        };
        let threshold = evaluation.trained.as_ref().map_or_else(String::new, |trained| decimal(trained.threshold, 3));
        let params = evaluation.trained.as_ref().map(|trained| hyper_params(&trained.params));
        let last = params.map_or_else(|| Cell::words(evaluation.reason.as_deref().unwrap_or_default()), Cell::code);
        let row = vec![
            Cell::words(name(evaluation)),
            state,
            Cell::number(count(evaluation.rows_train)),
            Cell::number(count(evaluation.rows_train_faulty)),
            figure(|figures| figures.average_precision),
            figure(|figures| figures.roc_auc),
            figure(|figures| Some(figures.mcc)),
            Cell::number(threshold),
            last,
        ];
        if is_chosen { table.push_strong(row) } else { table.push(row) }
    }
    table
}

fn hyper_params(params: &HyperParams) -> String {
    params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn importances(evaluation: &Evaluation, trained: &Trained) -> Figure {
    let bars =
        trained.importances.iter().take(MAX_IMPORTANCES).fold(Bars::new("Feature", "Share"), |bars, importance| {
            bars.bar(importance.feature.as_str(), importance.share, percent(importance.share))
        });
    let total: f64 = trained.importances.iter().take(MAX_IMPORTANCES).map(|importance| importance.share).sum();
    Figure::new(format!("Importances: {}", name(evaluation)), bars)
        .caption(format!(
            "The features that its splits rest on; {} features are used in all, these make up {}.",
            trained.importances.len(),
            percent(total)
        ))
        .source(format!("train/{}-{}/evaluation.json", evaluation.model, evaluation.family))
}
