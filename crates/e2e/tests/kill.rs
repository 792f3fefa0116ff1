//! SIGKILL at recorded requests of every step. Each kill leaves the run unfinished; the same run, started again, ends with the
//! digests of an undisturbed one, and with one model version and one promotion.
//!
//! The pipeline files are the project's own, less the retries: a retry would mend the run before it could be looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Digests, Pipelines, Press, checkout, differences, digests, models};

/// Points of a step that it is killed at, besides its commit.
const SAMPLED_POINTS: usize = 8;

/// One store, an undisturbed run in it, and what that run left.
struct Scene {
    press: Press,
    pipelines: Pipelines,
    undisturbed: Digests,
    points: Vec<Point>,
}

/// A line of the record: the program, its own count, what it did and to what.
#[derive(Clone, Debug)]
struct Point {
    program: String,
    number: usize,
    event: String,
}

impl Scene {
    fn training() -> Result<Self> {
        let press = Press::new()?;
        let pipelines = Pipelines::at(root_of(&press).display().to_string())?
            .from_folder(without_retries(&press)?)
            .param("schema-uri", &press.schema().display().to_string());
        let trace = press.folder().join("undisturbed.points");
        pipelines.clone().env("FAULTLINE_FAULT_POINTS", &trace).train("undisturbed", &press.training())?.succeeded()?;
        let undisturbed = digests(&root_of(&press), "undisturbed")?;
        let points = fs::read_to_string(&trace)?.lines().map(point).collect::<Result<_>>()?;
        Ok(Self { press, pipelines, undisturbed, points })
    }

    /// The points of one program, in order; of a step that runs several times, those of the longest run.
    fn points_of(&self, step: &str) -> Vec<Point> {
        let mut numbers = BTreeSet::new();
        let of_step = self.points.iter().filter(|point| point.program == step);
        of_step.filter(|point| numbers.insert(point.number)).cloned().collect()
    }

    /// Kills `step` at a point of a new run, looks at the wreck, and has the run finished.
    fn kill_and_resume(&self, step: &str, steps_to_redo: &[&str], point: &Point) -> Result<()> {
        let root = root_of(&self.press);
        for redo in steps_to_redo {
            remove(&root.join("cache").join(redo))?;
        }
        remove(&root.join("models"))?;
        if steps_to_redo.contains(&"load") {
            forget_records(&root)?;
        }
        let run = format!("{step}-{}", point.number);
        let killed = self
            .pipelines
            .clone()
            .env("FAULTLINE_FAULT_POINTS", self.press.folder().join("killed.points"))
            .env("FAULTLINE_KILL_AT", format!("{step}:{}", point.number))
            .train(&run, &self.press.training())?;
        ensure!(killed.code != Some(0), "{run} at `{}` succeeded in spite of the kill", point.event);
        let wreck = digests(&root, &run)?;
        ensure!(wreck.len() < self.undisturbed.len() || step == "promote" || step == "report", "{run} was finished");

        self.pipelines.train(&run, &self.press.training())?.succeeded()?;
        let different = differences(&digests(&root, &run)?, &self.undisturbed);
        ensure!(different.is_empty(), "{run}, killed at `{}`, differs in {different:?}", point.event);
        let versions = models(&root, "wafer")?;
        let count = |name: &str| versions.iter().filter(|path| path.ends_with(name)).count();
        ensure!(count("bundle.json") == 1 && count("00000001.json") == 1, "{run} left {versions:?}");
        Ok(())
    }

    /// Kills the runner, and no one else, some time into a new run that reuses nothing; then has the run finished.
    fn kill_runner_and_resume(&self, after: Duration) -> Result<()> {
        let root = root_of(&self.press);
        for folder in ["cache", "models"] {
            remove(&root.join(folder))?;
        }
        forget_records(&root)?;
        let run = format!("after-{}", after.as_millis());
        let mut runner = self
            .pipelines
            .command("run", "train", &run, &self.press.training())?
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        thread::sleep(after);
        runner.kill()?;
        runner.wait()?;
        self.pipelines.train(&run, &self.press.training())?.succeeded()?;
        let different = differences(&digests(&root, &run)?, &self.undisturbed);
        ensure!(different.is_empty(), "{run} differs in {different:?}");
        Ok(())
    }

