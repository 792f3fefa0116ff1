//! `faultline replay`: brings corrected files back in, as a new raw folder that equals one that was clean from the start.

mod check;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use faultline_contract::documents::validate::Accepted;
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_contract::{Artifact, ExitCode, Manifest, RunId};
use faultline_runtime::Failure;
use faultline_store::{Store, StoreUrl};
use serde::Serialize;

use crate::cli::{Output, answer, block_on, current_folder, open_store};
use crate::quarantine::{VALIDATE, each_record, fetch, told};
use crate::runs::{Runs, of_step, output, raw_files};
use check::Checked;
use plan::{Corrected, Source};

/// Make a raw folder in which corrected files stand for those that a run refused, and say how to go on.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the run that refused files or rows.
    run: RunId,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// Folder of the corrected files, named as in the raw folder.
    #[arg(long, value_name = "DIR")]
    corrected: String,
    /// The new raw folder: a path or a store's URI; it must be empty.
    #[arg(long, value_name = "URI", required_unless_present = "check")]
    to: Option<String>,
    /// A corrected file that has a new name, where the old name was what was wrong. Repeatable.
    #[arg(long, value_name = "OLD=NEW", value_parser = pair)]
    rename: Vec<(String, String)>,
    /// Only check the corrected files against the run's data schema; write nothing.
    #[arg(long)]
    check: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline replay nightly-7 --corrected fixed --check --root-uri store
  faultline replay nightly-7 --corrected fixed --to raw-again --rename OLD.csv=NEW.csv --root-uri store

Exit codes: 0 it is done; 2 a corrected file corresponds to nothing that was refused; 65 one is still refused; 66 a raw file is gone; 78 a raw file was changed, or --to is not empty.";

/// What was made, or would be.
#[derive(Debug, Serialize)]
struct Listing {
    run_id: RunId,
    /// The new raw folder; absent where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_uri: Option<String>,
    files: usize,
    /// The corrected files, as the run's data schema judges them.
    corrected: Vec<Checked>,
    /// Files of the run with something in quarantine that no corrected file stands for; they go on as they are.
    left: Vec<String>,
    /// How to go on; absent where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// Params that no manifest tells: to be repeated where the run was given them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repeat: Vec<&'static str>,
}

/// What the run says of itself.
struct Refused {
    manifests: Vec<Manifest>,
    validate: Manifest,
    originals: BTreeMap<String, Artifact>,
    quarantined: BTreeSet<String>,
    schema: ValidSchema,
    accepted: Accepted,
}

/// Checks, writes the folder, prints how to go on.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let listing = block_on(replay(args))?;
    answer(args.output, &listing, || lines(&listing))?;
    check::verdict(&listing.corrected)?;
    Ok(ExitCode::Committed)
}

async fn replay(args: &Args) -> Result<Listing, Failure> {
    let runs = Runs::open(&args.root_uri).await?;
    let refused = refused(&runs, &args.run).await?;
    let corrected = corrected(&runs, &args.corrected).await?;
    let sources = plan::merge(&refused.originals, &refused.quarantined, corrected, &args.rename)?;
    let checked = check::all(&refused.schema, refused.accepted.purpose, &sources, &refused.accepted)?;
    let replaced = |name: &String| {
        matches!(sources.get(name), Some(Source::Corrected(_))) || args.rename.iter().any(|(old, _)| old == name)
    };
    let mut listing = Listing {
        run_id: args.run.clone(),
        raw_uri: None,
        files: sources.len(),
        left: refused.quarantined.iter().filter(|name| !replaced(name)).cloned().collect(),
        command: None,
        repeat: Vec::new(),
        corrected: checked,
    };
    let Some(to) = args.to.as_deref().filter(|_| !args.check && check::verdict(&listing.corrected).is_ok()) else {
        return Ok(listing);
    };
    let target = target(to, &refused.originals).await?;
    write(&runs, &sources, target.as_ref()).await?;
    let (command, repeat) = command(&runs, &refused, &target.root_uri());
    listing.raw_uri = Some(target.root_uri());
    listing.command = Some(command);
    listing.repeat = repeat;
    Ok(listing)
}

