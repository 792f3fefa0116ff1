//! The head of the page: what the run came to, the figures worth seeing at a glance, and what to bear in mind.

use faultline_contract::Outcome;
use faultline_contract::documents::evaluation::Assessment;
use faultline_contract::documents::promote::{Decision, Verdict};
use faultline_learn::bootstrap::{
    average_precision_includes_chance, chance_average_precision, roc_auc_includes_chance,
};
use faultline_report::format::{count, decimal, share};
use faultline_report::{Card, Page, Tone};
use faultline_runtime::Pipeline;

use crate::costs::without_a_model;
use crate::evidence::{Evidence, Job};
use crate::predictions::Predictions;
use crate::{notices, summary, words};

/// A ROC AUC below this helps to choose what to look at first, and no more.
pub(crate) const WEAK_ROC_AUC: f64 = 0.75;

/// The page with its head.
pub(crate) fn page(evidence: &Evidence<'_>, predictions: Option<&Predictions>) -> Page {
    let job = evidence.job;
    let (tone, status) = status(evidence);
    let title = match job.pipeline {
        Pipeline::Train => "Training run",
        Pipeline::Predict => "Prediction run",
    };
    let mut page = Page::new(title).subtitle(subtitle(job)).status(tone, status).footer(footer(job));
    let cards = cards(evidence);
    if !cards.is_empty() {
        page.lead(cards);
    }
    if let Some(answers) = summary::answers(evidence, predictions) {
        page.lead(answers);
    }
    for notice in notices::notices(evidence) {
        page.lead(notice);
    }
    page
}

fn status(evidence: &Evidence<'_>) -> (Tone, String) {
    let job = evidence.job;
    if let Some(rejected) = job.stages.iter().find(|stage| stage.manifest.outcome == Outcome::Rejected) {
        return (Tone::Bad, format!("rejected by the gate of {}", rejected.name));
    }
    if let [first, ..] = job.missing_stages()[..] {
        return (Tone::Bad, format!("stopped before {first} was done"));
    }
    match &evidence.verdict {
        Some(verdict) if verdict.verdict == Decision::Promote => {
            (Tone::Good, format!("promoted as version {}", verdict.version))
        }
        Some(verdict) => (Tone::Neutral, format!("version {} held", verdict.version)),
        None => (Tone::Good, "finished".to_owned()),
    }
}

fn subtitle(job: &Job) -> String {
    let started = job.stages.iter().map(|stage| &stage.manifest.started_at).min();
    let finished = job.stages.iter().map(|stage| &stage.manifest.finished_at).max();
    match (started, finished) {
        (Some(started), Some(finished)) => {
            format!("Run {} \u{b7} {} to {}", job.run_id, minute(started), minute(finished))
        }
        _ => format!("Run {} \u{b7} nothing was committed", job.run_id),
    }
}

/// A time of a manifest to the second: `2026-01-02T03:04:05.678Z` is shown as `2026-01-02 03:04:05 UTC`.
fn minute(time: &str) -> String {
    let seconds = time.split(['.', 'Z']).next().unwrap_or(time);
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

fn footer(job: &Job) -> String {
    let version = job.stages.last().map_or("", |stage| stage.manifest.faultline_version.as_str());
    format!("Made by faultline {version} from the artifacts named on it. The page loads nothing and runs nothing.")
}

fn cards(evidence: &Evidence<'_>) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some(verdict) = &evidence.verdict {
        cards.extend(worth(evidence, verdict));
    }
    if let Some(summary) = &evidence.summary {
        let part = format!("{} of the rows", share(summary.rows_faulty, summary.rows));
        cards.push(Card::new("Called faulty", count(summary.rows_faulty)).note(part));
        cards.push(
            Card::new("Rows predicted", count(summary.rows)).note(format!("by version {}", summary.model_version)),
        );
    }
    cards.extend(amounts(evidence));
    cards
}

/// What the version is worth.
fn worth(evidence: &Evidence<'_>, verdict: &Verdict) -> Vec<Card> {
    let (tone, word) = match verdict.verdict {
        Decision::Promote => (Tone::Good, "promote"),
        Decision::Hold => (Tone::Neutral, "hold"),
    };
    let mut cards =
        vec![Card::new("Verdict", word).note(format!("version {} of {}", verdict.version, verdict.model)).tone(tone)];
    for (rows, known) in
        [("out of fold", evidence.version().map(|won| &won.out_of_fold)), ("held out", verdict.challenger.as_ref())]
    {
        cards.extend(known.into_iter().flat_map(|known| ranking(rows, known)));
    }
    if let Some(known) = &verdict.challenger
        && let Some((_, trained)) = evidence.members().first()
    {
        let [nothing, _] = without_a_model(&trained.costs, known.metrics.rows, known.metrics.rows_faulty);
        cards.push(
            words::card("Cost per row", Some(known.metrics.expected_cost), Some(known.intervals.expected_cost))
                .note(format!("held out; to call nothing faulty costs {}", decimal(nothing, 2))),
        );
    }
    cards
}

/// The two figures of a ranking, each beside chance.
fn ranking(rows: &str, known: &Assessment) -> [Card; 2] {
    let (metrics, intervals) = (&known.metrics, &known.intervals);
    let tone = |includes_chance: Option<bool>| match includes_chance {
        Some(true) => Tone::Warning,
        Some(false) => Tone::Good,
        None => Tone::Neutral,
    };
    let chance = words::in_words(chance_average_precision(metrics.rows, metrics.rows_faulty), None);
    [
        words::card("ROC AUC", metrics.roc_auc, intervals.roc_auc)
            .note(format!("{rows}; chance gives 0.50"))
            .tone(tone(roc_auc_includes_chance(intervals))),
        words::card("Average precision", metrics.average_precision, intervals.average_precision)
            .note(format!("{rows}; chance gives {chance}"))
            .tone(tone(average_precision_includes_chance(intervals, metrics.rows, metrics.rows_faulty))),
    ]
}

/// How much there is of what.
fn amounts(evidence: &Evidence<'_>) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some(validate) = evidence.job.stage("validate") {
        let counted = |name| validate.manifest.count(name);
        let tone = |refused: u64| if refused > 0 { Tone::Warning } else { Tone::Good };
        let (files, rows) = (counted("files_quarantined"), counted("rows_quarantined"));
        cards.push(
            Card::new("Files accepted", count(counted("files_accepted")))
                .note(format!("of {}, {} in quarantine", count(counted("files_in")), count(files)))
                .tone(tone(files)),
        );
        cards.push(
            Card::new("Rows accepted", count(counted("rows_accepted")))
                .note(format!("of {}, {} in quarantine", count(counted("rows_in")), count(rows)))
                .tone(tone(rows)),
        );
    }
    if let Some(split) = &evidence.split {
        let faulty = split.train.faulty + split.holdout.faulty;
        let rows = split.train.rows + split.holdout.rows;
        cards.push(Card::new("Faulty rows", count(faulty)).note(format!("{} of all rows", share(faulty, rows))));
        cards.push(
            Card::new("Training rows", count(split.train.rows)).note(format!("{} held out", count(split.holdout.rows))),
        );
    }
    if let Some(clusters) = &evidence.clusters {
        cards.push(Card::new("Features kept", count(clusters.feature_names.len() as u64)).note(features_of(evidence)));
        cards.push(Card::new("Clusters", clusters.k.to_string()));
    }
    cards
}

fn features_of(evidence: &Evidence<'_>) -> String {
    evidence.missingness.as_ref().map_or_else(String::new, |known| format!("of {}", count(known.features.len() as u64)))
}
