//! The core: one pass over every file, then the gate. A shard makes the pass over its files, and a merge judges what all shards found.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use faultline_contract::documents::validate::{Accepted, AcceptedFile, ColumnProfile, PairedHeader, Profile};
use faultline_contract::schema::{Purpose, ValidSchema, ValidationCounts};
use faultline_contract::{Digest, Shard};
use faultline_runtime::{Inputs, MediaType, Merge, Outputs, Role};
use faultline_table::{CheckError, Code, FileOutcome, FolderCheck, FolderOutcome};

use crate::ValidateError;
use crate::quality::Quality;
use crate::side_by_side::check_files;

/// The names of the outputs, and of the input that is one of them.
pub(crate) const QUARANTINE: &str = "quarantine.jsonl";
pub(crate) const SCHEMA: &str = "schema.json";
/// What a shard found of each of its files: one [`SharedFile`] per line.
pub(crate) const FILES: &str = "files.jsonl";

/// What the core needs besides the raw files.
#[derive(Debug)]
pub struct Job {
    /// The rules.
    pub schema: ValidSchema,
    /// What the rows are wanted for.
    pub purpose: Purpose,
    /// Whether all files are checked, a share of them, or what shards found is put together.
    pub role: Role,
    /// The BLAKE3 of raw files, by the names of the inputs, where it was taken with their sha256.
    pub blake3s: BTreeMap<String, Digest>,
}

/// Does what the role says. The files are in the order of their names; memory does not grow with their rows.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ValidateError> {
    let quarantine = File::create(outputs.declare(QUARANTINE, MediaType::JsonLines, None)?)?;
    let mut check = FolderCheck::new(&job.schema, job.purpose, quarantine);
    match job.role {
        Role::Whole => {
            check_files(job, inputs, outputs.folder(), |file, records| check.add(file, records).map(drop))?;
            judge(job, &check.finish()?, outputs)
        }
        Role::Shard(_) => {
            let mut files = outputs.create(FILES, MediaType::JsonLines, None)?;
            check_files(job, inputs, outputs.folder(), |file, records| {
                let written = serde_json::to_writer(&mut files, &file).map_err(Into::into);
                let ended = written.and_then(|()| files.write_all(b"\n"));
                ended.map_err(|source| CheckError::Sink { file: file.outcome.file.clone(), source })?;
                check.add_share(file, records)
            })?;
            files.flush()?;
            count(&check.finish()?.counts, outputs);
            Ok(())
        }
        Role::Merge(shards) => {
            for shard in Shard::all(shards) {
                merge(shard, inputs, &mut check)?;
            }
            judge(job, &check.finish()?, outputs)
        }
    }
}

/// Adds what one shard found.
fn merge(shard: Shard, inputs: &Inputs, check: &mut FolderCheck<'_>) -> Result<(), ValidateError> {
    let open = |output: &str| -> Result<_, ValidateError> {
        let path = inputs.path(&Merge::name(shard, output)).map_err(ValidateError::Input)?;
        Ok(BufReader::new(File::open(path)?))
    };
    let mut quarantine = open(QUARANTINE)?;
    for line in open(FILES)?.lines() {
        let misfit = |source| ValidateError::Shard { shard, source };
        let file = serde_json::from_str(&line?).map_err(misfit)?;
        check.add(file, &mut quarantine).map_err(|error| match error {
            CheckError::Read { source, .. } | CheckError::Sink { source, .. } => ValidateError::Write(source),
        })?;
    }
    Ok(())
}

/// Writes what became of the folder, and holds it against the gate.
fn judge(job: &Job, outcome: &FolderOutcome, outputs: &mut Outputs) -> Result<(), ValidateError> {
    outputs.json("accepted.json", &accepted(job, outcome))?;
    outputs.json("profile.json", &profile(job, outcome))?;
    outputs.json(SCHEMA, job.schema.schema())?;
    count(&outcome.counts, outputs);
    Quality::new(outcome, job.schema.gate()).note(outputs)?;
    let failures = job.schema.gate().judge(&outcome.counts);
    if !failures.is_empty() {
        let reasons: Vec<_> = failures.iter().map(ToString::to_string).collect();
        outputs.reject(reasons.join("; "));
    }
    Ok(())
}

fn count(counts: &ValidationCounts, outputs: &mut Outputs) {
    outputs.count("files_in", counts.files_in);
    outputs.count("files_accepted", counts.files_accepted);
    outputs.count("files_quarantined", counts.files_quarantined);
    outputs.count("rows_in", counts.rows_in);
    outputs.count("rows_accepted", counts.rows_accepted);
    outputs.count("rows_quarantined", counts.rows_quarantined);
    outputs.count("rows_out", counts.rows_accepted);
}

fn accepted_files(outcome: &FolderOutcome) -> impl Iterator<Item = (&FileOutcome, i64)> {
    let passed = outcome.files.iter().filter(|file| file.rejection.is_none());
    // A file is accepted only if its name, and so its time, was read.
    passed.filter_map(|file| Some((file, file.time?)))
}

fn accepted(job: &Job, outcome: &FolderOutcome) -> Accepted {
    let files = accepted_files(outcome).map(|(file, time_secs)| AcceptedFile {
        name: file.file.clone(),
        sha256: file.sha256,
        blake3: file.blake3,
        bytes: file.bytes,
        time_secs,
        rows_accepted: file.rows_accepted,
        rows_quarantined: file.rows_quarantined,
    });
    Accepted { dataset: job.schema.dataset().to_owned(), purpose: job.purpose, files: files.collect() }
}

fn profile(job: &Job, outcome: &FolderOutcome) -> Profile {
    let by_name = |reasons: &BTreeMap<Code, u64>| reasons.iter().map(|(code, n)| (code.to_string(), *n)).collect();
    let columns = job.schema.features().iter().enumerate().map(|(index, column)| ColumnProfile {
        name: column.name.clone(),
        missing: outcome.missing_counts[index],
        empty_files: accepted_files(outcome)
            .filter(|(file, _)| file.missing_counts[index] == file.rows_accepted)
            .count() as u64,
    });
    let paired_headers = accepted_files(outcome).flat_map(|(file, _)| {
        file.paired_headers.iter().map(|(header, column)| PairedHeader {
            file: file.file.clone(),
            header: header.clone(),
            column: column.clone(),
        })
    });
    Profile {
        file_reasons: by_name(&outcome.file_reasons),
        row_reasons: by_name(&outcome.row_reasons),
        paired_headers: paired_headers.collect(),
        columns: columns.collect(),
    }
}
