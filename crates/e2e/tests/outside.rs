//! SIGKILL from outside, against the real servers: at requests to S3, MongoDB and MLflow (a proxy before the service kills the sender, before
//! the request is passed on or after it was answered) and at system calls (strace kills the caller). Every kill leaves a step unfinished; the
//! same step, started again, ends with the digests of an undisturbed one, with each row once, one promotion, and each run once in MLflow.
//!
//! A sample of the points is taken; `FAULTLINE_KILLS=all` takes all requests, those to MLflow by the dozen, and system calls by the hundred;
//! `FAULTLINE_KILLS=report,predict` does so for these stages alone.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};

use anyhow::{Context, Result, ensure};
use faultline_contract::{Digest, Manifest};
use faultline_e2e::{Pipelines, Press, mlflow, rows, step};
use faultline_testkit::mongo_proxy::{Moment, MongoProxy};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::{MlflowServer, SeaweedFs, Secantus};
use serde_json::Value;

const KILLS_VARIABLE: &str = "FAULTLINE_KILLS";
const ROOT: &str = "kill";
const REPORT: &str = "report";
const SIGKILL: i32 = 9;
/// What a process does to the world.
const SYSTEM_CALLS: &str = "openat,write,pwrite64,sendto,writev,fsync,rename,unlink";
/// The number of the system call, of one kind and thread, that a step is killed at; a step that makes fewer is not.
const SAMPLED_CALLS: [usize; 2] = [3, 12];
const ALL_CALLS: [usize; 12] = [1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135];
/// Of the requests to MLflow, which are many and much alike, so many are taken where all of the others are.
const ALL_OF_MLFLOW: usize = 24;

/// Where a step is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    S3,
    MongoDb,
    Mlflow,
    SystemCall,
}

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
    mongo_proxy: MongoProxy,
    mlflow: MlflowServer,
    mlflow_proxy: Proxy,
    stages: Vec<Stage>,
    rows: u64,
    /// What the undisturbed run left in MLflow.
    mirrored: Mirrored,
    /// Each load has a database of its own.
    databases: usize,
    /// By stage and place.
    kills: BTreeMap<(String, Place), usize>,
    /// The data outlive the stages.
    _press: Press,
}

/// How often there is a run of each name in MLflow, how many versions, and the aliases.
#[derive(Debug, PartialEq, Eq)]
struct Mirrored {
    runs: BTreeMap<String, usize>,
    versions: usize,
    aliases: Vec<(String, String)>,
}

impl Scene {
    /// Train and predict, undisturbed; `None` where a server is not installed.
    fn set() -> Result<Option<Self>> {
        let (Some(s3), Some(mongodb)) = (SeaweedFs::start(), Secantus::start()) else { return Ok(None) };
        let Some(mlflow) = MlflowServer::start() else { return Ok(None) };
        let press = Press::new()?;
        let proxy = Proxy::start(s3.port());
        let pipelines = Pipelines::at(s3.root_uri(ROOT))?
            .param("schema-uri", &press.schema().display().to_string())
            .param("records-uri", &mongodb.uri("undisturbed"))
            .envs(environment(&s3, &proxy));
        let tracked = pipelines.clone().param("tracking-uri", &mlflow.uri());
        let train = tracked.train("train", &press.training())?.succeeded()?;
        let rows = rows(&mongodb, "undisturbed")?;
        let mirrored = Mirrored::of(&mlflow)?;
        let predict = pipelines.predict("predict", &press.prediction())?.succeeded()?;
        let mut stages = Vec::new();
        for (run, task) in train
            .tasks()
            .into_iter()
            .map(|task| ("train", task))
            .chain(predict.tasks().into_iter().map(|task| ("predict", task)))
        {
            let is_wanted = run == "train" || task["name"] == "predict";
            if is_wanted && stages.iter().all(|stage: &Stage| *stage.name != task["name"]) {
                stages.push(Stage::of(&s3, task)?);
            }
        }
        ensure!(stages.len() == 9, "{stages:?}");
        Ok(Some(Self {
            mongo_proxy: MongoProxy::start(mongodb.port()),
            mlflow_proxy: Proxy::start(mlflow.port()),
            s3,
            proxy,
            mongodb,
            mlflow,
            stages,
            rows,
            mirrored,
            databases: 0,
            kills: BTreeMap::new(),
            _press: press,
        }))
    }

    /// A step as it would be started on a cluster. Only where it is killed at MLflow's does it know of MLflow, which takes its time.
    fn command(&self, stage: &Stage, database: &str, place: Place) -> Result<Command> {
        let mut command = step(&stage.task, |name| match name {
            "records-uri" => Some(self.mongo_proxy.uri(database)),
            "tracking-uri" if place == Place::Mlflow => Some(self.mlflow_proxy.uri()),
            // The manifests before it are written anew by other stages, with other times in them.
            name if name == "tracking-uri" || name.ends_with("-manifest-sha256") => Some(String::new()),
            _ => None,
        })?;
        command.envs(environment(&self.s3, &self.proxy));
        Ok(command)
    }