async fn refused(runs: &Runs, run: &RunId) -> Result<Refused, Failure> {
    let manifests = runs.manifests(run).await?;
    let validate = of_step(&manifests, run, VALIDATE)?.clone();
    let rules = runs.read(output(&validate, "schema.json")?).await?;
    let schema = ValidSchema::from_json(&rules).map_err(|error| {
        Failure::configuration(format!("read the data schema of the run {run}"))
            .caused_by(error)
            .hint("it was written by another version: run the pipeline again")
    })?;
    let accepted = runs.read_json(output(&validate, "accepted.json")?).await?;
    let path = fetch(runs, &validate).await?;
    let mut quarantined = BTreeSet::new();
    each_record(&path, |record| {
        if !quarantined.contains(&record.file) {
            quarantined.insert(record.file);
        }
    })?;
    let originals = raw_files(&validate).map(|(name, artifact)| (name.to_owned(), artifact.clone())).collect();
    Ok(Refused { manifests, validate, originals, quarantined, schema, accepted })
}

async fn corrected(runs: &Runs, folder: &str) -> Result<BTreeMap<String, Corrected>, Failure> {
    let store = open_store(folder).await?;
    let copies = runs.folder("corrected")?;
    let mut files = BTreeMap::new();
    for (index, object) in store.list("").await?.into_iter().enumerate() {
        let (path, written) = store.fetch(&object.key, &copies.join(index.to_string())).await?;
        files.insert(object.key, Corrected { path, sha256: written.sha256 });
    }
    if files.is_empty() {
        let message = format!("find corrected files in {}", store.root_uri());
        return Err(
            Failure::new(ExitCode::InputMissing, message).hint("check --corrected: it names a folder of batch files")
        );
    }
    Ok(files)
}

/// The new raw folder, which must be empty and no part of the old one.
async fn target(to: &str, originals: &BTreeMap<String, Artifact>) -> Result<Arc<dyn Store>, Failure> {
    let target = open_store(to).await?;
    for (name, artifact) in originals {
        if let Some(raw) = folder_of(name, artifact)
            && raw.holds(target.root())
        {
            let message = format!("write to {}: it is in the raw folder {raw}, which never changes", target.root_uri());
            return Err(Failure::configuration(message).hint("name another folder with --to"));
        }
    }
    if let Some(object) = target.list("").await?.first() {
        let message = format!("write to {}: it is not empty, it holds {}", target.root_uri(), object.key);
        return Err(Failure::configuration(message).hint("name a folder that does not exist with --to"));
    }
    Ok(target)
}

/// The raw folder that holds the file `name`.
fn folder_of(name: &str, artifact: &Artifact) -> Option<StoreUrl> {
    let depth = name.split('/').count();
    let mut folder = StoreUrl::parse(&artifact.uri, &current_folder().ok()?).ok()?;
    match &mut folder {
        StoreUrl::File { path } => *path = path.ancestors().nth(depth)?.to_owned(),
        StoreUrl::Memory { name: path } | StoreUrl::S3 { prefix: path, .. } => {
            *path = path.strip_suffix(name)?.trim_end_matches('/').to_owned();
        }
    }
    Some(folder)
}

/// Verifies every original, then writes every file.
async fn write(runs: &Runs, sources: &BTreeMap<String, Source>, target: &dyn Store) -> Result<(), Failure> {
    let mut files = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let (path, sha256) = match source {
            Source::Original(artifact) => (original(runs, artifact).await?, artifact.sha256),
            Source::Corrected(Corrected { path, sha256 }) => (path.clone(), *sha256),
        };
        files.push((name, path, sha256));
    }
    for (name, path, sha256) in files {
        let written = target.put_file(name, &path).await?;
        if written.sha256 != sha256 {
            let message = format!("copy {}: it changed on the way to {}", path.display(), target.uri_of(name));
            return Err(Failure::new(ExitCode::Temporary, message).hint("delete the new folder and run this again"));
        }
    }
    Ok(())
}

