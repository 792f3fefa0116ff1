//! The page in short: what happened, whether to believe it, what matters, and what to do.

use faultline_contract::Outcome;
use faultline_contract::documents::evaluation::Assessment;
use faultline_contract::documents::promote::{Decision, Verdict};
use faultline_learn::bootstrap::roc_auc_includes_chance;
use faultline_report::format::{count, percent, share};
use faultline_report::{Block, Text};

use crate::evidence::Evidence;
use crate::overview::WEAK_ROC_AUC;
use crate::predictions::Predictions;
use crate::{compositions, words};

/// How many features or wafers an answer names.
const MAX_NAMED: usize = 5;
/// How many features an answer names for each model.
const MAX_FEATURES: usize = 3;

/// A greatest importance below this says that a model goes by many features together.
const FEW_DECIDE: f64 = 0.1;

/// Questions with their answers; none before anything was committed.
pub(crate) fn answers(evidence: &Evidence<'_>, predictions: Option<&Predictions>) -> Option<Block> {
    let answers = [
        ("What happened?", happened(evidence)),
        ("Can I believe it?", belief(evidence)),
        ("What matters?", matters(evidence, predictions)),
        ("What should I do?", advice(evidence)),
    ];
    let known: Vec<(Text, Vec<Text>)> = answers
        .into_iter()
        .filter(|(_, sentences)| !sentences.is_empty())
        .map(|(question, sentences)| (question.into(), sentences.into_iter().map(Text::from).collect()))
        .collect();
    (!known.is_empty()).then_some(Block::Answers(known))
}

fn happened(evidence: &Evidence<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(validate) = evidence.job.stage("validate") {
        let counted = |name| validate.manifest.count(name);
        let most = evidence.profile.as_ref().and_then(|profile| {
            profile.row_reasons.iter().reduce(|most, reason| if reason.1 > most.1 { reason } else { most })
        });
        let refused = counted("rows_quarantined");
        let why = most.map_or_else(String::new, |(reason, rows)| {
            let part = if *rows == refused { "all".to_owned() } else { format!("most of them ({})", count(*rows)) };
            format!(", {part} for the reason \u{201c}{}\u{201d}", reason.replace('_', " "))
        });
        said.push(format!(
            "{} of {} wafers in {} of {} files could be used; {} are in quarantine{why}.",
            count(counted("rows_accepted")),
            count(counted("rows_in")),
            count(counted("files_accepted")),
            count(counted("files_in")),
            count(refused),
        ));
    }
    if let Some(verdict) = &evidence.verdict {
        let version = format!("Version {} of {}", verdict.version, verdict.model);
        said.push(match (verdict.verdict, verdict.champion_version) {
            (Decision::Promote, None) => {
                format!("{version} was made. It is the first champion: it decides from now on.")
            }
            (Decision::Promote, Some(before)) => {
                format!("{version} was made and promoted: it decides from now on, in place of version {before}.")
            }
            (Decision::Hold, Some(before)) => {
                format!("{version} was made and held: version {before} goes on deciding.")
            }
            (Decision::Hold, None) => format!("{version} was made and held: there is still no champion."),
        });
    }
    if let Some(verdict) = evidence.verdict.as_ref().filter(|verdict| !verdict.compositions.is_empty()) {
        said.push(compositions::in_short(verdict));
    }
    if let Some(summary) = &evidence.summary {
        said.push(format!(
            "Version {} of {} scored {} wafers and calls {} of them ({}) faulty.",
            summary.model_version,
            summary.model,
            count(summary.rows),
            count(summary.rows_faulty),
            share(summary.rows_faulty, summary.rows)
        ));
    }
    said
}

fn belief(evidence: &Evidence<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if evidence.summary.is_some() {
        said.push(
            "This page tells what the version says of these wafers, not how good it is: that is on the page of the training run that made it."
                .to_owned(),
        );
        said.push(
            "Wafers that it was trained on get probabilities that are far too sure, for it has seen how they turned out."
                .to_owned(),
        );
    }
    let Some(verdict) = &evidence.verdict else {
        return said;
    };
    if let Some(known) = evidence.version().map(|won| &won.out_of_fold) {
        said.push(format!(
            "{} Guessing does so in 50.",
            ranking("Among the training wafers, each scored by a model that has not seen it", known)
        ));
    }
    if let Some(known) = &verdict.challenger {
        said.push(ranking(&format!("Among the {} wafers held out", count(known.metrics.rows)), known));
        let counted = known.metrics.confusion;
        let alarms = counted.true_positives + counted.false_positives;
        said.push(format!(
            "Of the {} faulty wafers held out it finds {}. It raises {} alarms there, {} of them false.",
            count(known.metrics.rows_faulty),
            count(counted.true_positives),
            count(alarms),
            count(counted.false_positives),
        ));
    }
    if let Some(known) = evidence.version().and_then(|won| won.forward.as_ref()) {
        said.push(ranking("Fitted on the earlier files and tried on the later ones", known));
    }
    said
}

