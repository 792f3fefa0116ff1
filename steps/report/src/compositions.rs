//! The ways to put a version together: which won, by how much, and how each does forward in time and cluster by cluster.

use faultline_contract::documents::evaluation::{Assessment, Interval, Intervals, Metrics};
use faultline_contract::documents::promote::{ClusterMetrics, Composition, Verdict};
use faultline_learn::bootstrap::chance_average_precision;
use faultline_report::format::{count, decimal};
use faultline_report::{Block, Cell, Section, Table};

use crate::evidence::Evidence;
use crate::words;

/// The composition with one model for each cluster.
const PER_CLUSTER: &str = "per-cluster";

pub(crate) fn section(evidence: &Evidence<'_>) -> Section {
    let mut section = Section::new("Which models won");
    let Some((verdict, won)) = evidence.verdict.as_ref().zip(evidence.version()) else {
        return section;
    };
    section.push(Block::Paragraph(sentence(verdict).into()));
    section.push(comparison(verdict));
    section.push(Block::Paragraph(
        "Out of fold: every training row is scored by models that were fitted without it. The best of several was picked by these very \
         figures, so they flatter the winner a little; the rows held out do not. Forward in time: fitted on the earlier training rows \
         and tried on the later ones. Earlier and later go by the time in the file name, which is not necessarily the order of the process."
            .into(),
    ));
    section.push(version_by_cluster(verdict, won));
    if verdict.compositions.len() > 1 {
        section.push(Block::Folded("Every composition, cluster by cluster".into(), by_cluster(verdict)));
    }
    section
}

/// Which composition won, and by how much.
fn sentence(verdict: &Verdict) -> String {
    let Some((won, others)) = verdict.compositions.split_first() else {
        return String::new();
    };
    let mut said = in_short(verdict);
    let ours = won.out_of_fold.intervals.average_precision;
    let overlaps = |other: &&Composition| match (ours, other.out_of_fold.intervals.average_precision) {
        (Some(ours), Some(theirs)) => theirs.high >= ours.low,
        _ => true,
    };
    let settled = if others.iter().any(|other| overlaps(&other)) {
        " Intervals of others overlap that of the winner: the order is not settled."
    } else {
        ""
    };
    said.push_str(settled);
    if won.name != PER_CLUSTER && others.iter().any(|other| other.name == PER_CLUSTER) {
        said.push_str(" Models for single clusters did not pay here.");
    }
    said
}

/// Which composition won, what it is ahead of and by how much.
pub(crate) fn in_short(verdict: &Verdict) -> String {
    let Some((won, others)) = verdict.compositions.split_first() else {
        return String::new();
    };
    let score = |composition: &Composition| composition.out_of_fold.metrics.average_precision.unwrap_or(f64::NAN);
    let figures = &won.out_of_fold;
    let chance = chance_average_precision(figures.metrics.rows, figures.metrics.rows_faulty);
    let leads: Vec<String> = others
        .iter()
        .map(|other| format!("{} ahead of {}", decimal(score(won) - score(other), 3), words::composition(&other.name)))
        .collect();
    let lead =
        if leads.is_empty() { String::new() } else { format!("; on the same folds it is {}", words::list(&leads)) };
    format!(
        "The version uses {}: average precision {} out of fold, where guessing gives {}{lead}.",
        words::composition(&won.name),
        words::in_words(figures.metrics.average_precision, figures.intervals.average_precision),
        words::in_words(chance, None),
    )
}

fn comparison(verdict: &Verdict) -> Table {
    let mut table = Table::new(format!(
        "Compositions on the same rows, with {} intervals (promote/verdict.json)",
        words::level(verdict.gate.level)
    ))
    .column("Composition")
    .numbers("Average precision")
    .numbers("ROC AUC")
    .numbers("Log loss")
    .numbers("Cost per row")
    .numbers("Forward: average precision")
    .numbers("Forward: ROC AUC")
    .column("Reading");
    for (place, composition) in verdict.compositions.iter().enumerate() {
        let forward = composition.forward.as_ref();
        let own = &composition.out_of_fold;
        let row = vec![
            Cell::words(sentence_case(&words::composition(&composition.name))),
            figure(Some(own), |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(Some(own), |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
            figure(Some(own), |metrics| Some(metrics.log_loss), |intervals| Some(intervals.log_loss)),
            figure(Some(own), |metrics| Some(metrics.expected_cost), |intervals| Some(intervals.expected_cost)),
            figure(forward, |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(forward, |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
            words::reading(own),
        ];
        if place == 0 { table.push_strong(row) } else { table.push(row) }
    }
    table
}

/// A figure of an assessment with its interval; `n/a` without one.
pub(crate) fn figure(
    assessment: Option<&Assessment>,
    figure: fn(&Metrics) -> Option<f64>,
    interval: fn(&Intervals) -> Option<Interval>,
) -> Cell {
    words::estimate(
        assessment.and_then(|known| figure(&known.metrics)),
        assessment.and_then(|known| interval(&known.intervals)),
    )
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn version_by_cluster(verdict: &Verdict, won: &Composition) -> Table {
    let mut table = Table::new("The version cluster by cluster, out of fold and held out (promote/verdict.json)")
        .column("Cluster")
        .column("Model")
        .numbers("Faulty of rows")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .column("Reading")
        .numbers("Held out: faulty of rows")
        .numbers("Held out: average precision")
        .numbers("Held out: ROC AUC");
    for (cluster, model) in won.model_of_cluster.iter().enumerate() {
        let of = |clusters: &[ClusterMetrics]| {
            clusters.iter().find(|known| known.cluster == cluster).map(|known| known.assessment)
        };
        let (own, held) = (of(&won.clusters), of(&verdict.clusters));
        table.push(vec![
            Cell::words(cluster.to_string()),
            Cell::words(model),
            Cell::number(faulty_of(own.as_ref())),
            figure(own.as_ref(), |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(own.as_ref(), |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
            own.as_ref().map_or_else(|| Cell::words("no training row"), words::reading),
            Cell::number(faulty_of(held.as_ref())),
            figure(held.as_ref(), |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(held.as_ref(), |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
        ]);
    }
    table
}

fn faulty_of(assessment: Option<&Assessment>) -> String {
    assessment.map_or_else(
        || "0 of 0".to_owned(),
        |known| format!("{} of {}", count(known.metrics.rows_faulty), count(known.metrics.rows)),
    )
}

fn by_cluster(verdict: &Verdict) -> Table {
    let mut table = Table::new("Out of fold, by cluster and composition (promote/verdict.json)")
        .column("Cluster")
        .column("Composition")
        .column("Model")
        .numbers("Faulty of rows")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .column("Reading");
    let last = verdict.compositions.iter().flat_map(|known| &known.clusters).map(|known| known.cluster).max();
    for cluster in 0..last.map_or(0, |last| last + 1) {
        for composition in &verdict.compositions {
            let Some(own) = composition.clusters.iter().find(|known| known.cluster == cluster) else { continue };
            let own = Some(&own.assessment);
            table.push(vec![
                Cell::words(cluster.to_string()),
                Cell::words(&composition.name),
                Cell::words(composition.model_of_cluster.get(cluster).map_or("", String::as_str)),
                Cell::number(faulty_of(own)),
                figure(own, |metrics| metrics.average_precision, |intervals| intervals.average_precision),
                figure(own, |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
                own.map_or_else(|| Cell::words(""), words::reading),
            ]);
        }
    }
    table
}
