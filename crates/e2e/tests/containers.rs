//! The images that `./dev images` has built: the pipelines in containers leave the bytes that processes leave, and the images hold what
//! they say and nothing else.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Pipelines, Press, checkout, differences, digests, program, shown};
use faultline_testkit::servers::{MlflowServer, SeaweedFs, Secantus};
use serde_json::Value;
use tempfile::NamedTempFile;

/// The most that the files of an image may come to, in bytes.
const LARGEST: u64 = 40_000_000;
const USER: &str = "65532:65532";
/// Where an image may have files beside its program: what `scripts/image-roots` puts there.
const FOLDERS: [&str; 7] = ["etc/", "lib/", "lib64/", "tmp/", "usr/lib/", "usr/local/", "usr/share/sbom/"];

#[test]
fn containers_and_processes_leave_the_same_bytes() -> Result<()> {
    if !has_images()? {
        return Ok(());
    }
    let (Some(server), Some(mongodb), Some(mlflow)) = (SeaweedFs::start(), Secantus::start(), MlflowServer::start())
    else {
        return Ok(());
    };
    let press = Press::new()?;
    let schema = press.schema().display().to_string();

    let folder = press.folder().join("root");
    let processes = Pipelines::at(folder.display().to_string())?.param("schema-uri", &schema);
    processes.train("train", &press.training())?.succeeded()?;
    processes.predict("predict", &press.prediction())?.succeeded()?;

    let root_uri = server.root_uri("pipelines");
    let seen = |path: &Path| format!("--mount={}:ro", path.display());
    let containers = Pipelines::at(&root_uri)?
        .param("schema-uri", &schema)
        .param("records-uri", &mongodb.uri("pipelines"))
        .param("tracking-uri", &mlflow.uri())
        .envs(server.writer_env())
        .flags([
            "--engine=podman".to_owned(),
            seen(&press.training()),
            seen(&press.prediction()),
            seen(press.schema().as_ref()),
        ]);
    let trained = containers.train("train", &press.training())?.succeeded()?;
    containers.predict("predict", &press.prediction())?.succeeded()?;

    for run in ["train", "predict"] {
        let (here, there) = (digests(&folder, run)?, shown(&server, &root_uri, run)?);
        assert_eq!(differences(&here, &there), Vec::<String>::new(), "{run}");
        assert!(here.len() > 5, "{here:?}");
    }
    for task in trained.tasks() {
        let used = (task["cpuSeconds"].as_f64(), task["peakMemoryBytes"].as_u64());
        assert!(task["status"] == "Skipped" || used.1 > Some(1_000_000), "{task:#}");
    }
    // What is done is done for both: no container works again.
    let again = containers.train("again", &press.training())?.succeeded()?;
    let worked: BTreeSet<_> = again.reused().into_iter().filter(|(_, reused)| !reused).map(|(name, _)| name).collect();
    assert_eq!(worked, ["promote", "report"].map(str::to_owned).into());
    Ok(())
}

