//! What the run's own data schema says of the corrected files.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;

use faultline_contract::documents::validate::Accepted;
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_contract::{Digest, ExitCode};
use faultline_runtime::Failure;
use faultline_table::{QuarantineRecord, Row, RowSink, check_file};
use serde::Serialize;

use super::plan::Source;
use crate::failure::file as local;
use crate::quarantine::told;

/// How many refused rows of a file are kept to be shown.
const EXAMPLES: usize = 3;

/// A corrected file and what is still wrong with it.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    pub(super) file: String,
    pub(super) rows_accepted: u64,
    pub(super) rows_quarantined: u64,
    /// Whether the file is refused as a whole.
    pub(super) is_refused: bool,
    /// Why, or the first of the refused rows.
    pub(super) examples: Vec<QuarantineRecord>,
}

/// Checks every corrected file as `validate` does.
pub(super) fn all(
    schema: &ValidSchema,
    purpose: Purpose,
    sources: &BTreeMap<String, Source>,
    accepted: &Accepted,
) -> Result<Vec<Checked>, Failure> {
    // Of two files with one content `validate` takes the first by name.
    let mut contents: BTreeMap<Digest, &str> = BTreeMap::new();
    let mut checked = Vec::new();
    for (name, source) in sources {
        match source {
            Source::Original(artifact) => {
                if accepted.files.iter().any(|file| file.name == *name) {
                    contents.entry(artifact.sha256).or_insert(name);
                }
            }
            Source::Corrected(file) => {
                let opened = File::open(&file.path).map_err(|error| local("open", &file.path, error))?;
                let mut refused = Refused(Vec::new());
                let outcome = check_file(opened, name, schema, purpose, &mut refused).map_err(|error| {
                    Failure::new(ExitCode::Temporary, format!("read {}", file.path.display())).caused_by(error)
                })?;
                let first = *contents.entry(file.sha256).or_insert(name);
                let is_copy = first != name.as_str();
                if is_copy && outcome.rejection.is_none() {
                    let message = format!("take in {name}: its content is that of {first}");
                    return Err(Failure::new(ExitCode::DataRejected, message)
                        .hint("leave one of the two out: rows are taken once"));
                }
                checked.push(Checked {
                    file: name.clone(),
                    rows_accepted: outcome.rows_accepted,
                    rows_quarantined: outcome.rows_quarantined,
                    is_refused: outcome.rejection.is_some(),
                    examples: outcome.rejection.map_or(refused.0, |record| vec![record]),
                });
            }
        }
    }
    Ok(checked)
}

/// The failure that a file asks for that is still refused as a whole. Single rows may go to quarantine again.
pub(super) fn verdict(checked: &[Checked]) -> Result<(), Failure> {
    let refused: Vec<_> = checked.iter().filter(|checked| checked.is_refused).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let why = first.examples.first().map(told).unwrap_or_default();
    let message =
        format!("take in {} of {} corrected files, which are still refused: {why}", refused.len(), checked.len());
    Err(Failure::new(ExitCode::DataRejected, message).hint("correct what the message names; nothing was written"))
}

/// Keeps the first refused rows.
struct Refused(Vec<QuarantineRecord>);

impl RowSink for Refused {
    type Error = Infallible;

    fn accept(&mut self, _: &Row<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn refuse(&mut self, record: QuarantineRecord) -> Result<(), Infallible> {
        if self.0.len() < EXAMPLES {
            self.0.push(record);
        }
        Ok(())
    }
}
