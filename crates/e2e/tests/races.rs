//! Many at once under one root, on the real servers: promoters, runs, loads of the same batch.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use faultline_contract::Manifest;
use faultline_e2e::{Digests, Finished, Pipelines, Press, differences, rows, shown, step};
use faultline_testkit::servers::{SeaweedFs, Secantus};
use mongodb::sync::Client;
use serde_json::Value;

const RUNS: usize = 10;
/// The first so many runs have the same seed, so that they come to the same result.
const PROMOTERS: usize = 8;
const ROOT: &str = "races";
const SEEDS: [&str; 2] = ["7", "8"];

/// The root of all runs, with its servers.
struct Scene {
    s3: SeaweedFs,
    mongodb: Secantus,
    press: Press,
}

impl Scene {
    fn set() -> Result<Option<Self>> {
        let (Some(s3), Some(mongodb)) = (SeaweedFs::start(), Secantus::start()) else { return Ok(None) };
        Ok(Some(Self { s3, mongodb, press: Press::new()? }))
    }

    fn pipelines(&self, root: &str, seed: &str) -> Result<Pipelines> {
        Ok(Pipelines::at(self.s3.root_uri(root))?
            .param("schema-uri", &self.press.schema().display().to_string())
            .param("records-uri", &self.mongodb.uri(ROOT))
            .param("seed", seed)
            .envs(self.s3.writer_env()))
    }

    fn digests(&self, root: &str, run: &str) -> Result<Digests> {
        let mut digests = shown(&self.s3, &self.s3.root_uri(root), run)?;
        // What becomes of a version depends on the champions before it.
        digests.retain(|name, _| !name.starts_with("promote/"));
        Ok(digests)
    }

    fn rows(&self) -> Result<u64> {
        rows(&self.mongodb, ROOT)
    }

    /// A task of a run as a program alone, with other values of some params.
    fn step(&self, task: &Value, others: &[(&str, &str)]) -> Result<Command> {
        let other = |param: &str| others.iter().find(|(name, _)| *name == param).map(|(_, value)| (*value).to_owned());
        let mut command = step(task, other)?;
        command.envs(self.s3.writer_env());
        Ok(command)
    }

    /// The numbers of the history, and those of the committed versions.
    fn registry(&self, root: &str) -> (Vec<String>, Vec<String>) {
        let model = format!("{root}/models/wafer");
        let versions = self.s3.names(&format!("{model}/versions")).into_iter();
        let is_committed =
            |version: &String| self.s3.look(&format!("{model}/versions/{version}/bundle.json")).is_some();
        (self.s3.names(&format!("{model}/history")), versions.filter(is_committed).collect())
    }
}

/// The place of a run's seed.
fn seed_of(run: usize) -> usize {
    usize::from(run >= PROMOTERS)
}

/// Starts everything, then waits for everything.
fn at_once(commands: Vec<Command>) -> Result<Vec<Value>> {
    let started: Vec<Child> = commands
        .into_iter()
        .map(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn())
        .collect::<std::io::Result<_>>()?;
    started
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output()?;
            ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
            if output.stdout.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&output.stdout).context("a report")
        })
        .collect()
}

fn task<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let tasks = report["tasks"].as_array().context("a report has tasks")?;
    tasks.iter().find(|task| task["name"] == name).with_context(|| format!("there is a task {name}"))
}

#[test]
fn ten_runs_under_one_root_do_not_cross() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    let alone: Vec<Digests> = SEEDS
        .into_iter()
        .map(|seed| {
            let finished: Finished =
                scene.pipelines(&format!("alone-{seed}"), seed)?.train("alone", &scene.press.training())?;
            finished.succeeded()?;
            scene.digests(&format!("alone-{seed}"), "alone")
        })
        .collect::<Result<_>>()?;
    let rows = scene.rows()?;
    ensure!(!differences(&alone[0], &alone[1]).is_empty(), "seeds make a difference");

    let commands = (0..RUNS).map(|index| {
        let pipelines = scene.pipelines(ROOT, SEEDS[seed_of(index)])?;
        let mut command = pipelines.command("run", "train", &format!("run-{index}"), &scene.press.training())?;
        command.args(["--jobs", "1"]);
        Ok(command)
    });
    let reports = at_once(commands.collect::<Result<_>>()?)?;

    for index in 0..RUNS {
        let run = format!("run-{index}");
        let different = differences(&scene.digests(ROOT, &run)?, &alone[seed_of(index)]);
        ensure!(different.is_empty(), "{run} differs in {different:?}");
    }
    ensure!(scene.rows()? == rows, "the same rows were added again");
    let (history, versions) = scene.registry(ROOT);
    ensure!(versions.len() == RUNS, "a version each: {versions:?}");
    let numbered: Vec<_> = (1..=history.len()).map(|number| format!("{number:08}.json")).collect();
    ensure!(!history.is_empty() && history == numbered, "a history without gaps: {history:?}");
    let verdicts = reports.iter().filter(|report| report["pipelineResults"]["verdict"] == "promote").count();
    ensure!(verdicts == history.len(), "{verdicts} promoted, the history has {history:?}");
    promoters(&scene, &reports[..PROMOTERS])
}

/// The promotions of runs that came to the same result, once more and all at the same moment: one wins, the others find it the same.
fn promoters(scene: &Scene, reports: &[Value]) -> Result<()> {
    scene.s3.remove(&format!("{ROOT}/models"));
    let mut commands = Vec::new();
    for report in reports {
        let run = report["run_id"].as_str().context("a report has a run id")?;
        scene.s3.remove(&format!("{ROOT}/runs/{run}/promote"));
        commands.push(scene.step(task(report, "promote")?, &[])?);
    }
    at_once(commands)?;
    let (history, versions) = scene.registry(ROOT);
    ensure!(history == ["00000001.json"], "one winner: {history:?}");
    ensure!(versions.len() == PROMOTERS, "a version for each run: {versions:?}");
    let verdicts: BTreeSet<_> = reports
        .iter()
        .map(|report| {
            let run = report["run_id"].as_str().unwrap_or_default();
            let manifest = scene.s3.look(&format!("{ROOT}/runs/{run}/promote/manifest.json")).context("a manifest")?;
            let manifest: Manifest = serde_json::from_slice(&manifest)?;
            Ok((manifest.facts["verdict"].to_string(), run.to_owned()))
        })
        .collect::<Result<_>>()?;
    let winners = verdicts.iter().filter(|(verdict, _)| verdict == "\"promote\"").count();
    ensure!(winners == 1, "{verdicts:?}");
    Ok(())
}

#[test]
fn loads_of_one_batch_give_equal_rows() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    let report = scene.pipelines(ROOT, SEEDS[0])?.train("base", &scene.press.training())?.succeeded()?.report;
    let rows = scene.rows()?;
    let load = task(&report, "load")?;
    Client::with_uri_str(scene.mongodb.uri(ROOT))?.database(ROOT).drop().run()?;
    let mut commands = Vec::new();
    for index in 0..2 {
        let run = format!("twin-{index}");
        commands.push(scene.step(load, &[("run-id", &run), ("no-cache", "true")])?);
    }
    at_once(commands)?;
    ensure!(scene.rows()? == rows, "each row once");
    let twins = [scene.digests(ROOT, "twin-0")?, scene.digests(ROOT, "twin-1")?];
    ensure!(twins[0].contains_key("load/export.parquet") && differences(&twins[0], &twins[1]).is_empty(), "{twins:?}");
    Ok(())
}
