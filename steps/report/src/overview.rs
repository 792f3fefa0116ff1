//! The head of the page: what the run came to, the figures worth seeing at a glance, and what to bear in mind.

use faultline_contract::Outcome;
use faultline_contract::documents::promote::Decision;
use faultline_report::format::{count, decimal, share};
use faultline_report::{Card, Notice, Page, Tone};

use crate::PipelineFlag;
use crate::evidence::{Evidence, Job};

/// A ROC AUC above this is no success on such data but a sign that the target leaks into the features.
const SUSPICIOUS_ROC_AUC: f64 = 0.85;
/// A ROC AUC below this is of little use.
const WEAK_ROC_AUC: f64 = 0.65;

/// The page with its head.
pub(crate) fn page(evidence: &Evidence<'_>) -> Page {
    let job = evidence.job;
    let (tone, status) = status(evidence);
    let title = match job.pipeline {
        PipelineFlag::Train => "Training run",
        PipelineFlag::Predict => "Prediction run",
    };
    let mut page = Page::new(title).subtitle(subtitle(job)).status(tone, status).footer(footer(job));
    let cards = cards(evidence);
    if !cards.is_empty() {
        page.lead(cards);
    }
    for notice in notices(evidence) {
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
    let job = evidence.job;
    let mut cards = Vec::new();
    if let Some(validate) = job.stage("validate") {
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
    if let Some(verdict) = &evidence.verdict {
        if let Some(figures) = &verdict.challenger {
            let known = |figure: Option<f64>| figure.map_or_else(|| "n/a".to_owned(), |figure| decimal(figure, 3));
            cards.push(Card::new("ROC AUC", known(figures.roc_auc)).note("on the rows held out; 0.5 is chance"));
            let prevalence = share(figures.rows_faulty, figures.rows);
            cards.push(
                Card::new("Average precision", known(figures.average_precision))
                    .note(format!("on the rows held out; guessing gives {prevalence}")),
            );
        }
        let tone = if verdict.verdict == Decision::Promote { Tone::Good } else { Tone::Neutral };
        let word = if verdict.verdict == Decision::Promote { "promote" } else { "hold" };
        cards.push(
            Card::new("Verdict", word).note(format!("version {} of {}", verdict.version, verdict.model)).tone(tone),
        );
    }
    if let Some(summary) = &evidence.summary {
        cards.push(
            Card::new("Rows predicted", count(summary.rows)).note(format!("by version {}", summary.model_version)),
        );
        let part = format!("{} of the rows", share(summary.rows_faulty, summary.rows));
        cards.push(Card::new("Called faulty", count(summary.rows_faulty)).note(part));
    }
    cards
}

fn features_of(evidence: &Evidence<'_>) -> String {
    evidence.missingness.as_ref().map_or_else(String::new, |known| format!("of {}", count(known.features.len() as u64)))
}

fn notices(evidence: &Evidence<'_>) -> Vec<Notice> {
    let mut notices = outcome_notices(evidence.job);
    notices.extend(data_notices(evidence));
    if let Some(verdict) = &evidence.verdict {
        for warning in &verdict.warnings {
            notices.push(Notice::new(Tone::Warning, "About the verdict.", warning.as_str()));
        }
        match verdict.challenger.as_ref().and_then(|figures| figures.roc_auc) {
            Some(auc) if auc > SUSPICIOUS_ROC_AUC => notices.push(Notice::new(
                Tone::Warning,
                format!("A ROC AUC of {} is suspiciously high.", decimal(auc, 3)),
                "Look for a feature that knows the target before trusting it.",
            )),
            Some(auc) if auc < WEAK_ROC_AUC => notices.push(Notice::new(
                Tone::Warning,
                format!("A ROC AUC of {} is modest.", decimal(auc, 3)),
                "Use the probabilities to rank what is looked at first, not to release or to scrap.",
            )),
            _ => {}
        }
    }
    notices
}

fn outcome_notices(job: &Job) -> Vec<Notice> {
    let mut notices = Vec::new();
    for stage in job.stages.iter().filter(|stage| stage.manifest.outcome == Outcome::Rejected) {
        let reason =
            stage.manifest.facts.get("rejection").and_then(|reason| reason.as_str()).unwrap_or("see its counts");
        let title = format!("The quality gate of {} rejected the data.", stage.name);
        notices.push(Notice::new(Tone::Bad, title, reason));
    }
    let missing = job.missing_stages();
    if !missing.is_empty() {
        let text = format!("No result of: {}. The log of the first of these tells why.", missing.join(", "));
        notices.push(Notice::new(Tone::Bad, "The run did not finish.", text));
    }
    notices
}

fn data_notices(evidence: &Evidence<'_>) -> Vec<Notice> {
    let mut notices = Vec::new();
    let files = evidence.job.count("validate", "files_accepted").unwrap_or(0);
    let empty: Vec<_> =
        evidence.profile.iter().flat_map(|profile| &profile.columns).filter(|column| column.empty_files > 0).collect();
    if let Some(most) = empty.iter().map(|column| column.empty_files).max() {
        notices.push(Notice::new(
            Tone::Warning,
            format!("{} columns have no value at all in up to {} of {} accepted files.", empty.len(), most, files),
            "They were kept as missing values. A stricter schema can reject such files.",
        ));
    }
    let paired = evidence.profile.as_ref().map_or(0, |profile| profile.paired_headers.len());
    if paired > 0 {
        notices.push(Notice::new(
            Tone::Warning,
            format!("{paired} headers matched no column by name."),
            "They were paired with the column that their place left open; the section on the data lists them.",
        ));
    }
    let alone: Vec<_> =
        evidence.clusters.iter().flat_map(|clusters| &clusters.clusters).filter(|cluster| !cluster.trainable).collect();
    if !alone.is_empty() {
        notices.push(Notice::new(
            Tone::Neutral,
            format!("{} clusters are too small or hold one class only.", alone.len()),
            "Their rows are scored by the model that was trained on the rows of all clusters.",
        ));
    }
    notices
}
