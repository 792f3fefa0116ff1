//! The predictions of shards, put together.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use faultline_contract::Shard;
use faultline_contract::documents::predict::Summary;
use faultline_runtime::{Inputs, MediaType, Merge, Outputs};
use faultline_table::concatenate;

use crate::PredictError;
use crate::run::{CSV, Job, PREDICTIONS, SUMMARY};

/// What is put together.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) shards: u32,
    /// The rows of the whole export.
    pub(crate) rows: Option<u64>,
}

/// Writes what scoring all rows at once would have written; memory does not grow with the rows.
pub(crate) fn run(job: &Job, merged: &Merged, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), PredictError> {
    let of_shards = |output: &str| -> Result<Vec<&Path>, PredictError> {
        Shard::all(merged.shards)
            .map(|shard| inputs.path(&Merge::name(shard, output)).map_err(PredictError::Input))
            .collect()
    };
    let tables = of_shards(PREDICTIONS)?;
    let (rows, mut file) = concatenate(&tables, outputs.create(PREDICTIONS, MediaType::Parquet, None)?)?;
    file.flush()?;
    if let Some(expected) = merged.rows.filter(|expected| *expected != rows) {
        return Err(PredictError::Merged { got: rows, expected });
    }
    outputs.set_rows(PREDICTIONS, rows);

    let mut csv = outputs.create(CSV, MediaType::Csv, Some(rows))?;
    for (index, path) in of_shards(CSV)?.into_iter().enumerate() {
        append(path, index > 0, &mut csv)?;
    }
    csv.flush()?;
    let summaries = of_shards(SUMMARY)?.into_iter().map(summary).collect::<Result<Vec<_>, _>>()?;
    let whole = summaries.into_iter().reduce(added).ok_or(PredictError::Merged { got: 0, expected: rows })?;
    job.tell(&whole, outputs)
}

/// Adds a CSV file, without its header line where there is one already. No name of a column has a line break.
fn append(path: &Path, has_header: bool, to: &mut impl Write) -> io::Result<()> {
    let mut from = BufReader::new(File::open(path)?);
    if has_header {
        from.skip_until(b'\n')?;
    }
    io::copy(&mut from, to).map(drop)
}

fn summary(path: &Path) -> Result<Summary, PredictError> {
    serde_json::from_reader(BufReader::new(File::open(path)?)).map_err(|source| PredictError::Write(source.into()))
}

/// The counts of both. Every summary of a version has the same clusters.
fn added(mut whole: Summary, share: Summary) -> Summary {
    whole.rows += share.rows;
    whole.rows_faulty += share.rows_faulty;
    for (sum, one) in whole.clusters.iter_mut().zip(share.clusters) {
        sum.rows += one.rows;
        sum.rows_faulty += one.rows_faulty;
    }
    whole
}
