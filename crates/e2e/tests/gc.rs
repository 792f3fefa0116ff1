//! `faultline gc` deletes what nothing refers to, and breaks no trace, no version and no reuse: after it, killed in the middle of it, and
//! beside runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use faultline_contract::Manifest;
use faultline_e2e::{Digests, Pipelines, Press, Said, Scene, digests, faultline, manifests, program};
use faultline_testkit::servers::SeaweedFs;
use serde_json::Value;

/// Older than the default grace period.
const TWO_DAYS: Duration = Duration::from_hours(48);
/// Keeps no run for its own sake.
const KEEP_NONE: [&str; 4] = ["--keep-runs", "0", "--keep-days", "0"];
/// Points of `gc` at which it is killed.
const SAMPLED_POINTS: usize = 9;

/// A store with two champions and all sorts of garbage.
struct Used {
    scene: Scene,
    noise: PathBuf,
}

impl Used {
    fn new() -> Result<Self> {
        let scene = Scene::new()?;
        let noise = scene.press.without_signal()?;
        let used = Self { scene, noise };
        let Scene { press, pipelines, .. } = &used.scene;
        let trace = press.folder().join("points");
        pipelines.train("noise", &used.noise)?.succeeded()?;
        pipelines.clone().env("FAULTLINE_FAULT_POINTS", &trace).train("train", &press.training())?.succeeded()?;
        pipelines.predict("predict", &press.prediction())?.succeeded()?;
        // The same again: its manifests point at the results of the run before, and the cache points at them.
        pipelines.predict("again", &press.prediction())?.succeeded()?;
        // Done anew: the cache forgets the run before.
        let anew = pipelines.clone().param("no-cache", "true").param("seed", "8");
        anew.predict("old", &press.prediction())?.succeeded()?;
        anew.predict("new", &press.prediction())?.succeeded()?;
        // Files without labels cannot be learnt from: the gate refuses them.
        let refused = pipelines.train("refused", &press.prediction())?;
        ensure!(refused.code == Some(65), "{:#}", refused.report);
        let points = fs::read_to_string(&trace)?;
        for (run, point) in [
            ("killed", point(&points, "transform", "/attempts/", 0)?),
            ("unfinished", point(&points, "promote", "/versions/2/", 3)?),
        ] {
            let killed = pipelines.clone().param("seed", "9").env("FAULTLINE_FAULT_POINTS", &trace);
            let killed = killed.env("FAULTLINE_KILL_AT", point).train(run, &press.training())?;
            ensure!(killed.code != Some(0), "{run} was not killed");
        }
        used.grow_old(TWO_DAYS)?;
        Ok(used)
    }

    /// Lets everything in the store seem older.
    fn grow_old(&self, by: Duration) -> Result<()> {
        for path in files(&self.scene.root)? {
            let file = File::options().append(true).open(&path)?;
            file.set_modified(file.metadata()?.modified()? - by)?;
        }
        Ok(())
    }

    fn gc(&self, arguments: &[&str]) -> Result<Value> {
        gc(&self.scene.root, arguments)
    }

    /// The runs that have predictions, each with the digests of its artifacts; every one of them can be traced to its raw rows.
    fn traced(&self) -> Result<BTreeMap<String, Digests>> {
        let mut traced = BTreeMap::new();
        for entry in fs::read_dir(self.scene.root.join("runs"))? {
            let run = entry?.file_name().into_string().map_err(|_| anyhow!("an odd run"))?;
            if self.scene.root.join(format!("runs/{run}/predict/manifest.json")).exists() {
                for id in ["part-2000", "part-2119"] {
                    let said = self.said(&["trace", id, "--run", &run])?;
                    ensure!(said.code == Some(0), "{run}: {}", said.stderr);
                }
                traced.insert(run.clone(), digests(&self.scene.root, &run)?);
            }
        }
        Ok(traced)
    }

    fn said(&self, arguments: &[&str]) -> Result<Said> {
        faultline(&self.scene.root, arguments)
    }

    /// Every object of the store; the database of records is none.
    fn objects(&self) -> Result<BTreeSet<PathBuf>> {
        Ok(files(&self.scene.root)?.into_iter().filter(|path| path.parent() != Some(&self.scene.root)).collect())
    }

    /// Whatever a manifest names is there.
    fn check_whole(&self) -> Result<()> {
        for path in self.objects()?.iter().filter(|path| path.ends_with("manifest.json")) {
            let manifest: Manifest = serde_json::from_slice(&fs::read(path)?)?;
            for artifact in manifest.inputs.iter().chain(&manifest.outputs) {
                if let Some(named) = artifact.uri.strip_prefix("file://") {
                    ensure!(Path::new(named).exists(), "{} names {named}, which is gone", path.display());
                }
            }
        }
        Ok(())
    }
}

