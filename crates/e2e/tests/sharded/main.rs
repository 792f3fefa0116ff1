//! Work that is shared out over nodes, held against the same work done at once.

mod generated;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faultline_contract::Manifest;
use faultline_e2e::{Digests, Pipelines, Scene, differences, digests, faultline, manifests, predictions};
use serde_json::Value;

/// The shards of so many, as the pipelines take them.
fn shards(count: usize) -> String {
    (1..=count).map(|index| format!("{index}/{count}")).collect::<Vec<_>>().join(",")
}

fn at(scene: &Scene, root: &Path, count: usize) -> Result<Pipelines> {
    let pipelines = Pipelines::at(root.display().to_string())?;
    Ok(pipelines.param("schema-uri", &scene.press.schema().display().to_string()).param("shards", &shards(count)))
}

/// Trains and predicts in shards.
fn both(scene: &Scene, root: &Path, count: usize, runs: [&str; 2]) -> Result<()> {
    let pipelines = at(scene, root, count)?;
    pipelines.run("train-sharded", runs[0], &scene.press.training())?.succeeded()?;
    pipelines.run("predict-sharded", runs[1], &scene.press.prediction())?.succeeded()?;
    Ok(())
}

/// What a run leaves beside its shards, and how many of these there are.
fn whole(root: &Path, run: &str) -> Result<(Digests, usize)> {
    let mut digests = digests(root, run)?;
    digests.retain(|name, _| !name.contains("/shard-"));
    let is_shard = |manifest: &&Manifest| manifest.part.as_ref().is_some_and(faultline_contract::Part::is_shard);
    Ok((digests, manifests(root, run)?.iter().filter(is_shard).count()))
}

#[test]
fn what_is_put_together_is_the_same_to_the_byte() -> Result<()> {
    let scene = Scene::predicted()?;
    let (train, predict) = (digests(&scene.root, "train")?, digests(&scene.root, "predict")?);
    for count in [1, 3, 8] {
        let root = scene.press.folder().join(format!("shards-{count}"));
        both(&scene, &root, count, ["train", "predict"])?;
        let (trained, predicted) = (whole(&root, "train")?, whole(&root, "predict")?);
        assert_eq!(differences(&train, &trained.0), Vec::<String>::new(), "training in {count} shards");
        assert_eq!(differences(&predict, &predicted.0), Vec::<String>::new(), "prediction in {count} shards");
        assert_eq!((trained.1, predicted.1), (3 * count, 4 * count));
        assert_eq!(keys(&root, "train")?, keys(&scene.root, "train")?, "step keys in {count} shards");
    }
    Ok(())
}

/// A step key, and counts by their names.
type Work = (String, BTreeMap<String, u64>);

/// The step key and the counts of each step that is no shard and no report.
fn keys(root: &Path, run: &str) -> Result<BTreeMap<String, Work>> {
    let is_wanted = |manifest: &Manifest| {
        manifest.step.as_str() != "report" && !manifest.part.as_ref().is_some_and(faultline_contract::Part::is_shard)
    };
    let of = |manifest: Manifest| {
        let name = format!("{} {:?}", manifest.step, manifest.part);
        (name, (manifest.step_key.to_string(), manifest.counts))
    };
    Ok(manifests(root, run)?.into_iter().filter(is_wanted).map(of).collect())
}

#[test]
fn another_number_of_shards_reuses_what_was_put_together_and_all_that_follows() -> Result<()> {
    let scene = Scene::trained()?;
    for (run, count) in [("three", 3), ("eight", 8), ("three-again", 3)] {
        let ended =
            at(&scene, &scene.root, count)?.run("train-sharded", run, &scene.press.training())?.succeeded()?.reused();
        let of_shards = |name: &str| name.ends_with("-shards");
        let expected = |name: &str| match name {
            "promote" | "report" => false,
            _ if of_shards(name) => run == "three-again",
            _ => true,
        };
        let wrong: Vec<_> = ended.iter().filter(|(name, reused)| expected(name) != **reused).collect();
        assert!(wrong.is_empty() && ended.len() == 11, "{run}: {ended:?}");
    }
    let plain = scene.pipelines.train("plain-again", &scene.press.training())?.succeeded()?.reused();
    let worked: Vec<_> = plain.into_iter().filter(|(_, reused)| !reused).map(|(name, _)| name).collect();
    assert_eq!(worked, ["promote", "report"]);
    Ok(())
}

/// What `plan` says of each task, the tasks of a matrix together.
fn planned(pipelines: &Pipelines, raw: &Path) -> Result<BTreeMap<String, String>> {
    let output = pipelines.command("plan", "train-sharded", "planned", raw)?.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout)?;
    let tasks = plan["tasks"].as_array().context("a plan lists tasks")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(tasks.iter().map(|task| (text(&task["name"]), text(&task["action"]))).collect())
}

