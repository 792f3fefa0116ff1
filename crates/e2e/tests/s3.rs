//! The same pipelines over a real S3 service, MongoDB server and MLflow leave the bytes that they leave in a folder.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use faultline_contract::Digest;
use faultline_e2e::{Finished, Pipelines, Press, differences, digests, program, rows, shown};
use faultline_testkit::servers::{MlflowServer, SeaweedFs, Secantus};
use serde_json::{Value, json};

#[test]
fn real_services_and_a_folder_hold_the_same_bytes_at_once_and_in_shards() -> Result<()> {
    let (Some(server), Some(mongodb), Some(mlflow)) = (SeaweedFs::start(), Secantus::start(), MlflowServer::start())
    else {
        return Ok(());
    };
    let press = Press::new()?;
    let schema = press.schema().display().to_string();

    let folder = press.folder().join("root");
    let local = Pipelines::at(folder.display().to_string())?.param("schema-uri", &schema);
    local.train("train", &press.training())?.succeeded()?;
    local.predict("predict", &press.prediction())?.succeeded()?;

    let root_uri = server.root_uri("pipelines");
    let at = |root_uri: &str, database: &str| -> Result<Pipelines> {
        let pipelines = Pipelines::at(root_uri)?.param("schema-uri", &schema).envs(server.writer_env());
        Ok(pipelines.param("records-uri", &mongodb.uri(database)))
    };
    let remote = at(&root_uri, "pipelines")?.param("tracking-uri", &mlflow.uri());
    let trained = remote.train("train", &press.training())?.succeeded()?;
    names_its_version(&server, &trained)?;
    remote.predict("predict", &press.prediction())?.succeeded()?;

    let sharded_uri = server.root_uri("sharded");
    let sharded = at(&sharded_uri, "sharded")?.param("shards", "1/3,2/3,3/3");
    sharded.run("train-sharded", "train", &press.training())?.succeeded()?;
    sharded.run("predict-sharded", "predict", &press.prediction())?.succeeded()?;

    for run in ["train", "predict"] {
        let (here, there) = (digests(&folder, run)?, shown(&server, &root_uri, run)?);
        assert_eq!(differences(&here, &there), Vec::<String>::new(), "{run}");
        assert!(here.len() > 5, "{here:?}");
        let mut put_together = shown(&server, &sharded_uri, run)?;
        let count = put_together.len();
        put_together.retain(|name, _| !name.contains("/shard-"));
        assert!(put_together.len() < count, "{run} has no shards");
        assert_eq!(differences(&here, &put_together), Vec::<String>::new(), "{run} in shards");
    }
    assert_eq!(rows(&mongodb, "sharded")?, rows(&mongodb, "pipelines")?);
    follows_and_replays(&server, &press, &root_uri)?;
    let again = remote.train("again", &press.training())?.succeeded()?;
    let worked: Vec<_> = again.reused().into_iter().filter(|(_, reused)| !reused).map(|(name, _)| name).collect();
    assert_eq!(worked, ["promote", "report"]);
    Ok(())
}

/// The result that Tekton Chains signs is the version's index, as it lies in the bucket.
fn names_its_version(server: &SeaweedFs, trained: &Finished) -> Result<()> {
    let promote = trained.tasks().into_iter().find(|task| task["name"] == "promote").context("promote")?;
    let artifact = &promote["results"]["model_ARTIFACT_OUTPUTS"];
    let uri = artifact["uri"].as_str().context("a URI")?;
    let key = uri.strip_prefix("s3://faultline/").context("in the bucket")?;
    let digest = Digest::of(&server.look(key).with_context(|| uri.to_owned())?);
    assert_eq!(artifact, &json!({"uri": uri, "digest": format!("sha256:{digest}"), "isBuildArtifact": "true"}));
    assert!(uri.ends_with("/versions/1/bundle.json"), "{uri}");
    Ok(())
}

/// A prediction in the bucket is traced to its local raw file, and the training folder is replayed into the bucket.
fn follows_and_replays(server: &SeaweedFs, press: &Press, root_uri: &str) -> Result<()> {
    let said = |arguments: &[&str]| -> Result<Value> {
        let mut command = Command::new(program("faultline")?);
        command.args(arguments).args(["--root-uri", root_uri, "--output", "json"]).envs(server.writer_env());
        let output = command.output()?;
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(said(&["trace", "part-2000"])?["verified"], true);

    let corrected = press.folder().join("corrected");
    fs::create_dir(&corrected)?;
    fs::copy(press.training().join("press_1_2.csv"), corrected.join("press_20260106.csv"))?;
    let (corrected, target) = (corrected.display().to_string(), server.root_uri("replayed"));
    let rename = ["--rename", "press_1_2.csv=press_20260106.csv"];
    let replay = [&["replay", "train", "--corrected", &corrected, "--to", &target][..], &rename].concat();
    let listing = said(&replay)?;
    assert_eq!((&listing["raw_uri"], &listing["files"]), (&Value::from(target.as_str()), &Value::from(6)));
    // A second time the folder is not empty.
    assert!(said(&replay).is_err_and(|error| error.to_string().contains("is not empty")));
    Ok(())
}
