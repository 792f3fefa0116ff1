//! What a run would do, asked of Tasks that explain themselves and of such that do not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use faultline_tekton::{Catalog, Error, Options, Plan, ProcessEngine, Request, TaskForecast, forecast};

/// A Task that, asked, answers with its param `answer`; it fails when it is run. `ASK` names the variable.
const ASKED: &str = r#"
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: asked
  annotations: {faultline.dev/explain-env: ASK}
spec:
  params: [{name: answer}, {name: in, default: ""}]
  results: [{name: out}, {name: list, type: array}]
  steps:
  - name: s
    image: none
    command: [sh, -c]
    args:
    - |
      test -n "$ASK" || exit 1
      printf '["x","y"]' > $(results.list.path)
      printf '%s' '$(params.in)+' > $(results.out.path)
      printf '{"action": "$(params.answer)", "reasons": [{"kind": "input", "name": "'"$(params.in)"'"}]}' > $ASK
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: mute}
spec:
  results: [{name: out}]
  steps: [{name: s, image: none, command: [sh, -c], args: ["exit 1"]}]
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  tasks:
"#;

fn asked(name: &str, answer: &str, input: &str) -> String {
    format!(
        "  - name: {name}\n    taskRef: {{name: asked}}\n    params: [{{name: answer, value: {answer}}}, {{name: in, value: \"{input}\"}}]\n"
    )
}

fn look_ahead(tasks: &[String]) -> Result<Vec<TaskForecast>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    std::fs::write(&file, format!("{ASKED}{}", tasks.concat())).unwrap();
    let plan = Plan::new(&Catalog::open(&file)?, &Request { run_id: "r".into(), ..Request::default() })?;
    let options = Options {
        jobs: 4,
        grace: Duration::ZERO,
        log_dir: folder.path().join("logs"),
        scratch_root: folder.path().to_owned(),
        keeps_scratch: false,
    };
    let engine = ProcessEngine::new(None, vec![("PATH".into(), std::env::var_os("PATH").unwrap())]).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let found = runtime.block_on(forecast(&plan, Arc::new(engine), options));
    assert_eq!(left_in(folder.path()), ["logs", "p.yaml"]);
    found
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

/// `name action (by)` per line.
fn told(forecasts: &[TaskForecast]) -> String {
    forecasts.iter().fold(String::new(), |mut text, one| {
        let index = one.matrix_index.map(|index| format!("[{index}]")).unwrap_or_default();
        writeln!(text, "{}{index} {} ({})", one.name, one.action.name(), one.by.join(" ")).unwrap();
        text
    })
}

#[test]
fn what_hangs_on_a_running_task_runs_if_that_changes_something() {
    let found = look_ahead(&[
        asked("c", "reuse", "$(tasks.b.results.out)"),
        asked("a", "reuse", "i"),
        asked("b", "run", "$(tasks.a.results.out)"),
        asked("d", "reuse", "x"),
    ])
    .unwrap();
    assert_eq!(told(&found), "c run-if-changed (b)\na reuse ()\nb run ()\nd reuse ()\n");
    assert_eq!(found[2].reasons[0].name, "i+", "it was asked with the result of the task before it");
}

#[test]
fn tasks_that_do_not_explain_themselves_always_run() {
    let mute = |name: &str, more: &str| format!("  - name: {name}\n    taskRef: {{name: mute}}\n{more}");
    let found = look_ahead(&[
        asked("a", "reuse", "i"),
        mute("m", "    runAfter: [a]\n"),
        mute("o", "    runAfter: [m]\n"),
        asked("z", "reuse", "$(tasks.m.results.out)"),
        mute("w", "    when: [{input: a, operator: in, values: [b]}]\n"),
    ])
    .unwrap();
    assert_eq!(told(&found), "a reuse ()\nm run ()\no run ()\nz run-if-changed (m)\nw skip ()\n");
    assert_eq!(found[1].reasons[0].kind, "always");
}

#[test]
fn each_combination_is_asked_and_finally_hangs_on_all() {
    let matrix = "    matrix: {params: [{name: in, value: \"$(tasks.a.results.list[*])\"}]}\n";
    let fanned = asked("m", "reuse", "").replace(", {name: in, value: \"\"}", "") + matrix;
    let finally = format!("  finally:\n{}", asked("f", "reuse", "i"));
    let all = look_ahead(&[asked("a", "reuse", "i"), fanned.clone(), finally.clone()]).unwrap();
    assert_eq!(told(&all), "a reuse ()\nm[0] reuse ()\nm[1] reuse ()\nf reuse ()\n");
    let some = look_ahead(&[asked("a", "reuse", "i"), fanned.replace("value: reuse", "value: run"), finally]).unwrap();
    assert_eq!(told(&some), "a reuse ()\nm[0] run ()\nm[1] run ()\nf run-if-changed (m)\n");
    let unknown = look_ahead(&[asked("a", "run", "i"), fanned]).unwrap();
    assert_eq!(told(&unknown), "a run ()\nm run-if-changed (a)\n");
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let error = look_ahead(&[asked("a", "perhaps", "i")]).unwrap_err();
    let Error::Unexplained { task, exit_code, .. } = &error else { panic!("{error}") };
    assert_eq!((task.as_str(), *exit_code), ("a", Some(0)));
}
