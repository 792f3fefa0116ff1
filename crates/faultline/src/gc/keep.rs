//! What is kept and what is not, from what a survey found. No I/O.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use faultline_contract::layout::{cache_key, logs_prefix, record_key, run_prefix};
use faultline_contract::{Artifact, Manifest, Outcome, RunId};
use faultline_store::{ObjectMeta, StoreUrl};
use serde::Serialize;

use super::survey::{Survey, in_run, is_manifest_of_run, run_of};

/// What is kept beside that which models and the cache refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// So many runs, the newest first.
    pub(super) keep_runs: usize,
    /// Every run of which something was written in this time.
    pub(super) keep: Duration,
    /// Whatever was written in this time may belong to a step that is at work.
    pub(super) grace: Duration,
}

/// An object that nothing refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Garbage {
    pub(super) kind: Kind,
    /// Of manifests, how many stand between this one and the first; what refers to others goes before them.
    #[serde(skip)]
    pub(super) rank: Reverse<usize>,
    pub(super) key: String,
    pub(super) bytes: u64,
}

/// The kinds, in the order in which they are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// An entry of the cache whose result is gone.
    CacheEntry,
    /// A manifest of a run that is not kept.
    Manifest,
    /// An output that no manifest names, or a page beside it.
    Output,
    /// The record of a run that is not kept.
    Record,
    /// What its tasks printed.
    Log,
    /// A file of a model version that was never finished.
    VersionFile,
}

impl Kind {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CacheEntry => "cache entry",
            Self::Manifest => "manifest",
            Self::Output => "output",
            Self::Record => "record",
            Self::Log => "log",
            Self::VersionFile => "version file",
        }
    }
}

/// The runs that are kept whole.
pub(super) fn kept_runs(survey: &Survey, rule: &Rule, now: SystemTime) -> BTreeSet<RunId> {
    let newest = |objects: Vec<&ObjectMeta>| objects.iter().map(|object| object.modified).max();
    let mut runs: Vec<_> =
        survey.runs().into_iter().filter_map(|(run, objects)| Some((newest(objects)?, run))).collect();
    runs.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let is_kept = |place: usize, written: SystemTime, run: &RunId| {
        place < rule.keep_runs || age(written, now) < rule.keep.max(rule.grace) || survey.runs_of_models.contains(run)
    };
    let kept = runs.into_iter().enumerate().filter(|(place, (written, run))| is_kept(*place, *written, run));
    kept.map(|(_, (_, run))| run).collect()
}

/// Everything that may go, in the order in which it goes: at any time what is left refers to nothing that is gone.
pub(super) fn garbage(survey: &Survey, rule: &Rule, now: SystemTime, root: &StoreUrl) -> Vec<Garbage> {
    let marked = Marked::new(survey, rule, now, root);
    let is_old = |object: &ObjectMeta| age(object.modified, now) >= rule.grace;
    let mut found = Vec::new();
    let mut add = |kind, rank, object: &ObjectMeta| {
        found.push(Garbage { kind, rank: Reverse(rank), key: object.key.clone(), bytes: object.bytes });
    };
    for (hint, named) in survey.hints.values().filter(|(hint, _)| is_old(hint)) {
        if marked.target(&hint.key, named.as_deref()).is_none() {
            add(Kind::CacheEntry, 0, hint);
        }
    }
    for object in survey.objects.values().filter(|object| is_old(object)) {
        if let Some(kind) = marked.kind_of(&object.key) {
            let rank = if kind == Kind::Manifest { marked.rank(&object.key, &mut BTreeSet::new()) } else { 0 };
            add(kind, rank, object);
        }
    }
    let runs = survey.runs();
    for version in &survey.unfinished {
        let of_run = runs.get(&version.claim.run_id).into_iter().flatten().copied();
        if version.files.iter().chain(of_run).all(is_old) {
            version.files.iter().for_each(|file| add(Kind::VersionFile, 0, file));
        }
    }
    found.sort();
    found
}

