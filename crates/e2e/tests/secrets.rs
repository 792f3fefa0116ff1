//! Planted secrets are looked for in everything that the pipelines leave or show: output, logs, manifests, records, reports, the stores
//! themselves, and the command lines of all processes while the pipelines run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Pipelines, Press, program};
use faultline_testkit::servers::{SeaweedFs, Secantus};
use mongodb::bson::doc;
use mongodb::sync::Client;

const S3_SECRET: &str = "planted-in-s3-4711";
const DATABASE_PASSWORD: &str = "planted-in-mongodb@4711/?";
const TOKEN: &str = "planted-in-mlflow-4711";
/// What every secret has in it, encoded or not.
const PLANTED: &str = "planted-in-";
const IDENTITIES: &str = r#"{"identities": [{"name": "w", "credentials": [{"accessKey": "key-of-w", "secretKey": "planted-in-s3-4711"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"#;

/// A user with that password for the database `fab`, on a server that asks everyone who they are.
fn users(mongodb: &mut Secantus) -> Result<()> {
    let database = Client::with_uri_str(mongodb.uri("fab"))?.database("fab");
    database.run_command(doc! { "createUser": "loader", "pwd": DATABASE_PASSWORD, "roles": ["readWrite"] }).run()?;
    mongodb.restart(true);
    Ok(())
}

#[test]
fn secrets_are_nowhere_to_be_found() -> Result<()> {
    let (Some(s3), Some(mut mongodb)) = (SeaweedFs::with_identities(IDENTITIES), Secantus::start()) else {
        return Ok(());
    };
    users(&mut mongodb)?;
    let press = Press::new()?;
    let state = press.folder().join("state");
    let anywhere = Pipelines::at(s3.root_uri("secrets"))?
        .param("schema-uri", &press.schema().display().to_string())
        // Nobody listens there: what is said about it must not tell the token either.
        .param("tracking-uri", "http://127.0.0.1:9")
        .env("FAULTLINE_TRACKING_BUDGET_SECS", "1")
        .env("MLFLOW_TRACKING_TOKEN", TOKEN)
        .env("FAULTLINE_LOG", "debug")
        .envs(s3.env("key-of-w", S3_SECRET));
    let pipelines = anywhere
        .clone()
        .param("records-uri", &mongodb.uri("fab"))
        .env("FAULTLINE_RECORDS_USERNAME", "loader")
        .env("FAULTLINE_RECORDS_PASSWORD", DATABASE_PASSWORD);
    let mut shown = Vec::new();
    for (pipeline, raw) in [("train", press.training()), ("predict", press.prediction())] {
        let mut command = pipelines.command("run", pipeline, pipeline, &raw)?;
        shown.extend(watched(command.env("FAULTLINE_STATE_DIR", &state), &press.folder().join(pipeline))?);
    }
    ensure!(shown.iter().any(|line| line.contains("--records-uri=mongodb://")), "the steps were seen");

    // A URL with its password, as a variable, never becomes a flag.
    let escaped = DATABASE_PASSWORD.replace('@', "%40").replace('/', "%2F").replace('?', "%3F");
    let url = mongodb.uri_of("loader", &escaped, "fab");
    let by_variable = anywhere.env("FAULTLINE_RECORDS_URI", url).param("no-cache", "true");
    let mut command = by_variable.command("run", "train", "by-variable", &press.training())?;
    shown.extend(watched(&mut command, &press.folder().join("by-variable"))?);

    // A wrong password, and a wrong key, are told without either.
    let wrong = pipelines.clone().env("FAULTLINE_RECORDS_PASSWORD", "planted-in-vain").param("no-cache", "true");
    let failed = wrong.train("wrong-password", &press.training())?;
    ensure!(failed.code != Some(0) && failed.stderr.contains("permission denied"), "{}", failed.stderr);
    shown.extend([failed.stderr, failed.report.to_string()]);
    let wrong = pipelines.env("AWS_SECRET_ACCESS_KEY", "planted-in-vain");
    let failed = wrong.train("wrong-key", &press.training())?;
    ensure!(failed.code != Some(0), "{}", failed.stderr);
    shown.extend([failed.stderr, failed.report.to_string()]);

    for text in &shown {
        ensure!(!text.contains(PLANTED), "{text}");
    }
    let objects = in_the_store(&s3, "secrets")?;
    ensure!(objects > 30, "only {objects} objects were looked at");
    below(&state)
}

/// Runs a command to its good end; gives what it printed, and the command lines of all processes meanwhile.
fn watched(command: &mut Command, stderr: &Path) -> Result<Vec<String>> {
    let mut shown = Vec::new();
    let mut child = command.arg("--verbose").stdout(Stdio::piped()).stderr(fs::File::create(stderr)?).spawn()?;
    while child.try_wait()?.is_none() {
        shown.extend(command_lines());
    }
    let output = child.wait_with_output()?;
    let said = fs::read_to_string(stderr)?;
    ensure!(output.status.success(), "{said}");
    shown.extend([String::from_utf8_lossy(&output.stdout).into_owned(), said]);
    Ok(shown)
}

/// The command lines of all processes but this test's servers, which are given none.
fn command_lines() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    // A process may end while it is looked at.
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

/// Looks through every object below a folder of the bucket; says how many there are.
fn in_the_store(s3: &SeaweedFs, folder: &str) -> Result<usize> {
    let mut count = 0;
    for name in s3.names(folder) {
        let key = format!("{folder}/{name}");
        let below = s3.names(&key);
        if below.is_empty() {
            let content = s3.look(&key).with_context(|| key.clone())?;
            ensure!(!contains(&content), "{key}");
            count += 1;
        } else {
            count += in_the_store(s3, &key)?;
        }
    }
    Ok(count)
}

fn below(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path)?;
        } else {
            ensure!(!contains(&fs::read(&path)?), "{}", path.display());
        }
    }
    Ok(())
}

fn contains(content: &[u8]) -> bool {
    content.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes())
}

/// The programs have no default that is a secret, and no flag for one.
#[test]
fn no_flag_is_for_a_secret() -> Result<()> {
    for step in ["validate", "transform", "load", "preprocess", "cluster", "train", "promote", "predict", "report"] {
        let mut command = Command::new(program(step)?);
        for variable in ["FAULTLINE_RECORDS_URI", "FAULTLINE_TRACKING_URI"] {
            command.env(variable, "mongodb://me:planted-in-help@h/fab");
        }
        let help = command.arg("--help").output()?;
        let help = String::from_utf8_lossy(&help.stdout).to_lowercase();
        ensure!(!help.contains(PLANTED), "{step}: {help}");
        for word in ["password", "token", "secret"] {
            ensure!(!help.contains(&format!("--{word}")) && !help.contains(&format!("-{word} ")), "{step}: {help}");
        }
    }
    Ok(())
}
