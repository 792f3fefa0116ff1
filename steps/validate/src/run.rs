//! The core: one pass over every file, then the gate.

use std::collections::BTreeMap;
use std::fs::File;

use faultline_contract::documents::validate::{Accepted, AcceptedFile, ColumnProfile, PairedHeader, Profile};
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{CheckError, Code, FileOutcome, FolderCheck, FolderOutcome};

use crate::ValidateError;

/// What the core needs besides the raw files.
#[derive(Debug)]
pub struct Job {
    /// The rules.
    pub schema: ValidSchema,
    /// What the rows are wanted for.
    pub purpose: Purpose,
}

/// Checks every input below `raw/` in the order of the names; memory does not grow with the files.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ValidateError> {
    let quarantine = File::create(outputs.declare("quarantine.jsonl", MediaType::JsonLines, None)?)?;
    let mut check = FolderCheck::new(&job.schema, job.purpose, quarantine);
    for (name, path, _) in inputs.below("raw/") {
        let read = |source| ValidateError::Read { name: name.to_owned(), source };
        check.check(File::open(path).map_err(read)?, name).map_err(|error| match error {
            CheckError::Read { source, .. } => read(source),
            CheckError::Sink { source, .. } => ValidateError::Write(source),
        })?;
    }
    let outcome = check.finish()?;

    outputs.json("accepted.json", &accepted(job, &outcome))?;
    outputs.json("profile.json", &profile(job, &outcome))?;
    outputs.json("schema.json", job.schema.schema())?;
    let counts = &outcome.counts;
    outputs.count("files_in", counts.files_in);
    outputs.count("files_accepted", counts.files_accepted);
    outputs.count("files_quarantined", counts.files_quarantined);
    outputs.count("rows_in", counts.rows_in);
    outputs.count("rows_accepted", counts.rows_accepted);
    outputs.count("rows_quarantined", counts.rows_quarantined);
    outputs.count("rows_out", counts.rows_accepted);
    let failures = job.schema.gate().judge(counts);
    if !failures.is_empty() {
        let reasons: Vec<_> = failures.iter().map(ToString::to_string).collect();
        outputs.reject(reasons.join("; "));
    }
    Ok(())
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
