//! SIGKILL from outside, against the real servers: at requests (a proxy before the S3 service kills the sender, before the request is passed
//! on or after it was answered) and at system calls (strace kills the caller). Every kill leaves a step unfinished; the same step,
//! started again, ends with the digests of an undisturbed one, with each row once and one promotion.
//!
//! A sample of the points is taken; `FAULTLINE_KILLS=all` takes all requests, and system calls by the hundred.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};

use anyhow::{Context, Result, ensure};
use faultline_contract::Manifest;
use faultline_e2e::{Pipelines, Press, rows, step};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::{SeaweedFs, Secantus};
use serde_json::Value;

const KILLS_VARIABLE: &str = "FAULTLINE_KILLS";
const ROOT: &str = "kill";
const SIGKILL: i32 = 9;
/// What a process does to the world.
const SYSTEM_CALLS: &str = "openat,write,pwrite64,sendto,writev,fsync,rename,unlink";
/// The number of the system call, of one kind and thread, that a step is killed at; a step that makes fewer is not.
const SAMPLED_CALLS: [usize; 2] = [3, 12];
const ALL_CALLS: [usize; 12] = [1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135];

/// One step of the undisturbed run, as it can be started alone.
#[derive(Debug)]
struct Stage {
    name: String,
    /// As the run reported it.
    task: Value,
    /// Where it commits, in the bucket.
    folder: String,
    /// The name and digest of each output; empty for the report, which tells times.
    outputs: Vec<(String, String)>,
}

struct Scene {
    s3: SeaweedFs,
    proxy: Proxy,
    mongodb: Secantus,
    stages: Vec<Stage>,
    rows: u64,
    /// Each load has a database of its own.
    databases: usize,
    kills: usize,
    /// The data outlive the stages.
    _press: Press,
}

impl Scene {
    /// Train and predict, undisturbed; `None` where a server is not installed.
    fn set() -> Result<Option<Self>> {
        let (Some(s3), Some(mongodb)) = (SeaweedFs::start(), Secantus::start()) else { return Ok(None) };
        let press = Press::new()?;
        let proxy = Proxy::start(s3.port());
        let pipelines = Pipelines::at(s3.root_uri(ROOT))?
            .param("schema-uri", &press.schema().display().to_string())
            .param("records-uri", &mongodb.uri("undisturbed"))
            .envs(environment(&s3, &proxy));
        let train = pipelines.train("train", &press.training())?.succeeded()?;
        let rows = rows(&mongodb, "undisturbed")?;
        let predict = pipelines.predict("predict", &press.prediction())?.succeeded()?;
        let mut stages = Vec::new();
        for (run, task) in train
            .tasks()
            .into_iter()
            .map(|task| ("train", task))
            .chain(predict.tasks().into_iter().map(|task| ("predict", task)))
        {
            // The report is killed on a folder only, in `kill.rs`.
            let is_wanted = if run == "train" { task["name"] != "report" } else { task["name"] == "predict" };
            if is_wanted && stages.iter().all(|stage: &Stage| *stage.name != task["name"]) {
                stages.push(Stage::of(&s3, task)?);
            }
        }
        ensure!(stages.len() == 8, "{stages:?}");
        Ok(Some(Self { s3, proxy, mongodb, stages, rows, databases: 0, kills: 0, _press: press }))
    }

    /// A step as it would be started on a cluster.
    fn command(&self, stage: &Stage, database: &str) -> Result<Command> {
        let mut command = step(&stage.task, |name| match name {
            "records-uri" => Some(self.mongodb.uri(database)),
            // The manifests before it are written anew by other stages, with other times in them.
            name if name.ends_with("-manifest-sha256") => Some(String::new()),
            _ => None,
        })?;
        command.envs(environment(&self.s3, &self.proxy));
        Ok(command)
    }

    /// Makes the step's work undone.
    fn undo(&mut self, stage: &Stage) -> String {
        self.proxy.set(Vec::new());
        self.s3.remove(&stage.folder);
        self.s3.remove(&format!("{ROOT}/cache/{}", stage.name));
        if stage.name == "promote" {
            self.s3.remove(&format!("{ROOT}/models"));
        }
        self.databases += 1;
        format!("kill-{}", self.databases)
    }

    /// Kills the step at a request, if there is such a one, and has it finished.
    fn at_request(&mut self, stage: &Stage, number: usize, fault: &Fault) -> Result<()> {
        let database = self.undo(stage);
        self.proxy.set(vec![Rule::new("", "/faultline", fault.clone()).after(number).times(1)]);
        let _ = self.proxy.take_requests();
        let killed = self.command(stage, &database)?.output()?;
        self.proxy.set(Vec::new());
        let was_reached = self.proxy.take_requests().iter().any(|seen| seen.met_fault);
        if killed.status.success() && !was_reached {
            return Ok(());
        }
        self.finish(stage, &database, &killed, &format!("{fault:?} at request {number}"))
    }

