//! Whole pipelines in bad weather: S3 behind a proxy that makes faults, a full disk, a database that cannot be written. What may pass is
//! waited out; what does not ends with its exit code; and the same run, started again in good weather, ends with the digests of an
//! undisturbed one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Digests, Finished, Pipelines, Press, differences, digests, shown};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::SeaweedFs;

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>later</Message></Error>";
const EXPIRED: &str = "<Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error>";
/// Requests of a run that makes some hundred.
const IN_THE_MIDDLE: usize = 40;
const POLL: Duration = Duration::from_millis(2);
const TEMPORARY: i64 = 75;
const PERMISSION: i64 = 77;

/// Data, the digests of an undisturbed run in a folder, and S3 behind a proxy.
struct Scene {
    press: Press,
    undisturbed: Digests,
    s3: SeaweedFs,
    proxy: Proxy,
}

impl Scene {
    fn set() -> Result<Option<Self>> {
        let Some(s3) = SeaweedFs::start() else { return Ok(None) };
        let press = Press::new()?;
        let root = press.folder().join("root");
        pipelines(&press, &root.display().to_string())?.train("train", &press.training())?.succeeded()?;
        let undisturbed = digests(&root, "train")?;
        let proxy = Proxy::start(s3.port());
        Ok(Some(Self { press, undisturbed, s3, proxy }))
    }

    /// Training under a root of that name.
    fn pipelines(&self, name: &str) -> Result<Pipelines> {
        let records = self.press.folder().join(format!("{name}.sqlite"));
        let pipelines = pipelines(&self.press, &self.s3.root_uri(name))?
            .param("records-uri", &format!("sqlite://{}", records.display()))
            .envs(self.s3.writer_env());
        Ok(pipelines.env("AWS_ENDPOINT_URL_S3", self.proxy.uri()))
    }

    /// A run of it. Fewer attempts than usual spare the test minutes.
    fn train(&self, name: &str) -> Result<Finished> {
        self.pipelines(name)?.env("AWS_MAX_ATTEMPTS", "3").train("train", &self.press.training())
    }

    fn check(&self, name: &str) -> Result<()> {
        let digests = shown(&self.s3, &self.s3.root_uri(name), "train")?;
        let different = differences(&digests, &self.undisturbed);
        ensure!(different.is_empty(), "{name} differs in {different:?}");
        let models = format!("{name}/models/wafer");
        ensure!(self.s3.names(&format!("{models}/history")) == ["00000001.json"], "{name}: one promotion");
        ensure!(self.s3.names(&format!("{models}/versions")) == ["1"], "{name}: one version");
        Ok(())
    }

    /// From the request of that number on all meet the fault, until the run has ended with that code; then it is started again.
    fn outage(&self, name: &str, fault: &Fault, after: usize, code: i64) -> Result<()> {
        self.proxy.set(vec![Rule::new("", "/faultline", fault.clone()).after(after)]);
        let failed = self.train(name)?;
        let codes: Vec<_> = failed.tasks().iter().filter_map(|task| task["exitCode"].as_i64()).collect();
        ensure!(failed.code != Some(0) && codes.contains(&code), "{name}: {codes:?}: {}", failed.stderr);
        self.proxy.set(Vec::new());
        self.train(name)?.succeeded()?;
        self.check(name)
    }
}

fn pipelines(press: &Press, root_uri: &str) -> Result<Pipelines> {
    Ok(Pipelines::at(root_uri)?.param("schema-uri", &press.schema().display().to_string()))
}

#[test]
fn faults_that_pass_are_waited_out() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    // Every request meets the first rule that is due, so that no two faults of one request follow each other more often than it is sent.
    let faults = [
        Fault::Reset,
        Fault::LoseAnswer,
        Fault::Answer(503, "retry-after: 1\r\n", SLOW_DOWN),
        Fault::Answer(500, "", ""),
        Fault::ResetAfter(100),
        Fault::Truncate(100),
        Fault::FlipAnswer(50),
        Fault::FlipRequest(50),
    ];
    let rules = (0..40).map(|index| {
        let fault = faults[index % faults.len()].clone();
        // Damage is told by checksums, which answers to anything but an object do not have.
        let target = if matches!(fault, Fault::FlipAnswer(_)) { "attempts/" } else { "/faultline" };
        let method = if matches!(fault, Fault::FlipAnswer(_)) { "GET" } else { "" };
        Rule::new(method, target, fault).after(4 * index).times(1)
    });
    scene.proxy.set(rules.collect());
    scene.train("weather")?.succeeded()?;
    let met = scene.proxy.take_requests().iter().filter(|seen| seen.met_fault).count();
    ensure!(met >= 20, "only {met} requests met a fault");
    scene.check("weather")
}