#[test]
fn a_plan_knows_shards() -> Result<()> {
    let scene = Scene::new()?;
    let (three, raw) = (at(&scene, &scene.root, 3)?, scene.press.training());
    let before = planned(&three, &raw)?;
    assert_eq!((before["validate-shards"].as_str(), before["validate"].as_str()), ("run", "run-if-changed"));
    assert!(!scene.root.join("runs").exists(), "a plan writes nothing");
    three.run("train-sharded", "first", &raw)?.succeeded()?;
    let after = planned(&three, &raw)?;
    for (task, action) in &after {
        let expected = match task.as_str() {
            "promote" => "run",
            "report" => "run-if-changed",
            _ => "reuse",
        };
        assert_eq!(action, expected, "{after:?}");
    }
    // The result that stands in for all rows was put together from another number of shards, so only the run finds those of this one.
    scene.pipelines.param("no-cache", "true").train("plain", &raw)?.succeeded()?;
    let unforeseen = planned(&three, &raw)?;
    let said = ["validate-shards", "validate", "transform-shards", "transform", "load-shards", "load"]
        .map(|task| unforeseen[task].as_str());
    assert_eq!(said, ["reuse", "reuse", "reuse", "reuse", "run-if-changed", "run-if-changed"]);
    let again = three.run("train-sharded", "second", &raw)?.succeeded()?.reused();
    let worked: Vec<_> = again.into_iter().filter(|(_, reused)| !reused).map(|(name, _)| name).collect();
    assert_eq!(worked, ["promote", "report"]);
    Ok(())
}

#[test]
fn runs_in_shards_are_traced_and_told_of_like_others() -> Result<()> {
    let scene = Scene::predicted()?;
    let root = scene.press.folder().join("shards");
    both(&scene, &root, 3, ["train", "predict"])?;
    for row in predictions(&scene.root, "predict")?.iter().step_by(30) {
        for more in [&[][..], &["--run", "predict"]] {
            let said = faultline(&root, &[&["trace", &row.id, "--output", "json"], more].concat())?;
            ensure!(said.code == Some(0), "{}", said.stderr);
            assert_eq!(serde_json::from_str::<Value>(&said.stdout)?["verified"], true);
        }
    }
    for command in
        [&["quarantine", "train"][..], &["quarantine", "predict"], &["models"], &["compare", "wafer", "1", "1"]]
    {
        let arguments = [command, &["--output", "json"]].concat();
        let (plain, sharded) = (faultline(&scene.root, &arguments)?, faultline(&root, &arguments)?);
        let places = |said: &str, root: &Path| said.replace(&root.display().to_string(), "ROOT");
        if command[0] == "quarantine" {
            ensure!(plain.code == Some(0), "{}", plain.stderr);
            assert_eq!(places(&plain.stdout, &scene.root), places(&sharded.stdout, &root), "{command:?}");
        }
        assert_eq!(plain.code, sharded.code, "{command:?}: {}{}", plain.stderr, sharded.stderr);
    }
    let shown = faultline(&root, &["show", "predict"])?;
    ensure!(shown.code == Some(0) && shown.stdout.contains("predict/shard-3-of-3"), "{}{}", shown.stdout, shown.stderr);
    Ok(())
}

#[test]
fn garbage_keeps_the_shards_of_what_is_kept() -> Result<()> {
    let scene = Scene::new()?;
    both(&scene, &scene.root, 3, ["train", "predict"])?;
    let results = |root: &Path| -> Result<Vec<Manifest>> {
        // Of a report nothing else is made.
        Ok(manifests(root, "predict")?.into_iter().filter(|manifest| manifest.step.as_str() != "report").collect())
    };
    let before = results(&scene.root)?;
    // A later run under its own id, so that the first is kept for what the cache and the newer run refer to alone.
    both(&scene, &scene.root, 3, ["again", "predicted-again"])?;
    let said = faultline(&scene.root, &["gc", "--keep-runs", "1", "--keep-days", "0", "--grace-hours", "0"])?;
    ensure!(said.code == Some(0), "{}", said.stderr);
    assert_eq!(before.len(), 16);
    assert_eq!(results(&scene.root)?, before, "their work stands in for that of the later run");
    let row = &predictions(&scene.root, "predicted-again")?[0];
    let traced = faultline(&scene.root, &["trace", &row.id, "--run", "predicted-again"])?;
    ensure!(traced.code == Some(0), "{}", traced.stderr);
    both(&scene, &scene.root, 3, ["third", "predicted-third"])?;
    Ok(())
}
