//! The core: the accepted rows of each file, in order, into one table.

use std::io::Write;
use std::ops::Range;

use faultline_contract::Shard;
use faultline_contract::documents::validate::{Accepted, AcceptedFile};
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_runtime::{Inputs, MediaType, Merge, Outputs, Role};
use faultline_table::{TableWriter, concatenate};

use crate::TransformError;
use crate::side_by_side::add_files;

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

/// Makes the table of the files, or of the tables that shards made of them; memory grows by Parquet's footer alone.
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
    add_files(job, files, inputs, &mut writer)?;
    Ok((writer.row_count(), writer.finish()?))
}

/// Puts the tables of the shards one after the other.
fn merge<W: Write + Send>(count: u32, inputs: &Inputs, to: W) -> Result<(u64, W), TransformError> {
    let path =
        |shard| inputs.path(&Merge::name(shard, TABLE)).map_err(|failure| TransformError::input(TABLE, &failure));
    let tables = Shard::all(count).map(path).collect::<Result<Vec<_>, _>>()?;
    Ok(concatenate(&tables, to)?)
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Train => "train",
        Purpose::Predict => "predict",
    }
}
