//! The raw rows: their bytes, what is read from them, and what the model says of them now.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use faultline_contract::documents::predict::{FAULTY, GOOD};
use faultline_contract::documents::validate::Accepted;
use faultline_contract::schema::ValidSchema;
use faultline_contract::{Digest, ExitCode};
use faultline_runtime::Failure;
use faultline_table::{QuarantineRecord, Row, RowSink, Table, TableError, check_file};
use serde::Serialize;

use super::chain::Chain;
use super::checks::Checks;
use super::model::Model;
use crate::bundles::Version;
use crate::failure::file as local;
use crate::runs::{Fetched, Runs, output, raw_files, unreadable};
use crate::table::printable;

/// The longest line that a batch file may have.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// What was said of a row.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    pub(super) cluster: i64,
    pub(super) probability: f64,
    pub(super) decision: String,
}

/// One row of the run with the id.
#[derive(Debug, Serialize)]
pub(super) struct RowTrace {
    pub(super) source_file: String,
    pub(super) source_uri: String,
    pub(super) source_sha256: Digest,
    /// The 1-based data row in the file.
    pub(super) row: u64,
    /// The 1-based line in the file.
    pub(super) line: u64,
    /// Where the line starts.
    pub(super) byte_offset: u64,
    /// The row as it stands in the file, without the line's end; what is no UTF-8 is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw: Option<String>,
    /// The sha256 of those bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw_sha256: Option<Digest>,
    pub(super) predicted: Said,
    /// What the model says of the raw row now; absent where a check before it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recomputed: Option<Said>,
}

/// The data schema that the raw file was judged by.
#[derive(Debug, Serialize)]
pub(super) struct SchemaTrace {
    pub(super) dataset: String,
    /// As the run was given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Digest>,
}

/// What the rows are made from.
#[derive(Debug)]
pub(super) struct Sources {
    schema: ValidSchema,
    accepted: Accepted,
    export: Table,
    /// By name, where it is and, if it is what was predicted from, its local file.
    files: BTreeMap<String, (String, Option<PathBuf>)>,
}

impl Said {
    /// Bit for bit the same.
    fn is(&self, other: &Self) -> bool {
        self.cluster == other.cluster
            && self.probability.to_bits() == other.probability.to_bits()
            && self.decision == other.decision
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cluster {}, probability {}, {}", self.cluster, self.probability, self.decision)
    }
}

/// Fetches and verifies what the rows are made from.
pub(super) async fn fetch(runs: &Runs, chain: &Chain, checks: &mut Checks) -> Result<Sources, Failure> {
    let (validate, load) = (&chain.validate, &chain.load);
    let rules = runs.read(output(validate, "schema.json")?).await?;
    let schema = ValidSchema::from_json(&rules).map_err(|error| {
        Failure::configuration("read the data schema of the run")
            .caused_by(error)
            .hint("it was written by another version: run the pipeline again")
    })?;
    let accepted: Accepted = runs.read_json(output(validate, "accepted.json")?).await?;
    let path = runs.fetch(output(load, "export.parquet")?).await?;
    let export = Table::read(&path).map_err(|error| unreadable(&path, error))?;
    for name in ["schema.json", "accepted.json", "export.parquet"] {
        checks.right(format!("sha256 of {name}"), None);
    }
    let keys = keys(chain)?;
    let mut files = BTreeMap::new();
    for place in &chain.places {
        let (name, expected) = (keys.source_files[*place].to_string(), keys.source_sha256s[*place]);
        if files.contains_key(&name) {
            continue;
        }
        let what = format!("sha256 of the raw file {name}");
        let Some((_, artifact)) = raw_files(validate).find(|(known, _)| *known == name) else {
            checks.missing(what, "it was no input of validate".to_owned());
            files.insert(name, (String::new(), None));
            continue;
        };
        let path = match runs.fetch_unverified(artifact).await {
            Ok(Fetched { path, sha256 }) => checks.digest(what, sha256, expected).then_some(path),
            Err(failure) if failure.code() == ExitCode::InputMissing => {
                checks.missing(what, format!("{} is not there any more", artifact.uri));
                None
            }
            Err(failure) => return Err(failure),
        };
        files.insert(name, (artifact.uri.clone(), path));
    }
    Ok(Sources { schema, accepted, export, files })
}