    fn check(&self, step: &str, steps_to_redo: &[&str], points: &[Point]) -> Result<()> {
        ensure!(!points.is_empty(), "{step} reached no point");
        points.iter().try_for_each(|point| self.kill_and_resume(step, steps_to_redo, point))
    }

    /// A sample of a step's points: the first, the last, the commit and what lies evenly between.
    fn check_sampled(&self, step: &str, steps_to_redo: &[&str]) -> Result<()> {
        let points = self.points_of(step);
        let last = points.len().saturating_sub(1);
        let mut chosen: BTreeSet<usize> = (0..SAMPLED_POINTS).map(|nth| nth * last / (SAMPLED_POINTS - 1)).collect();
        let is_commit = |point: &Point| point.event.contains(" put ") && point.event.contains("manifest.json");
        chosen.extend((0..points.len()).filter(|index| is_commit(&points[*index])));
        let chosen: Vec<Point> = chosen.into_iter().map(|index| points[index].clone()).collect();
        self.check(step, steps_to_redo, &chosen)
    }
}

fn root_of(press: &Press) -> PathBuf {
    press.folder().join("root")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

/// Removes the embedded database with its side files.
fn forget_records(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("records.sqlite") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn point(line: &str) -> Result<Point> {
    let mut fields = line.splitn(3, ' ');
    let mut field = || fields.next().with_context(|| format!("`{line}` is no point"));
    Ok(Point { program: field()?.to_owned(), number: field()?.parse()?, event: format!(" {}", field()?) })
}

/// A copy of the pipeline files whose tasks fail at the first failure.
fn without_retries(press: &Press) -> Result<PathBuf> {
    let (from, to) = (checkout().join("pipelines"), press.folder().join("pipelines"));
    fs::create_dir_all(to.join("tasks"))?;
    let mut names = vec![PathBuf::from("train.yaml")];
    for task in fs::read_dir(from.join("tasks"))? {
        names.push(Path::new("tasks").join(task?.file_name()));
    }
    for name in names {
        let text = fs::read_to_string(from.join(&name))?;
        let kept: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("retries:")).collect();
        fs::write(to.join(&name), kept.join("\n"))?;
    }
    Ok(to)
}

/// Every step from this one on works anew when its cache entries are gone.
const STEPS: [&str; 7] = ["validate", "transform", "load", "preprocess", "cluster", "train", "promote"];

fn kill_sampled(step: &str) -> Result<()> {
    let from = STEPS.iter().position(|name| *name == step).unwrap_or(STEPS.len());
    Scene::training()?.check_sampled(step, &STEPS[from..])
}

#[test]
fn validate_killed_at_every_point() -> Result<()> {
    let scene = Scene::training()?;
    let points = scene.points_of("validate");
    scene.check("validate", &STEPS[..1], &points)
}

#[test]
fn transform_killed() -> Result<()> {
    kill_sampled("transform")
}

#[test]
fn load_killed() -> Result<()> {
    kill_sampled("load")
}

#[test]
fn preprocess_killed() -> Result<()> {
    kill_sampled("preprocess")
}

#[test]
fn cluster_killed() -> Result<()> {
    kill_sampled("cluster")
}

#[test]
fn train_killed() -> Result<()> {
    kill_sampled("train")
}

#[test]
fn promote_killed() -> Result<()> {
    kill_sampled("promote")
}

#[test]
fn report_killed() -> Result<()> {
    kill_sampled("report")
}

/// The steps that the runner leaves behind go on for a while, beside those of the resumed run.
#[test]
fn runner_killed_at_any_moment() -> Result<()> {
    let scene = Scene::training()?;
    let start = Instant::now();
    scene.pipelines.clone().param("no-cache", "true").train("timed", &scene.press.training())?.succeeded()?;
    let whole = start.elapsed();
    (1..=4).try_for_each(|fifths| scene.kill_runner_and_resume(whole * fifths / 5))
}
