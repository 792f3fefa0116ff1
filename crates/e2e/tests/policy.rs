//! Each stage runs with exactly the rights of the policy and the role that `faultline policy` prints, enforced by a real S3 server and a real
//! server of MongoDB's protocol, and is denied one more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use faultline_e2e::{Press, checkout, program};
use faultline_store::{PutMode, StoreError, StoreUrl};
use faultline_tekton::{
    Catalog, Engine, Launch, Limits, Options, Outcome, Plan, ProcessEngine, Request, Silent, Status, StepEnd, Stop,
};
use faultline_testkit::mongo_proxy::MongoProxy;
use faultline_testkit::servers::{SeaweedFs, Secantus};
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::sync::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The identity that may do everything.
const WRITER: &str = "writer";
/// What follows the name of a stage in that of an identity with the stage's rights but those to write.
const READER: &str = "-reader";
/// Tells the tests that run in a process of their own what to do.
const TASK_VARIABLE: &str = "FAULTLINE_TEST_TASK";

const ROOT: &str = "s3://faultline/main";
const RAW: &str = "s3://faultline/raw";
const SCHEMA: &str = "s3://faultline/documents/press.json";
const PARAMS: &str = "s3://faultline/documents/params.json";
/// The database of records. Its server knows every stage that has a role, each with its role alone.
const DATABASE: &str = "press";
/// Where users and roles are.
const ADMIN: &str = "admin";
/// What MongoDB answers to whoever may not.
const UNAUTHORIZED: i32 = 13;
/// The stage that touches it.
const LOAD: &str = "load";

/// The engine of plain processes, with an identity of its own for each stage.
#[derive(Debug)]
struct Identities {
    inner: ProcessEngine,
    /// Stages that run as another identity than the one of their name.
    others: BTreeMap<String, String>,
}

#[async_trait]
impl Engine for Identities {
    async fn execute(&self, launch: &Launch, limits: Limits) -> io::Result<StepEnd> {
        let identity = self.others.get(&launch.program).unwrap_or(&launch.program);
        let mut launch = launch.clone();
        launch.env.extend(credentials(identity));
        launch.env.extend(user(&launch.program));
        self.inner.execute(&launch, limits).await
    }
}

fn credentials(identity: &str) -> [(String, String); 2] {
    [("AWS_ACCESS_KEY_ID", identity.to_owned()), ("AWS_SECRET_ACCESS_KEY", format!("{identity}-secret"))]
        .map(|(name, value)| (name.to_owned(), value))
}

/// Who asks the database, by the variables that `load` reads.
fn user(stage: &str) -> [(String, String); 2] {
    [("FAULTLINE_RECORDS_USERNAME", stage.to_owned()), ("FAULTLINE_RECORDS_PASSWORD", format!("{stage}-secret"))]
        .map(|(name, value)| (name.to_owned(), value))
}

/// Servers that know every stage, and the rights of the stages.
struct Guarded {
    server: SeaweedFs,
    mongodb: Secantus,
    /// Before it, to hear what it is asked.
    mongo_proxy: MongoProxy,
    press: Press,
    policies: BTreeMap<String, Value>,
    roles: BTreeMap<String, Value>,
}

