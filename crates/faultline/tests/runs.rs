//! What is kept of runs, seen from outside: `runs`, `show`, `logs`, `diff`, and how they print.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use faultline_testkit::servers::SeaweedFs;
use serde_json::Value;

/// `a`, then `b`, which fails at first; then a matrix of two. What they do hangs on the params.
const PIPELINE: &str = "
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  params:
  - {name: who, default: me}
  - {name: code, default: '0'}
  results:
  - {name: size, value: $(tasks.a.results.size)}
  tasks:
  - name: a
    params: [{name: who, value: $(params.who)}, {name: run, value: $(context.pipelineRun.name)}]
    taskSpec:
      params: [{name: who}, {name: run}]
      results: [{name: size}]
      steps:
      - name: s
        image: none
        command: [sh, -c]
        args: ['echo hello $(params.who); printf $(params.who) | wc -c | tr -d \"\\n\" > $(results.size.path)']
  - name: b
    runAfter: [a]
    retries: 1
    taskSpec:
      steps:
      - name: s
        image: none
        command: [sh, -c]
        args: ['echo try $(context.task.retry-count); test $(context.task.retry-count) = 1 && exit $(params.code)']
  - name: m
    runAfter: [a]
    matrix: {params: [{name: letter, value: [p, q]}]}
    taskSpec:
      params: [{name: letter}]
      steps:
      - name: s
        image: none
        command: [sh, -c]
        args: ['echo letter $(params.letter)']
";

/// One task that prints, and goes on until there is a file `go`.
const SLOW: &str = "
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: slow}
spec:
  tasks:
  - name: a
    taskSpec:
      steps:
      - name: s
        image: none
        command: [sh, -c]
        args: ['echo early; while [ ! -e go ]; do sleep 0.05; done; printf late']
";

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(arguments).current_dir(folder).env_remove("FAULTLINE_ROOT_URI").env_remove("NO_COLOR");
    command.env("FAULTLINE_STATE_DIR", folder.join("state"));
    command
}

fn faultline(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What a command that succeeds prints.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = faultline(folder, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
    stdout
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(folder, &[arguments, &["--output", "json"]].concat())).unwrap()
}

