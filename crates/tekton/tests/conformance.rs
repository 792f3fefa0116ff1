//! Runs every recorded case and compares with what a cluster did (see `conformance/README.md`), and the cases that were derived from
//! Tekton's rules (see `behaviour/README.md`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faultline_tekton::document::{GoDuration, Timeouts};
use faultline_tekton::{
    Catalog, Error, Event, Observer, Options, Outcome, ParamValue, Plan, ProcessEngine, Request, Status, StepOutcome,
    Stop, TaskOutcome,
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the corpus writes for the names that a runner chooses itself.
const NAMES: [(&str, &str); 2] = [("${RUN}", RUN), ("${NAMESPACE}", "default")];
const RUN: &str = "conf-1";

/// Fields of the record that are for people, or are compared by other means.
const NOT_COMPARED: [&str; 2] = ["message", "startedAfter"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let cases = [entries(&root.join("conformance/cases")), folders(&root.join("behaviour"))].concat();
    let cases = cases.into_iter().map(|path| Trial::test(name(&path), move || case(&path)));
    let rejected = entries(&root.join("conformance/rejected")).into_iter();
    let rejected = rejected.map(|path| Trial::test(format!("rejected-{}", name(&path)), move || refused(&path)));
    let trials: Vec<_> = cases.chain(rejected).collect();
    assert!(trials.len() > 250, "the recorded cases are missing");
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

/// Who started and ended, in order.
#[derive(Debug, Default)]
struct Record(Mutex<Vec<(String, bool)>>);

impl Observer for Record {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::Started { task, .. } => self.0.lock().unwrap().push(((*task).to_owned(), true)),
            Event::Ended(task) => self.0.lock().unwrap().push((task.name.clone(), false)),
            Event::Retrying { .. } | Event::Stopping { .. } => {}
        }
    }
}

fn refused(file: &Path) -> Result<(), Failed> {
    let plan = Catalog::open(file).and_then(|catalog| Plan::new(&catalog, &Request::default()));
    match plan {
        Err(Error::Document(_)) => Ok(()),
        other => Err(format!("expected the document to be refused, got {other:?}").into()),
    }
}

fn case(folder: &Path) -> Result<(), Failed> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let how: Value = serde_json::from_str(&read("run.json"))?;
    let recorded = NAMES.iter().fold(read("outcome.json"), |text, (name, value)| text.replace(name, value));
    let recorded: Value = serde_json::from_str(&recorded)?;
    let record = Arc::new(Record::default());
    match execute(&folder.join("pipeline.yaml"), &request(&how)?, Arc::clone(&record)) {
        Ok(outcome) => {
            compare(&outcome, &recorded)?;
            check_order(&record, &recorded)
        }
        Err(Error::Refused { reason, .. }) => {
            let got = json!({"status": "Failed", "reason": reason});
            let expected = json!({"status": recorded["status"], "reason": recorded["reason"]});
            let is_untouched = tasks(&recorded).all(|task| task["status"] == "NotRun");
            same("refusal", &got, &expected)?;
            if is_untouched { Ok(()) } else { Err("the cluster ran some tasks before it refused the run".into()) }
        }
        Err(error) => Err(error.to_string().into()),
    }
}

fn request(how: &Value) -> Result<Request, Failed> {
    let params = how["params"].as_object().into_iter().flatten();
    let timeout = |name: &str| how["timeouts"][name].as_str().map(str::parse::<GoDuration>).transpose();
    Ok(Request {
        pipeline: how["pipeline"].as_str().map(str::to_owned),
        params: params.map(|(name, value)| (name.clone(), ParamValue::from(value.clone()))).collect(),
        workspaces: how["workspaces"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        timeouts: Timeouts { pipeline: timeout("pipeline")?, tasks: timeout("tasks")?, finally: timeout("finally")? },
        run_id: RUN.to_owned(),
    })
}

fn execute(file: &Path, request: &Request, record: Arc<Record>) -> Result<Outcome, Error> {
    let plan = Plan::new(&Catalog::open(file)?, request)?;
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        jobs: 64,
        grace: Duration::from_secs(1),
        log_dir: folder.path().join("logs"),
        scratch_root: folder.path().to_owned(),
        keeps_scratch: false,
    };
    let path = std::env::var_os("PATH").unwrap();
    let engine = ProcessEngine::new(None, vec![("PATH".into(), path)]).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (_sender, stop) = watch::channel(Stop::No);
    runtime.block_on(faultline_tekton::run(&plan, Arc::new(engine), options, stop, record))
}

fn compare(outcome: &Outcome, recorded: &Value) -> Result<(), Failed> {
    same("status", &json!(outcome.status), &recorded["status"])?;
    same("reason", &json!(outcome.reason), &recorded["reason"])?;
    same("pipelineResults", &json!(outcome.pipeline_results), &recorded["pipelineResults"])?;
    let got: Vec<_> = outcome.tasks.iter().map(task).collect();
    let names = |tasks: &[Value]| tasks.iter().map(|task| task["name"].clone()).collect::<Vec<_>>();
    let expected: Vec<_> = tasks(recorded).cloned().collect();
    same("tasks", &json!(names(&got)), &json!(names(&expected)))?;
    for (got, expected) in got.iter().zip(&expected) {
        for (key, value) in
            expected.as_object().unwrap().iter().filter(|(key, _)| !NOT_COMPARED.contains(&key.as_str()))
        {
            same(&format!("{} of {}", key, expected["name"]), &got[key], value)?;
        }
    }
    Ok(())
}

fn tasks(recorded: &Value) -> impl Iterator<Item = &Value> {
    recorded["tasks"].as_array().unwrap().iter()
}

/// A task in the words of the record.
fn task(task: &TaskOutcome) -> Value {
    let reason = if task.status == Status::Skipped { "skipReason" } else { "reason" };
    json!({
        "name": task.name,
        "kind": task.kind,
        "matrixIndex": task.matrix_index,
        "status": task.status,
        reason: task.reason,
        "attempts": task.attempts,
        "params": task.params,
        "results": task.results,
        "exitCode": task.exit_code,
        "steps": task.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &StepOutcome) -> Value {
    let mut value = json!({"name": step.name, "exitCode": step.exit_code, "reason": step.reason});
    if !step.results.is_empty() {
        value["results"] = json!(step.results);
    }
    value
}

/// Every task started after those that the record names.
fn check_order(record: &Record, recorded: &Value) -> Result<(), Failed> {
    let events = record.0.lock().unwrap();
    let mut first_start: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last_end: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (name, is_start)) in events.iter().enumerate() {
        if *is_start {
            first_start.entry(name).or_insert(at);
        } else {
            last_end.insert(name, at);
        }
    }
    for task in tasks(recorded) {
        let name = task["name"].as_str().unwrap();
        let Some(start) = first_start.get(name) else { continue };
        for before in task["startedAfter"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if last_end.get(before).is_none_or(|end| end > start) {
                return Err(format!("{name} started before {before} had ended: {events:?}").into());
            }
        }
    }
    Ok(())
}

fn same(what: &str, got: &Value, expected: &Value) -> Result<(), Failed> {
    if got == expected { Ok(()) } else { Err(format!("{what}: got {got}, expected {expected}").into()) }
}
