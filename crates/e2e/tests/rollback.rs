//! `faultline rollback` killed from outside at its requests to S3 and MLflow: given once more, the history has the rollback once, and MLflow's
//! alias follows.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Pipelines, Press, mlflow, program};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::{MlflowServer, SeaweedFs};
use serde_json::Value;

const KILLS_VARIABLE: &str = "FAULTLINE_KILLS";
const ROOT: &str = "rollback";
const MODEL: &str = "rollback/models/wafer";
const SIGKILL: i32 = 9;
/// `version 1 is champion already`: what a rollback answers that had been committed before it was killed.
const CONFIGURATION: i32 = 78;
/// Of the requests to each service, where `FAULTLINE_KILLS` does not ask for all.
const SAMPLE: usize = 3;

/// A store with two champions, mirrored, with a proxy before each of the two services.
struct Scene {
    s3: SeaweedFs,
    mlflow: MlflowServer,
    proxies: [Proxy; 2],
}

impl Scene {
    fn set() -> Result<Option<Self>> {
        let (Some(s3), Some(mlflow)) = (SeaweedFs::start(), MlflowServer::start()) else { return Ok(None) };
        let press = Press::new()?;
        let pipelines = Pipelines::at(s3.root_uri(ROOT))?
            .param("schema-uri", &press.schema().display().to_string())
            .param("records-uri", &format!("sqlite://{}", press.folder().join("records.sqlite").display()))
            .param("tracking-uri", &mlflow.uri())
            .envs(s3.writer_env());
        pipelines.train("noise", &press.without_signal()?)?.succeeded()?;
        pipelines.train("train", &press.training())?.succeeded()?;
        let proxies = [Proxy::start(s3.port()), Proxy::start(mlflow.port())];
        let scene = Self { s3, mlflow, proxies };
        ensure!(scene.history() == ["00000001.json", "00000002.json"], "two champions: {:?}", scene.history());
        Ok(Some(scene))
    }

    fn history(&self) -> Vec<String> {
        self.s3.names(&format!("{MODEL}/history"))
    }

    fn rollback(&self) -> Result<Output> {
        let mut command = Command::new(program("faultline")?);
        command.args(["rollback", "wafer", "--to", "1", "--root-uri", &self.s3.root_uri(ROOT)]);
        command.args(["--tracking-uri", &self.proxies[1].uri()]);
        command.envs(self.s3.writer_env()).env("AWS_ENDPOINT_URL_S3", self.proxies[0].uri());
        Ok(command.output()?)
    }

    /// Has version 2 as champion again, here and there. The aliases are set by the next rollback.
    fn undo(&self) -> Result<()> {
        self.s3.remove(&format!("{MODEL}/history/00000003.json"));
        self.s3.remove(&format!("{MODEL}/champion.json"));
        let aliases = mlflow::aliases(&self.mlflow)?;
        ensure!(aliases.iter().any(|(alias, _)| alias == "champion"), "{aliases:?}");
        mlflow::set_alias(&self.mlflow, "champion", "2")
    }

    /// Kills a rollback at a request to one of the services, and gives it once more.
    fn kill(&self, service: usize, number: usize, fault: &Fault) -> Result<()> {
        let what = format!("{fault:?} at request {number} to {}", ["S3", "MLflow"][service]);
        self.undo()?;
        self.proxies[service].set(vec![Rule::new("", "", fault.clone()).after(number).times(1)]);
        let killed = self.rollback()?;
        self.proxies[service].set(Vec::new());
        ensure!(killed.status.signal() == Some(SIGKILL), "{what}: {killed:?}");
        let was_committed = self.history().len() == 3;
        let again = self.rollback()?;
        let expected = if was_committed { CONFIGURATION } else { 0 };
        ensure!(again.status.code() == Some(expected), "{what}: {again:?}");
        let history = self.history();
        ensure!(history == ["00000001.json", "00000002.json", "00000003.json"], "{what}: {history:?}");
        let entry = self.s3.look(&format!("{MODEL}/history/00000003.json")).context("the rollback")?;
        let entry: Value = serde_json::from_slice(&entry)?;
        ensure!(entry["action"] == "rollback" && entry["version"] == 1, "{what}: {entry:#}");
        let aliases = mlflow::aliases(&self.mlflow)?;
        ensure!(aliases.contains(&("champion".to_owned(), "1".to_owned())), "{what}: {aliases:?}");
        Ok(())
    }
}

#[test]
fn a_rollback_that_is_killed_is_given_once_more() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    let takes_all = std::env::var(KILLS_VARIABLE).is_ok_and(|value| value == "all");
    // The first one sets an alias more than those after it.
    for _ in 0..2 {
        scene.undo()?;
        scene.proxies.iter().for_each(|proxy| drop(proxy.take_requests()));
        ensure!(scene.rollback()?.status.success(), "an undisturbed rollback");
    }
    let requests = scene.proxies.each_ref().map(|proxy| proxy.take_requests().len());
    let mut kills = 0;
    for (service, requests) in requests.into_iter().enumerate() {
        ensure!(requests > SAMPLE, "{requests} requests");
        let step = if takes_all { 1 } else { requests.div_ceil(SAMPLE) };
        for number in (0..requests).step_by(step) {
            for fault in [Fault::KillBefore, Fault::KillAfter] {
                scene.kill(service, number, &fault)?;
                kills += 1;
            }
        }
    }
    eprintln!("{kills} kills of {} requests to S3 and {} to MLflow", requests[0], requests[1]);
    Ok(())
}