#[test]
fn outages_end_with_their_code_and_are_resumed() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    scene.outage("reset", &Fault::Reset, 25, TEMPORARY)?;
    scene.outage("slow-down", &Fault::Answer(503, "", SLOW_DOWN), 40, TEMPORARY)?;
    scene.outage("expired", &Fault::Answer(403, "", EXPIRED), 33, PERMISSION)
}

#[test]
fn a_server_that_is_killed_and_comes_back_loses_nothing() -> Result<()> {
    let Some(mut scene) = Scene::set()? else { return Ok(()) };
    scene.proxy.set(Vec::new());
    let mut command = scene.pipelines("crash")?.command("run", "train", "train", &scene.press.training())?;
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut requests = 0;
    while requests < IN_THE_MIDDLE && run.try_wait()?.is_none() {
        requests += scene.proxy.take_requests().len();
        thread::sleep(POLL);
    }
    scene.s3.kill();
    ensure!(run.try_wait()?.is_none(), "the run was over before the server was killed");
    scene.s3.restart();
    ensure!(run.wait()?.success(), "the run goes on by itself");
    scene.check("crash")
}

/// The service refuses what is signed two days ahead; the SDK then signs with the service's time.
#[test]
fn a_clock_that_is_wrong_is_made_up_for() -> Result<()> {
    let Some(scene) = Scene::set()? else { return Ok(()) };
    let train = scene.pipelines("clock")?.command("run", "train", "train", &scene.press.training())?;
    let mut command = Command::new("faketime");
    command.arg("+2 days").arg(train.get_program()).args(train.get_args());
    // The steps get nothing of the environment that is not asked for.
    command.args(["--env", "LD_PRELOAD", "--env", "FAKETIME"]);
    command.envs(train.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().context("faketime (Debian package faketime) starts")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let day = |headers: &str| {
        let date = headers.lines().find_map(|line| line.strip_prefix("x-amz-date: "))?;
        date.get(.."20260101".len()).map(str::to_owned)
    };
    let days: BTreeSet<_> = scene.proxy.take_requests().iter().filter_map(|seen| day(&seen.headers)).collect();
    ensure!(days.len() > 1, "every request was signed on {days:?}");
    scene.check("clock")
}

/// A disk of half a mebibyte, and then one that is read-only, as mounts that only the step's processes see.
#[test]
fn disks_that_are_full_or_read_only() -> Result<()> {
    let press = Press::new()?;
    let root = press.folder().join("root");
    let undisturbed = press.folder().join("undisturbed");
    pipelines(&press, &undisturbed.display().to_string())?.train("train", &press.training())?.succeeded()?;
    let full = press.folder().join("full");
    std::fs::create_dir(&full)?;

    let mount = format!("mount -t tmpfs -o size=64k tmpfs {}", full.display());
    let output = under(&mount, &press, &root, &[("FAULTLINE_SCRATCH_DIR", &full)])?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("\"exitCode\": 75"), "{said}");

    pipelines(&press, &root.display().to_string())?.train("train", &press.training())?.succeeded()?;
    std::fs::remove_dir_all(root.join("cache/load"))?;
    std::fs::remove_dir_all(root.join("runs/train/load"))?;
    let records = root.join("records.sqlite");
    let mount = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0}", records.display());
    let output = under(&mount, &press, &root, &[])?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("\"exitCode\": 77"), "{said}");

    pipelines(&press, &root.display().to_string())?.train("train", &press.training())?.succeeded()?;
    let different = differences(&digests(&root, "train")?, &digests(&undisturbed, "train")?);
    ensure!(different.is_empty(), "differs in {different:?}");
    Ok(())
}

/// Trains in a name space of mounts in which that command was run.
fn under(mount: &str, press: &Press, root: &Path, environment: &[(&str, &Path)]) -> Result<std::process::Output> {
    let pipelines = pipelines(press, &root.display().to_string())?;
    let train = pipelines.command("run", "train", "train", &press.training())?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]);
    command.arg(train.get_program()).args(train.get_args());
    command.envs(train.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_os_str())));
    command.output().context("unshare (Debian package util-linux) starts")
}