/// The point at which `program` has written its `nth` object below a folder, from 0.
fn point(points: &str, program: &str, folder: &str, nth: usize) -> Result<String> {
    let is_write = |line: &&str| line.starts_with(program) && line.contains(" after put ") && line.contains(folder);
    let line = points.lines().filter(is_write).nth(nth).with_context(|| format!("{program} writes below {folder}"))?;
    Ok(format!("{program}:{}", line.split(' ').nth(1).context("the number of the point")?))
}

fn gc(root: &Path, arguments: &[&str]) -> Result<Value> {
    let said = faultline(root, &[&["gc", "--output", "json"], arguments].concat())?;
    ensure!(said.code == Some(0), "{}", said.stderr);
    Ok(serde_json::from_str(&said.stdout)?)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

fn garbage(report: &Value) -> Result<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = report["garbage"].as_array().context("a list of garbage")?;
    Ok(listed.iter().map(|one| (text(&one["kind"]), text(&one["key"]))).collect())
}

/// What a run with everything in the cache does.
fn reused(pipelines: &Pipelines, pipeline: &str, run: &str, raw: &Path) -> Result<BTreeMap<String, bool>> {
    let finished = if pipeline == "train" { pipelines.train(run, raw)? } else { pipelines.predict(run, raw)? };
    Ok(finished.succeeded()?.reused())
}

#[test]
fn what_nothing_refers_to_goes_and_all_else_works_as_before() -> Result<()> {
    let used = Used::new()?;
    let Scene { press, root, pipelines } = &used.scene;
    let (before, traced) = (used.objects()?, used.traced()?);
    assert_eq!(traced.keys().collect::<Vec<_>>(), ["again", "new", "old", "predict"]);
    let shown = |run: &str| Ok::<_, anyhow::Error>(used.said(&["show", run, "--output", "json"])?.stdout);
    let of_models = ["noise", "train"].map(shown).into_iter().collect::<Result<Vec<_>>>()?;

    let foretold = used.gc(&[&KEEP_NONE[..], &["--dry-run"]].concat())?;
    assert_eq!(used.objects()?, before, "a dry run deletes nothing");
    let done = used.gc(&KEEP_NONE)?;
    assert_eq!((garbage(&done)?, &done["bytes"]), (garbage(&foretold)?, &foretold["bytes"]));
    let after = used.objects()?;
    let gone: BTreeSet<_> = garbage(&done)?.into_iter().map(|(_, key)| root.join(key)).collect();
    assert_eq!(before.difference(&after).cloned().collect::<BTreeSet<_>>(), gone, "what is told is what goes");

    let kinds: BTreeSet<_> = garbage(&done)?.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["log", "manifest", "output", "record", "version-file"]);
    let left = |part: &str| after.iter().filter(|path| path.starts_with(root.join(part))).count();
    for part in ["runs/refused", "runs/killed/transform", "runs/old/predict", "runs/predict/_run", "runs/again/report"]
    {
        assert!(before.iter().any(|path| path.starts_with(root.join(part))) && left(part) == 0, "{part} is garbage");
    }
    // The number that a killed promotion took is not given again.
    assert!(left("models/wafer/versions/3") == 1 && root.join("models/wafer/versions/3/claim.json").exists());
    used.check_whole()?;
    assert_eq!(used.gc(&KEEP_NONE)?["objects"], 0, "a second time nothing is left to delete");

    // What can still be traced has the digests of before, and it is what the cache can still give.
    let still = used.traced()?;
    assert_eq!(still.keys().collect::<Vec<_>>(), ["again", "new", "predict"]);
    assert!(
        still.iter().all(|(run, digests)| digests.iter().all(|(name, digest)| traced[run].get(name) == Some(digest)))
    );
    assert_eq!(["noise", "train"].map(shown).into_iter().collect::<Result<Vec<_>>>()?, of_models);
    let trained = reused(pipelines, "train", "trained-again", &press.training())?;
    let worked: Vec<_> = trained.iter().filter(|(_, reused)| !**reused).map(|(name, _)| name.as_str()).collect();
    assert_eq!(worked, ["promote", "report"]);
    let predicted = reused(pipelines, "predict", "predicted-again", &press.prediction())?;
    assert!(predicted.iter().all(|(name, reused)| *reused == (name != "report")), "{predicted:?}");
    let fresh = pipelines.clone().param("no-cache", "true");
    fresh.predict("fresh", &press.prediction())?.succeeded()?;
    assert_eq!(digests(root, "fresh")?, traced["predict"]);
    let rolled_back = used.said(&["rollback", "wafer", "--output", "json"])?;
    assert_eq!(rolled_back.code, Some(0), "{}", rolled_back.stderr);
    pipelines.predict("rolled-back", &press.prediction())?.succeeded()?;
    used.said(&["compare", "wafer", "1", "2"]).map(|said| assert_eq!(said.code, Some(0), "{}", said.stderr))
}