impl Guarded {
    fn start() -> Result<Option<Self>> {
        let Some(mut mongodb) = Secantus::start() else { return Ok(None) };
        let (mut policies, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for entry in fs::read_dir(checkout().join("pipelines/tasks"))? {
            let stage = entry?.path().file_stem().context("a Task's name")?.to_string_lossy().into_owned();
            let Rights { policy, role } = rights(&stage, &mongodb.uri(DATABASE))?;
            policies.insert(stage.clone(), policy);
            roles.extend(role.map(|role| (stage, role)));
        }
        let admin = Client::with_uri_str(mongodb.uri(ADMIN))?.database(ADMIN);
        for (stage, role) in &roles {
            // The command takes the document that is printed, with the name as its own value.
            let mut role: Document = serde_json::from_value(role.clone())?;
            let name = role.remove("role").context("a role has a name")?;
            let mut command = doc! { "createRole": name.clone() };
            command.extend(role);
            admin.run_command(command).run()?;
            let granted = doc! { "role": name, "db": ADMIN };
            admin
                .run_command(doc! { "createUser": stage, "pwd": format!("{stage}-secret"), "roles": [granted] })
                .run()?;
        }
        mongodb.restart(true);
        let known = policies.keys().cloned().collect::<Vec<_>>();
        let identity = |name: &str| json!({"name": name, "credentials": [{"accessKey": name, "secretKey": format!("{name}-secret")}], "policyNames": [name]});
        let mut identities: Vec<_> =
            known.iter().flat_map(|stage| [identity(stage), identity(&format!("{stage}{READER}"))]).collect();
        let mut writer = identity(WRITER);
        writer["actions"] = json!(["Admin", "Read", "Write", "List", "Tagging"]);
        identities.push(writer);
        let document = |name: String, policy: &Value| json!({"name": name, "content": policy.to_string()});
        let of_stage = |(stage, policy): (&String, &Value)| {
            [document(stage.clone(), policy), document(format!("{stage}{READER}"), &without_writing(policy))]
        };
        let documents: Vec<_> = policies.iter().flat_map(of_stage).collect();
        let config = json!({"identities": identities, "policies": documents}).to_string();
        let Some(server) = SeaweedFs::with_identities(&config) else { return Ok(None) };
        let mongo_proxy = MongoProxy::start(mongodb.port());
        let guarded = Self { server, mongodb, mongo_proxy, press: Press::new()?, policies, roles };
        guarded.upload()?;
        Ok(Some(guarded))
    }

    /// Puts what a user brings into the bucket.
    fn upload(&self) -> Result<()> {
        let mut objects = BTreeMap::from([
            (SCHEMA.to_owned(), self.press.schema()),
            (PARAMS.to_owned(), checkout().join("params/demo.json")),
        ]);
        for (folder, name) in [(self.press.training(), "training"), (self.press.prediction(), "prediction")] {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let file = path.file_name().context("a file's name")?.to_string_lossy().into_owned();
                objects.insert(format!("{RAW}/{name}/{file}"), path);
            }
        }
        // An object of another model, so that a denial can be told from an absence.
        objects.insert(format!("{ROOT}/models/other/history/00000001.json"), self.press.schema());
        self.run_alone("put", WRITER, &json!(objects))
    }

    /// Runs one of the ignored tests below as an identity.
    fn run_alone(&self, test: &str, identity: &str, task: &Value) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", test, "--ignored", "--nocapture"]).env(TASK_VARIABLE, task.to_string());
        command.envs(self.server.env(identity, &format!("{identity}-secret")));
        ensure!(command.status()?.success(), "{test} failed as {identity}, see above");
        Ok(())
    }

    /// Runs a pipeline, each stage as the identity of its name but for `others`.
    fn run(&self, pipeline: &str, run_id: &str, others: &[&str]) -> Result<Outcome> {
        let catalog = Catalog::open(&checkout().join(format!("pipelines/{pipeline}.yaml")))?;
        let raw = if pipeline == "train" { "training" } else { "prediction" };
        let records = format!("{}&authSource={ADMIN}", self.mongo_proxy.uri(DATABASE));
        let params = [
            ("root-uri", ROOT),
            ("raw-uri", &format!("{RAW}/{raw}")),
            ("schema-uri", SCHEMA),
            ("records-uri", &records),
        ];
        let mut params: BTreeMap<_, _> = params.map(|(name, value)| (name.to_owned(), value.into())).into();
        if pipeline == "train" {
            params.insert("params-uri".to_owned(), PARAMS.into());
        }
        let plan = Plan::new(&catalog, &Request { run_id: run_id.to_owned(), params, ..Request::default() })?;
        let mut environment = self.server.env("nobody", "nobody-secret");
        environment.extend(
            ["PATH", "HOME", "LD_LIBRARY_PATH"]
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))),
        );
        environment.extend(
            std::env::vars().filter(|(name, _)| name.starts_with("XGBOOST_") || name.starts_with("FAULTLINE_")),
        );
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let program_dir = program("faultline")?.parent().map(Path::to_path_buf);
        let inner = ProcessEngine::new(program_dir, environment)?;
        let others = others.iter().map(|stage| ((*stage).to_owned(), format!("{stage}{READER}"))).collect();
        let options = Options {
            jobs: 2,
            grace: Duration::ZERO,
            log_dir: self.press.folder().join("logs").join(run_id),
            scratch_root: self.press.folder().to_owned(),
            keeps_scratch: false,
        };
        let (_stop, stopped) = watch::channel(Stop::No);
        let runtime = tokio::runtime::Runtime::new()?;
        let engine = Arc::new(Identities { inner, others });
        Ok(runtime.block_on(faultline_tekton::run(&plan, engine, options, stopped, Arc::new(Silent)))?)
    }

    fn succeeds(&self, pipeline: &str, run_id: &str) -> Result<Outcome> {
        let outcome = self.run(pipeline, run_id, &[])?;
        let log = |task: &faultline_tekton::TaskOutcome| task.log.as_ref().and_then(|log| fs::read_to_string(log).ok());
        let failed: Vec<_> = outcome.tasks.iter().filter(|task| task.is_failure()).filter_map(log).collect();
        ensure!(outcome.status == Status::Succeeded, "{run_id}: {}\n{}", outcome.message, failed.join("\n"));
        Ok(outcome)
    }
}