async fn original(runs: &Runs, artifact: &Artifact) -> Result<PathBuf, Failure> {
    runs.fetch(artifact).await.map_err(|failure| {
        if failure.code() != ExitCode::InputMissing {
            return failure;
        }
        Failure::new(ExitCode::InputMissing, format!("find the raw file {}, which the run read", artifact.uri))
            .hint("bring it back to where it was: a replay needs all files of the run")
    })
}

/// The command that goes on, and the params that no manifest tells.
fn command(runs: &Runs, refused: &Refused, raw_uri: &str) -> (String, Vec<&'static str>) {
    let (pipeline, mut repeat) = match refused.accepted.purpose {
        Purpose::Train => ("train", vec!["params-uri", "records-uri", "tracking-uri", "metrics-uri"]),
        Purpose::Predict => ("predict", vec!["records-uri", "tracking-uri", "metrics-uri"]),
    };
    let mut params = vec![("raw-uri", raw_uri.to_owned()), ("root-uri", runs.store().root_uri())];
    let schema = refused.validate.inputs.iter().find(|input| input.name == "schema.json");
    params.extend(schema.map(|schema| ("schema-uri", schema.uri.clone())));
    params.push(("seed", refused.validate.seed.to_string()));
    // In the params of `train` the word stands for the model of a cluster.
    let knows = |manifest: &Manifest| matches!(manifest.step.as_str(), "promote" | "predict");
    let named = |manifest: &Manifest| manifest.params.get("model")?.as_str().map(str::to_owned);
    match refused.manifests.iter().filter(|manifest| knows(manifest)).find_map(named) {
        Some(model) => params.push(("model", model)),
        None => repeat.push("model"),
    }
    let params: Vec<_> =
        params.iter().map(|(name, value)| format!("-p {}", quoted(&format!("{name}={value}")))).collect();
    (format!("faultline run pipelines/{pipeline}.yaml {}", params.join(" ")), repeat)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:=%+@,".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn lines(listing: &Listing) -> Vec<String> {
    let mut lines = Vec::new();
    for checked in &listing.corrected {
        let Checked { file, rows_accepted, rows_quarantined, .. } = checked;
        lines.push(format!("{file}: {rows_accepted} rows right, {rows_quarantined} still refused"));
        lines.extend(checked.examples.iter().map(|record| format!("  {}", told(record))));
    }
    for name in &listing.left {
        lines.push(format!("{name}: goes on as it is, with what was refused of it"));
    }
    if let (Some(raw_uri), Some(command)) = (&listing.raw_uri, &listing.command) {
        lines.extend([String::new(), format!("{} files in {raw_uri}; go on with", listing.files), String::new()]);
        lines.extend([format!("  {command}"), String::new()]);
        lines.push(format!(
            "and repeat with -p what the run was given of: {} (no manifest tells them)",
            listing.repeat.join(", ")
        ));
    }
    lines
}

fn pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty());
    split.map(|(old, new)| (old.to_owned(), new.to_owned())).ok_or_else(|| "expected OLD=NEW".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("raw-uri=file:///a/b%20c"), "raw-uri=file:///a/b%20c");
        assert_eq!(quoted("model=it's $x"), r"'model=it'\''s $x'");
    }

    #[test]
    fn the_raw_folder_is_known_from_any_file() {
        let artifact = |uri: &str| Artifact {
            name: "raw/a/b.csv".to_owned(),
            uri: uri.to_owned(),
            sha256: faultline_contract::Digest::of(b""),
            bytes: 0,
            rows: None,
            media_type: String::new(),
        };
        for (uri, folder) in
            [("file:///raw/a/b.csv", "file:///raw"), ("s3://b/raw/a/b.csv", "s3://b/raw"), ("s3://b/a/b.csv", "s3://b")]
        {
            assert_eq!(folder_of("a/b.csv", &artifact(uri)).unwrap().to_string(), folder);
        }
    }
}