/// Runs the pipeline once for every id, into `store` as well, then takes the folder of this machine away.
fn with_runs(runs: &[(&str, &[&str])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.yaml"), PIPELINE).unwrap();
    for (id, params) in runs {
        let arguments = [&["run", "p.yaml", "--history-uri", "store", "--run-id", id], *params].concat();
        let (_, _, stderr) = faultline(folder.path(), &arguments);
        assert!(stderr.contains(&format!("run {id}: ")), "{stderr}");
    }
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    folder
}

/// A run that goes on, kept at `more` as well.
fn started(folder: &Path, more: &[&str], variables: &[(String, String)]) -> Child {
    std::fs::write(folder.join("slow.yaml"), SLOW).unwrap();
    let mut command = command(folder, &[&["run", "slow.yaml", "--run-id", "r"], more].concat());
    let child = command.envs(variables.iter().cloned()).stderr(Stdio::null()).spawn().unwrap();
    let log = folder.join("state/runs/r/_run/logs/a.log");
    wait_for(|| std::fs::read_to_string(&log).is_ok_and(|text| text == "early\n"));
    wait_for(|| record(folder)["tasks"][0]["state"] == "Running");
    child
}

fn record(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("state/runs/r/_run/record.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn runs_are_listed_newest_first_from_the_store_alone() {
    let folder = with_runs(&[("good", &[]), ("bad", &["-p", "code=3"])]);
    let runs = json(folder.path(), &["runs", "--root-uri", "store"]);
    let told =
        |run: &Value| [&run["run_id"], &run["state"], &run["pipeline"]].map(|text| text.as_str().unwrap().to_owned());
    let all: Vec<_> = runs.as_array().unwrap().iter().map(told).collect();
    assert_eq!(all, [["bad", "Failed", "p"], ["good", "Succeeded", "p"]]);
    assert_eq!(runs[0]["tasks"], serde_json::json!({"total": 4, "succeeded": 3, "failed": 1, "reused": 0}));
    assert!(runs[1]["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(json(folder.path(), &["runs", "--root-uri", "store", "--limit", "1"]).as_array().unwrap().len(), 1);
    assert_eq!(json(folder.path(), &["runs", "--root-uri", "store", "--pipeline", "q"]), serde_json::json!([]));
    let table = printed(folder.path(), &["runs", "--root-uri", "store"]);
    assert!(table.starts_with("RUN   PIPELINE  STATE"), "{table}");
    assert!(printed(folder.path(), &["runs"]).starts_with("no runs"));
}

#[test]
fn runs_without_a_record_and_damaged_ones_are_listed_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |key: &str, text: &str| {
        let path = folder.path().join("store/runs").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let manifest = serde_json::json!({
        "format_version": 1, "step": "first", "step_key": "ab".repeat(32), "run_id": "cluster", "faultline_version": "0.1.0",
        "code_digest": "ab".repeat(32), "params": {}, "seed": 7, "inputs": [], "outputs": [], "counts": {},
        "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:02Z", "outcome": "accepted"
    });
    write("cluster/first/manifest.json", &manifest.to_string());
    write("damaged/_run/record.json", "{");
    write("Not A Run/_run/record.json", "{");
    let runs = json(folder.path(), &["runs", "--root-uri", "store"]);
    let states: Vec<_> = runs.as_array().unwrap().iter().map(|run| (&run["run_id"], &run["state"])).collect();
    assert_eq!(states.len(), 2, "{runs}");
    assert!(states.contains(&(&"cluster".into(), &"Unknown".into())), "{runs}");
    assert!(states.contains(&(&"damaged".into(), &"Unreadable".into())), "{runs}");
    let (code, _, stderr) = faultline(folder.path(), &["logs", "cluster", "--root-uri", "store"]);
    assert_eq!(code, Some(66), "{stderr}");
}

#[test]
fn show_tells_tasks_params_and_results() {
    let folder = with_runs(&[("bad", &["-p", "code=3", "-p", "who=you"])]);
    let shown = printed(folder.path(), &["show", "bad", "--root-uri", "store"]);
    let row = |name: &str| {
        let line = shown
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap_or_else(|| panic!("{name}: {shown}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(shown.starts_with("run bad: Failed (Failed)\n"), "{shown}");
    assert_eq!(
        (&row("b")[1..4], row("m[1]")[1].as_str()),
        (&["Failed", "StepFailed", "2"].map(str::to_owned)[..], "Succeeded")
    );
    assert_eq!((row("who")[1].as_str(), row("size")[1].as_str()), ("you", "3"));
    let json = json(folder.path(), &["show", "bad", "--root-uri", "store"]);
    assert_eq!((&json["run_id"], &json["steps"]), (&"bad".into(), &Value::Array(Vec::new())));
    assert_eq!(json["record"]["tasks"][0]["results"]["size"], "3");
}

#[test]
fn the_picture_is_a_page_or_a_picture_by_its_ending() {
    let folder = with_runs(&[("r", &["-p", "code=3"])]);
    let draw = |file: &str| faultline(folder.path(), &["show", "r", "--root-uri", "store", "--picture", file]);
    for (file, start) in [("r.html", "<!DOCTYPE html>"), ("r.svg", "<svg xmlns=")] {
        assert_eq!(draw(file).0, Some(0));
        let content = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(content.starts_with(start) && content.contains(">m[1]<") && content.contains("2 of 2"), "{content}");
    }
    let (code, _, stderr) = draw("r.png");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains(".html or .svg"), "{stderr}");
}

#[test]
fn logs_come_by_task_and_attempt_from_the_store_alone() {
    let folder = with_runs(&[("r", &[])]);
    let logs = |task: &[&str]| printed(folder.path(), &[&["logs", "r", "--root-uri", "store"], task].concat());
    assert_eq!(logs(&[]), "[a] hello me\n[b] try 0\n[b] try 1\n[m[0]] letter p\n[m[1]] letter q\n");
    assert_eq!(logs(&["b"]), "try 0\ntry 1\n");
    assert_eq!(logs(&["m"]), "[m[0]] letter p\n[m[1]] letter q\n");
    assert_eq!(logs(&["m[1]", "--follow"]), "letter q\n");
}

#[test]
fn unknown_runs_and_tasks_name_the_known_ones() {
    let folder = with_runs(&[("r", &[])]);
    for (arguments, known) in [
        (&["logs", "r", "c"][..], "the run has a, b, m[0], m[1]"),
        (&["logs", "r", "m[2]"], "the run has a, b, m[0], m[1]"),
        (&["logs", "nightly"], "runs there: r"),
        (&["show", "nightly"], "runs there: r"),
        (&["diff", "r", "nightly"], "runs there: r"),
    ] {
        let (code, _, stderr) = faultline(folder.path(), &[arguments, &["--root-uri", "store"]].concat());
        assert_eq!(code, Some(66), "{stderr}");
        assert!(stderr.contains(known), "{arguments:?}: {stderr}");
    }
}

#[test]
fn following_shows_what_a_running_task_prints_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = started(folder.path(), &[], &[]);
    let mut follower = command(folder.path(), &["logs", "r", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("[a] early"));
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(lines.next().as_deref(), Some("[a] late"));
    assert_eq!((lines.next(), follower.wait().unwrap().code()), (None, Some(0)));
    assert!(runner.wait().unwrap().success());
}

#[test]
fn a_run_that_is_kept_over_a_network_is_followed_too() {
    let Some(server) = SeaweedFs::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (uri, variables) = (server.root_uri("runs"), server.writer_env());
    let mut runner = started(folder.path(), &["--history-uri", &uri], &variables);
    let read = |arguments: &[&str]| {
        let mut command = command(folder.path(), &[arguments, &["r", "--root-uri", &uri]].concat());
        command.envs(variables.iter().cloned()).stdout(Stdio::piped()).spawn().unwrap()
    };
    wait_for(|| read(&["show"]).wait_with_output().unwrap().status.success());
    let follower = read(&["logs", "--follow"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    let output = follower.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"[a] early\n[a] late\n"[..]));
    assert!(runner.wait().unwrap().success());
}

#[test]
fn a_runner_that_was_killed_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = started(folder.path(), &[], &[]);
    runner.kill().unwrap();
    runner.wait().unwrap();
    let (code, stdout, stderr) = faultline(folder.path(), &["logs", "r", "a", "--follow", "--patience-secs", "1"]);
    assert_eq!((code, stdout.as_str()), (Some(75), "early\n"), "{stderr}");
    assert!(stderr.contains("nothing was heard of its runner for 1 s"), "{stderr}");
    let mut old = record(folder.path());
    old["updated_at"] = "2026-01-01T00:00:00Z".into();
    std::fs::write(folder.path().join("state/runs/r/_run/record.json"), old.to_string()).unwrap();
    let runs = json(folder.path(), &["runs"]);
    assert_eq!(
        (&runs[0]["state"], &runs[0]["reason"]),
        (&"Lost".into(), &"last heard of at 2026-01-01T00:00:00Z".into())
    );
    assert!(printed(folder.path(), &["show", "r"]).starts_with("run r: Lost ("));
}

#[test]
fn two_runs_of_the_same_are_equal_and_others_tell_what_differs() {
    let folder = with_runs(&[("one", &[]), ("two", &[]), ("other", &["-p", "who=you", "-p", "code=3"])]);
    let diff = |second: &str| printed(folder.path(), &["diff", "one", second, "--root-uri", "store"]);
    let equal = diff("two");
    let last = "one and two are equal but for times and memory: 6 values of the run, 4 of 4 tasks, 0 of 0 steps";
    assert_eq!(equal.lines().last(), Some(last), "{equal}");
    let different = diff("other");
    let has = |words: &[&str]| different.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(has(&["run", "param", "who", "me", "you"]), "{different}");
    assert!(has(&["task", "b", "state", "Succeeded", "Failed"]), "{different}");
    assert!(has(&["task", "a", "result", "size", "2", "3"]), "{different}");
    assert!(different.lines().last().unwrap().contains("2 of 4 tasks"), "{different}");
    let json = json(folder.path(), &["diff", "one", "other", "--root-uri", "store"]);
    assert_eq!((&json["is_equal"], &json["equal"]["tasks"]), (&false.into(), &2.into()));
    assert!(json["tasks"][0]["ratio"].as_f64().unwrap() > 0.0);
}

#[test]
fn manifests_are_compared_value_by_value() {
    let folder = tempfile::tempdir().unwrap();
    for (run, seed, rows) in [("one", 7, 3), ("two", 8, 4)] {
        let path = folder.path().join(format!("store/runs/{run}/train/manifest.json"));
        let manifest = serde_json::json!({
            "format_version": 1, "step": "train", "step_key": "ab".repeat(32), "run_id": run, "faultline_version": "0.1.0",
            "code_digest": "cd".repeat(32), "params": {"grid": [1, seed]}, "seed": seed, "inputs": [],
            "outputs": [{"name": "model", "uri": "file:///m", "sha256": format!("{seed}").repeat(64), "bytes": 1, "media_type": "x/y"}],
            "counts": {"rows_in": rows}, "facts": {"auc": 0.5, "at": format!("runs/{run}/x")},
            "started_at": "t", "finished_at": "t", "outcome": "accepted"
        });
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, manifest.to_string()).unwrap();
    }
    let json = json(folder.path(), &["diff", "one", "two", "--root-uri", "store"]);
    let changes = json["steps"][0]["changes"].as_array().unwrap();
    let names: Vec<_> =
        changes.iter().map(|change| format!("{} {}", change["what"], change["name"]).replace('"', "")).collect();
    assert_eq!(names, ["count rows_in", "output model", "param /grid/1", "seed "]);
    assert_eq!((&changes[0]["first"], &changes[0]["second"]), (&3.into(), &4.into()));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = with_runs(&[("r", &[])]);
    for arguments in [&["show", "r"][..], &["logs", "r"], &["runs"], &["completions", "bash"]] {
        let place = if arguments[0] == "completions" { &[][..] } else { &["--root-uri", "store"] };
        let line = [arguments, place].concat();
        let mut child = command(folder.path(), &line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

/// What a command prints on a terminal; needs `script` of util-linux.
fn on_terminal(folder: &Path, line: &str, variables: &[(&str, &str)]) -> String {
    let line = format!("{} {line}", env!("CARGO_BIN_EXE_faultline"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(folder).stdin(Stdio::null());
    script.env("FAULTLINE_STATE_DIR", folder.join("state")).env_remove("NO_COLOR").env("TERM", "xterm");
    let output = script.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tables_fit_a_narrow_terminal_and_nothing_else() {
    let folder = with_runs(&[("quite-a-long-name-of-a-run-that-takes-room", &[])]);
    let at = |columns: &str| on_terminal(folder.path(), "runs --root-uri store", &[("COLUMNS", columns)]);
    let (narrow, block) = (at("100"), at("40"));
    assert!(narrow.contains('\u{2026}') && narrow.lines().all(|line| line.chars().count() <= 100), "{narrow}");
    assert!(block.contains("RUN: quite-a-long-name-of-a-run-that-takes-room\r\nPIPELINE: p\r\n"), "{block}");
    let piped = command(folder.path(), &["runs", "--root-uri", "store"]).env("COLUMNS", "40").output().unwrap();
    assert!(String::from_utf8(piped.stdout).unwrap().contains("quite-a-long-name-of-a-run-that-takes-room  p "));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = with_runs(&[("r", &[])]);
    let run = |variables: &[(&str, &str)]| on_terminal(folder.path(), "run p.yaml", variables);
    assert!(run(&[]).contains("\x1b[32mSucceeded\x1b[0m"));
    assert!(run(&[("NO_COLOR", "")]).contains("\x1b[32mSucceeded\x1b[0m"));
    assert!(!run(&[("NO_COLOR", "1")]).contains("\x1b[32m"));
    let (_, stdout, stderr) = faultline(folder.path(), &["run", "p.yaml", "--output", "json"]);
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "{stderr}");
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(printed(folder.path(), &["completions", shell]).contains("quarantine"), "{shell}");
    }
    let script = folder.path().join("faultline.bash");
    std::fs::write(&script, printed(folder.path(), &["completions", "bash"])).unwrap();
    let check = "source faultline.bash; COMP_WORDS=(faultline sh); COMP_CWORD=1; _faultline faultline sh faultline; echo ${COMPREPLY[@]}";
    let output = Command::new("bash").args(["-c", check]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "show\n");
}