#[test]
fn young_things_and_kept_runs_stay() -> Result<()> {
    let used = Used::new()?;
    let before = used.objects()?;
    // The defaults keep twenty runs and thirty days: only attempts that no manifest names, and files of no version, are left to go.
    let foretold = garbage(&used.gc(&["--dry-run"])?)?;
    assert!(foretold.iter().all(|(kind, key)| kind == "version-file" || key.contains("/attempts/")), "{foretold:?}");
    assert!(!foretold.is_empty());
    // A longer grace period keeps even these.
    assert_eq!(used.gc(&[&KEEP_NONE[..], &["--grace-hours", "72"]].concat())?["objects"], 0);
    let kept = used.gc(&["--keep-runs", "0", "--keep-days", "3", "--dry-run"])?;
    assert_eq!(garbage(&kept)?, foretold);
    // Of the newest run nothing goes, whatever else does.
    let newest = garbage(&used.gc(&["--keep-runs", "1", "--keep-days", "0", "--dry-run"])?)?;
    assert!(
        newest.iter().all(|(_, key)| !key.starts_with("runs/unfinished/") || key.contains("/attempts/")),
        "{newest:?}"
    );
    assert!(newest.len() > foretold.len());
    assert_eq!(used.objects()?, before);
    Ok(())
}

#[test]
fn a_cache_entry_goes_with_its_result_and_a_manifest_that_cannot_be_read_stops_everything() -> Result<()> {
    let scene = Scene::predicted()?;
    let used = Used { noise: PathBuf::new(), scene };
    let root = &used.scene.root;
    let run = manifests(root, "predict")?;
    let predict = run.iter().find(|manifest| manifest.step.as_str() == "predict").context("predict")?;
    let output = predict.outputs[0].uri.strip_prefix("file://").context("a local file")?.to_owned();
    fs::remove_file(output)?;
    used.grow_old(TWO_DAYS)?;
    let entry = format!("cache/predict/{}.json", predict.step_key);
    let gone = garbage(&used.gc(&KEEP_NONE)?)?;
    assert!(gone.contains(&("cache-entry".to_owned(), entry.clone())), "{gone:?}");
    assert!(!root.join(entry).exists() && !root.join("runs/predict/predict/manifest.json").exists());
    assert!(gone.iter().all(|(kind, key)| kind != "cache-entry" || key.starts_with("cache/predict/")), "{gone:?}");

    fs::write(root.join("runs/train/load/manifest.json"), "{")?;
    let before = used.objects()?;
    let said = used.said(&[&["gc"], &KEEP_NONE[..]].concat())?;
    assert!(said.code == Some(70) && said.stderr.contains("runs/train/load/manifest.json"), "{}", said.stderr);
    assert_eq!(used.objects()?, before);
    Ok(())
}

#[test]
fn killed_at_any_point_it_leaves_a_store_that_works() -> Result<()> {
    let used = Used::new()?;
    let root = &used.scene.root;
    let pristine = used.scene.press.folder().join("pristine");
    let copy = |from: &Path, to: &Path| -> Result<()> {
        if to.exists() {
            fs::remove_dir_all(to)?;
        }
        ensure!(Command::new("cp").arg("-a").arg(from).arg(to).status()?.success(), "copy {}", from.display());
        Ok(())
    };
    copy(root, &pristine)?;
    let trace = used.scene.press.folder().join("gc.points");
    let run = |kill: Option<&str>| -> Result<Option<i32>> {
        let mut command = Command::new(program("faultline")?);
        command.arg("gc").args(KEEP_NONE).env("FAULTLINE_ROOT_URI", root).env("FAULTLINE_FAULT_POINTS", &trace);
        command.envs(kill.map(|point| ("FAULTLINE_KILL_AT", point)));
        Ok(command.output()?.status.code())
    };
    ensure!(run(None)? == Some(0), "an undisturbed gc");
    let finished = used.objects()?;
    let points = fs::read_to_string(&trace)?;
    let deletes: Vec<_> = points.lines().filter(|line| line.contains(" delete ")).collect();
    ensure!(deletes.len() > 2 * SAMPLED_POINTS, "{} points", deletes.len());
    for nth in 0..SAMPLED_POINTS {
        let line = deletes[nth * (deletes.len() - 1) / (SAMPLED_POINTS - 1)];
        let number = line.split(' ').nth(1).context("the number of the point")?;
        copy(&pristine, root)?;
        ensure!(run(Some(&format!("faultline:{number}")))?.is_none(), "gc was not killed at `{line}`");
        ensure!(used.objects()? != finished || nth + 1 == SAMPLED_POINTS, "gc was done at `{line}`");
        used.check_whole().with_context(|| format!("killed at `{line}`"))?;
        used.traced().with_context(|| format!("killed at `{line}`"))?;
        let runs = used.said(&["runs", "--output", "json", "--limit", "100"])?;
        ensure!(runs.code == Some(0) && !runs.stdout.contains("Unreadable"), "{}{}", runs.stdout, runs.stderr);
        // The next one goes on where this one stopped.
        used.gc(&KEEP_NONE)?;
        assert_eq!(used.objects()?, finished, "killed at `{line}`");
    }
    let again = reused(&used.scene.pipelines, "predict", "afterwards", &used.scene.press.prediction())?;
    assert!(again.iter().all(|(name, reused)| *reused == (name != "report")), "{again:?}");
    Ok(())
}

