//! How the new version ranks and decides on rows that it was not fitted on, beside the champion, and what was decided.

use faultline_contract::documents::evaluation::{Assessment, Confusion};
use faultline_contract::documents::promote::{Decision, Verdict};
use faultline_report::format::{count, decimal};
use faultline_report::{Block, Cell, ConfusionMatrix, Figure, Notice, Section, Table, Tone};

use crate::ReportError;
use crate::compositions::figure;
use crate::curves::{Named, curves, histogram};
use crate::evidence::Evidence;
use crate::words;

/// The version's out-of-fold predictions of the training rows.
pub(crate) const OUT_OF_FOLD: &str = "promote/oof.parquet";
/// The version's predictions of the rows held out.
const HOLDOUT: &str = "promote/holdout.parquet";
const VERDICT: &str = "promote/verdict.json";

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("The version and the verdict");
    let Some(verdict) = &evidence.verdict else {
        return Ok(section);
    };
    section.push(decision(verdict));
    section.push(comparison(verdict, evidence.version().map(|won| &won.out_of_fold)));
    if let Some(differences) = differences(verdict) {
        section.push(differences);
    }
    let mut named = Vec::new();
    let (mut has_rows, mut spread) = (false, None);
    for (rows, source) in [("out of fold", OUT_OF_FOLD), ("held out", HOLDOUT)] {
        let Some(scored) = evidence.scored(source)? else { continue };
        has_rows = true;
        if scored.has_both_classes() {
            spread.get_or_insert_with(|| (rows, source, scored.clone()));
            named.push(Named { name: rows.to_owned(), source: source.to_owned(), scored });
        }
    }
    let mut figures = Vec::new();
    if !named.is_empty() {
        figures.extend(curves(&named, &format!("version {}", verdict.version))?);
    } else if has_rows {
        section.push(Block::Paragraph("The rows are of one class, so there are no curves to draw.".into()));
    }
    let out_of_fold = evidence.version().map(|won| won.out_of_fold.metrics.confusion);
    let held_out = verdict.challenger.as_ref().map(|known| known.metrics.confusion);
    figures.extend(out_of_fold.map(|counted| confusion("Decisions out of fold", &counted)));
    figures.extend(held_out.map(|counted| confusion("Decisions on the rows held out", &counted)));
    if let Some((rows, source, scored)) = spread {
        figures.push(histogram(&scored, &format!("Probabilities of good and faulty rows, {rows}"), source));
    }
    if !figures.is_empty() {
        section.push(figures);
    }
    Ok(section)
}

fn decision(verdict: &Verdict) -> Notice {
    let version = format!("Version {} of {}", verdict.version, verdict.model);
    match verdict.verdict {
        Decision::Promote if verdict.is_first => {
            Notice::new(Tone::Good, format!("{version} is the first champion:"), verdict.reason.as_str())
        }
        Decision::Promote => Notice::new(Tone::Good, format!("{version} was promoted:"), verdict.reason.as_str()),
        Decision::Hold => Notice::new(Tone::Neutral, format!("{version} was held:"), verdict.reason.as_str()),
    }
}

fn comparison(verdict: &Verdict, out_of_fold: Option<&Assessment>) -> Table {
    let level = words::level(verdict.gate.level);
    let mut table = Table::new(format!("The version's figures with {level} intervals ({VERDICT})"))
        .column("Version and rows")
        .numbers("Faulty of rows")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .numbers("MCC")
        .numbers("Balanced accuracy")
        .numbers("Brier score")
        .numbers("Log loss")
        .numbers("Cost per row");
    let mut push = |name: String, known: &Assessment| {
        let (metrics, known) = (&known.metrics, Some(known));
        table.push(vec![
            Cell::words(name),
            Cell::number(format!("{} of {}", count(metrics.rows_faulty), count(metrics.rows))),
            figure(known, |metrics| metrics.average_precision, |intervals| intervals.average_precision),
            figure(known, |metrics| metrics.roc_auc, |intervals| intervals.roc_auc),
            figure(known, |metrics| Some(metrics.mcc), |intervals| Some(intervals.mcc)),
            figure(known, |metrics| Some(metrics.balanced_accuracy), |intervals| Some(intervals.balanced_accuracy)),
            figure(known, |metrics| Some(metrics.brier_score), |intervals| Some(intervals.brier_score)),
            figure(known, |metrics| Some(metrics.log_loss), |intervals| Some(intervals.log_loss)),
            figure(known, |metrics| Some(metrics.expected_cost), |intervals| Some(intervals.expected_cost)),
        ]);
    };
    if let Some(known) = out_of_fold {
        push(format!("version {}, out of fold", verdict.version), known);
    }
    if let Some(known) = &verdict.challenger {
        push(format!("version {} (challenger), unseen rows", verdict.version), known);
    }
    if let (Some(version), Some(known)) = (verdict.champion_version, &verdict.champion) {
        push(format!("version {version} (champion), the same rows"), known);
    }
    table
}

/// Challenger less champion, row by row the same.
fn differences(verdict: &Verdict) -> Option<Table> {
    let difference = verdict.difference.as_ref()?;
    let caption = format!(
        "Challenger less champion on the {} rows that neither was fitted on, {} faulty ({VERDICT}){}",
        count(difference.rows),
        count(difference.rows_faulty),
        if difference.is_descriptive() { "; descriptive" } else { "" },
    );
    let mut table =
        Table::new(caption).column("Figure").numbers("Difference").numbers("Resamples in which it is no better");
    for (name, one) in
        [("Average precision, which decides", difference.average_precision), ("ROC AUC", difference.roc_auc)]
    {
        table.push(vec![
            Cell::words(name),
            words::estimate(Some(one.estimate), Some(one.interval)),
            Cell::number(format!("{}%", decimal(one.share_no_better * 100.0, 1))),
        ]);
    }
    Some(table)
}

fn confusion(title: &str, counted: &Confusion) -> Figure {
    let counts = [[counted.true_negatives, counted.false_positives], [counted.false_negatives, counted.true_positives]];
    Figure::new(title, ConfusionMatrix::new("good", "faulty", counts))
        .caption("Each row is decided at the threshold of its cluster's model; the shares are of the actual class.")
        .source(VERDICT)
}