    /// Makes the step's work undone; gives the database for the next attempts.
    fn undo(&mut self, stage: &Stage, place: Place) -> Result<String> {
        self.s3.remove(&stage.folder);
        self.s3.remove(&format!("{ROOT}/cache/{}", stage.name));
        if stage.name == "promote" {
            self.s3.remove(&format!("{ROOT}/models"));
        }
        if place == Place::Mlflow {
            self.s3.remove(&format!("{ROOT}/tracking"));
            mlflow::forget(&self.mlflow)?;
        }
        self.databases += 1;
        Ok(format!("kill-{}", self.databases))
    }

    /// Has who sends the request after so many killed; `None` lets all pass.
    fn arm(&self, place: Place, at: Option<(usize, Moment)>) {
        let rules = |target: &str| {
            let fault = |moment| if moment == Moment::Before { Fault::KillBefore } else { Fault::KillAfter };
            at.map(|(number, moment)| Rule::new("", target, fault(moment)).after(number).times(1)).into_iter().collect()
        };
        match place {
            Place::S3 => self.proxy.set(rules("/faultline")),
            Place::MongoDb => self.mongo_proxy.kill(at),
            Place::Mlflow => self.mlflow_proxy.set(rules("")),
            Place::SystemCall => {}
        }
    }

    /// How many requests to a service came by since the last call.
    fn take_requests(&self, place: Place) -> usize {
        match place {
            Place::S3 => self.proxy.take_requests().len(),
            Place::MongoDb => self.mongo_proxy.take_commands().len(),
            Place::Mlflow => self.mlflow_proxy.take_requests().len(),
            Place::SystemCall => 0,
        }
    }

    /// Kills the step at a request, if there is such a one, and has it finished.
    fn at_request(&mut self, stage: &Stage, place: Place, number: usize, moment: Moment) -> Result<()> {
        let database = self.undo(stage, place)?;
        let _ = self.take_requests(place);
        self.arm(place, Some((number, moment)));
        let killed = self.command(stage, &database, place)?.output()?;
        self.arm(place, None);
        let was_reached = self.take_requests(place) > number;
        if killed.status.success() && !was_reached {
            return Ok(());
        }
        self.finish(stage, &database, &killed, place, &format!("{moment:?} request {number}"))
    }

    /// Kills the step at a system call, if it makes so many, and has it finished.
    fn at_system_call(&mut self, stage: &Stage, number: usize) -> Result<()> {
        let database = self.undo(stage, Place::SystemCall)?;
        let step = self.command(stage, &database, Place::SystemCall)?;
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={SYSTEM_CALLS}")]);
        traced.args(["-e", &format!("inject={SYSTEM_CALLS}:signal=KILL:when={number}")]);
        traced.arg(step.get_program()).args(step.get_args());
        traced.envs(step.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let killed = traced.output().context("strace (Debian package strace) starts")?;
        if killed.status.success() {
            return Ok(());
        }
        self.finish(stage, &database, &killed, Place::SystemCall, &number.to_string())
    }

    fn finish(&mut self, stage: &Stage, database: &str, killed: &Output, place: Place, at: &str) -> Result<()> {
        let what = format!("{}, {place:?}, {at}", stage.name);
        ensure!(is_killed(killed.status), "{what}: {:?}: {}", killed.status, String::from_utf8_lossy(&killed.stderr));
        *self.kills.entry((stage.name.clone(), place)).or_default() += 1;
        let again = self.command(stage, database, place)?.output()?;
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
        if place == Place::Mlflow {
            let mirrored = Mirrored::of(&self.mlflow)?;
            ensure!(mirrored == self.mirrored, "{what}: got {mirrored:?}, expected {:?}", self.mirrored);
            let behind = self.s3.names(&format!("{ROOT}/tracking/wafer/behind"));
            ensure!(behind.is_empty(), "{what}: {behind:?}");
        }
        Ok(())
    }

    /// How many requests the undisturbed step makes.
    fn requests(&mut self, stage: &Stage, place: Place) -> Result<usize> {
        let database = self.undo(stage, place)?;
        let _ = self.take_requests(place);
        let output = self.command(stage, &database, place)?.output()?;
        ensure!(output.status.success(), "{}: {}", stage.name, String::from_utf8_lossy(&output.stderr));
        Ok(self.take_requests(place))
    }
}

impl Mirrored {
    fn of(server: &MlflowServer) -> Result<Self> {
        let runs = mlflow::runs(server)?.into_iter().map(|(name, runs)| (name, runs.len())).collect();
        Ok(Self { runs, versions: mlflow::versions(server)?, aliases: mlflow::aliases(server)? })
    }
}

impl Stage {
    fn of(s3: &SeaweedFs, task: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, manifest) = (text(&task["name"]), text(&task["results"]["manifest-uri"]));
        let folder = manifest.strip_prefix("s3://faultline/").and_then(|key| key.strip_suffix("/manifest.json"));
        let folder = folder.with_context(|| format!("{manifest} is a manifest in the bucket"))?;
        // A report is named after the manifests that it tells of, which are written anew when other stages are killed.
        let folder = if name == REPORT { folder.rsplit_once('/').map_or(folder, |(above, _)| above) } else { folder };
        let mut stage = Self { name, task: task.clone(), folder: folder.to_owned(), outputs: Vec::new() };
        stage.outputs = stage.outputs_in(s3)?;
        Ok(stage)
    }

