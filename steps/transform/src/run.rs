//! The core: the accepted rows of each file, in order, into one table.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use faultline_contract::documents::validate::{Accepted, AcceptedFile};
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{CheckError, SourceFile, TableWriter, check_file};

use crate::TransformError;

/// The name of the output.
const TABLE: &str = "table.parquet";

/// What the core needs besides the raw files.
#[derive(Debug)]
pub struct Job {
    /// The accepted files, in the order of their names.
    pub accepted: Accepted,
    /// The rules that they were accepted by.
    pub schema: ValidSchema,
}

/// Reads every accepted file once; memory does not grow with the files.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TransformError> {
    let file = outputs.create(TABLE, MediaType::Parquet, None)?;
    let mut writer = TableWriter::new(file, &job.schema.feature_names())?;
    for file in &job.accepted.files {
        add_file(job, file, inputs, &mut writer)?;
    }
    let rows = writer.row_count();
    writer.finish()?.flush()?;
    outputs.set_rows(TABLE, rows);
    outputs.count("files_in", job.accepted.files.len() as u64);
    outputs.count("rows_in", job.accepted.files.iter().map(|file| file.rows_accepted).sum());
    outputs.count("rows_out", rows);
    // The database keeps training and prediction rows of a data set apart.
    outputs.fact("dataset", job.accepted.dataset.as_str());
    outputs.fact("purpose", purpose_name(job.accepted.purpose));
    Ok(())
}

fn add_file<W: Write + Send>(
    job: &Job,
    file: &AcceptedFile,
    inputs: &Inputs,
    writer: &mut TableWriter<W>,
) -> Result<(), TransformError> {
    let name = &file.name;
    let read = |source| TransformError::Read { name: name.clone(), source };
    let path = inputs.path(&format!("raw/{name}")).map_err(|failure| TransformError::input(name, &failure))?;
    let source = SourceFile { file: Arc::from(name.as_str()), sha256: file.sha256, time: file.time_secs };
    let before = writer.row_count();
    let mut rows = writer.rows_of(source);
    let opened = File::open(path).map_err(read)?;
    check_file(opened, name, &job.schema, job.accepted.purpose, &mut rows).map_err(|error| match error {
        CheckError::Read { source, .. } => read(source),
        CheckError::Sink { source, .. } => TransformError::Table(source),
    })?;
    let (got, expected) = (writer.row_count() - before, file.rows_accepted);
    if got == expected { Ok(()) } else { Err(TransformError::Rows { name: name.clone(), got, expected }) }
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Train => "train",
        Purpose::Predict => "predict",
    }
}
