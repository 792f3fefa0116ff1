//! What a reader has to bear in mind, before anything else.

use faultline_contract::Outcome;
use faultline_contract::documents::evaluation::Calibration;
use faultline_contract::documents::promote::Verdict;
use faultline_learn::bootstrap::{average_precision_includes_chance, roc_auc_includes_chance};
use faultline_report::format::{count, decimal};
use faultline_report::{Notice, Tone};

use crate::evidence::{Evidence, Job};
use crate::overview::WEAK_ROC_AUC;
use crate::words;

/// All notices, those to act on first.
pub(crate) fn notices(evidence: &Evidence<'_>) -> Vec<Notice> {
    let mut notices = outcome_notices(evidence.job);
    if let Some(verdict) = &evidence.verdict {
        notices.extend(verdict_notices(evidence, verdict));
        notices.extend(member_notices(evidence));
    }
    notices.extend(data_notices(evidence));
    notices
}

fn verdict_notices(evidence: &Evidence<'_>, verdict: &Verdict) -> Vec<Notice> {
    let mut notices: Vec<Notice> = verdict
        .warnings
        .iter()
        .map(|warning| Notice::new(Tone::Warning, "About the verdict.", warning.as_str()))
        .collect();
    if let Some(known) = evidence.version().map(|won| &won.out_of_fold) {
        let (metrics, intervals) = (&known.metrics, &known.intervals);
        let by_precision = average_precision_includes_chance(intervals, metrics.rows, metrics.rows_faulty);
        if roc_auc_includes_chance(intervals) == Some(true) || by_precision == Some(true) {
            notices.push(Notice::new(
                Tone::Warning,
                "Out of fold the version cannot be told from chance.",
                "An interval of its average precision or its ROC AUC on the training rows reaches down to what a random ranking gives.",
            ));
        }
        if known.is_descriptive {
            notices.push(Notice::new(
                Tone::Warning,
                format!("Only {} training rows are faulty.", count(metrics.rows_faulty)),
                "With fewer than 30 the figures out of fold are descriptive, and so is the choice of the models.",
            ));
        }
    }
    // Where chance is not ruled out the verdict warns already, and there is nothing to rank by.
    let ranks = verdict.challenger.as_ref().filter(|known| roc_auc_includes_chance(&known.intervals) != Some(true));
    if let Some(auc) = ranks.and_then(|known| known.metrics.roc_auc).filter(|auc| *auc < WEAK_ROC_AUC) {
        notices.push(Notice::new(
            Tone::Warning,
            format!("A ROC AUC of {} is modest.", decimal(auc, 3)),
            "Use the probabilities to rank what is looked at first, not to release or to scrap.",
        ));
    }
    notices
}

/// What is odd about the models of the version.
fn member_notices(evidence: &Evidence<'_>) -> Vec<Notice> {
    let members = evidence.members();
    let mut notices = Vec::new();
    let uncalibrated: Vec<String> = members
        .iter()
        .filter(|(_, trained)| trained.calibration == Calibration::None)
        .map(|(evaluation, _)| words::model(evaluation))
        .collect();
    if !uncalibrated.is_empty() {
        let was_tried = members.iter().any(|(_, trained)| trained.calibrations.len() > 1);
        let why = if was_tried {
            "No calibration made them better on rows that it was not fitted on; the curve of the version shows how far they hold."
        } else {
            "The params ask for no calibration: read the probabilities as ranks."
        };
        let title = format!("The probabilities of these models are not calibrated: {}.", words::list(&uncalibrated));
        notices.push(Notice::new(Tone::Neutral, title, why));
    }
    let silent: Vec<String> = members
        .iter()
        .filter(|(_, trained)| trained.threshold > 1.0)
        .map(|(evaluation, _)| words::model(evaluation))
        .collect();
    if !silent.is_empty() {
        let title = format!("These models call no row faulty: {}.", words::list(&silent));
        let text = "At the stated costs no threshold is cheaper than to let every row of theirs pass. Their probabilities still rank.";
        notices.push(Notice::new(Tone::Warning, title, text));
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
            format!(
                "{} without a single value in up to {most} of {files} accepted files.",
                words::counted(empty.len() as u64, "column")
            ),
            "They were kept as missing values. A stricter schema can reject such files.",
        ));
    }
    let paired = evidence.profile.as_ref().map_or(0, |profile| profile.paired_headers.len());
    if paired > 0 {
        notices.push(Notice::new(
            Tone::Warning,
            format!("{} that matched no column by name.", words::counted(paired as u64, "header")),
            "They were paired with the column that their place left open; the section on the data lists them.",
        ));
    }
    let alone: Vec<_> =
        evidence.clusters.iter().flat_map(|clusters| &clusters.clusters).filter(|cluster| !cluster.trainable).collect();
    if !alone.is_empty() {
        notices.push(Notice::new(
            Tone::Neutral,
            format!("{} too small or of one class only.", words::counted(alone.len() as u64, "cluster")),
            "Their rows are scored by the model that was trained on the rows of all clusters.",
        ));
    }
    notices
}