/// The data schema of the run.
pub(super) fn schema(chain: &Chain, sources: &Sources) -> SchemaTrace {
    let given = chain.validate.inputs.iter().find(|input| input.name == "schema.json");
    SchemaTrace {
        dataset: sources.schema.dataset().to_owned(),
        uri: given.map(|schema| schema.uri.clone()),
        sha256: given.map(|schema| schema.sha256),
    }
}

/// Reads the raw rows as `transform` did, and scores them as `predict` did.
pub(super) fn again(
    chain: &Chain,
    model: &Model,
    sources: &Sources,
    checks: &mut Checks,
) -> Result<Vec<RowTrace>, Failure> {
    let keys = keys(chain)?;
    let bundle = model.folder.as_deref().map(|folder| Version::open(folder, model.trace.version)).transpose()?;
    let wanted = |name: &str| -> BTreeSet<u64> {
        let of_file = chain.places.iter().filter(|place| &*keys.source_files[**place] == name);
        of_file.map(|place| keys.rows[*place]).collect()
    };
    let mut parsed = BTreeMap::new();
    for (name, (_, path)) in &sources.files {
        if let Some(path) = path {
            parsed.insert(name.as_str(), parse(sources, name, path, wanted(name))?);
        }
    }
    let mut rows = Vec::with_capacity(chain.places.len());
    for place in &chain.places {
        let (name, row) = (&*keys.source_files[*place], keys.rows[*place]);
        let what = format!("row {row} of {name}");
        let exported = exported(&sources.export, name, row)?;
        let (uri, path) = sources.files.get(name).cloned().unwrap_or_default();
        let mut trace = RowTrace {
            source_file: name.to_owned(),
            source_uri: uri,
            source_sha256: keys.source_sha256s[*place],
            row,
            line: sources.export.lines[exported],
            byte_offset: sources.export.byte_offsets[exported],
            raw: None,
            raw_sha256: None,
            predicted: predicted(chain, *place)?,
            recomputed: None,
        };
        if let Some(path) = path {
            let bytes = line_at(&path, trace.byte_offset).map_err(|error| local("read the raw file", &path, error))?;
            trace.raw = Some(printable(&bytes));
            trace.raw_sha256 = Some(Digest::of(&bytes));
            let found = parsed.get(name).and_then(|rows| rows.get(&row));
            let wrong = difference(found, &sources.export, exported);
            if checks.right(format!("{what}, read again, is what was loaded"), wrong)
                && let (Some(found), Some(bundle)) = (found, &bundle)
            {
                let scores = bundle.score(&sources.schema.feature_names(), &found.features)?;
                trace.recomputed = scores.first().map(|score| Said {
                    cluster: score.cluster as i64,
                    probability: score.probability,
                    decision: if score.faulty { FAULTY } else { GOOD }.to_owned(),
                });
            }
        }
        let what = format!("prediction of {what}, made again");
        match &trace.recomputed {
            Some(again) if again.is(&trace.predicted) => {
                checks.right(what, None);
            }
            Some(again) => checks.not_reproduced(what, format!("got {again}, expected {}", trace.predicted)),
            // A check before has failed, and says why.
            None => {}
        }
        rows.push(trace);
    }
    Ok(rows)
}

/// A row as it is read from the raw file.
#[derive(Debug)]
struct Parsed {
    id: String,
    line: u64,
    byte_offset: u64,
    features: Vec<f32>,
}

/// Keeps some rows of a file.
#[derive(Debug)]
struct Picked {
    wanted: BTreeSet<u64>,
    found: BTreeMap<u64, Parsed>,
}