/// What `faultline policy` prints of a stage; few have a role.
struct Rights {
    policy: Value,
    role: Option<Value>,
}

fn rights(stage: &str, records: &str) -> Result<Rights> {
    let mut command = Command::new(program("faultline")?);
    command.args([
        "policy",
        stage,
        "--root-uri",
        ROOT,
        "--raw-uri",
        RAW,
        "--schema-uri",
        SCHEMA,
        "--params-uri",
        PARAMS,
        "--records-uri",
        records,
    ]);
    let output = command.args(["--output", "json"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout)?;
    let role = Some(printed["mongodb_role"].clone()).filter(|role| !role.is_null());
    Ok(Rights { policy: printed["iam_policy"].clone(), role })
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["Statement"].as_array().into_iter().flatten()
}

fn without_writing(policy: &Value) -> Value {
    let mut policy = policy.clone();
    policy["Statement"] = statements(&policy).filter(|statement| statement["Sid"] != "Write").cloned().collect();
    policy
}

/// Whether a policy allows an action on a resource.
fn allows(policy: &Value, action: &str, resource: &str) -> bool {
    let has = |list: &Value, fits: &dyn Fn(&str) -> bool| {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).any(fits)
    };
    let is_it = |statement: &Value| {
        has(&statement["Action"], &|known| known == action)
            && has(&statement["Resource"], &|pattern| matches(pattern, resource))
    };
    statements(policy).any(is_it)
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(after, rest)))),
    }
}

#[test]
fn each_stage_runs_with_the_rights_of_its_policy_and_with_no_others() -> Result<()> {
    let Some(guarded) = Guarded::start()? else { return Ok(()) };
    // Trained twice, so that a champion is read; the second time everything is reused that can be; then predicted.
    guarded.succeeds("train", "train")?;
    let again = guarded.succeeds("train", "again")?;
    let reused = again.tasks.iter().filter(|task| task.results.get("reused") == Some(&"true".into()));
    assert_eq!(reused.count() + 2, again.tasks.len(), "all but promote and report are reused");
    guarded.succeeds("predict", "predict")?;

    the_role_is_enforced_and_used(&guarded)?;
    let stages: Vec<_> = guarded.policies.keys().collect();
    assert!(stages.len() >= 9, "{stages:?}");
    for (place, stage) in stages.iter().enumerate() {
        let other = stages[(place + 1) % stages.len()];
        let task = json!({
            "allowed": format!("runs/more/{stage}/attempts/one/output"),
            "put": [format!("runs/more/{other}/attempts/one/output"), format!("cache/{other}/entry.json"), "models/other/versions/1/claim.json"],
            "get": ["models/other/history/00000001.json"],
            "delete": [format!("runs/more/{stage}/attempts/one/output")],
            "list": ["", "models/"],
        });
        guarded.run_alone("more_is_denied", stage, &task)?;
    }
    Ok(())
}

/// One stage has a role. What the role does not list is denied, and all of it in another database. This server keeps the rights of a role apart
/// by database and action, not by collection; so what the stage asks of which collection is compared with the role's lines.
fn the_role_is_enforced_and_used(guarded: &Guarded) -> Result<()> {
    assert_eq!(guarded.roles.keys().collect::<Vec<_>>(), [LOAD]);
    let uri = guarded.mongodb.uri_of(LOAD, &format!("{LOAD}-secret"), DATABASE);
    let client = Client::with_uri_str(format!("{uri}?authSource={ADMIN}"))?;
    let (own, other) = (client.database(DATABASE), client.database("other"));
    let (records, others) = (own.collection::<Document>("records"), other.collection::<Document>("records"));
    let answers = [
        ("drop", records.drop().run()),
        ("remove", records.delete_many(doc! {}).run().map(drop)),
        ("drop the indexes", records.drop_indexes().run()),
        ("list the collections", own.list_collection_names().run().map(drop)),
        ("drop the database", own.drop().run()),
        ("add a user", own.run_command(doc! { "createUser": "more", "pwd": "more", "roles": [] }).run().map(drop)),
        ("read elsewhere", others.find_one(doc! {}).run().map(drop)),
        ("write elsewhere", others.insert_one(doc! { "more": 1 }).run().map(drop)),
    ];
    for (what, answer) in answers {
        let code = answer.as_ref().err().map(|error| match error.kind.as_ref() {
            ErrorKind::Command(error) => error.code,
            _ => 0,
        });
        ensure!(code == Some(UNAUTHORIZED), "{what} was answered with {answer:?}");
    }

    // A row that somebody has changed is found when the result of the load is to be reused, and written anew.
    records.update_one(doc! {}, doc! { "$set": { "id": "another" } }).run()?;
    guarded.succeeds("train", "mended")?;
    let action = |command: &str| match command {
        "find" | "aggregate" => Some("find"),
        "insert" => Some("insert"),
        "update" => Some("update"),
        "createIndexes" => Some("createIndex"),
        // The rest of what was found, and the end of it.
        "getMore" | "killCursors" => None,
        _ => Some("something else"),
    };
    let asked = guarded.mongo_proxy.take_commands();
    let asked = asked.into_iter().filter_map(|asked| Some((asked.collection, action(&asked.command)?.to_owned())));
    let privileges = guarded.roles[LOAD]["privileges"].as_array().context("a role has privileges")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let granted = privileges.iter().flat_map(|privilege| {
        let actions = privilege["actions"].as_array().into_iter().flatten();
        actions.map(|action| (text(&privilege["resource"]["collection"]), text(action)))
    });
    assert_eq!(asked.collect::<BTreeSet<_>>(), granted.collect::<BTreeSet<_>>(), "asked for, and granted");
    Ok(())
}

