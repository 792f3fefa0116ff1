//! Which features the models of the version go by, and which may know the answer.

use faultline_contract::documents::promote::Verdict;
use faultline_contract::documents::train::{Evaluation, Trained};
use faultline_report::format::{decimal, percent};
use faultline_report::{Bars, Block, Cell, Figure, Notice, Section, Table, Tone};

use crate::evidence::{Evidence, part_name};
use crate::words;

/// How many features the importances of one model show.
const MAX_IMPORTANCES: usize = 10;
/// How many models get a picture.
const MAX_MODELS: usize = 6;

pub(crate) fn section(evidence: &Evidence<'_>) -> Section {
    let mut section = Section::new("Features that matter");
    let members = evidence.members();
    if let Some(verdict) = evidence.verdict.as_ref().filter(|verdict| !verdict.suspects.is_empty()) {
        section.push(Notice::new(
            Tone::Bad,
            "Some features may know the answer.",
            "Ask whether they are measured, or filled in, after it is known whether the wafer is faulty. If so, leave them out and train again.",
        ));
        section.push(suspects(verdict));
    }
    let figures: Vec<_> = members
        .into_iter()
        .filter(|(_, trained)| !trained.importances.is_empty())
        .take(MAX_MODELS)
        .map(|(evaluation, trained)| importances(evaluation, trained))
        .collect();
    if !figures.is_empty() {
        section.push(Block::Paragraph(
            "How much a feature moves a model's predictions: its mean absolute contribution over the training rows (TreeSHAP for the trees), \
             as a share of all features. A feature that counts in a model does not have to be the cause of the fault."
                .into(),
        ));
        section.push(figures);
    }
    section
}

fn suspects(verdict: &Verdict) -> Table {
    let mut table = Table::new("Features that tell faulty rows suspiciously well on their own (promote/verdict.json)")
        .column("Feature")
        .column("Training rows")
        .numbers("ROC AUC alone");
    for suspect in &verdict.suspects {
        table.push(vec![
            Cell::words(&suspect.feature),
            Cell::words(&suspect.rows),
            Cell::number(decimal(suspect.roc_auc, 3)),
        ]);
    }
    table
}

fn importances(evaluation: &Evaluation, trained: &Trained) -> Figure {
    let shown = || trained.importances.iter().take(MAX_IMPORTANCES);
    let bars = shown().fold(Bars::new("Feature", "Share"), |bars, importance| {
        bars.bar(importance.feature.as_str(), importance.share, percent(importance.share))
    });
    Figure::new(format!("Importances: {}", words::model(evaluation)), bars)
        .caption(format!(
            "{} features move its predictions at all; these make up {}.",
            trained.importances.len(),
            percent(shown().map(|importance| importance.share).sum())
        ))
        .source(format!("train/{}/evaluation.json", part_name(evaluation)))
}