    /// Kills the step at a system call, if it makes so many, and has it finished.
    fn at_system_call(&mut self, stage: &Stage, number: usize) -> Result<()> {
        let database = self.undo(stage);
        let step = self.command(stage, &database)?;
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={SYSTEM_CALLS}")]);
        traced.args(["-e", &format!("inject={SYSTEM_CALLS}:signal=KILL:when={number}")]);
        traced.arg(step.get_program()).args(step.get_args());
        traced.envs(step.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let killed = traced.output().context("strace (Debian package strace) starts")?;
        if killed.status.success() {
            return Ok(());
        }
        self.finish(stage, &database, &killed, &format!("system call {number}"))
    }

    fn finish(&mut self, stage: &Stage, database: &str, killed: &Output, place: &str) -> Result<()> {
        let what = format!("{}, {place}", stage.name);
        ensure!(is_killed(killed.status), "{what}: {:?}: {}", killed.status, String::from_utf8_lossy(&killed.stderr));
        self.kills += 1;
        let again = self.command(stage, database)?.output()?;
        ensure!(again.status.success(), "{what}: again: {}", String::from_utf8_lossy(&again.stderr));
        let outputs = stage.outputs_in(&self.s3).with_context(|| what.clone())?;
        ensure!(outputs == stage.outputs, "{what}: got {outputs:?}, expected {:?}", stage.outputs);
        if stage.name == "load" {
            let rows = rows(&self.mongodb, database)?;
            ensure!(rows == self.rows, "{what}: got {rows} rows, expected {}", self.rows);
        }
        if stage.name == "promote" {
            let versions = self.s3.names(&format!("{ROOT}/models/wafer/versions"));
            let history = self.s3.names(&format!("{ROOT}/models/wafer/history"));
            ensure!(versions == ["1"] && history == ["00000001.json"], "{what}: {versions:?} {history:?}");
        }
        Ok(())
    }

    /// How many requests the undisturbed step makes.
    fn requests(&mut self, stage: &Stage) -> Result<usize> {
        let database = self.undo(stage);
        let _ = self.proxy.take_requests();
        let output = self.command(stage, &database)?.output()?;
        ensure!(output.status.success(), "{}: {}", stage.name, String::from_utf8_lossy(&output.stderr));
        Ok(self.proxy.take_requests().len())
    }
}

impl Stage {
    fn of(s3: &SeaweedFs, task: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let manifest = text(&task["results"]["manifest-uri"]);
        let folder = manifest.strip_prefix("s3://faultline/").and_then(|key| key.strip_suffix("/manifest.json"));
        let mut stage = Self {
            name: text(&task["name"]),
            task: task.clone(),
            folder: folder.with_context(|| format!("{manifest} is a manifest in the bucket"))?.to_owned(),
            outputs: Vec::new(),
        };
        stage.outputs = stage.outputs_in(s3)?;
        Ok(stage)
    }

    /// The outputs that the committed manifest names, all of which must be there.
    fn outputs_in(&self, s3: &SeaweedFs) -> Result<Vec<(String, String)>> {
        let manifest = s3.look(&format!("{}/manifest.json", self.folder)).context("there is a manifest")?;
        let manifest: Manifest = serde_json::from_slice(&manifest)?;
        let mut outputs = Vec::new();
        for output in &manifest.outputs {
            let key = output.uri.strip_prefix("s3://faultline/").context("an output in the bucket")?;
            let bytes = s3.look(key).with_context(|| format!("there is {key}"))?.len() as u64;
            ensure!(bytes == output.bytes, "{key} has {bytes} bytes, the manifest says {}", output.bytes);
            if self.name != "report" {
                outputs.push((output.name.clone(), output.sha256.to_string()));
            }
        }
        Ok(outputs)
    }
}

fn environment(s3: &SeaweedFs, proxy: &Proxy) -> Vec<(String, String)> {
    let mut environment = s3.writer_env();
    environment.push(("AWS_ENDPOINT_URL_S3".to_owned(), proxy.uri()));
    environment
}

/// strace ends as the process did that it traced.
fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL) || status.code() == Some(128 + SIGKILL)
}

#[test]
fn killed_from_outside() -> Result<()> {
    let Some(mut scene) = Scene::set()? else { return Ok(()) };
    let takes_all = std::env::var(KILLS_VARIABLE).is_ok_and(|value| value == "all");
    for stage in std::mem::take(&mut scene.stages) {
        let last = scene.requests(&stage)? - 1;
        let chosen = if takes_all { (0..=last).collect() } else { vec![last / 2, last.saturating_sub(1)] };
        for number in chosen {
            scene.at_request(&stage, number, &Fault::KillBefore)?;
            scene.at_request(&stage, number, &Fault::KillAfter)?;
        }
        for number in if takes_all { &ALL_CALLS[..] } else { &SAMPLED_CALLS } {
            scene.at_system_call(&stage, *number)?;
        }
    }
    let wanted = if takes_all { 200 } else { 30 };
    eprintln!("{} kills", scene.kills);
    ensure!(scene.kills >= wanted, "only {} kills, expected {wanted}", scene.kills);
    Ok(())
}