#[test]
fn runs_beside_it_are_not_disturbed() -> Result<()> {
    let used = Used::new()?;
    let Scene { press, root, pipelines } = &used.scene;
    let (trained, predicted) = (digests(root, "train")?, digests(root, "predict")?);
    thread::scope(|scope| -> Result<()> {
        // One finds everything in the cache, one does everything anew; both while garbage is deleted again and again.
        let adopting = scope.spawn(|| -> Result<()> {
            for round in 0..3 {
                pipelines.predict(&format!("adopting-{round}"), &press.prediction())?.succeeded()?;
            }
            Ok(())
        });
        let anew = pipelines.clone().param("no-cache", "true");
        let working = scope.spawn(move || anew.train("working", &press.training())?.succeeded());
        let mut rounds = 0;
        while rounds == 0 || !(adopting.is_finished() && working.is_finished()) {
            used.gc(&KEEP_NONE)?;
            rounds += 1;
        }
        adopting.join().map_err(|_| anyhow!("a run panicked"))??;
        working.join().map_err(|_| anyhow!("a run panicked"))??;
        Ok(())
    })?;
    used.check_whole()?;
    // What `promote` found hangs on the champion of then.
    let before_promote = |mut digests: Digests| {
        digests.retain(|name, _| !name.starts_with("promote/"));
        digests
    };
    assert_eq!(before_promote(digests(root, "working")?), before_promote(trained));
    for round in 0..3 {
        assert_eq!(digests(root, &format!("adopting-{round}"))?, predicted);
    }
    used.traced()?;
    Ok(())
}

#[test]
fn on_s3_too() -> Result<()> {
    let Some(server) = SeaweedFs::start() else { return Ok(()) };
    let press = Press::new()?;
    let root_uri = server.root_uri("gc");
    let records = format!("sqlite://{}", press.folder().join("records.sqlite").display());
    let pipelines = Pipelines::at(&root_uri)?
        .param("schema-uri", &press.schema().display().to_string())
        .param("records-uri", &records)
        .envs(server.writer_env());
    let trace = press.folder().join("points");
    let traced = pipelines.clone().env("FAULTLINE_FAULT_POINTS", &trace);
    traced.train("train", &press.training())?.succeeded()?;
    pipelines.predict("predict", &press.prediction())?.succeeded()?;
    let killed = traced
        .param("seed", "9")
        .env("FAULTLINE_KILL_AT", point(&fs::read_to_string(&trace)?, "transform", "/attempts/", 0)?);
    ensure!(killed.predict("killed", &press.prediction())?.code != Some(0), "the run was not killed");

    let said = |arguments: &[&str]| -> Result<Value> {
        let mut command = Command::new(program("faultline")?);
        command.args(arguments).args(["--root-uri", &root_uri, "--output", "json"]).envs(server.writer_env());
        let output = command.output()?;
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // On a machine whose clock is two days on, what was written just now is young all the same.
    let mut command = Command::new("faketime");
    command.arg("+2 days").arg(program("faultline")?).args(["gc", "--root-uri", &root_uri, "--output", "json"]);
    let output = command
        .args(KEEP_NONE)
        .envs(server.writer_env())
        .output()
        .context("faketime (Debian package faketime) starts")?;
    let told: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    assert_eq!(told["objects"], 0, "{told:#}");
    // Nothing runs, so nothing needs time.
    let all = [&["gc", "--grace-hours", "0"], &KEEP_NONE[..]].concat();
    let done = garbage(&said(&all)?)?;
    assert!(
        done.iter().any(|(kind, key)| kind == "output" && key.starts_with("runs/killed/transform/attempts/")),
        "{done:?}"
    );
    assert_eq!(said(&all)?["objects"], 0);
    assert_eq!(said(&["trace", "part-2000"])?["verified"], true);
    let again = pipelines.predict("again", &press.prediction())?.succeeded()?.reused();
    assert!(again.iter().all(|(name, reused)| *reused == (name != "report")), "{again:?}");
    Ok(())
}
