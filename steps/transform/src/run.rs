//! The core: the accepted rows of each file, in order, into one table.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use faultline_contract::Shard;
use faultline_contract::documents::validate::{Accepted, AcceptedFile};
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_runtime::{Inputs, MediaType, Merge, Outputs, Role};
use faultline_table::{CheckError, SourceFile, TableWriter, check_file, concatenate};

use crate::TransformError;

/// The name of the output.
pub(crate) const TABLE: &str = "table.parquet";

/// What the core needs besides the raw files.
#[derive(Debug)]
pub struct Job {
    /// The accepted files, in the order of their names.
    pub accepted: Accepted,
    /// The rules that they were accepted by.
    pub schema: ValidSchema,
    /// Those of the files that are worked on, by place.
    pub files: Range<usize>,
    /// Whether all files are read, a share of them, or the tables of shards are put together.
    pub role: Role,
}

/// Makes the table of the files, or of the tables that shards made of them; memory does not grow with the files.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), TransformError> {
    let file = outputs.create(TABLE, MediaType::Parquet, None)?;
    let files = &job.accepted.files[job.files.clone()];
    let expected = files.iter().map(|file| file.rows_accepted).sum();
    let (rows, mut file) = match job.role {
        Role::Whole | Role::Shard(_) => read(job, files, inputs, file)?,
        Role::Merge(count) => merge(count, inputs, file)?,
    };
    file.flush()?;
    if rows != expected {
        return Err(TransformError::Merged { got: rows, expected });
    }
    outputs.set_rows(TABLE, rows);
    outputs.count("files_in", files.len() as u64);
    outputs.count("rows_in", expected);
    outputs.count("rows_out", rows);
    // The database keeps training and prediction rows of a data set apart.
    outputs.fact("dataset", job.accepted.dataset.as_str());
    outputs.fact("purpose", purpose_name(job.accepted.purpose));
    Ok(())
}

/// Reads every file once.
fn read<W: Write + Send>(
    job: &Job,
    files: &[AcceptedFile],
    inputs: &Inputs,
    to: W,
) -> Result<(u64, W), TransformError> {
    let mut writer = TableWriter::new(to, &job.schema.feature_names())?;
    for file in files {
        add_file(job, file, inputs, &mut writer)?;
    }
    Ok((writer.row_count(), writer.finish()?))
}

/// Puts the tables of the shards one after the other.
fn merge<W: Write + Send>(count: u32, inputs: &Inputs, to: W) -> Result<(u64, W), TransformError> {
    let path = |shard| inputs.path(&Merge::name(shard, TABLE)).map_err(|failure| TransformError::input(TABLE, &failure));
    let tables = Shard::all(count).map(path).collect::<Result<Vec<_>, _>>()?;
    Ok(concatenate(&tables, to)?)
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