#[test]
fn images_are_small_name_what_they_hold_and_hold_no_secret() -> Result<()> {
    if !has_images()? {
        return Ok(());
    }
    for step in steps()? {
        let name = image(&step);
        let inspected: Value = serde_json::from_str(&podman(&["image", "inspect", &name])?)?;
        let (image, config) = (&inspected[0], &inspected[0]["Config"]);
        assert!(image["Size"].as_u64().is_some_and(|size| size < LARGEST), "{name}: {}", image["Size"]);
        assert_eq!(config["User"], USER, "{name}");
        assert_eq!(config["Env"], serde_json::json!(["PATH=/usr/local/bin"]), "{name}");
        let labels = &config["Labels"];
        assert_eq!(labels["org.opencontainers.image.title"], format!("faultline/{step}"));
        assert_eq!(labels["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
        assert!(
            labels["org.opencontainers.image.revision"].as_str().is_some_and(|revision| revision.len() >= 40),
            "{labels}"
        );
        assert_eq!(labels["dev.faultline.code-digest"], code_digest(Command::new(program(&step)?))?, "{name}");

        // The history has the build's arguments; none is a secret, and nothing of this environment's secrets is in there.
        let told = format!("{}{}", podman(&["image", "history", "--no-trunc", &name])?, inspected);
        let secrets = std::env::vars().filter(|(name, value)| is_secret(name) && value.len() >= 8);
        assert!(secrets.into_iter().all(|(_, value)| !told.contains(&value)), "{name} tells a secret");
        assert!(!told.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_secret), "{told}");

        let root = Root::of(&name)?;
        let files = root.files()?;
        let strange: Vec<_> = files
            .iter()
            .filter(|file| *file != "step" && !FOLDERS.iter().any(|folder| file.starts_with(folder)))
            .collect();
        assert!(strange.is_empty(), "{name} has {strange:?}");
        let boosts = files.contains("usr/local/lib/libxgboost.so");
        assert_eq!(boosts, ["predict", "promote", "train"].contains(&step.as_str()), "{name}");
        check_bill(&root, &step, boosts)?;
    }
    Ok(())
}

/// The list in the image is a CycloneDX document that has the crates of the lock file that matter most, and what was put beside them.
fn check_bill(root: &Root, step: &str, boosts: bool) -> Result<()> {
    let path = format!("usr/share/sbom/{step}.cdx.json");
    let bill: Value = serde_json::from_slice(&root.file(&path)?).with_context(|| path)?;
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["component"]["name"], step);
    let components = bill["components"].as_array().context("components")?;
    let names: BTreeSet<_> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    for expected in ["aws-sdk-s3", "faultline-store", "libc6", "ca-certificates"] {
        assert!(names.contains(expected), "{step}: {expected}");
    }
    assert_eq!(names.contains("xgboost-cpu"), boosts, "{step}");
    assert!(components.iter().all(|component| component["version"].is_string()), "{step}");
    Ok(())
}

/// Whether a variable of this name has a value that nobody may see.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["SECRET", "PASSWORD", "TOKEN", "ACCESS_KEY"].iter().any(|word| name.contains(word))
}

/// Whether there are images of the code as it is now.
fn has_images() -> Result<bool> {
    let mut missing = Vec::new();
    for step in steps()? {
        let mut of_image = Command::new("podman");
        of_image.args(["run", "--rm", "--pull=never", "--network=none", &image(&step)]);
        let built = code_digest(Command::new(program(&step)?))?;
        if code_digest(of_image).ok().is_none_or(|digest| digest != built) {
            missing.push(step);
        }
    }
    if missing.is_empty() {
        return Ok(true);
    }
    let notice =
        format!("no image of this code for {}: run ./dev images, then . .dev/containers.env", missing.join(", "));
    ensure!(std::env::var("CI").as_deref() != Ok("true"), notice);
    eprintln!("skipped: {notice}");
    Ok(false)
}

fn steps() -> Result<Vec<String>> {
    let mut steps = Vec::new();
    for entry in std::fs::read_dir(checkout().join("steps"))? {
        steps.push(entry?.file_name().to_string_lossy().into_owned());
    }
    steps.sort();
    Ok(steps)
}

fn image(step: &str) -> String {
    format!("localhost/faultline/{step}")
}

/// What a program says of the code that it was compiled from.
fn code_digest(mut program: Command) -> Result<String> {
    let output = program.arg("--version").output()?;
    ensure!(output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned());
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().find_map(|line| line.strip_prefix("code digest: ")).context("a code digest")?.to_owned())
}

fn podman(arguments: &[&str]) -> Result<String> {
    let output = Command::new("podman").args(arguments).output()?;
    ensure!(output.status.success(), "podman {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The root file system of an image, as an archive; no container is started for it.
struct Root(NamedTempFile);

impl Root {
    fn of(name: &str) -> Result<Self> {
        let container = podman(&["create", "--pull=never", "--network=none", name])?;
        let archive = NamedTempFile::new()?;
        let exported = podman(&["export", "--output", &archive.path().display().to_string(), container.trim()]);
        podman(&["rm", container.trim()])?;
        exported?;
        Ok(Self(archive))
    }

    /// The paths of its files, folders left out.
    fn files(&self) -> Result<BTreeSet<String>> {
        let listed = String::from_utf8(self.tar(&["--list"])?)?;
        Ok(listed.lines().filter(|path| !path.ends_with('/')).map(str::to_owned).collect())
    }

    /// The content of one of them.
    fn file(&self, path: &str) -> Result<Vec<u8>> {
        self.tar(&["--extract", "--to-stdout", path])
    }

    fn tar(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new("tar").arg("--file").arg(self.0.path()).args(arguments).output()?;
        ensure!(output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned());
        Ok(output.stdout)
    }
}
