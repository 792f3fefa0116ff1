//! Many at once under one root, on the real servers: promoters, runs, loads of the same batch.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use faultline_contract::Manifest;
use faultline_e2e::{Digests, Pipelines, Press, differences, rows, shown, step};
use faultline_testkit::servers::{SeaweedFs, Secantus};
use mongodb::sync::Client;
use serde_json::Value;

/// Of ten runs.
const TRAININGS: usize = 7;
const PREDICTIONS: usize = 3;
const PROMOTERS: usize = 8;
const ROOT: &str = "races";
/// Of the data, which differ in files of the same names.
const DATA_SEEDS: [u64; 3] = [7, 70, 700];
/// Of the runs on them.
const SEEDS: [&str; 3] = ["7", "8", "7"];
/// The model that is predicted with: nobody promotes another version of it meanwhile.
const STEADY: &str = "steady";

/// The root of all runs, with its servers.
struct Scene {
    s3: SeaweedFs,
    mongodb: Secantus,
    presses: Vec<Press>,
}

impl Scene {
    fn set() -> Result<Option<Self>> {
        let (Some(s3), Some(mongodb)) = (SeaweedFs::start(), Secantus::start()) else { return Ok(None) };
        let presses = DATA_SEEDS.into_iter().map(Press::seeded).collect::<Result<_>>()?;
        Ok(Some(Self { s3, mongodb, presses }))
    }

    /// Pipelines with the seed of that place.
    fn pipelines(&self, root: &str, place: usize) -> Result<Pipelines> {
        Ok(Pipelines::at(self.s3.root_uri(root))?
            .param("schema-uri", &self.presses[0].schema().display().to_string())
            .param("records-uri", &self.mongodb.uri(ROOT))
            .param("seed", SEEDS[place])
            .envs(self.s3.writer_env()))
    }

    /// Trains the model that is predicted with, whatever the prediction's seed.
    fn steady(&self, root: &str) -> Result<()> {
        let pipelines = self.pipelines(root, 0)?.param("model", STEADY);
        pipelines.train(STEADY, &self.presses[0].training())?.succeeded().map(drop)
    }

    /// The run of that index, under way beside the others or alone.
    fn command(&self, root: &str, index: usize) -> Result<Command> {
        let (pipelines, run) = (self.pipelines(root, place_of(index))?, format!("run-{index}"));
        let press = &self.presses[place_of(index)];
        if index < TRAININGS {
            pipelines.command("run", "train", &run, &press.training())
        } else {
            pipelines.param("model", STEADY).command("run", "predict", &run, &press.prediction())
        }
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

/// The place of a run's data and seed. Those of one kind with the same place come to the same result.
fn place_of(index: usize) -> usize {
    index % SEEDS.len()
}

/// The first run of the same kind and place.
fn like(index: usize) -> usize {
    if index < TRAININGS { place_of(index) } else { TRAININGS + (index - TRAININGS) % SEEDS.len() }
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
    let mut alone: BTreeMap<usize, Digests> = BTreeMap::new();
    for index in (0..TRAININGS + PREDICTIONS).filter(|index| like(*index) == *index) {
        let root = format!("alone-{index}");
        if index >= TRAININGS {
            scene.steady(&root)?;
        }
        at_once(vec![scene.command(&root, index)?])?;
        alone.insert(index, scene.digests(&root, &format!("run-{index}"))?);
    }
    let different: BTreeSet<_> = alone.values().collect();
    ensure!(different.len() == 2 * SEEDS.len(), "every place has a result of its own");
    let rows = scene.rows()?;

    scene.steady(ROOT)?;
    let commands = (0..TRAININGS + PREDICTIONS).map(|index| {
        let mut command = scene.command(ROOT, index)?;
        command.args(["--jobs", "1"]);
        Ok(command)
    });
    let reports = at_once(commands.collect::<Result<_>>()?)?;

    for index in 0..TRAININGS + PREDICTIONS {
        let run = format!("run-{index}");
        let different = differences(&scene.digests(ROOT, &run)?, &alone[&like(index)]);
        ensure!(different.is_empty(), "{run} differs in {different:?}");
    }
    ensure!(scene.rows()? == rows, "the same rows were added again");
    let (history, versions) = scene.registry(ROOT);
    ensure!(versions.len() == TRAININGS, "a version each: {versions:?}");
    let numbered: Vec<_> = (1..=history.len()).map(|number| format!("{number:08}.json")).collect();
    ensure!(!history.is_empty() && history == numbered, "a history without gaps: {history:?}");
    let verdicts = reports.iter().filter(|report| report["pipelineResults"]["verdict"] == "promote").count();
    ensure!(verdicts == history.len(), "{verdicts} promoted, the history has {history:?}");
    promoters(&scene)
}

/// The promotions of runs that came to the same result, all at the same moment: one wins, the others find it the same.
fn promoters(scene: &Scene) -> Result<()> {
    let runs: Vec<_> = (0..PROMOTERS).map(|index| format!("promoter-{index}")).collect();
    let training = scene.presses[0].training();
    let commands = runs.iter().map(|run| scene.pipelines(ROOT, 0)?.command("run", "train", run, &training));
    let reports = at_once(commands.collect::<Result<_>>()?)?;
    scene.s3.remove(&format!("{ROOT}/models/wafer"));
    let mut commands = Vec::new();
    for (run, report) in runs.iter().zip(&reports) {
        scene.s3.remove(&format!("{ROOT}/runs/{run}/promote"));
        commands.push(scene.step(task(report, "promote")?, &[])?);
    }
    at_once(commands)?;
    let (history, versions) = scene.registry(ROOT);
    ensure!(history == ["00000001.json"], "one winner: {history:?}");
    ensure!(versions.len() == PROMOTERS, "a version for each run: {versions:?}");
    let verdicts: BTreeSet<_> = runs
        .iter()
        .map(|run| {
            let manifest = scene.s3.look(&format!("{ROOT}/runs/{run}/promote/manifest.json")).context("a manifest")?;
            let manifest: Manifest = serde_json::from_slice(&manifest)?;
            Ok((manifest.facts["verdict"].to_string(), run.clone()))
        })
        .collect::<Result<_>>()?;
    let winners = verdicts.iter().filter(|(verdict, _)| verdict == "\"promote\"").count();
    ensure!(winners == 1, "{verdicts:?}");
    Ok(())
}

#[test]
fn loads_of_one_batch_give_equal_rows() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    let report = scene.pipelines(ROOT, 0)?.train("base", &scene.presses[0].training())?.succeeded()?.report;
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
