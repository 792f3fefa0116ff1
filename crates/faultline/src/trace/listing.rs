//! A trace as text.

use faultline_contract::Outcome;

use super::Trace;
use super::checks::Finding;
use super::row::RowTrace;
use crate::table::{fitted, table};

/// Hex digits of a digest that people see; JSON has them all.
const SHOWN_DIGITS: usize = 16;

/// The chain from the prediction back to the raw row, then what was verified.
pub(super) fn lines(trace: &Trace) -> Vec<String> {
    let mut lines = Vec::new();
    let count = trace.rows.len();
    for (nth, row) in trace.rows.iter().enumerate() {
        let of = if count > 1 { format!(" ({} of {count})", nth + 1) } else { String::new() };
        lines.push(format!("{} in the run {}{of}", trace.id, trace.run_id));
        lines.extend(row_lines(row));
        lines.push(String::new());
    }
    lines.extend(model_lines(trace));
    lines.push(String::new());
    let schema = &trace.schema;
    let given = schema.uri.as_deref().unwrap_or("unknown");
    let digest = schema.sha256.map(|digest| format!(", sha256 {digest}")).unwrap_or_default();
    lines.push(format!("data schema of {}: {given}{digest}", schema.dataset));
    lines.push(String::new());
    lines.extend(step_lines(trace));
    lines.push(String::new());
    lines.extend(check_lines(trace));
    lines
}

fn row_lines(row: &RowTrace) -> Vec<String> {
    let mut facts = vec![
        ["predicted", &row.predicted.to_string()].map(str::to_owned),
        ["made again", &row.recomputed.as_ref().map_or("not possible".to_owned(), ToString::to_string)]
            .map(str::to_owned),
        ["file", &format!("{} at {}", row.source_file, row.source_uri)].map(str::to_owned),
        ["sha256", &row.source_sha256.to_string()].map(str::to_owned),
        ["place", &format!("row {}, line {}, byte {}", row.row, row.line, row.byte_offset)].map(str::to_owned),
    ];
    if let Some(raw) = &row.raw {
        facts.push(["raw row", raw].map(str::to_owned));
    }
    indented(&facts)
}

fn model_lines(trace: &Trace) -> Vec<String> {
    let model = &trace.model;
    let mut facts = vec![
        ["version", &format!("{} at {}", model.version, model.version_uri)].map(str::to_owned),
        ["bundle", &model.bundle_sha256.to_string()].map(str::to_owned),
        ["trained by", &format!("the run {}, version claimed {}", model.training_run_id, model.claimed_at)]
            .map(str::to_owned),
    ];
    for promotion in &model.promotions {
        let text =
            format!("{} by {}: {} (history entry {})", promotion.at, promotion.by, promotion.reason, promotion.seq);
        facts.push(["champion", &text].map(str::to_owned));
    }
    for maker in &model.makers {
        let code = maker.code_digest.map(|code| format!(", code {}", code.short(SHOWN_DIGITS))).unwrap_or_default();
        let text = format!("{}, step key {}{code}", maker.step, maker.step_key.digest().short(SHOWN_DIGITS));
        facts.push(["made from", &text].map(str::to_owned));
    }
    let mut lines = vec![format!("model {}", model.name)];
    lines.extend(indented(&facts));
    lines
}

fn step_lines(trace: &Trace) -> Vec<String> {
    let head = ["STEP", "OUTCOME", "STEP KEY", "CODE", "REVISION", "MANIFEST"].map(str::to_owned);
    let rows = trace.steps.iter().map(|step| {
        let outcome = match step.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
        };
        [
            step.step.clone(),
            outcome.to_owned(),
            step.step_key.digest().short(SHOWN_DIGITS),
            step.code_digest.short(SHOWN_DIGITS),
            step.git_revision.clone().unwrap_or_else(|| "-".to_owned()),
            step.manifest_uri.clone(),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    table(&rows, &[])
}

fn check_lines(trace: &Trace) -> Vec<String> {
    let wrong: Vec<_> = trace.checks.0.iter().filter(|check| check.finding != Finding::Verified).collect();
    let right = trace.checks.0.len() - wrong.len();
    let mut lines = vec![format!("{right} of {} checks verified", trace.checks.0.len())];
    for check in wrong {
        let finding = match check.finding {
            Finding::Verified => "verified",
            Finding::Differs => "DIFFERS",
            Finding::Missing => "MISSING",
            Finding::NotReproduced => "NOT REPRODUCED",
        };
        lines.push(format!("  {finding}  {}: {}", check.what, check.detail.as_deref().unwrap_or_default()));
    }
    lines
}

fn indented(facts: &[[String; 2]]) -> Vec<String> {
    fitted(facts, &[], None).iter().map(|row| format!("  {row}")).collect()
}
