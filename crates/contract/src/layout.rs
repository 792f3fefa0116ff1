//! Where each object lives, as keys relative to the store's root.

use crate::{Part, RunId, StepKey, StepName};

/// The folder of the hints of all steps, with a trailing slash.
pub const CACHE_PREFIX: &str = "cache/";

/// The folder of all runs, with a trailing slash.
pub const RUNS_PREFIX: &str = "runs/";

/// The manifests of all steps of all runs, as a pattern of keys in which `*` stands for any text.
pub const MANIFESTS_IN_ANY_RUN: &str = "runs/*/manifest.json";

/// Everything of all runs, as a pattern of keys in which `*` stands for any text.
pub const ANY_RUN: &str = "runs/*";

/// The end of the name of a marker in a raw folder: `FOLDER.complete`, beside `FOLDER/`, says that all files of it are there.
pub const BATCH_MARKER: &str = ".complete";

/// Whether a file of a raw folder is a marker, which is no data.
#[must_use]
pub fn is_batch_marker(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.len() > BATCH_MARKER.len() && name.ends_with(BATCH_MARKER)
}

/// The folder that holds everything of a run, with a trailing slash.
#[must_use]
pub fn run_prefix(run: &RunId) -> String {
    format!("runs/{run}/")
}

/// The folder of one step (and part) of a run, with a trailing slash.
#[must_use]
pub fn step_prefix(run: &RunId, step: &StepName, part: Option<&Part>) -> String {
    match part {
        Some(part) => format!("runs/{run}/{step}/{part}/"),
        None => format!("runs/{run}/{step}/"),
    }
}

/// The manifest whose creation is the commit of that step.
#[must_use]
pub fn manifest_key(run: &RunId, step: &StepName, part: Option<&Part>) -> String {
    format!("{}manifest.json", step_prefix(run, step, part))
}

/// What the shards of a step go by, which the first of them wrote down for all: beside the step's manifest.
#[must_use]
pub fn shared_key(run: &RunId, step: &StepName, name: &str) -> String {
    format!("{}{name}", step_prefix(run, step, None))
}

/// Whether a key below [`run_prefix`] is that of a manifest: `<step>/manifest.json` or `<step>/<part>/manifest.json`. What attempts have
/// written does not count.
#[must_use]
pub fn is_manifest(key: &str) -> bool {
    let parts: Vec<_> = key.split('/').collect();
    matches!(parts[..], [_, "manifest.json"]) || matches!(parts[..], [_, part, "manifest.json"] if part != "attempts")
}

/// The folder of one attempt's outputs, with a trailing slash.
#[must_use]
pub fn attempt_prefix(run: &RunId, step: &StepName, part: Option<&Part>, attempt: &str) -> String {
    format!("{}attempts/{attempt}/", step_prefix(run, step, part))
}

/// The folders of one step in all runs, as a pattern of keys in which `*` stands for any text.
#[must_use]
pub fn step_in_any_run(step: &str) -> String {
    format!("runs/*/{step}/*")
}

/// What the runner notes of a run: its tasks, times and outcomes. No step has a name that begins with an underscore.
#[must_use]
pub fn record_key(run: &RunId) -> String {
    format!("{}_run/record.json", run_prefix(run))
}

/// The folder of what the tasks of a run printed, with a trailing slash.
#[must_use]
pub fn logs_prefix(run: &RunId) -> String {
    format!("{}_run/logs/", run_prefix(run))
}

/// The folder of the hints of a step, with a trailing slash.
#[must_use]
pub fn cache_prefix(step: &StepName) -> String {
    format!("{CACHE_PREFIX}{step}/")
}

/// The hint that says where the outputs for a step key are.
#[must_use]
pub fn cache_key(step: &StepName, key: &StepKey) -> String {
    format!("{}{key}.json", cache_prefix(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_of_attempts_do_not_count() {
        for (key, expected) in [
            ("validate/manifest.json", true),
            ("train/0-forest/manifest.json", true),
            ("validate/attempts/manifest.json", false),
            ("validate/attempts/a1/manifest.json", false),
            ("manifest.json", false),
        ] {
            assert_eq!(is_manifest(key), expected, "{key}");
        }
    }

    #[test]
    fn markers_of_batches_are_no_data() {
        for (key, expected) in [
            ("lot-42.complete", true),
            ("a/lot-42.complete", true),
            (".complete", false),
            ("a/.complete", false),
            ("lot-42.complete/a.csv", false),
            ("lot-42.complete.csv", false),
        ] {
            assert_eq!(is_batch_marker(key), expected, "{key}");
        }
    }

    #[test]
    fn keys_follow_the_layout() -> Result<(), crate::InvalidId> {
        let (run, step, part) = ("r-1".parse()?, "train".parse()?, "0-forest".parse()?);
        assert_eq!(manifest_key(&run, &step, None), "runs/r-1/train/manifest.json");
        assert_eq!(manifest_key(&run, &step, Some(&part)), "runs/r-1/train/0-forest/manifest.json");
        assert_eq!(attempt_prefix(&run, &step, Some(&part), "a1"), "runs/r-1/train/0-forest/attempts/a1/");
        assert_eq!(shared_key(&run, &step, "listing.json"), "runs/r-1/train/listing.json");
        assert_eq!(record_key(&run), "runs/r-1/_run/record.json");
        assert_eq!(logs_prefix(&run), "runs/r-1/_run/logs/");
        assert_eq!(step_in_any_run("train"), "runs/*/train/*");
        assert!("_run".parse::<StepName>().is_err());
        assert!(manifest_key(&run, &step, None).starts_with(&run_prefix(&run)));
        Ok(())
    }
}