/// A survey in which everything is marked that is referred to.
struct Marked<'a> {
    survey: &'a Survey,
    root: &'a StoreUrl,
    kept_runs: BTreeSet<RunId>,
    /// Keys of manifests.
    manifests: BTreeSet<String>,
    /// Keys of what these manifests read and wrote.
    artifacts: BTreeSet<String>,
}

impl<'a> Marked<'a> {
    fn new(survey: &'a Survey, rule: &Rule, now: SystemTime, root: &'a StoreUrl) -> Self {
        let kept_runs = kept_runs(survey, rule, now);
        let mut marked = Self { survey, root, kept_runs, manifests: BTreeSet::new(), artifacts: BTreeSet::new() };
        // A step that read a cache entry before it was written anew may still be about to point at what the entry named then.
        let was_named_lately = |manifest: &Manifest| {
            let hint = survey.hints.get(&cache_key(&manifest.step, &manifest.step_key));
            hint.is_some_and(|(hint, _)| age(hint.modified, now) < rule.grace)
        };
        let is_root = |key: &str, manifest: &Manifest| {
            run_of(key).is_some_and(|run| marked.kept_runs.contains(&run)) || was_named_lately(manifest)
        };
        let of_runs =
            survey.manifests.iter().filter(|(key, manifest)| is_root(key, manifest)).map(|(key, _)| key.as_str());
        let of_hints = survey.hints.iter().filter_map(|(key, (_, named))| marked.target(key, named.as_deref()));
        let mut unmarked: Vec<&str> = of_runs.chain(of_hints).collect();
        while let Some(key) = unmarked.pop() {
            let Some(manifest) = survey.manifests.get(key) else { continue };
            if marked.manifests.insert(key.to_owned()) {
                let artifacts = manifest.inputs.iter().chain(&manifest.outputs);
                marked.artifacts.extend(artifacts.filter_map(|artifact| root.key_of(&artifact.uri)));
                unmarked.extend(marked.references(key, manifest));
            }
        }
        marked
    }

    /// The manifest that a cache entry names, when the result may stand in for the work: the same that a step asks.
    fn target(&self, hint: &str, named: Option<&'a str>) -> Option<&'a str> {
        let named = named?;
        let manifest = self.survey.manifests.get(named)?;
        let is_there = |output: &Artifact| {
            let key = self.root.key_of(&output.uri);
            // What lies in another store is not looked for.
            key.is_none_or(|key| self.survey.objects.get(&key).is_some_and(|object| object.bytes == output.bytes))
        };
        let is_result = manifest.outcome == Outcome::Accepted && cache_key(&manifest.step, &manifest.step_key) == hint;
        (is_result && manifest.outputs.iter().all(is_there)).then_some(named)
    }

    /// The manifests that a manifest refers to: those of its run that wrote what it read, those of the shards that it was put together from,
    /// and the one whose work it points at.
    fn references(&self, key: &str, manifest: &Manifest) -> Vec<&'a str> {
        let prefix = run_of(key).map(|run| run_prefix(&run)).unwrap_or_default();
        let of_input = |input: &Artifact| -> Vec<String> {
            // An input is named `<step>/<artifact>` or `<step>/<part>/<artifact>`, and an artifact may have slashes of its own.
            let steps = input.name.match_indices('/').map(|(at, _)| &input.name[..at]);
            steps.map(|step| format!("{prefix}{step}/manifest.json")).collect()
        };
        let reused = manifest.reused_from.as_ref().and_then(|uri| self.root.key_of(uri));
        let shards = manifest.merged_from.iter().filter_map(|shard| self.root.key_of(&shard.uri));
        let named = manifest.inputs.iter().flat_map(of_input).chain(reused).chain(shards);
        named.filter_map(|key| self.survey.manifests.get_key_value(&key)).map(|(key, _)| key.as_str()).collect()
    }