impl RowSink for Picked {
    type Error = Infallible;

    fn accept(&mut self, row: &Row<'_>) -> Result<(), Infallible> {
        if self.wanted.contains(&row.row) {
            let Row { line, byte_offset, .. } = *row;
            let parsed = Parsed { id: row.id.to_owned(), line, byte_offset, features: row.features.to_vec() };
            self.found.insert(row.row, parsed);
        }
        Ok(())
    }

    fn refuse(&mut self, _: QuarantineRecord) -> Result<(), Infallible> {
        Ok(())
    }
}

fn parse(sources: &Sources, name: &str, path: &Path, wanted: BTreeSet<u64>) -> Result<BTreeMap<u64, Parsed>, Failure> {
    let opened = File::open(path).map_err(|error| local("open the raw file", path, error))?;
    let mut sink = Picked { wanted, found: BTreeMap::new() };
    check_file(opened, name, &sources.schema, sources.accepted.purpose, &mut sink)
        .map_err(|error| Failure::new(ExitCode::Temporary, format!("read {}", path.display())).caused_by(error))?;
    Ok(sink.found)
}

/// What differs between a row of the raw file and the row that was loaded.
fn difference(found: Option<&Parsed>, export: &Table, place: usize) -> Option<String> {
    let Some(found) = found else {
        return Some("the row is refused now".to_owned());
    };
    let (line, byte_offset) = (export.lines[place], export.byte_offsets[place]);
    if found.id != export.keys.ids[place] || found.line != line || found.byte_offset != byte_offset {
        return Some(format!(
            "got another id or place: line {}, byte {}, expected line {line}, byte {byte_offset}",
            found.line, found.byte_offset
        ));
    }
    let loaded = export.row(place);
    let bits = |values: &[f32]| -> Vec<Option<u32>> {
        values.iter().map(|value| (!value.is_nan()).then(|| value.to_bits())).collect()
    };
    (bits(&found.features) != bits(loaded)).then(|| "its values are others".to_owned())
}

fn keys(chain: &Chain) -> Result<faultline_table::Keys, Failure> {
    chain.predictions.keys().map_err(|error| odd_predictions(chain, error))
}

fn predicted(chain: &Chain, place: usize) -> Result<Said, Failure> {
    let read = || {
        Ok(Said {
            cluster: chain.predictions.i64("cluster")?[place],
            probability: chain.predictions.f64("probability")?[place],
            decision: chain.predictions.text("decision")?[place].clone(),
        })
    };
    read().map_err(|error: TableError| odd_predictions(chain, error))
}

fn odd_predictions(chain: &Chain, error: TableError) -> Failure {
    Failure::configuration(format!("read the predictions of the run {}", chain.predict.run_id))
        .caused_by(error)
        .hint("they were written by another version: predict again")
}

/// The place of a row in the export.
fn exported(export: &Table, name: &str, row: u64) -> Result<usize, Failure> {
    let is_it = |place: &usize| &*export.keys.source_files[*place] == name && export.keys.rows[*place] == row;
    (0..export.row_count()).find(is_it).ok_or_else(|| {
        Failure::configuration(format!("find row {row} of {name} in the export of the run"))
            .hint("the predictions are of other rows than those that were loaded: predict again, in a new run")
    })
}

/// The line that starts at `offset`, without its end.
fn line_at(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(File::open(path)?);
    reader.seek(SeekFrom::Start(offset))?;
    let mut line = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    let end = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(line.len());
    line.truncate(end);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_the_reader_of_batch_files_ends_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, offset, expected) in
            [("a\nbc\nd", 2, "bc"), ("a\r\nbc\r\nd", 3, "bc"), ("a\rbc\rd", 2, "bc"), ("a\nbc", 2, "bc")]
        {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(line_at(file.path(), offset).unwrap(), expected.as_bytes(), "{text:?}");
        }
    }
}
