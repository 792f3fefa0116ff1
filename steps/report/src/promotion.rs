//! The new version on rows that it has never seen, beside the champion, and what was decided.

use faultline_contract::documents::promote::{Decision, Verdict};
use faultline_contract::documents::train::Metrics;
use faultline_report::format::{count, decimal};
use faultline_report::{Block, Cell, ConfusionMatrix, Figure, Notice, Section, Table, Tone};

use crate::ReportError;
use crate::evidence::{Evidence, Scored};
use crate::models::{curves, histogram};

const HOLDOUT: &str = "promote/holdout.parquet";

pub(crate) fn section(evidence: &Evidence<'_>) -> Result<Section, ReportError> {
    let mut section = Section::new("Verdict");
    let Some(verdict) = &evidence.verdict else {
        return Ok(section);
    };
    section.push(decision(verdict));
    section.push(comparison(verdict));
    let mut figures = Vec::new();
    if let Some(scored) = evidence.scored(HOLDOUT)? {
        if scored.has_both_classes() {
            let named = [(format!("version {}", verdict.version), HOLDOUT.to_owned(), scored)];
            figures.extend(curves(&named, "rows held out")?);
            let [(_, _, scored)] = named;
            figures.extend(confusion(verdict));
            figures.push(scores(&scored));
        } else {
            section
                .push(Block::Paragraph("The rows held out are of one class, so there are no curves to draw.".into()));
        }
    }
    if !figures.is_empty() {
        section.push(figures);
    }
    Ok(section)
}

fn scores(scored: &Scored) -> Figure {
    histogram(scored, "Probabilities of good and faulty rows, held out".to_owned(), HOLDOUT)
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

fn comparison(verdict: &Verdict) -> Table {
    let mut table = Table::new("On the rows that neither version was fitted on")
        .column("Version")
        .numbers("Rows")
        .numbers("Faulty")
        .numbers("Average precision")
        .numbers("ROC AUC")
        .numbers("MCC")
        .numbers("Balanced accuracy")
        .numbers("Brier score");
    let mut push = |name: String, figures: &Metrics| {
        let known =
            |figure: Option<f64>| Cell::number(figure.map_or_else(|| "n/a".to_owned(), |figure| decimal(figure, 3)));
        table.push(vec![
            Cell::words(name),
            Cell::number(count(figures.rows)),
            Cell::number(count(figures.rows_faulty)),
            known(figures.average_precision),
            known(figures.roc_auc),
            known(Some(figures.mcc)),
            known(Some(figures.balanced_accuracy)),
            known(Some(figures.brier_score)),
        ]);
    };
    if let Some(figures) = &verdict.challenger {
        push(format!("{} (challenger)", verdict.version), figures);
    }
    if let (Some(version), Some(figures)) = (verdict.champion_version, &verdict.champion) {
        push(format!("{version} (champion)"), figures);
    }
    table
}

fn confusion(verdict: &Verdict) -> Option<Figure> {
    let figures = verdict.challenger.as_ref()?;
    let counts = [[figures.true_negatives, figures.false_positives], [figures.false_negatives, figures.true_positives]];
    Some(
        Figure::new("Confusion on the rows held out", ConfusionMatrix::new("good", "faulty", counts))
            .caption("Each row is decided at the threshold of its cluster's model; the shares are of the actual class.")
            .source("promote/verdict.json"),
    )
}