    /// How many manifests stand between this one and those that refer to none.
    fn rank(&self, key: &str, above: &mut BTreeSet<String>) -> usize {
        let Some(manifest) = self.survey.manifests.get(key) else { return 0 };
        // Manifests that refer to each other in a circle were not written by a step; they are no reason to never come back.
        if !above.insert(key.to_owned()) {
            return 0;
        }
        let below = self.references(key, manifest).into_iter().map(|key| self.rank(key, above) + 1).max();
        above.remove(key);
        below.unwrap_or(0)
    }

    /// What an object below `runs/` is, if nothing refers to it.
    fn kind_of(&self, key: &str) -> Option<Kind> {
        let (run, rest) = (run_of(key)?, in_run(key)?);
        if is_manifest_of_run(key) {
            return (!self.manifests.contains(key)).then_some(Kind::Manifest);
        }
        if self.artifacts.contains(key) {
            return None;
        }
        let is_of_attempt = rest.contains("/attempts/");
        if !is_of_attempt && self.kept_runs.contains(&run) {
            return None;
        }
        Some(match rest {
            _ if key == record_key(&run) => Kind::Record,
            _ if key.starts_with(&logs_prefix(&run)) => Kind::Log,
            _ => Kind::Output,
        })
    }
}

/// How long ago something was; what seems to come from the future was just now.
fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use faultline_contract::Digest;
    use serde_json::json;

    use super::*;

    const RULE: Rule = Rule { keep_runs: 0, keep: Duration::ZERO, grace: Duration::from_hours(24) };

    /// A store that is written down by hand: ages are hours.
    #[derive(Default)]
    struct Scene(Survey);

    impl Scene {
        fn object(&mut self, key: &str, age: u64) {
            let modified = now() - Duration::from_hours(age);
            let meta = ObjectMeta { key: key.to_owned(), bytes: 1, etag: String::new(), modified };
            self.0.objects.insert(key.to_owned(), meta);
        }

        /// A manifest `run/step` with an output in the run `of`, which read the outputs of other steps of its run.
        fn manifest(&mut self, run: &str, step: &str, reads: &[&str], of: &str, age: u64) {
            let output = |run: &str, step: &str| format!("runs/{run}/{step}/attempts/a/out");
            let artifact = |name: String, key: String| {
                json!({
                    "name": name, "uri": format!("s3://b/{key}"), "sha256": Digest::of(b""), "bytes": 1, "media_type": "x/y"
                })
            };
            let reused = (of != run).then(|| format!("s3://b/runs/{of}/{step}/manifest.json"));
            let inputs: Vec<_> = reads.iter().map(|from| artifact(format!("{from}/out"), output(of, from))).collect();
            let name = step.split('/').next();
            let manifest = serde_json::from_value(json!({
                "format_version": 1, "step": name, "step_key": Digest::of(step.as_bytes()), "run_id": run, "seed": 7,
                "faultline_version": "0", "code_digest": Digest::of(b""), "params": {}, "inputs": inputs,
                "outputs": [artifact("out".to_owned(), output(of, step))], "counts": {}, "reused_from": reused,
                "started_at": "t", "finished_at": "t", "outcome": "accepted"
            }));
            let key = format!("runs/{run}/{step}/manifest.json");
            self.object(&key, age);
            self.object(&output(of, step), age);
            self.0.manifests.insert(key, manifest.unwrap());
        }

        fn hint(&mut self, step: &str, run: &str, age: u64) {
            let key = format!("cache/{step}/{}.json", Digest::of(step.as_bytes()));
            let modified = now() - Duration::from_hours(age);
            let meta = ObjectMeta { key: key.clone(), bytes: 1, etag: String::new(), modified };
            self.0.hints.insert(key, (meta, Some(format!("runs/{run}/{step}/manifest.json"))));
        }

        fn garbage(&self) -> Vec<String> {
            let root = StoreUrl::parse("s3://b", Path::new("/")).unwrap();
            garbage(&self.0, &RULE, now(), &root).into_iter().map(|one| one.key).collect()
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(1_000_000)
    }

    #[test]
    fn what_refers_to_others_goes_before_them() {
        let mut scene = Scene::default();
        for (step, reads) in [("transform", &["validate"][..]), ("validate", &[]), ("load", &["transform", "validate"])]
        {
            scene.manifest("r", step, reads, "r", 100);
        }
        scene.object("runs/r/_run/record.json", 100);
        scene.object("runs/r/_run/logs/load.log", 100);
        let gone = scene.garbage();
        let expected = ["load", "transform", "validate"].map(|step| format!("runs/r/{step}/manifest.json"));
        assert_eq!(gone[..3], expected);
        assert_eq!(gone[6..], ["runs/r/_run/record.json", "runs/r/_run/logs/load.log"]);
    }

    #[test]
    fn a_cache_entry_keeps_its_result_and_all_that_led_to_it() {
        let mut scene = Scene::default();
        for run in ["first", "second"] {
            scene.manifest(run, "validate", &[], "first", 100);
            scene.manifest(run, "load", &["validate"], "first", 100);
        }
        scene.manifest("other", "validate", &[], "other", 100);
        scene.hint("load", "second", 100);
        assert_eq!(scene.garbage(), ["runs/other/validate/manifest.json", "runs/other/validate/attempts/a/out"]);
    }

    #[test]
    fn a_result_that_was_put_together_keeps_the_shards() {
        let mut scene = Scene::default();
        scene.manifest("r", "validate", &[], "r", 100);
        for shard in ["1-of-2", "2-of-2"] {
            scene.manifest("r", &format!("load/shard-{shard}"), &[], "r", 100);
        }
        scene.manifest("r", "load", &["validate"], "r", 100);
        scene.hint("load", "r", 100);
        let merged = scene.0.manifests.get_mut("runs/r/load/manifest.json").unwrap();
        merged.merged_from = vec![faultline_contract::ManifestRef {
            part: "shard-2-of-2".parse().unwrap(),
            uri: "s3://b/runs/r/load/shard-2-of-2/manifest.json".to_owned(),
            sha256: Digest::of(b""),
        }];
        let gone = ["manifest.json", "attempts/a/out"].map(|rest| format!("runs/r/load/shard-1-of-2/{rest}"));
        assert_eq!(scene.garbage(), gone);
    }

    #[test]
    fn what_a_cache_entry_named_until_lately_is_still_kept() {
        let mut scene = Scene::default();
        scene.manifest("before", "load", &[], "before", 100);
        scene.manifest("since", "load", &[], "since", 1);
        scene.hint("load", "since", 1);
        assert_eq!(scene.garbage(), Vec::<String>::new());
        scene.hint("load", "since", 25);
        assert_eq!(scene.garbage(), ["runs/before/load/manifest.json", "runs/before/load/attempts/a/out"]);
    }

    #[test]
    fn an_entry_whose_result_is_gone_goes_once_it_is_old() {
        let mut scene = Scene::default();
        scene.manifest("r", "load", &[], "r", 1);
        scene.hint("load", "r", 1);
        scene.0.objects.remove("runs/r/load/attempts/a/out");
        assert_eq!(scene.garbage(), Vec::<String>::new());
        scene.hint("load", "r", 25);
        assert_eq!(scene.garbage().len(), 1);
    }

    #[test]
    fn attempts_without_a_manifest_go_once_they_are_old_even_of_a_run_that_is_kept() {
        let mut scene = Scene::default();
        scene.object("runs/r/_run/record.json", 1);
        scene.object("runs/r/load/attempts/young/out", 23);
        scene.object("runs/r/load/attempts/old/out", 24);
        scene.object("runs/r/report/report.html", 100);
        assert_eq!(scene.garbage(), ["runs/r/load/attempts/old/out"]);
    }
}
