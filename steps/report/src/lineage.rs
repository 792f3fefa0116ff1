//! Where everything came from: stages, code, params, artifacts, each with its digest.

use faultline_contract::Outcome;
use faultline_report::format::{bytes, count, short_digest};
use faultline_report::{Block, Cell, Section, Table, Tone};

use crate::evidence::{Evidence, Job};
use crate::words;

pub(crate) fn section(evidence: &Evidence<'_>) -> Section {
    let mut section = Section::new("Lineage: where everything came from");
    let job = evidence.job;
    if job.stages.is_empty() {
        return section;
    }
    section.push(facts(evidence));
    section.push(stages(job));
    section.push(Block::Folded("Params of every stage".into(), params(job)));
    section.push(Block::Folded("Artifacts and their digests".into(), artifacts(job)));
    section
}

fn facts(evidence: &Evidence<'_>) -> Block {
    let job = evidence.job;
    let mut facts = vec![("Run".into(), job.run_id.as_str().into())];
    if let Some(first) = job.stages.first() {
        facts.push(("Seed".into(), first.manifest.seed.to_string().into()));
        facts.push(("Faultline".into(), first.manifest.faultline_version.as_str().into()));
        if let Some(revision) = &first.manifest.git_revision {
            facts.push(("Git revision".into(), short_digest(revision).into()));
        }
    }
    if let Some(verdict) = &evidence.verdict {
        facts.push(("Version".into(), format!("{} of {}", verdict.version, verdict.model).into()));
        let champion =
            verdict.champion_version.map_or_else(|| "none".to_owned(), |version| format!("version {version}"));
        facts.push(("Champion before".into(), champion.into()));
    }
    if let Some(summary) = &evidence.summary {
        facts.push(("Version".into(), format!("{} of {}", summary.model_version, summary.model).into()));
    }
    Block::Facts(facts)
}

fn stages(job: &Job) -> Table {
    let mut table = Table::new("Stages, with the first digits of their digests")
        .column("Stage")
        .column("Outcome")
        .numbers("Rows in")
        .numbers("Rows out")
        .column("Work")
        .column("Code")
        .column("Step key")
        .column("Manifest");
    for stage in &job.stages {
        let manifest = &stage.manifest;
        let outcome = match manifest.outcome {
            Outcome::Accepted => (Tone::Good, "accepted"),
            Outcome::Rejected => (Tone::Bad, "rejected"),
        };
        let work = if manifest.reused_from.is_some() { "reused" } else { "done" };
        table.push(vec![
            Cell::words(&stage.name),
            Cell::badge(outcome.0, outcome.1),
            Cell::number(count(manifest.count("rows_in"))),
            Cell::number(count(manifest.count("rows_out"))),
            Cell::words(work),
            Cell::code(manifest.code_digest.short(12)),
            Cell::code(manifest.step_key.digest().short(12)),
            Cell::code(stage.sha256.short(12)),
        ]);
    }
    table
}

fn params(job: &Job) -> Table {
    let mut table = Table::new("Semantic params, part of the step key").column("Stage").column("Params");
    for stage in &job.stages {
        table.push(vec![Cell::words(&stage.name), Cell::code(words::params(&stage.manifest.params))]);
    }
    table
}

fn artifacts(job: &Job) -> Table {
    let mut table = Table::new("What every stage wrote")
        .column("Stage")
        .column("Artifact")
        .numbers("Size")
        .numbers("Rows")
        .column("sha256")
        .column("URI");
    for stage in &job.stages {
        for output in &stage.manifest.outputs {
            table.push(vec![
                Cell::words(&stage.name),
                Cell::words(&output.name),
                Cell::number(bytes(output.bytes)),
                Cell::number(output.rows.map(count).unwrap_or_default()),
                Cell::code(output.sha256.to_string()),
                Cell::code(&output.uri),
            ]);
        }
    }
    table
}