/// What an area under the ROC curve says, in words.
fn ranking(rows: &str, known: &Assessment) -> String {
    let Some(auc) = known.metrics.roc_auc else {
        return format!("{rows}, one class does not occur: nothing is known of the ranking.");
    };
    let interval = known.intervals.roc_auc.map_or_else(String::new, |interval| {
        let ends = [interval.low, interval.high].map(|end| (end * 100.0).round());
        format!(" (somewhere from {} to {})", ends[0], ends[1])
    });
    format!(
        "{rows}, a faulty wafer gets a higher probability than a good one in {} of 100 pairs{interval}.",
        (auc * 100.0).round()
    )
}

fn matters(evidence: &Evidence<'_>, predictions: Option<&Predictions>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(predictions) = predictions {
        let first = predictions.first(MAX_NAMED);
        if !first.is_empty() {
            said.push(format!("The most probable faults, with their probabilities: {}.", words::list(&first)));
        }
        let reasons: Vec<String> = predictions
            .common_reasons()
            .into_iter()
            .take(MAX_NAMED)
            .map(|(feature, times)| format!("{feature} ({})", words::counted(times, "wafer")))
            .collect();
        if !reasons.is_empty() {
            said.push(format!(
                "What speaks for a fault most often among the wafers called faulty: {}.",
                words::list(&reasons)
            ));
        }
    }
    if evidence.verdict.is_some() {
        for (evaluation, trained) in evidence.members().into_iter().take(MAX_NAMED) {
            let named: Vec<String> = trained
                .importances
                .iter()
                .take(MAX_FEATURES)
                .map(|importance| format!("{} ({})", importance.feature, percent(importance.share)))
                .collect();
            if !named.is_empty() {
                said.push(format!("The {} goes most by {}.", words::model(evaluation), words::list(&named)));
            }
        }
        said.extend(greatest(evidence));
    }
    said
}

/// What the greatest importance in the version says.
fn greatest(evidence: &Evidence<'_>) -> Option<String> {
    let members = evidence.members();
    let shares =
        members.iter().filter_map(|(_, trained)| trained.importances.first()).map(|importance| importance.share);
    let greatest = shares.fold(0.0, f64::max);
    (greatest > 0.0 && greatest < FEW_DECIDE).then(|| {
        format!("No single feature decides: none makes up more than {} of what moves a model.", percent(greatest))
    })
}

fn advice(evidence: &Evidence<'_>) -> Vec<String> {
    let job = evidence.job;
    let mut said = Vec::new();
    if job.stages.iter().any(|stage| stage.manifest.outcome == Outcome::Rejected) {
        said.push("Have the files repaired where they are written, and run again: the section on the data lists file, line and column.".to_owned());
        return said;
    }
    if job.stages.is_empty() || !job.missing_stages().is_empty() {
        said.push("Run the same command again with the same run id: what is done is not done twice.".to_owned());
        return said;
    }
    if let Some(verdict) = &evidence.verdict {
        said.extend(use_of(verdict));
    }
    if evidence.summary.as_ref().is_some_and(|summary| summary.rows_faulty > 0) {
        said.push("Look at the wafers called faulty in the order of the list below, and note what you find: outcomes are what the next training run learns from.".to_owned());
    }
    let files = job.count("validate", "files_quarantined").unwrap_or(0);
    if files > 0 {
        said.push(format!(
            "Have the {} in quarantine repaired at the source: the section on the data lists file, line and column.",
            words::counted(files, "file")
        ));
    }
    said
}

fn use_of(verdict: &Verdict) -> Vec<String> {
    let mut said = Vec::new();
    if !verdict.suspects.is_empty() {
        let named: Vec<String> =
            verdict.suspects.iter().take(MAX_NAMED).map(|suspect| suspect.feature.clone()).collect();
        said.push(format!("Before anything else, find out whether {} may know the answer.", words::list(&named)));
    }
    let Some(known) = &verdict.challenger else {
        said.push(
            "Hold rows out: without them nobody knows how the version does on wafers that it has not seen.".to_owned(),
        );
        return said;
    };
    said.push(
        match (roc_auc_includes_chance(&known.intervals), known.metrics.roc_auc) {
            (Some(true), _) => "Do not sort wafers by it: nothing shows yet that it does better than guessing.",
            (_, Some(auc)) if auc < WEAK_ROC_AUC => {
                "Use the probabilities to choose which wafers to look at first. Do not release or scrap a wafer by them."
            }
            (_, Some(_)) => "Look first at the wafers that it calls faulty, and keep a sample of the others to learn what it misses.",
            (_, None) => "Wait for rows of both classes among those held out before you use it.",
        }
        .to_owned(),
    );
    if known.is_descriptive {
        said.push("Collect more wafers that turned out faulty: with so few held out, another sample could look quite different.".to_owned());
    }
    said
}
