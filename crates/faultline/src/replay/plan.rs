//! Which file of the new raw folder comes from where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use faultline_contract::{Artifact, Digest, ExitCode};
use faultline_runtime::Failure;

/// How many names an error gives.
const SHOWN_NAMES: usize = 10;

/// A corrected file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Corrected {
    pub(super) path: PathBuf,
    pub(super) sha256: Digest,
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From the raw folder of the run.
    Original(Artifact),
    /// From the corrected files.
    Corrected(Corrected),
}

/// The files of the new folder by name: the originals, with corrected files in place of those that have something in quarantine.
/// `renames` are pairs of an original that goes and the corrected file that comes for it.
pub(super) fn merge(
    originals: &BTreeMap<String, Artifact>,
    quarantined: &BTreeSet<String>,
    corrected: BTreeMap<String, Corrected>,
    renames: &[(String, String)],
) -> Result<BTreeMap<String, Source>, Failure> {
    let mut sources: BTreeMap<String, Source> =
        originals.iter().map(|(name, artifact)| (name.clone(), Source::Original(artifact.clone()))).collect();
    let mut new_names = BTreeSet::new();
    for (old, new) in renames {
        if !quarantined.contains(old) {
            return Err(refused(format!("rename {old}: the run refused nothing of it"), quarantined));
        }
        if !corrected.contains_key(new) {
            let message = format!("rename {old} to {new}: there is no corrected file {new}");
            return Err(Failure::new(ExitCode::Usage, message).hint("put it into the folder that --corrected names"));
        }
        if corrected.contains_key(old) || sources.remove(old).is_none() {
            let message = format!("rename {old} to {new}: {old} is replaced already");
            return Err(Failure::new(ExitCode::Usage, message).hint("correct a file under one name only"));
        }
        if originals.contains_key(new) || !new_names.insert(new.as_str()) {
            let message = format!("rename {old} to {new}: {new} is taken");
            return Err(Failure::new(ExitCode::Usage, message).hint("give the corrected file a name of its own"));
        }
    }
    for (name, file) in corrected {
        if !quarantined.contains(&name) && !new_names.contains(name.as_str()) {
            return Err(refused(format!("take in {name}: the run refused nothing of that name"), quarantined));
        }
        sources.insert(name, Source::Corrected(file));
    }
    Ok(sources)
}

fn refused(message: String, quarantined: &BTreeSet<String>) -> Failure {
    let shown: Vec<_> = quarantined.iter().take(SHOWN_NAMES).map(String::as_str).collect();
    let more = if quarantined.len() > SHOWN_NAMES { ", ..." } else { "" };
    let names = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") + more };
    Failure::new(ExitCode::Usage, message).hint(format!(
        "name corrected files as the run did, or give the new name with --rename OLD=NEW; the run refused {names}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(name: &str) -> Artifact {
        Artifact {
            name: format!("raw/{name}"),
            uri: format!("file:///raw/{name}"),
            sha256: Digest::of(name.as_bytes()),
            bytes: 0,
            rows: None,
            media_type: String::new(),
        }
    }

    fn file(name: &str) -> Corrected {
        Corrected { path: PathBuf::from(name), sha256: Digest::of(name.as_bytes()) }
    }

    fn merged(corrected: &[&str], renames: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let originals = ["a", "b", "bad"].map(|name| (name.to_owned(), artifact(name))).into();
        let quarantined = ["b", "bad"].map(str::to_owned).into();
        let corrected = corrected.iter().map(|name| ((*name).to_owned(), file(name))).collect();
        let renames: Vec<_> = renames.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        let said = |(name, source)| match source {
            Source::Original(_) => name,
            Source::Corrected(_) => format!("{name}*"),
        };
        let merged = merge(&originals, &quarantined, corrected, &renames);
        merged.map(|sources| sources.into_iter().map(said).collect()).map_err(|failure| {
            assert_eq!(failure.code(), ExitCode::Usage);
            failure.render()
        })
    }

    #[test]
    fn corrected_files_stand_for_those_with_something_in_quarantine() {
        assert_eq!(merged(&["bad"], &[]).unwrap(), ["a", "b", "bad*"]);
        assert_eq!(merged(&["b", "bad"], &[]).unwrap(), ["a", "b*", "bad*"]);
        assert_eq!(merged(&["good"], &[("bad", "good")]).unwrap(), ["a", "b", "good*"]);
    }

    #[test]
    fn what_corresponds_to_nothing_is_refused() {
        for (corrected, renames, said) in [
            (&["a"][..], &[][..], "refused nothing of that name"),
            (&["new"], &[], "refused b, bad"),
            (&["new"], &[("a", "new")], "rename a: the run refused nothing of it"),
            (&["b"], &[("bad", "new")], "there is no corrected file new"),
            (&["bad", "new"], &[("bad", "new")], "bad is replaced already"),
            (&["b", "x"], &[("bad", "x"), ("bad", "x")], "bad is replaced already"),
            (&["b"], &[("bad", "b")], "b is taken"),
            (&["x"], &[("bad", "x"), ("b", "x")], "x is taken"),
        ] {
            let error = merged(corrected, renames).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