    /// The services that are asked by the stage.
    fn services(&self) -> &'static [Place] {
        match self.name.as_str() {
            "load" => &[Place::S3, Place::MongoDb],
            REPORT => &[Place::S3, Place::Mlflow],
            _ => &[Place::S3],
        }
    }

    /// The one manifest that is committed.
    fn manifest(&self, s3: &SeaweedFs) -> Result<Manifest> {
        let folders = if self.name == REPORT {
            s3.names(&self.folder).into_iter().map(|part| format!("{}/{part}", self.folder)).collect()
        } else {
            vec![self.folder.clone()]
        };
        let found: Vec<_> = folders.iter().filter_map(|folder| s3.look(&format!("{folder}/manifest.json"))).collect();
        ensure!(found.len() == 1, "{} manifests in {folders:?}, expected one", found.len());
        Ok(serde_json::from_slice(&found[0])?)
    }

    /// The outputs that the committed manifest names, all of which must be there.
    fn outputs_in(&self, s3: &SeaweedFs) -> Result<Vec<(String, String)>> {
        let mut outputs = Vec::new();
        for output in &self.manifest(s3)?.outputs {
            let key = output.uri.strip_prefix("s3://faultline/").context("an output in the bucket")?;
            let found = Digest::of(&s3.look(key).with_context(|| format!("there is {key}"))?);
            ensure!(found == output.sha256, "{key} has the digest {found}, the manifest says {}", output.sha256);
            if self.name != REPORT {
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

/// The requests, of so many, at which a step is killed.
fn chosen(place: Place, requests: usize, takes_all: bool) -> Vec<usize> {
    let last = requests - 1;
    match place {
        _ if !takes_all => vec![last / 2, last.saturating_sub(1)],
        Place::Mlflow => (0..=last).step_by(requests.div_ceil(ALL_OF_MLFLOW)).chain([last]).collect(),
        _ => (0..=last).collect(),
    }
}

#[test]
fn killed_from_outside() -> Result<()> {
    let Some(mut scene) = Scene::set()? else { return Ok(()) };
    let wish = std::env::var(KILLS_VARIABLE).unwrap_or_default();
    let named: Vec<_> = wish.split(',').filter(|name| !["", "all"].contains(name)).collect();
    let takes_all = !wish.is_empty();
    let stages = std::mem::take(&mut scene.stages);
    for name in &named {
        ensure!(stages.iter().any(|stage| stage.name == *name), "{KILLS_VARIABLE} names no stage: {name}");
    }
    for stage in stages.into_iter().filter(|stage| named.is_empty() || named.contains(&stage.name.as_str())) {
        for place in stage.services() {
            let requests = scene.requests(&stage, *place)?;
            ensure!(requests > 0, "{} asks nothing of {place:?}", stage.name);
            for number in chosen(*place, requests, takes_all) {
                scene.at_request(&stage, *place, number, Moment::Before)?;
                scene.at_request(&stage, *place, number, Moment::After)?;
            }
        }
        for number in if takes_all { &ALL_CALLS[..] } else { &SAMPLED_CALLS } {
            scene.at_system_call(&stage, *number)?;
        }
        let kills = |place| scene.kills.get(&(stage.name.clone(), place)).copied().unwrap_or_default();
        eprintln!(
            "{}: killed {} times at requests to S3, {} to MongoDB, {} to MLflow, {} at system calls",
            stage.name,
            kills(Place::S3),
            kills(Place::MongoDb),
            kills(Place::Mlflow),
            kills(Place::SystemCall)
        );
    }
    let wanted = match (takes_all, named.len()) {
        (false, _) => 30,
        (true, 0) => 200,
        (true, stages) => 20 * stages,
    };
    let kills: usize = scene.kills.values().sum();
    eprintln!("{kills} kills");
    ensure!(kills >= wanted, "only {kills} kills, expected {wanted}");
    Ok(())
}