#[test]
fn a_stage_that_lacks_a_right_names_the_line_of_its_policy() -> Result<()> {
    let Some(guarded) = Guarded::start()? else { return Ok(()) };
    guarded.succeeds("train", "train")?;
    let report = "report";
    for stage in guarded.policies.keys().filter(|stage| *stage != report) {
        let pipeline = if stage == "predict" { "predict" } else { "train" };
        let run_id = format!("without-{stage}");
        let outcome = guarded.run(pipeline, &run_id, &[stage, report])?;
        for denied in [stage.as_str(), report] {
            let task = outcome
                .tasks
                .iter()
                .find(|task| task.name == denied && task.exit_code.is_some())
                .context("a task that ended")?;
            let log = fs::read_to_string(task.log.as_ref().context("a log")?)?;
            assert_eq!(task.exit_code, Some(77), "{denied}: {log}");
            let hint = log.lines().find_map(|line| line.strip_prefix("hint: allow ")).with_context(|| log.clone())?;
            let (action, rest) = hint.split_once(" on ").context("an action and a resource")?;
            let resource = rest.split(' ').next().unwrap_or_default();
            assert_eq!(action, "s3:PutObject", "{denied}: {log}");
            assert!(resource.starts_with("arn:aws:s3:::faultline/main/"), "{resource}");
            assert!(allows(&guarded.policies[denied], action, resource), "{denied} lacks {action} on {resource}");
            assert!(!allows(&without_writing(&guarded.policies[denied]), action, resource));
        }
    }
    Ok(())
}

/// Opens the store at a root as the identity of the environment, which is why this is done in a process of its own.
async fn open(root: &str) -> Result<Arc<dyn faultline_store::Store>> {
    Ok(faultline_store::open(&StoreUrl::parse(root, Path::new("/"))?).await?)
}

fn task() -> Result<Value> {
    Ok(serde_json::from_str(&std::env::var(TASK_VARIABLE)?)?)
}

#[tokio::test]
#[ignore = "run by the tests above, which start the server"]
async fn put() -> Result<()> {
    let objects: BTreeMap<String, String> = serde_json::from_value(task()?)?;
    for (uri, path) in objects {
        let (root, key) = StoreUrl::parse_object(&uri, Path::new("/"))?;
        faultline_store::open(&root).await?.put_file(&key, Path::new(&path)).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "run by the tests above, which start the server"]
async fn more_is_denied() -> Result<()> {
    let (task, store) = (task()?, open(ROOT).await?);
    let keys = |action: &str| -> Vec<String> {
        task[action].as_array().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect()
    };
    let content = Bytes::from_static(b"more");
    store.put(task["allowed"].as_str().context("what is allowed")?, content.clone(), PutMode::Overwrite).await?;
    let mut answers: Vec<(String, Result<(), StoreError>)> = Vec::new();
    for key in keys("put") {
        answers.push((format!("put {key}"), store.put(&key, content.clone(), PutMode::Overwrite).await));
    }
    for key in keys("get") {
        answers.push((format!("get {key}"), store.get(&key).await.map(drop)));
    }
    for key in keys("delete") {
        answers.push((format!("delete {key}"), store.delete(&key).await));
    }
    for prefix in keys("list") {
        answers.push((format!("list {prefix}"), store.list(&prefix).await.map(drop)));
    }
    let raw = open(RAW).await?;
    answers.push(("put raw".to_owned(), raw.put("training/more.csv", content, PutMode::Overwrite).await));
    for (what, answer) in answers {
        let Err(StoreError::PermissionDenied { source, .. }) = &answer else {
            anyhow::bail!("{what} was answered with {answer:?}");
        };
        ensure!(source.to_string().contains("HTTP 403"), "{what}: {source}");
    }
    Ok(())
}
